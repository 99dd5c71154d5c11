#include "farm/s3/post_form.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace croft::farm::s3 {
namespace {

std::string form(const Pairs& fields, std::string_view file) {
  std::string out;
  for (const auto& [name, value] : fields)
    out += "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  out +=
      "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\n"
      "Content-Type: text/plain\r\n\r\n";
  return out + std::string(file) + "\r\n--b--\r\n";
}

TEST(PostForm, BoundaryIsReadFromTheContentType) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(form_boundary("Multipart/Form-Data; charset=x; boundary=\"a c\""), "a c");
  EXPECT_EQ(form_boundary("multipart/mixed; boundary=abc"), std::nullopt);
  EXPECT_EQ(form_boundary("multipart/form-data"), std::nullopt);
}

RC_GTEST_PROP(PostForm, GivesFieldsAndFileHoweverTheBodyIsCut, ()) {
  std::string file = *rc::gen::arbitrary<std::string>();
  RC_PRE(file.find("\r\n--b") == std::string::npos);
  Pairs fields{{"key", "k"}, {"empty", ""}, {"lines", "a\r\nb"}};
  std::string body = form(fields, file);
  size_t piece = *rc::gen::inRange<size_t>(1, body.size() + 1);
  FormDecoder decoder("b");
  std::string got;
  for (size_t at = 0; at < body.size(); at += piece)
    RC_ASSERT(decoder.feed(std::string_view(body).substr(at, piece), got));
  RC_ASSERT(decoder.file_ended());
  RC_ASSERT(decoder.fields() == fields);
  RC_ASSERT(got == file);
  RC_ASSERT(decoder.file_name() == "a b.txt");
  RC_ASSERT(decoder.file_type() == "text/plain");
}

TEST(PostForm, RefusesWhatIsNoForm) {
  std::string file;
  EXPECT_FALSE(FormDecoder("b").feed("--b\r\nContent-Type: x\r\n\r\nv\r\n--b\r\n", file));
  EXPECT_FALSE(FormDecoder("b").feed(
      "--b\r\nContent-Disposition: form-data; name=k\r\n\r\nv\r\n--b--", file));
  EXPECT_FALSE(FormDecoder("b").feed("--b\r\n" + std::string(max_form_bytes + 1, 'x'), file));
}

constexpr WallTime now = WallTime::from_unix_seconds(1'207'562'400);  // 2008-04-07

Result<PostPolicy> policy(std::string conditions) {
  return PostPolicy::parse(
      base64("{\"expiration\":\"2008-04-08T00:00:00Z\",\"conditions\":" + conditions + "}"));
}

TEST(PostPolicy, FieldsMustBeCoveredAndHold) {
  auto read = policy(
      R"([{"bucket":"b"},["starts-with","$key","user/"],["eq","$ACL","private"],["starts-with","$any",""]])");
  ASSERT_TRUE(read) << read.error().line();
  Pairs good{{"Key", "user/x"}, {"acl", "private"}, {"any", "thing"}, {"x-ignore-1", "y"}};
  EXPECT_TRUE(read->check(good, "b", now));
  EXPECT_FALSE(read->check(good, "c", now));
  EXPECT_FALSE(read->check(good, "b", now + Duration::hours(24)));
  EXPECT_FALSE(read->check({{"key", "other"}, {"acl", "private"}}, "b", now));
  EXPECT_FALSE(read->check({{"key", "user/x"}, {"acl", "public-read"}}, "b", now));
  EXPECT_FALSE(read->check({{"key", "user/x"}}, "b", now));
  Pairs extra = good;
  extra.emplace_back("x-amz-meta-a", "1");
  auto refused = read->check(extra, "b", now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fact("aws_code"), "AccessDenied");
}

TEST(PostPolicy, BoundsTheSize) {
  auto read = policy(R"([["content-length-range", 2, "4"]])");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->check_size(1));
  EXPECT_TRUE(read->check_size(2));
  EXPECT_TRUE(read->check_size(4));
  EXPECT_EQ(read->check_size(5).error().fact("aws_code"), "EntityTooLarge");
}

TEST(PostPolicy, RefusesWhatMakesNoSense) {
  for (std::string_view conditions :
       {"[]", "{}", "null", R"([["eq","key","k"]])", R"([["ne","$key","k"]])",
        R"([["content-length-range",-1,2]])", R"([{"a":1}])", R"([{}])", R"(["key"])"})
    EXPECT_FALSE(policy(std::string(conditions))) << conditions;
  EXPECT_FALSE(PostPolicy::parse("no base64!"));
  EXPECT_FALSE(PostPolicy::parse(base64(R"({"conditions":[{"a":"b"}]})")));
}

}  // namespace
}  // namespace croft::farm::s3
