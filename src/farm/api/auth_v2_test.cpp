// Signature version 2 where an account has it switched on, and nowhere else.
#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "base/digest.h"
#include "base/text.h"
#include "farm/api/auth.h"
#include "farm/s3/local_farm.h"
#include "store/store.h"
#include "wire/uri.h"

namespace croft::farm {
namespace {

constexpr std::string_view secret_text = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

class SigV2Accounts : public testing::Test {
 protected:
  void SetUp() override {
    store_ = store::open_memory(sim_.world());
    auto opened = sim_.run(Accounts::open(sim_.world(), *store_, sealer_));
    ASSERT_TRUE(opened);
    accounts_ = std::move(*opened);
    for (const char* name : {"on", "off"}) {
      NewAccount wanted{.name = name,
                        .access_key = "AKIA" + to_upper(name),
                        .secret_key = Secret(std::string(secret_text)),
                        .sigv2 = name == std::string_view("on")};
      ASSERT_TRUE(sim_.run(accounts_->add(std::move(wanted))));
    }
    authenticator_.emplace(sim_.world(), *accounts_, "us-east-1");
  }

  /// A request signed by header, `secret` long after 1970.
  wire::RequestHead by_header(std::string_view key, std::string_view secret, Duration offset = {},
                              std::string_view zone = "GMT") {
    std::string date = (sim_.world().clock.wall() + offset).http_date();
    date.replace(date.size() - 3, 3, zone);
    std::string text = "GET\n\n\n" + date + "\n/bucket/key?acl";
    std::string signature = base64(hmac(Hash::sha1, secret, text));
    return {"GET",
            "/bucket/key?acl&other=1",
            {{"Host", "h"},
             {"Date", date},
             {"Authorization", "AWS " + std::string(key) + ":" + signature}}};
  }
  wire::RequestHead by_query(std::string_view key, std::string_view secret, Duration valid) {
    std::string expires = std::to_string((sim_.world().clock.wall() + valid).unix_seconds());
    std::string text = "GET\n\n\n" + expires + "\n/bucket/key";
    std::string signature = wire::percent_encode(base64(hmac(Hash::sha1, secret, text)));
    return {"GET",
            fmt::format("/bucket/key?AWSAccessKeyId={}&Expires={}&Signature={}", key, expires,
                        signature),
            {{"Host", "h"}}};
  }
  std::string code(const wire::RequestHead& head) {
    auto verified = authenticator_->verify(head, Protocol::s3, {});
    return verified ? "" : as_s3_error(verified.error()).code;
  }

  aio::SimWorld sim_{5};
  s3::OpenSealer sealer_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Accounts> accounts_;
  std::optional<Authenticator> authenticator_;
};

TEST_F(SigV2Accounts, one_that_has_it_on_is_served) {
  auto verified = authenticator_->verify(by_header("AKIAON", secret_text), Protocol::s3, {});
  ASSERT_TRUE(verified) << verified.error().line();
  EXPECT_EQ(verified->caller.account->name, "on");
  EXPECT_EQ(verified->authorization.payload_hash, "UNSIGNED-PAYLOAD");
  EXPECT_TRUE(verified->authorization.query.has("acl"));
  EXPECT_EQ(code(by_query("AKIAON", secret_text, Duration::minutes(5))), "");
}

TEST_F(SigV2Accounts, dates_may_be_those_of_mail) {
  for (const char* zone : {"+0000", "-0000"}) {
    EXPECT_EQ(code(by_header("AKIAON", secret_text, {}, zone)), "") << zone;
    EXPECT_EQ(code(by_header("AKIAON", secret_text, Duration::minutes(-16), zone)),
              "RequestTimeTooSkewed");
  }
  EXPECT_EQ(code(by_header("AKIAON", secret_text, {}, "+0100")), "AccessDenied");
}

TEST_F(SigV2Accounts, others_hear_which_setting_to_change) {
  for (const char* key : {"AKIAOFF", "AKIANOBODY"})
    for (const wire::RequestHead& head :
         {by_header(key, secret_text), by_query(key, secret_text, Duration::minutes(5))}) {
      auto verified = authenticator_->verify(head, Protocol::s3, {});
      ASSERT_FALSE(verified);
      AwsError shown = as_s3_error(verified.error());
      EXPECT_EQ(shown.code, "InvalidRequest");
      for (const char* setting :
           {"signature_version='s3v4'", "aws configure set default.s3.signature_version s3v4",
            "s3cmd: signature_v2 = False", "s3cmd signurl"})
        EXPECT_NE(shown.message.find(setting), std::string::npos) << setting;
    }
}

TEST_F(SigV2Accounts, wrong_ones_are_refused) {
  EXPECT_EQ(code(by_header("AKIAON", "wrong")), "SignatureDoesNotMatch");
  EXPECT_EQ(code(by_query("AKIAON", "wrong", Duration::minutes(5))), "SignatureDoesNotMatch");
  EXPECT_EQ(code(by_header("AKIAON", secret_text, Duration::minutes(-16))), "RequestTimeTooSkewed");
  EXPECT_EQ(code(by_header("AKIAON", secret_text, Duration::minutes(16))), "RequestTimeTooSkewed");
  EXPECT_EQ(code(by_query("AKIAON", secret_text, Duration::minutes(-1))), "AccessDenied");
  for (const char* date : {"", "yesterday", "Tue, 07 Jul 1950 21:53:04 GMT"}) {
    wire::RequestHead undated = by_header("AKIAON", secret_text);
    undated.headers.remove("x-amz-date");
    undated.headers.set("Date", date);
    EXPECT_EQ(code(undated), "AccessDenied") << date;
  }
  wire::RequestHead head = by_header("AKIAON", secret_text);
  head.method = "DELETE";
  EXPECT_EQ(code(head), "SignatureDoesNotMatch");
  head = by_header("AKIAON", secret_text);
  head.target = "/bucket/other?acl";
  EXPECT_EQ(code(head), "SignatureDoesNotMatch");
  head = by_header("AKIAON", secret_text);
  head.target = "/bucket/key?acl&policy";
  EXPECT_EQ(code(head), "SignatureDoesNotMatch");
  head = by_header("AKIAON", secret_text);
  head.headers.add("x-amz-acl", "public-read");
  EXPECT_EQ(code(head), "SignatureDoesNotMatch");
  head = by_header("AKIAON", secret_text);
  head.headers.add("Authorization", "AWS AKIAON:again");
  EXPECT_EQ(code(head), "InvalidRequest");
}

TEST_F(SigV2Accounts, the_switch_survives_and_can_be_turned) {
  AccountRef off = accounts_->find_by_name("off");
  EXPECT_FALSE(off->sigv2);
  ASSERT_TRUE(sim_.run(accounts_->add({.name = "off", .sigv2 = true})));
  auto again = sim_.run(Accounts::open(sim_.world(), *store_, sealer_));
  ASSERT_TRUE(again);
  EXPECT_TRUE((*again)->find_by_name("off")->sigv2);
  EXPECT_EQ((*again)->find_by_name("off")->keys.size(), 1u);
}

}  // namespace
}  // namespace croft::farm
