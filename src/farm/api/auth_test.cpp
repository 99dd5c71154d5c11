// Signatures that must not pass: one row a pitfall, with the code and status the client is told.
// The bodies' own cases stand in test/farm/test_s3_signatures.py.
#include "farm/api/auth.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "base/digest.h"
#include "base/text.h"
#include "farm/api/dispatch.h"
#include "store/store.h"

namespace croft::farm {
namespace {

namespace sigv4 = wire::sigv4;

constexpr std::string_view access_key = "AKIAEXAMPLE";
constexpr std::string_view secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

void PrintTo(const struct Row& row, std::ostream* out);

class PlainSealer final : public Sealer {
 public:
  Result<std::string> seal(const Secret& secret, std::string_view) override {
    return secret.reveal();
  }
  Result<Secret> unseal(std::string_view sealed, std::string_view) override {
    return Secret(std::string(sealed));
  }
};

/// One signed request in the making. `before` changes how it is signed, `after` what arrives.
struct Draft {
  wire::RequestHead head{.method = "GET", .target = "/bucket/key?prefix=a&empty="};
  Protocol protocol = Protocol::s3;
  bool presigned = false;
  std::string access_key{farm::access_key};
  std::string secret{secret_key};
  std::string session_token;
  std::string region = "us-east-1";
  std::string service;
  std::string payload{sigv4::unsigned_payload};
  Duration clock_offset;  ///< of the client
  Duration expires = Duration::minutes(5);

