#include "farm/s3/lock.h"

#include <gtest/gtest.h>

namespace croft::farm::s3 {
namespace {

const WallTime now = WallTime::from_unix_seconds(1'200'000'000);
const Duration day = Duration::hours(24);

std::string code_of(const Error& error) {
  return std::string(error.fact("aws_code"));
}

std::string configuration(const std::string& rule) {
  return "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
         "<DefaultRetention>" +
         rule + "</DefaultRetention></Rule></ObjectLockConfiguration>";
}

TEST(ObjectLock, defaults_of_a_bucket_are_days_or_years_and_never_both) {
  EXPECT_EQ(lock_rules_from(configuration("<Mode>GOVERNANCE</Mode><Days>3</Days>"))->days, 3);
  auto years = lock_rules_from(configuration("<Mode>COMPLIANCE</Mode><Years>2</Years>"));
  EXPECT_EQ(years->days, 730);
  EXPECT_EQ(years->mode, "COMPLIANCE");
  EXPECT_EQ(lock_rules_from(empty_lock_document())->mode, "");
  for (const char* bad : {"<Mode>GOVERNANCE</Mode>", "<Mode>governance</Mode><Days>1</Days>",
                          "<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>",
                          "<Mode>GOVERNANCE</Mode><Days>x</Days>"})
    EXPECT_EQ(code_of(lock_rules_from(configuration(bad)).error()), "MalformedXML") << bad;
  for (const char* bad : {"<Days>0</Days>", "<Years>-1</Years>", "<Years>101</Years>"})
    EXPECT_EQ(
        code_of(
            lock_rules_from(configuration(std::string("<Mode>GOVERNANCE</Mode>") + bad)).error()),
        "InvalidRetentionPeriod")
        << bad;
  EXPECT_FALSE(lock_rules_from("<ObjectLockConfiguration/>"));
}

TEST(ObjectLock, headers_go_before_the_default_of_the_bucket) {
  LockRules rules{.mode = "GOVERNANCE", .days = 2};
  ObjectRecord record;
  ASSERT_TRUE(lock_from_headers({}, &rules, now, record));
  EXPECT_EQ(record.lock_mode, "GOVERNANCE");
  EXPECT_EQ(record.retain_until, now + day * 2);
  EXPECT_FALSE(record.lock_hold_told);
  wire::Headers headers{{"x-amz-object-lock-mode", "COMPLIANCE"},
                        {"x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"},
                        {"x-amz-object-lock-legal-hold", "ON"}};
  ASSERT_TRUE(lock_from_headers(headers, &rules, now, record));
  EXPECT_EQ(record.lock_mode, "COMPLIANCE");
  EXPECT_EQ(record.retain_until.iso8601(), "2030-01-01T00:00:00.000Z");
  EXPECT_TRUE(record.legal_hold);
  wire::Headers told;
  add_lock_headers(told, record);
  EXPECT_EQ(told.value("x-amz-object-lock-legal-hold"), "ON");
  EXPECT_EQ(told.value("x-amz-object-lock-mode"), "COMPLIANCE");
  EXPECT_EQ(code_of(lock_from_headers(headers, nullptr, now, record).error()), "InvalidRequest");
  headers.remove("x-amz-object-lock-mode");
  EXPECT_EQ(code_of(lock_from_headers(headers, &rules, now, record).error()), "InvalidArgument");
  wire::Headers past{{"x-amz-object-lock-mode", "GOVERNANCE"},
                     {"x-amz-object-lock-retain-until-date", "2001-01-01T00:00:00Z"}};
  EXPECT_EQ(code_of(lock_from_headers(past, &rules, now, record).error()), "InvalidArgument");
}

TEST(ObjectLock, what_holds_a_version) {
  struct Row {
    std::string mode;
    bool hold, over, bypass, locked;
  };
  for (const Row& row :
       {Row{"", false, false, false, false}, Row{"", true, false, true, true},
        Row{"GOVERNANCE", false, false, false, true}, Row{"GOVERNANCE", false, false, true, false},
        Row{"GOVERNANCE", false, true, false, false}, Row{"COMPLIANCE", false, false, true, true},
        Row{"COMPLIANCE", false, true, false, false}, Row{"GOVERNANCE", true, true, true, true}}) {
    ObjectRecord record;
    record.lock_mode = row.mode;
    record.legal_hold = row.hold;
    record.retain_until = row.over ? now : now + day;
    EXPECT_EQ(is_locked(record, now, row.bypass), row.locked) << row.mode << row.hold << row.over;
  }
}

TEST(ObjectLock, a_retention_grows_and_shrinks_only_for_who_may) {
  ObjectRecord governed;
  governed.lock_mode = "GOVERNANCE";
  governed.retain_until = now + day * 2;
  EXPECT_TRUE(check_retention(governed, {"GOVERNANCE", now + day * 3}, now, false));
  EXPECT_FALSE(check_retention(governed, {"GOVERNANCE", now + day}, now, false));
  EXPECT_TRUE(check_retention(governed, {"GOVERNANCE", now + day}, now, true));
  EXPECT_FALSE(check_retention(governed, {"COMPLIANCE", now + day * 3}, now, false));
  EXPECT_TRUE(check_retention(governed, {}, now, true));
  ObjectRecord strict = governed;
  strict.lock_mode = "COMPLIANCE";
  EXPECT_TRUE(check_retention(strict, {"COMPLIANCE", now + day * 3}, now, false));
  EXPECT_EQ(code_of(check_retention(strict, {"GOVERNANCE", now + day * 3}, now, true).error()),
            "AccessDenied");
  EXPECT_FALSE(check_retention(strict, {}, now, true));
  strict.retain_until = now;
  EXPECT_TRUE(check_retention(strict, {}, now, false));
  EXPECT_EQ(code_of(check_retention({}, {"GOVERNANCE", now}, now, true).error()),
            "InvalidArgument");
}

TEST(ObjectLock, documents_are_read_back_as_written) {
  ObjectRecord record;
  record.lock_mode = "GOVERNANCE";
  record.retain_until = now;
  auto retention = retention_from(retention_document(record));
  ASSERT_TRUE(retention);
  EXPECT_EQ(retention->mode, "GOVERNANCE");
  EXPECT_EQ(retention->until, now);
  EXPECT_EQ(retention_from("<Retention/>")->mode, "");
  EXPECT_FALSE(retention_from("<Retention><Mode>GOVERNANCE</Mode></Retention>"));
  EXPECT_FALSE(legal_hold_from("<LegalHold><Status>on</Status></LegalHold>"));
  EXPECT_FALSE(*legal_hold_from(legal_hold_document(record)));
  record.legal_hold = true;
  EXPECT_TRUE(*legal_hold_from(legal_hold_document(record)));
}

}  // namespace
}  // namespace croft::farm::s3
