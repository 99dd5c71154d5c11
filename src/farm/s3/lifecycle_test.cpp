#include "farm/s3/lifecycle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace croft::farm::s3 {
namespace {

constexpr Duration day = Duration::hours(24);
constexpr WallTime start = WallTime::from_unix_seconds(1'207'562'400);  // 2008-04-07T10:00Z

Result<Lifecycle> rules(std::string_view body) {
  return Lifecycle::parse(fmt::format("<LifecycleConfiguration>{}</LifecycleConfiguration>", body));
}
Lifecycle one(std::string_view actions, std::string_view filter = "<Prefix></Prefix>") {
  auto read = rules(fmt::format(
      "<Rule><ID>r</ID><Status>Enabled</Status><Filter>{}</Filter>{}</Rule>", filter, actions));
  EXPECT_TRUE(read) << read.error().line();
  return read ? *read : Lifecycle{};
}
ObjectRecord object(uint64_t size = 1, Pairs tags = {}) {
  ObjectRecord out{.size = size, .modified = start, .tags = std::move(tags)};
  return out;
}

TEST(Lifecycle, ExpiresAtTheMidnightAfterTheDays) {
  Lifecycle rule = one("<Expiration><Days>3</Days></Expiration>");
  auto due = rule.expiry("k", object(), day);
  ASSERT_TRUE(due);
  EXPECT_EQ(due->at.iso8601(), "2008-04-11T00:00:00.000Z");
  EXPECT_EQ(due->rule, "r");
  EXPECT_EQ(rule.expiry("k", object(), Duration::seconds(2))->at, start + Duration::seconds(6));
}

TEST(Lifecycle, CoversByPrefixTagAndSize) {
  auto due = [](std::string_view filter, std::string_view key, const ObjectRecord& record) {
    return one("<Expiration><Days>1</Days></Expiration>", filter)
        .expiry(key, record, day)
        .has_value();
  };
  EXPECT_TRUE(due("<Prefix>a/</Prefix>", "a/k", object()));
  EXPECT_FALSE(due("<Prefix>a/</Prefix>", "b/k", object()));
  std::string_view tag = "<Tag><Key>t</Key><Value>1</Value></Tag>";
  EXPECT_TRUE(due(tag, "k", object(1, {{"t", "1"}})));
  EXPECT_FALSE(due(tag, "k", object(1, {{"t", "2"}})));
  std::string both = fmt::format("<And><Prefix>a</Prefix>{}</And>", tag);
  EXPECT_TRUE(due(both, "ab", object(1, {{"t", "1"}})));
  EXPECT_FALSE(due(both, "b", object(1, {{"t", "1"}})));
  EXPECT_FALSE(due("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>", "k", object(5)));
  EXPECT_TRUE(due("<ObjectSizeGreaterThan>5</ObjectSizeGreaterThan>", "k", object(6)));
  EXPECT_TRUE(due("<ObjectSizeLessThan>5</ObjectSizeLessThan>", "k", object(4)));
}

TEST(Lifecycle, OlderVersionsUploadsMarkersAndClasses) {
  Lifecycle older =
      one("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
          "<NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>");
  EXPECT_FALSE(older.noncurrent_expiry("k", object(), start, 1, day));
  EXPECT_TRUE(older.noncurrent_expiry("k", object(), start, 2, day));
  EXPECT_FALSE(older.expiry("k", object(), day));
  Lifecycle uploads =
      one("<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>"
          "</AbortIncompleteMultipartUpload>");
  EXPECT_TRUE(uploads.upload_expiry("k", start, day));
  Lifecycle markers =
      one("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>");
  EXPECT_TRUE(markers.drops_lone_marker("k", object(), start, day));
  EXPECT_FALSE(markers.expiry("k", object(), day));
  Lifecycle classes =
      one("<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"
          "<Transition><Days>5</Days><StorageClass>GLACIER</StorageClass></Transition>");
  EXPECT_EQ(classes.transition("k", object(), start, day), "");
  EXPECT_EQ(classes.transition("k", object(), start + day * 3, day), "STANDARD_IA");
  EXPECT_EQ(classes.transition("k", object(), start + day * 9, day), "GLACIER");
  Lifecycle moves =
      one("<NoncurrentVersionTransition><NoncurrentDays>2</NoncurrentDays>"
          "<NewerNoncurrentVersions>1</NewerNoncurrentVersions>"
          "<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>");
  EXPECT_EQ(moves.noncurrent_transition("k", object(), start, 1, start + day * 3, day), "GLACIER");
  EXPECT_EQ(moves.noncurrent_transition("k", object(), start, 0, start + day * 3, day), "");
  EXPECT_EQ(moves.noncurrent_transition("k", object(), start, 1, start + day, day), "");
  EXPECT_EQ(moves.transition("k", object(), start + day * 9, day), "");
}

TEST(Lifecycle, ADisabledRuleDoesNothing) {
  auto read = rules(
      "<Rule><Status>Disabled</Status><Prefix/><Expiration><Days>1</Days></Expiration></Rule>");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->expiry("k", object(), day));
}

TEST(Lifecycle, RefusesWhatMakesNoSense) {
  for (std::string_view body :
       {"", "<Rule><Status>On</Status><Expiration><Days>1</Days></Expiration></Rule>",
        "<Rule><Status>Enabled</Status></Rule>",
        "<Rule><Status>Enabled</Status><Expiration><Days>0</Days></Expiration></Rule>",
        "<Rule><Status>Enabled</Status><Expiration><Days>x</Days></Expiration></Rule>",
        "<Rule><Status>Enabled</Status><Expiration/></Rule>",
        "<Rule><Status>Enabled</Status><NoncurrentVersionTransition><StorageClass>GLACIER"
        "</StorageClass></NoncurrentVersionTransition></Rule>",
        "<Rule><Status>Enabled</Status><Expiration><Date>20080407</Date></Expiration></Rule>",
        "<Rule><Status>Enabled</Status><Expiration><Date>2008-04-07T01:00:00Z</Date></Expiration>"
        "</Rule>"})
    EXPECT_FALSE(rules(body)) << body;
}

TEST(Lifecycle, RefusesWhatCouldNeverCome) {
  auto said = [](std::string_view actions, std::string_view filter = "<Prefix>a</Prefix>") {
    Result<> checked = one(actions, filter).check(false);
    return checked ? ""
                   : fmt::format("{}: {}", checked.error().fact("aws_code"), checked.error().what);
  };
  constexpr std::string_view tag = "<Tag><Key>t</Key><Value>1</Value></Tag>";
  constexpr std::string_view uploads =
      "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>"
      "</AbortIncompleteMultipartUpload>";
  EXPECT_EQ(said(uploads), "");
  EXPECT_EQ(said(uploads, tag),
            "InvalidRequest: AbortIncompleteMultipartUpload cannot be specified with Tags.");
  EXPECT_EQ(said("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
                 "</Expiration>",
                 tag),
            "InvalidRequest: ExpiredObjectDeleteMarker cannot be specified with Tags.");
  auto both = [&](std::string_view end, std::string_view move) {
    return said(
        fmt::format("<Expiration>{}</Expiration><Transition>{}<StorageClass>GLACIER"
                    "</StorageClass></Transition>",
                    end, move));
  };
  EXPECT_EQ(both("<Days>10</Days>", "<Days>9</Days>"), "");
  for (const char* days : {"<Days>10</Days>", "<Days>11</Days>"})
    EXPECT_EQ(both("<Days>10</Days>", days),
              "InvalidArgument: 'Days' in the Expiration action for filter '(prefix=a)' must be "
              "greater than 'Days' in the Transition action");
  EXPECT_EQ(both("<Date>2009-01-01</Date>", "<Date>2008-01-01</Date>"), "");
  EXPECT_NE(both("<Date>2008-01-01</Date>", "<Date>2009-01-01</Date>").find("'Date' in the Exp"),
            std::string::npos);
  EXPECT_NE(both("<Date>2009-01-01</Date>", "<Days>1</Days>").find("InvalidRequest: Found mixed"),
            std::string::npos);
  auto older = [&](int end, int move) {
    return said(fmt::format(
        "<NoncurrentVersionExpiration><NoncurrentDays>{}</NoncurrentDays>"
        "</NoncurrentVersionExpiration><NoncurrentVersionTransition><NoncurrentDays>{}"
        "</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition>",
        end, move));
  };
  EXPECT_EQ(older(3, 2), "");
  EXPECT_NE(older(2, 2).find("'NoncurrentDays' in the NoncurrentVersionExp"), std::string::npos);
}

TEST(Lifecycle, InfrequentAccessBeginsAfterThirtyDays) {
  auto code = [](std::string_view action, std::string_view days, std::string_view storage_class) {
    Result<> checked =
        one(fmt::format("<{0}><{1}>{2}</{1}><StorageClass>{3}</StorageClass></{0}>", action,
                        action == "Transition" ? "Days" : "NoncurrentDays", days, storage_class))
            .check(true);
    return checked ? "" : std::string(checked.error().fact("aws_code"));
  };
  for (std::string_view action : {"Transition", "NoncurrentVersionTransition"}) {
    EXPECT_EQ(code(action, "29", "STANDARD_IA"), "InvalidArgument");
    EXPECT_EQ(code(action, "29", "ONEZONE_IA"), "InvalidArgument");
    EXPECT_EQ(code(action, "30", "STANDARD_IA"), "");
    EXPECT_EQ(code(action, "1", "GLACIER"), "");
  }
}

}  // namespace
}  // namespace croft::farm::s3