  void replace(std::string_view from, std::string_view to) {
    std::string text = presigned ? head.target : std::string(head.headers.value("Authorization"));
    EXPECT_NE(text.find(from), std::string::npos) << from << " in " << text;
    text = replace_all(text, from, to);
    if (presigned)
      head.target = text;
    else
      head.headers.set("Authorization", text);
  }
};

using Change = void (*)(Draft&);
void as_is(Draft&) {}
void ec2(Draft& d) {
  d.protocol = Protocol::ec2;
  d.head.target = "/?Action=DescribeRegions&Version=2016-11-15";
  d.payload = sha256_hex("");
}
void query(Draft& d) {
  d.presigned = true;
}

struct Row {
  std::string_view name;
  Change before;
  Change after;
  std::string_view code;  ///< empty: accepted
  int status = 0;
};

const Row rows[] = {
    // What must pass, so that the rest proves something.
    {"header", as_is, as_is, ""},
    {"header_ec2", ec2, as_is, ""},
    {"presigned", query, as_is, ""},
    {"payload_hash", [](Draft& d) { d.payload = sha256_hex("body"); }, as_is, ""},
    {"streaming", [](Draft& d) { d.payload = sigv4::streaming; }, as_is, ""},
    {"extra_unsigned_header_is_fine", as_is, [](Draft& d) { d.head.headers.add("User-Agent", "x"); }, ""},
    {"query_order_does_not_matter", as_is, [](Draft& d) { d.head.target = "/bucket/key?empty=&prefix=a"; }, ""},
    {"late_by_14_minutes", [](Draft& d) { d.clock_offset = Duration::minutes(-14); }, as_is, ""},
    {"early_by_14_minutes", [](Draft& d) { d.clock_offset = Duration::minutes(14); }, as_is, ""},

    // Who.
    {"anonymous", as_is, [](Draft& d) { d.head.headers.remove("Authorization"); }, "AccessDenied", 403},
    {"anonymous_ec2", ec2, [](Draft& d) { d.head.headers.remove("Authorization"); }, "MissingAuthenticationToken", 403},
    {"unknown_key", [](Draft& d) { d.access_key = "AKIANOBODY"; }, as_is, "InvalidAccessKeyId", 403},
    {"unknown_key_ec2", [](Draft& d) { ec2(d); d.access_key = "AKIANOBODY"; }, as_is, "AuthFailure", 401},
    {"unknown_key_presigned", [](Draft& d) { query(d); d.access_key = "AKIANOBODY"; }, as_is, "InvalidAccessKeyId", 403},
    {"key_in_other_case", [](Draft& d) { d.access_key = "akiaexample"; }, as_is, "InvalidAccessKeyId", 403},
    {"empty_key", as_is, [](Draft& d) { d.replace("Credential=AKIAEXAMPLE/", "Credential=/"); },
     "AuthorizationHeaderMalformed", 400},
    {"disabled_key", [](Draft& d) { d.access_key = "AKIADISABLED"; }, as_is, "InvalidAccessKeyId", 403},
    {"other_accounts_secret", [](Draft& d) { d.access_key = "AKIAOTHER"; }, as_is, "SignatureDoesNotMatch", 403},
    {"wrong_secret", [](Draft& d) { d.secret = "wrong"; }, as_is, "SignatureDoesNotMatch", 403},
    {"wrong_secret_ec2", [](Draft& d) { ec2(d); d.secret = "wrong"; }, as_is, "AuthFailure", 401},
    {"wrong_secret_presigned", [](Draft& d) { query(d); d.secret = "wrong"; }, as_is, "SignatureDoesNotMatch", 403},

    {"the_dummy_secret_of_unknown_keys",
     [](Draft& d) { d.access_key = "AKIANOBODY"; d.secret = std::string(40, '0'); }, as_is, "InvalidAccessKeyId", 403},
    {"session_token_of_nobody", [](Draft& d) { d.session_token = "token"; }, as_is, "InvalidToken", 400},
    {"session_token_of_nobody_ec2", [](Draft& d) { ec2(d); d.session_token = "token"; }, as_is, "AuthFailure", 401},

    // When.
    {"late", [](Draft& d) { d.clock_offset = Duration::minutes(-16); }, as_is, "RequestTimeTooSkewed", 403},
    {"early", [](Draft& d) { d.clock_offset = Duration::minutes(16); }, as_is, "RequestTimeTooSkewed", 403},
    {"late_ec2", [](Draft& d) { ec2(d); d.clock_offset = Duration::minutes(-16); }, as_is, "RequestExpired", 400},
    {"early_ec2", [](Draft& d) { ec2(d); d.clock_offset = Duration::minutes(16); }, as_is, "RequestExpired", 400},
    {"yesterday", [](Draft& d) { d.clock_offset = Duration::hours(-24); }, as_is, "RequestTimeTooSkewed", 403},
    {"presigned_expired",
     [](Draft& d) { query(d); d.clock_offset = Duration::minutes(-6); }, as_is, "AccessDenied", 403},
    {"presigned_in_the_future",
     [](Draft& d) { query(d); d.clock_offset = Duration::minutes(16); }, as_is, "AccessDenied", 403},
    {"presigned_expires_lengthened", query, [](Draft& d) { d.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"); },
     "SignatureDoesNotMatch", 403},
    {"presigned_longer_than_a_week", query, [](Draft& d) { d.replace("X-Amz-Expires=300", "X-Amz-Expires=604801"); },
     "AuthorizationQueryParametersError", 400},
    {"presigned_zero", query, [](Draft& d) { d.replace("X-Amz-Expires=300", "X-Amz-Expires=0"); },
     "AuthorizationQueryParametersError", 400},
    {"presigned_negative", query, [](Draft& d) { d.replace("X-Amz-Expires=300", "X-Amz-Expires=-1"); },
     "AuthorizationQueryParametersError", 400},
    {"presigned_without_expires", query, [](Draft& d) { d.replace("&X-Amz-Expires=300", ""); },
     "AuthorizationQueryParametersError", 400},
    {"no_date", as_is, [](Draft& d) { d.head.headers.remove("X-Amz-Date"); }, "AccessDenied", 403},
    {"no_date_ec2", ec2, [](Draft& d) { d.head.headers.remove("X-Amz-Date"); }, "IncompleteSignature", 400},
    {"unreadable_date", as_is, [](Draft& d) { d.head.headers.set("X-Amz-Date", "yesterday"); }, "AccessDenied", 403},
    {"date_of_another_day_than_the_scope", as_is,
     [](Draft& d) { d.replace(d.head.headers.value("X-Amz-Date").substr(0, 8), "20200101"); }, "AccessDenied", 403},
    {"date_beyond_64_bits", query, [](Draft& d) { d.replace("2008", "4016"); }, "AuthorizationQueryParametersError", 400},
    {"date_shifted_within_the_window", as_is,
     [](Draft& d) {
       std::string date(d.head.headers.value("X-Amz-Date"));
       date[14] = date[14] == '0' ? '1' : '0';
       d.head.headers.set("X-Amz-Date", date);
     },
     "SignatureDoesNotMatch", 403},

    // Where.
    {"wrong_region", [](Draft& d) { d.region = "eu-west-1"; }, as_is, "AuthorizationHeaderMalformed", 400},
    {"wrong_region_presigned", [](Draft& d) { query(d); d.region = "eu-west-1"; }, as_is,
     "AuthorizationQueryParametersError", 400},
    {"wrong_region_ec2", [](Draft& d) { ec2(d); d.region = "eu-west-1"; }, as_is, "AuthFailure", 401},
    {"wrong_service", [](Draft& d) { d.service = "ec2"; }, as_is, "AuthorizationHeaderMalformed", 400},
    {"wrong_service_ec2", [](Draft& d) { ec2(d); d.service = "s3"; }, as_is, "AuthFailure", 401},
    {"wrong_terminator", as_is, [](Draft& d) { d.replace("aws4_request", "aws5_request"); },
     "AuthorizationHeaderMalformed", 400},
    {"scope_with_a_part_missing", as_is, [](Draft& d) { d.replace("/us-east-1/", "/"); },
     "AuthorizationHeaderMalformed", 400},

    // How.
    {"sigv2_header", as_is, [](Draft& d) { d.head.headers.set("Authorization", "AWS AKIAEXAMPLE:c2lnbmF0dXJl"); },
     "InvalidRequest", 400},
    {"sigv2_query", as_is,
     [](Draft& d) {
       d.head.headers.remove("Authorization");
       d.head.target = "/bucket/key?AWSAccessKeyId=AKIAEXAMPLE&Expires=99999999999&Signature=abc%3D";
     },
     "InvalidRequest", 400},
    {"sigv2_query_ec2", ec2,
     [](Draft& d) {
       d.head.headers.remove("Authorization");
       d.head.target = "/?Action=DescribeRegions&AWSAccessKeyId=AKIAEXAMPLE&SignatureVersion=2&Signature=abc%3D";
     },
     "AuthFailure", 401},
    {"weaker_algorithm", as_is, [](Draft& d) { d.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"); }, "InvalidRequest", 400},
    {"weaker_algorithm_presigned", query, [](Draft& d) { d.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"); },
     "AuthorizationQueryParametersError", 400},
    {"ecdsa_algorithm", as_is, [](Draft& d) { d.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"); },
     "InvalidRequest", 400},
    {"bearer", as_is, [](Draft& d) { d.head.headers.set("Authorization", "Bearer abc"); }, "InvalidRequest", 400},
    {"empty_authorization", as_is, [](Draft& d) { d.head.headers.set("Authorization", ""); }, "*", 400},
    {"no_signature", as_is,
     [](Draft& d) {
       std::string text(d.head.headers.value("Authorization"));
       d.head.headers.set("Authorization", text.substr(0, text.find(", Signature=")));
     },
     "AuthorizationHeaderMalformed", 400},
    {"short_signature", as_is,
     [](Draft& d) {
       std::string text(d.head.headers.value("Authorization"));
       d.head.headers.set("Authorization", text.substr(0, text.size() - 2));
     },
     "*", 400},
    {"signature_in_upper_case", as_is,
     [](Draft& d) {
       std::string text(d.head.headers.value("Authorization"));
       size_t at = text.find("Signature=") + 10;
       d.head.headers.set("Authorization", text.substr(0, at) + to_upper(text.substr(at)));
     },
     "*", 400},
    {"signature_of_zeros", as_is,
     [](Draft& d) {
       std::string text(d.head.headers.value("Authorization"));
       size_t at = text.find("Signature=") + 10;
       d.head.headers.set("Authorization", text.substr(0, at) + std::string(64, '0'));
     },
     "SignatureDoesNotMatch", 403},
    {"two_authorizations", as_is,
     [](Draft& d) { d.head.headers.add("Authorization", std::string(d.head.headers.value("Authorization"))); }, "*", 400},
    {"header_and_query", query,
     [](Draft& d) { d.head.headers.add("Authorization", "AWS4-HMAC-SHA256 Credential=x"); }, "InvalidArgument", 400},
    {"two_signatures_in_the_query", query, [](Draft& d) { d.head.target += "&X-Amz-Signature=" + std::string(64, 'a'); },
     "*", 400},
    {"two_credentials_in_the_query", query,
     [](Draft& d) { d.head.target += "&X-Amz-Credential=AKIAOTHER%2F20080407%2Fus-east-1%2Fs3%2Faws4_request"; }, "*", 400},

    // What was signed.
    {"other_method", as_is, [](Draft& d) { d.head.method = "DELETE"; }, "SignatureDoesNotMatch", 403},
    {"other_path", as_is, [](Draft& d) { d.head.target = "/bucket/other?prefix=a&empty="; }, "SignatureDoesNotMatch", 403},
    {"path_not_normalised", as_is, [](Draft& d) { d.head.target = "/bucket/./key?prefix=a&empty="; },
     "SignatureDoesNotMatch", 403},
    {"double_slash_is_another_key", as_is, [](Draft& d) { d.head.target = "/bucket//key?prefix=a&empty="; },
     "SignatureDoesNotMatch", 403},
    {"other_query_value", as_is, [](Draft& d) { d.head.target = "/bucket/key?prefix=b&empty="; },
     "SignatureDoesNotMatch", 403},
    {"added_query", as_is, [](Draft& d) { d.head.target += "&acl"; }, "SignatureDoesNotMatch", 403},
    {"added_query_presigned", query, [](Draft& d) { d.head.target += "&response-content-type=text/html"; },
     "SignatureDoesNotMatch", 403},
    {"removed_query", as_is, [](Draft& d) { d.head.target = "/bucket/key?prefix=a"; }, "SignatureDoesNotMatch", 403},
    {"repeated_query", as_is, [](Draft& d) { d.head.target += "&prefix=a"; }, "SignatureDoesNotMatch", 403},
    {"other_host", as_is, [](Draft& d) { d.head.headers.set("Host", "evil:1"); }, "SignatureDoesNotMatch", 403},
    {"changed_signed_header", [](Draft& d) { d.head.headers.add("x-amz-acl", "private"); },
     [](Draft& d) { d.head.headers.set("x-amz-acl", "public-read"); }, "SignatureDoesNotMatch", 403},
    {"removed_signed_header", [](Draft& d) { d.head.headers.add("x-amz-acl", "private"); },
     [](Draft& d) { d.head.headers.remove("x-amz-acl"); }, "*", 400},
    {"added_amz_header", as_is, [](Draft& d) { d.head.headers.add("x-amz-acl", "public-read"); }, "AccessDenied", 403},
    {"added_amz_header_presigned", query, [](Draft& d) { d.head.headers.add("x-amz-meta-a", "1"); }, "AccessDenied", 403},
    {"added_amz_header_ec2", ec2, [](Draft& d) { d.head.headers.add("x-amz-target", "x"); }, "IncompleteSignature", 400},
    {"host_not_signed", as_is, [](Draft& d) { d.replace("SignedHeaders=host;", "SignedHeaders="); },
     "AuthorizationHeaderMalformed", 400},
    {"no_signed_headers", as_is,
     [](Draft& d) {
       std::string text(d.head.headers.value("Authorization"));
       size_t from = text.find("SignedHeaders="), to = text.find(", Signature=");
       d.head.headers.set("Authorization", text.substr(0, from + 14) + text.substr(to));
     },
     "*", 400},
    {"unsorted_signed_headers", as_is,
     [](Draft& d) { d.replace("host;x-amz-content-sha256", "x-amz-content-sha256;host"); }, "*", 400},
    {"signed_header_twice_in_the_list", as_is, [](Draft& d) { d.replace("SignedHeaders=host;", "SignedHeaders=host;host;"); },
     "*", 400},
    {"signed_headers_in_upper_case", as_is, [](Draft& d) { d.replace("SignedHeaders=host;", "SignedHeaders=Host;"); },
     "*", 400},
    {"repeated_signed_header", [](Draft& d) { d.head.headers.add("x-amz-meta-a", "1"); },
     [](Draft& d) { d.head.headers.add("x-amz-meta-a", "2"); }, "SignatureDoesNotMatch", 403},

    // The payload's hash.
    {"no_payload_hash", as_is,
     [](Draft& d) {
       d.head.headers.remove("X-Amz-Content-Sha256");
       d.replace("x-amz-content-sha256;", "");
     },
     "InvalidRequest", 400},
    {"other_payload_hash", [](Draft& d) { d.payload = sha256_hex("body"); },
     [](Draft& d) { d.head.headers.set("X-Amz-Content-Sha256", sha256_hex("other")); }, "SignatureDoesNotMatch", 403},
    {"payload_hash_made_unsigned", [](Draft& d) { d.payload = sha256_hex("body"); },
     [](Draft& d) { d.head.headers.set("X-Amz-Content-Sha256", std::string(sigv4::unsigned_payload)); },
     "SignatureDoesNotMatch", 403},
    {"payload_hash_of_no_kind", [](Draft& d) { d.payload = "SOMETHING"; }, as_is, "InvalidArgument", 400},
    {"payload_hash_in_upper_case", [](Draft& d) { d.payload = to_upper(sha256_hex("body")); }, as_is, "InvalidArgument", 400},
    {"payload_hash_too_short", [](Draft& d) { d.payload = sha256_hex("body").substr(1); }, as_is, "InvalidArgument", 400},
    {"ecdsa_streaming", [](Draft& d) { d.payload = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"; }, as_is,
     "InvalidArgument", 400},
    {"body_of_ec2_changed", [](Draft& d) { ec2(d); d.payload = sha256_hex("Action=Other"); }, as_is, "AuthFailure", 401},
    {"unsigned_payload_for_ec2", [](Draft& d) { ec2(d); d.payload = sigv4::unsigned_payload; }, as_is, "AuthFailure", 401},
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

class SignatureTable : public testing::TestWithParam<Row> {};

aio::Task<Result<>> add_accounts(Accounts& accounts) {
  CO_TRY(co_await accounts.add({.name = "one",
                                .access_key = std::string(access_key),
                                .secret_key = Secret(std::string(secret_key))}));
  CO_TRY(co_await accounts.add(
      {.name = "two", .access_key = "AKIAOTHER", .secret_key = Secret("another")}));
  co_return Result<>{};
}

void sign(Draft& draft, WallTime now) {
  draft.head.headers.add("Host", "127.0.0.1:7480");
  sigv4::SigningKey key{draft.access_key, Secret(draft.secret), draft.session_token};
  std::string service =
      draft.service.empty() ? std::string(name_of(draft.protocol)) : draft.service;
  WallTime at = now + draft.clock_offset;
  if (draft.presigned) {
    auto target = sigv4::presign(draft.head, key, service, draft.region, at, draft.expires);
    ASSERT_TRUE(target) << target.error().line();
    draft.head.target = *target;
  } else {
    auto done = sigv4::sign_headers(draft.head, key, service, draft.region, at, draft.payload);
    ASSERT_TRUE(done) << done.error().line();
  }
}

TEST_P(SignatureTable, gives_the_services_code) {
  const Row& row = GetParam();
  aio::SimWorld sim(7);
  auto store = store::open_memory(sim.world());
  // A key can only be switched off in its record so far.
  PlainSealer sealer;
  auto accounts = sim.run(Accounts::open(sim.world(), *store, sealer));
  ASSERT_TRUE(accounts);
  ASSERT_TRUE(sim.run(add_accounts(**accounts)));
  std::string record =
      R"({"name":"off","accountId":"999999999999","canonicalId":"00","created":0,"instances":1,"buckets":1,"storage":1,)"
      R"("keys":[{"id":"AKIADISABLED","sealed":")" +
      base64(secret_key) + R"(","enabled":false}]})";
  std::vector<store::Change> changes;
  changes.push_back({"account/999999999999", record});
  ASSERT_TRUE(sim.run(store->commit({}, std::move(changes))));
  accounts = sim.run(Accounts::open(sim.world(), *store, sealer));
  ASSERT_TRUE(accounts);
  Authenticator authenticator(sim.world(), **accounts, "us-east-1");

  Draft draft;
  row.before(draft);
  sign(draft, sim.world().clock.wall());
  row.after(draft);
  std::string body_hash = draft.protocol == Protocol::ec2 ? sha256_hex("") : "";
  auto verified = authenticator.verify(draft.head, draft.protocol, body_hash);
  if (row.code.empty()) {
    ASSERT_TRUE(verified) << verified.error().line();
    EXPECT_EQ(verified->caller.account->name, "one");
    return;
  }
  ASSERT_FALSE(verified) << row.name;
  AwsError shown = draft.protocol == Protocol::s3 ? as_s3_error(verified.error())
                                                  : as_ec2_error(verified.error());
  // "*": which of the client errors is a matter of taste, that it is one is not.
  if (row.code == "*") {
    EXPECT_TRUE(shown.status == 400 || shown.status == 403) << shown.code << " " << shown.status;
  } else {
    EXPECT_EQ(shown.code, row.code) << shown.message;
    EXPECT_EQ(shown.status, row.status);
  }
  std::string text = verified.error().render();
  for (const auto& [key, value] : verified.error().facts) text += value;
  EXPECT_EQ(text.find(secret_key), std::string::npos) << "a secret in an answer";
}

INSTANTIATE_TEST_SUITE_P(All, SignatureTable, testing::ValuesIn(rows),
                         [](const auto& info) { return std::string(info.param.name); });

class KnownUrlsOfAnAccount : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = sim_.run(Accounts::open(sim_.world(), *store_, sealer_));
    ASSERT_TRUE(opened);
    accounts_ = std::move(*opened);
    ASSERT_TRUE(sim_.run(add_accounts(*accounts_)));
    authenticator_.emplace(sim_.world(), *accounts_, "us-east-1");
    query(draft_);
    sign(draft_, sim_.world().clock.wall());
    auto verified = authenticator_->verify(draft_.head, Protocol::s3, {});
    ASSERT_TRUE(verified);
    authenticator_->remember(draft_.head, *verified);
  }
  void sleep(Duration time) { ASSERT_TRUE(sim_.run(sim_.world().clock.sleep(time))); }

  aio::SimWorld sim_{7};
  std::unique_ptr<store::Store> store_ = store::open_memory(sim_.world());
  PlainSealer sealer_;
  std::unique_ptr<Accounts> accounts_;
  std::optional<Authenticator> authenticator_;
  Draft draft_;
};

TEST_F(KnownUrlsOfAnAccount, are_recognised_for_a_minute) {
  const Verified* known = authenticator_->known(draft_.head);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->caller.account->name, "one");
  EXPECT_EQ(known->authorization.query.value("prefix"), "a");
  sleep(Duration::seconds(61));
  EXPECT_FALSE(authenticator_->known(draft_.head));
}

TEST_F(KnownUrlsOfAnAccount, differ_in_every_byte_that_is_signed) {
  auto changed = [this](auto change) {
    wire::RequestHead head = draft_.head;
    change(head);
    return authenticator_->known(head);
  };
  EXPECT_FALSE(changed([](wire::RequestHead& h) { h.method = "HEAD"; }));
  EXPECT_FALSE(changed([](wire::RequestHead& h) { h.method = "DELETE"; }));
  EXPECT_FALSE(changed([](wire::RequestHead& h) { h.target[8] = 'K'; }));
  EXPECT_FALSE(changed([](wire::RequestHead& h) { h.target += "&acl"; }));
  EXPECT_FALSE(changed([](wire::RequestHead& h) { h.headers.set("Host", "127.0.0.1:7481"); }));
  EXPECT_FALSE(changed([](wire::RequestHead& h) { h.headers.add("x-amz-acl", "private"); }));
  EXPECT_FALSE(changed([](wire::RequestHead& h) { h.headers.add("Authorization", "AWS a:b"); }));
  EXPECT_TRUE(changed([](wire::RequestHead& h) { h.headers.add("User-Agent", "x"); }));
}

TEST_F(KnownUrlsOfAnAccount, are_forgotten_when_any_account_changes) {
  ASSERT_TRUE(sim_.run(accounts_->remove(accounts_->find_by_name("two")->account_id)));
  EXPECT_FALSE(authenticator_->known(draft_.head));
}

TEST_F(KnownUrlsOfAnAccount, end_with_their_own_time) {
  Draft brief;
  query(brief);
  brief.expires = Duration::seconds(10);
  sign(brief, sim_.world().clock.wall());
  auto verified = authenticator_->verify(brief.head, Protocol::s3, {});
  ASSERT_TRUE(verified);
  authenticator_->remember(brief.head, *verified);
  EXPECT_TRUE(authenticator_->known(brief.head));
  sleep(Duration::seconds(11));
  EXPECT_FALSE(authenticator_->known(brief.head));
  EXPECT_FALSE(authenticator_->verify(brief.head, Protocol::s3, {}));
}

TEST(SeenSignatures, counts_what_comes_again_within_the_window) {
  SeenSignatures seen(Duration::minutes(30));
  WallTime now = WallTime::from_unix_seconds(1'207'562'400);
  EXPECT_FALSE(seen.again("a", now));
  EXPECT_TRUE(seen.again("a", now + Duration::minutes(29)));
  EXPECT_FALSE(seen.again("b", now + Duration::minutes(29)));
  EXPECT_FALSE(seen.again("a", now + Duration::minutes(31)));
  EXPECT_EQ(seen.replays(), 1u);
  // The number of entries is bounded: the oldest go first.
  for (size_t i = 0; i < 2 * SeenSignatures::max; ++i) seen.again(std::to_string(i), now);
  EXPECT_FALSE(seen.again("0", now));
  EXPECT_TRUE(seen.again(std::to_string(2 * SeenSignatures::max - 1), now));
}

TEST(ScopeService, is_read_from_header_and_query) {
  wire::RequestHead head{.method = "GET", .target = "/"};
  EXPECT_EQ(scope_service(head), "");
  head.headers.add(
      "Authorization",
      "AWS4-HMAC-SHA256 Credential=a/b/20080407/us-east-1/ec2/aws4_request,SignedHeaders=h");
  EXPECT_EQ(scope_service(head), "ec2");
  head = {.method = "GET",
          .target = "/?X-Amz-Credential=K%2F20080407%2Fus-east-1%2Fs3%2Faws4_request&x"};
  EXPECT_EQ(scope_service(head), "s3");
  head = {.method = "GET", .target = "/?X-Amz-Credential=%"};
  EXPECT_EQ(scope_service(head), "");
}

TEST(S3Address, knows_both_styles) {
  std::vector<std::string> domains{"localhost", "farm.example"};
  auto at = [&](std::string_view host, std::string_view path) {
    auto address = s3_address(host, path, domains);
    return address ? address->bucket + "|" + address->key : "error";
  };
  EXPECT_EQ(at("127.0.0.1:80", "/"), "|");
  EXPECT_EQ(at("127.0.0.1:80", "/bucket"), "bucket|");
  EXPECT_EQ(at("127.0.0.1:80", "/bucket/"), "bucket|");
  EXPECT_EQ(at("127.0.0.1:80", "/bucket/a/b"), "bucket|a/b");
  EXPECT_EQ(at("[::1]:80", "/bucket/%2F%20x"), "bucket|/ x");
  EXPECT_EQ(at("localhost:80", "/bucket/k"), "bucket|k");
  EXPECT_EQ(at("photos.localhost:80", "/k"), "photos|k");
  EXPECT_EQ(at("my.photos.farm.example", "/"), "my.photos|");
  EXPECT_EQ(at("s3.localhost", "/bucket/k"), "bucket|k");
  EXPECT_EQ(at("notlocalhost", "/bucket/k"), "bucket|k");
  EXPECT_EQ(at("h", "/%zz"), "error");
  EXPECT_EQ(at("h", "*"), "error");
}

}  // namespace
}  // namespace croft::farm
