#include "wire/sigv4.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/digest.h"
#include "wire/json.h"

namespace croft::wire::sigv4 {
namespace {

struct Vector {
  RequestHead head;      // as botocore sent it
  RequestHead original;  // before signing
  std::string service, region, body, authorization;
  SigningKey key;
  WallTime time;
  bool presigned = false;
  Duration expires;
};

std::vector<Vector> vectors() {
  std::vector<Vector> out;
  std::ifstream file(CROFT_SOURCE_DIR "/src/wire/testdata/sigv4_vectors.jsonl");
  for (std::string line; std::getline(file, line);) {
    json::Object object = json::parse_object(line).value();
    Vector v;
    v.head.method = v.original.method = json::string_at(object, "method").value();
    v.head.target = json::string_at(object, "target").value();
    v.original.target = json::string_at(object, "original_target").value();
    for (const json::Value& pair : *json::array_at(object, "headers").value()) {
      std::string name(pair.at(0).as_string()), value(pair.at(1).as_string());
      v.head.headers.add(name, value);
      if (name == "Authorization") v.authorization = value;
      if (name != "Authorization" && !name.starts_with("X-Amz-Date") &&
          !name.starts_with("X-Amz-Content") && !name.starts_with("X-Amz-Security"))
        v.original.headers.add(name, value);
    }
    v.service = json::string_at(object, "service").value();
    v.region = json::string_at(object, "region").value();
    v.body = json::string_at(object, "body").value();
    v.key = {json::string_at(object, "access_key").value(),
             Secret(json::string_at(object, "secret").value()),
             json::string_or(object, "token", "").value()};
    v.time = WallTime::from_unix_seconds(json::int_at(object, "unix_time").value());
    v.presigned = json::bool_at(object, "presigned").value();
    v.expires = Duration::seconds(json::int_at(object, "expires").value());
    out.push_back(std::move(v));
  }
  return out;
}

TEST(SigV4, verifies_what_botocore_signed) {
  KeyCache cache;
  size_t checked = 0;
  for (const Vector& v : vectors()) {
    auto auth = parse_authorization(v.head);
    ASSERT_TRUE(auth) << checked << ": " << auth.error().line();
    EXPECT_EQ(auth->access_key, v.key.access_key);
    EXPECT_EQ(auth->presigned, v.presigned);
    EXPECT_EQ(auth->session_token, v.key.session_token);
    EXPECT_EQ(auth->time, v.time);
    EXPECT_EQ(unsigned_headers(*auth, v.head), std::vector<std::string>{});
    std::string hash = auth->payload_hash.empty() ? sha256_hex(v.body) : auth->payload_hash;
    auto expected = expected_signature(*auth, v.head, hash, v.key.secret, &cache);
    ASSERT_TRUE(expected) << expected.error().line();
    EXPECT_EQ(*expected, auth->signature)
        << checked << " " << v.head.method << " " << v.head.target;
    auto wrong = expected_signature(*auth, v.head, hash, Secret("another"), &cache);
    EXPECT_NE(*wrong, auth->signature);
    ++checked;
  }
  EXPECT_EQ(checked, 200u);
}

TEST(SigV4, signs_as_botocore_does) {
  for (Vector& v : vectors()) {
    if (v.presigned) {
      auto target = presign(v.original, v.key, v.service, v.region, v.time, v.expires);
      ASSERT_TRUE(target) << target.error().line();
      EXPECT_EQ(*target, v.head.target);
    } else {
      auto made = sign_headers(v.original, v.key, v.service, v.region, v.time, sha256_hex(v.body));
      ASSERT_TRUE(made) << made.error().line();
      EXPECT_EQ(v.original.headers.value("Authorization"), v.authorization) << v.original.target;
    }
  }
}

// The examples of the page "Authenticating Requests: Using the Authorization Header" (S3).
constexpr const char* example_key = "AKIAIOSFODNN7EXAMPLE";
constexpr const char* example_secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const WallTime example_time = WallTime::parse_iso8601("20130524T000000Z").value();

TEST(SigV4, example_get_object) {
  RequestHead head{
      "GET", "/test.txt", {{"Host", "examplebucket.s3.amazonaws.com"}, {"Range", "bytes=0-9"}}};
  SigningKey key{example_key, Secret(example_secret), ""};
  auto made = sign_headers(head, key, "s3", "us-east-1", example_time, empty_sha256);
  EXPECT_EQ(made->signature, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, example_put_object) {
  RequestHead head{"PUT",
                   "/test%24file.text",
                   {{"Host", "examplebucket.s3.amazonaws.com"},
                    {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                    {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}};
  SigningKey key{example_key, Secret(example_secret), ""};
  auto made =
      sign_headers(head, key, "s3", "us-east-1", example_time, sha256_hex("Welcome to Amazon S3."));
  EXPECT_EQ(made->signature, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, example_presigned) {
  RequestHead head{"GET", "/test.txt", {{"Host", "examplebucket.s3.amazonaws.com"}}};
  SigningKey key{example_key, Secret(example_secret), ""};
  auto target = presign(head, key, "s3", "us-east-1", example_time, Duration::seconds(86400));
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->ends_with(
      "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
}

// "Signature calculations for the Authorization header: transferring payload in multiple chunks".
TEST(SigV4, example_chunks) {
  Scope scope{"20130524", "us-east-1", "s3"};
  ChunkSigner signer(derive_key(Secret(example_secret), scope), "20130524T000000Z", scope,
                     "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  EXPECT_EQ(signer.chunk(sha256_hex(std::string(65536, 'a'))),
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
  EXPECT_EQ(signer.chunk(sha256_hex(std::string(1024, 'a'))),
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
  EXPECT_EQ(signer.chunk(empty_sha256),
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
}

// Of AWS's SigV4 test suite ("get-vanilla" and "get-vanilla-query-order-key-case").
TEST(SigV4, example_other_service) {
  SigningKey key{"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), ""};
  WallTime time = WallTime::parse_iso8601("20150830T123600Z").value();
  RequestHead plain{"GET", "/", {{"Host", "example.amazonaws.com"}}};
  EXPECT_EQ(sign_headers(plain, key, "service", "us-east-1", time, empty_sha256)->signature,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  RequestHead query{"GET", "/?Param2=value2&Param1=value1", {{"Host", "example.amazonaws.com"}}};
  EXPECT_EQ(sign_headers(query, key, "service", "us-east-1", time, empty_sha256)->signature,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

RequestHead signed_example() {
  RequestHead head{"GET", "/b/k", {{"Host", "h"}, {"x-amz-meta-a", "1"}}};
  EXPECT_TRUE(sign_headers(head, {"AK", Secret("s"), ""}, "s3", "r", example_time, empty_sha256));
  return head;
}

TEST(SigV4, refuses_malformed_authorizations) {
  const std::string sig(64, 'a');
  struct Case {
    std::string authorization;
    const char* reason;
  };
  const std::string good =
      "Credential=AK/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=";
  for (const Case& c :
       {Case{"AWS AK:sig", "sigv2"}, Case{"Bearer x", "algorithm"},
        Case{"AWS4-HMAC-SHA256", "algorithm"}, Case{"AWS4-HMAC-SHA256 x", "malformed"},
        Case{"AWS4-HMAC-SHA256 Credential=AK/20130524/r/s3/aws4_request", "malformed"},
        Case{"AWS4-HMAC-SHA256 " + good + "short", "malformed"},
        Case{"AWS4-HMAC-SHA256 " + good + std::string(64, 'A'), "malformed"},
        Case{"AWS4-HMAC-SHA256 Credential=AK/r/s3/aws4_request, SignedHeaders=host, Signature=" +
                 sig,
             "malformed"},
        Case{"AWS4-HMAC-SHA256 Credential=AK/2013/r/s3/aws4_request, SignedHeaders=host, "
             "Signature=" +
                 sig,
             "malformed"},
        Case{"AWS4-HMAC-SHA256 Credential=AK/20130524/r/s3/aws4_request, SignedHeaders=date, "
             "Signature=" +
                 sig,
             "malformed"},
        Case{"AWS4-HMAC-SHA256 Credential=AK/20130524/r/s3/aws4_request, SignedHeaders=Host, "
             "Signature=" +
                 sig,
             "malformed"},
        Case{"AWS4-HMAC-SHA256 " + good + sig + ", Signature=" + sig, "malformed"},
        Case{"AWS4-HMAC-SHA256 " + good + sig + ", Extra=1", "malformed"},
        Case{"AWS4-HMAC-SHA256 Credential=AK/20130525/r/s3/aws4_request, SignedHeaders=host, "
             "Signature=" +
                 sig,
             "date"}}) {
    RequestHead head = signed_example();
    head.headers.set("Authorization", c.authorization);
    auto result = parse_authorization(head);
    ASSERT_FALSE(result) << c.authorization;
    EXPECT_EQ(result.error().fact("reason"), c.reason) << c.authorization;
  }
  RequestHead head = signed_example();
  EXPECT_TRUE(parse_authorization(head));
  head.headers.set("X-Amz-Date", "yesterday");
  EXPECT_EQ(parse_authorization(head).error().fact("reason"), "date");
  head.headers.remove("X-Amz-Date");
  EXPECT_EQ(parse_authorization(head).error().fact("reason"), "date");
  head.headers.set("Date", "Fri, 24 May 2013 00:00:00 GMT");
  EXPECT_TRUE(parse_authorization(head));
  head.headers.remove("Authorization");
  EXPECT_EQ(parse_authorization(head).error().fact("reason"), "absent");
  head.target = "/?AWSAccessKeyId=a&Signature=b&Expires=1";
  EXPECT_EQ(parse_authorization(head).error().fact("reason"), "sigv2");
}

TEST(SigV4, accepts_no_space_after_commas) {
  RequestHead head = signed_example();
  std::string text(head.headers.value("Authorization"));
  for (size_t at; (at = text.find(", ")) != std::string::npos;) text.erase(at + 1, 1);
  head.headers.set("Authorization", text);
  EXPECT_TRUE(parse_authorization(head));
}

TEST(SigV4, presigned_limits) {
  RequestHead head{"GET", "/b/k", {{"Host", "h"}}};
  SigningKey key{"AK", Secret("s"), ""};
  EXPECT_FALSE(presign(head, key, "s3", "r", example_time, Duration::seconds(604801)));
  head.target = presign(head, key, "s3", "r", example_time, Duration::seconds(60)).value();
  EXPECT_EQ(parse_authorization(head)->expires, Duration::seconds(60));
  for (const char* bad : {"0", "604801", "-1", "x", ""}) {
    RequestHead changed = head;
    size_t at = changed.target.find("X-Amz-Expires=60") + 14;
    changed.target.replace(at, 2, bad);
    EXPECT_EQ(parse_authorization(changed).error().fact("reason"), "expires") << bad;
  }
  head.headers.set("Authorization", "AWS4-HMAC-SHA256 x");
  EXPECT_EQ(parse_authorization(head).error().fact("reason"), "both");
}

TEST(SigV4, notices_changes_and_unsigned_headers) {
  RequestHead head = signed_example();
  Authorization auth = parse_authorization(head).value();
  EXPECT_EQ(expected_signature(auth, head, "", Secret("s")).value(), auth.signature);
  RequestHead changed = head;
  changed.headers.set("x-amz-meta-a", "2");
  EXPECT_NE(expected_signature(auth, changed, "", Secret("s")).value(), auth.signature);
  changed = head;
  changed.target = "/b/k2";
  EXPECT_NE(expected_signature(auth, changed, "", Secret("s")).value(), auth.signature);
  changed = head;
  changed.headers.remove("x-amz-meta-a");
  EXPECT_FALSE(expected_signature(auth, changed, "", Secret("s")));
  changed = head;
  changed.headers.add("X-Amz-Acl", "public-read");
  EXPECT_EQ(unsigned_headers(auth, changed), std::vector<std::string>{"x-amz-acl"});
}

TEST(SigV4, key_cache_is_bounded_and_right) {
  KeyCache cache;
  for (int i = 0; i < 3000; ++i) {
    Scope scope{"20130524", "r" + std::to_string(i % 1500), "s3"};
    ASSERT_EQ(cache.key(Secret("s"), scope).reveal(), derive_key(Secret("s"), scope).reveal());
  }
}

}  // namespace
}  // namespace croft::wire::sigv4
