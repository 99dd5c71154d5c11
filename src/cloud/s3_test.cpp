#include "cloud/s3.h"

#include "base/text.h"
#include "cloud/testing.h"

namespace croft::cloud {
namespace {
using namespace testing;
using aio::Task;

TEST(S3, PutsGetsAndDeletesObjects) {
  Script script = with_script(
      {{200, "", {{"ETag", "\"abc\""}}, {}, false},
       {206,
        "ell",
        {{"ETag", "\"abc\""}, {"X-Amz-Meta-Colour", "red"}, {"Content-Type", "text/plain"}},
        {},
        false},
       {204, "", {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> {
        PutObject put;
        put.bucket = "b";
        put.key = "a folder/ü+?.txt";
        put.body = "hello";
        put.metadata = {{"colour", "red"}};
        EXPECT_EQ(CO_TRY(co_await stage.s3.put_object(put)), "\"abc\"");
        GetObject get;
        get.bucket = "b";
        get.key = put.key;
        get.offset = 1;
        get.length = 3;
        Object got = CO_TRY(co_await stage.s3.get_object(get));
        EXPECT_EQ(got.body, "ell");
        EXPECT_EQ(got.info.metadata.at(0), std::pair(std::string("colour"), std::string("red")));
        CO_TRY(co_await stage.s3.delete_object("b", put.key));
        co_return Result<>{};
      });
  ASSERT_EQ(script.asked.size(), 3u);
  EXPECT_EQ(script.asked[0].target, "/b/a%20folder/%C3%BC%2B%3F.txt");
  EXPECT_EQ(script.asked[0].body, "hello");
  EXPECT_EQ(script.asked[0].headers.value("x-amz-meta-colour"), "red");
  EXPECT_EQ(script.asked[1].headers.value("range"), "bytes=1-3");
  EXPECT_EQ(script.asked[2].method, "DELETE");
}

TEST(S3, MapsItsRefusals) {
  struct Case {
    int status;
    const char* aws_code;
    Code code;
  };
  for (const Case& one :
       std::initializer_list<Case>{{404, "NoSuchBucket", Code::not_found},
                                   {409, "BucketNotEmpty", Code::conflict},
                                   {409, "BucketAlreadyExists", Code::already_exists},
                                   {403, "InvalidAccessKeyId", Code::unauthenticated},
                                   {403, "SignatureDoesNotMatch", Code::unauthenticated},
                                   {403, "RequestTimeTooSkewed", Code::unauthenticated},
                                   {403, "AccessDenied", Code::permission_denied},
                                   {501, "NotImplemented", Code::unsupported}}) {
    static Case now;
    now = one;
    Script script = with_script(
        {{one.status, s3_error(one.aws_code, "Because."), {}, {}, false}},
        [](Stage& stage) -> Task<Result<>> {
          auto failed = co_await stage.s3.delete_bucket("b");
          EXPECT_EQ(failed.error().code, now.code);
          EXPECT_EQ(failed.error().what, fmt::format("DELETE b: {}: Because", now.aws_code));
          EXPECT_EQ(failed.error().fact("aws_code"), now.aws_code);
          EXPECT_EQ(failed.error().fact("http_status"), std::to_string(now.status));
          EXPECT_EQ(failed.error().fact("host_id"), "host-1");
          co_return Result<>{};
        });
    EXPECT_EQ(script.asked.size(), 1u) << one.aws_code;
  }
}

TEST(S3, AdoptsABucketItOwnsAlready) {
  with_script(
      {{409, s3_error("BucketAlreadyOwnedByYou", "Yours."), {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> { co_return co_await stage.s3.create_bucket("b"); });
}

TEST(S3, GivesAnHttpActionWhateverIsAnswered) {
  Script script =
      with_script({{409, s3_error("BucketNotEmpty", "No."), {}, {}, false}},
                  [](Stage& stage) -> Task<Result<>> {
                    S3Request request;
                    request.method = "DELETE";
                    request.bucket = "b";
                    net::Response answer = CO_TRY(co_await stage.s3.raw(request));
                    EXPECT_EQ(answer.status, 409);
                    EXPECT_EQ(stage.s3.refused(request, answer).fact("aws_code"), "BucketNotEmpty");
                    co_return Result<>{};
                  });
  EXPECT_EQ(script.asked.size(), 1u);
}

TEST(S3, ReadsListsWithNamesThatXmlCannotCarry) {
  std::string page =
      "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>next+1</NextContinuationToken><Contents><Key>a%01+b%2B</Key><Size>5</"
      "Size></Contents>"
      "<CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes></ListBucketResult>";
  Script script = with_script({{200, page, {}, {}, false}}, [](Stage& stage) -> Task<Result<>> {
    ListObjects list;
    list.bucket = "b";
    list.delimiter = "/";
    list.token = "from here";
    ObjectPage got = CO_TRY(co_await stage.s3.list_objects(list));
    EXPECT_EQ(got.objects.at(0).key, "a\x01 b+");
    EXPECT_EQ(got.objects.at(0).size, 5u);
    EXPECT_EQ(got.common_prefixes.at(0), "p/");
    EXPECT_EQ(got.next, "next+1");
    co_return Result<>{};
  });
  EXPECT_EQ(script.asked[0].value("continuation-token"), "from here");
}

TEST(S3, TakesAnErrorInsideA200ForAnError) {
  Script script = with_script(
      {{200, "  \n" + s3_error("InternalError", "Sorry."), {}, {}, false},
       {200,
        "<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag></CompleteMultipartUploadResult>",
        {},
        {},
        false}},
      [](Stage& stage) -> Task<Result<>> {
        EXPECT_EQ(CO_TRY(co_await stage.s3.complete_upload("b", "k", "u", {{1, "\"a\""}})),
                  "\"x-2\"");
        co_return Result<>{};
      });
  EXPECT_EQ(script.asked.size(), 2u);
}

class Letters : public net::BodySource {
 public:
  explicit Letters(uint64_t size) : size_(size) {}
  uint64_t size() const override { return size_; }
  Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) override {
    size_t count = static_cast<size_t>(std::min<uint64_t>({into.size(), size_ - offset, 100'000}));
    for (size_t i = 0; i < count; ++i) into[i] = static_cast<char>('a' + (offset + i) % 26);
    co_return count;
  }

 private:
  uint64_t size_;
};

TEST(S3, AbortsAnUploadThatFails) {
  Script script = with_script(
      {{200,
        "<InitiateMultipartUploadResult><UploadId>up 1</UploadId></InitiateMultipartUploadResult>",
        {},
        {},
        false},
       {200, "", {{"ETag", "\"1\""}}, {}, false},
       {403, s3_error("AccessDenied", "No."), {}, {}, false},
       {204, "", {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> {
        auto failed = co_await stage.s3.upload("b", "k", std::make_shared<Letters>(6 << 20), {},
                                               Bytes::mib(5));
        EXPECT_EQ(failed.error().code, Code::permission_denied);
        co_return Result<>{};
      });
  ASSERT_EQ(script.asked.size(), 4u);
  EXPECT_EQ(script.asked[1].body.size(), 5u << 20);
  EXPECT_EQ(script.asked[2].body.size(), 1u << 20);
  EXPECT_EQ(script.asked[2].value("partNumber"), "2");
  EXPECT_EQ(script.asked[3].method, "DELETE");
  EXPECT_EQ(script.asked[3].value("uploadId"), "up 1");
}

TEST(S3, EmptiesABucketOfVersionsAndUploads) {
  std::string versions =
      "<ListVersionsResult><IsTruncated>false</IsTruncated><Version><Key>k</Key><VersionId>v1</"
      "VersionId></Version>"
      "<DeleteMarker><Key>k</Key><VersionId>v2</VersionId></DeleteMarker></ListVersionsResult>";
  std::string uploads =
      "<ListMultipartUploadsResult><Upload><Key>u</Key><UploadId>7</UploadId></Upload></"
      "ListMultipartUploadsResult>";
  Script script = with_script({{200, versions, {}, {}, false},
                               {200, "<DeleteResult/>", {}, {}, false},
                               {200, "<ListVersionsResult/>", {}, {}, false},
                               {200, uploads, {}, {}, false},
                               {204, "", {}, {}, false},
                               {200, "<ListMultipartUploadsResult/>", {}, {}, false}},
                              [](Stage& stage) -> Task<Result<>> {
                                EXPECT_EQ(CO_TRY(co_await empty_bucket(stage.s3, "b")), 3u);
                                co_return Result<>{};
                              });
  ASSERT_EQ(script.asked.size(), 6u);
  EXPECT_NE(script.asked[1].body.find("<VersionId>v2</VersionId>"), std::string::npos);
  EXPECT_FALSE(script.asked[1].headers.value("content-md5").empty());
}

TEST(S3, SaysWhatStayedInABucket) {
  std::string versions =
      "<ListVersionsResult><Version><Key>k</Key><VersionId>v1</VersionId></Version></"
      "ListVersionsResult>";
  with_script({{200, versions, {}, {}, false},
               {200,
                "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>Held</"
                "Message></Error></DeleteResult>",
                {},
                {},
                false}},
              [](Stage& stage) -> Task<Result<>> {
                auto failed = co_await empty_bucket(stage.s3, "b");
                EXPECT_EQ(
                    failed.error().what,
                    "1 objects of bucket b could not be deleted, first 'k': AccessDenied Held");
                co_return Result<>{};
              });
}

TEST(S3, MakesUrlsInBothStyles) {
  with_script({{200, "", {}, {}, false}}, [](Stage& stage) -> Task<Result<>> {
    EXPECT_TRUE(stage.s3.url_of("b", "a b").ends_with("/b/a%20b"));
    S3 aws({stage.world, stage.http, stage.retrier}, aws_endpoint(Service::s3, "eu-west-1"),
           {"AKTEST", secret_key, {}, "", ""});
    EXPECT_EQ(aws.url_of("bucket", "k"), "https://bucket.s3.eu-west-1.amazonaws.com/k");
    EXPECT_EQ(aws.url_of("dotted.bucket", "k"),
              "https://s3.eu-west-1.amazonaws.com/dotted.bucket/k");
    std::string url = CO_TRY(stage.s3.presign("GET", "b", "k", Duration::minutes(5)));
    EXPECT_NE(url.find("X-Amz-Expires=300"), std::string::npos);
    EXPECT_NE(url.find("/b/k?"), std::string::npos);
    co_return Result<>{};
  });
}

TEST(S3, KnowsBucketNames) {
  EXPECT_FALSE(bucket_name_problem("croft-testbucket.1"));
  for (const char* name : {"ab", "Bucket", "a_b", "-abc", "abc-", "a..b", "10.0.0.1", "with space"})
    EXPECT_TRUE(bucket_name_problem(name)) << name;
}

}  // namespace
}  // namespace croft::cloud
