#include "farm/s3/names.h"

#include <gtest/gtest.h>

namespace croft::farm::s3 {
namespace {

std::string code(const Result<>& result) {
  return result ? "" : std::string(result.error().fact("aws_code"));
}

TEST(Names, buckets) {
  for (std::string_view good : {"abc", "a-b.c", "0ab", "my.bucket-1", "192.168.1", "1.2.3.4a"})
    EXPECT_EQ(code(check_bucket_name(good)), "") << good;
  EXPECT_EQ(code(check_bucket_name(std::string(63, 'a'))), "");
  for (std::string_view bad : {"", "ab", "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b",
                               "192.168.1.1", "xn--a", "a-s3alias"})
    EXPECT_EQ(code(check_bucket_name(bad)), "InvalidBucketName") << bad;
  EXPECT_EQ(code(check_bucket_name(std::string(64, 'a'))), "InvalidBucketName");
}

TEST(Names, keys) {
  EXPECT_EQ(code(check_key(std::string(1024, 'k'))), "");
  EXPECT_EQ(code(check_key(std::string(1025, 'k'))), "KeyTooLongError");
  EXPECT_EQ(code(check_key("\xff\xfe")), "InvalidURI");
}

TEST(Names, tags) {
  EXPECT_EQ(code(check_tags({{"a", "1"}, {"b", ""}}, 10)), "");
  EXPECT_EQ(code(check_tags({{"a", "1"}, {"a", "2"}}, 10)), "InvalidTag");
  EXPECT_EQ(code(check_tags({{"aws:a", "1"}}, 10)), "InvalidTag");
  EXPECT_EQ(code(check_tags({{"", "1"}}, 10)), "InvalidTag");
  EXPECT_EQ(code(check_tags({{"a", "1"}, {"b", "2"}}, 1)), "BadRequest");
  auto tags = tags_from_header("a=1&b=two%20words");
  ASSERT_TRUE(tags);
  EXPECT_EQ(*tags, (Pairs{{"a", "1"}, {"b", "two words"}}));
}

TEST(Names, version_ids) {
  for (const char* good : {"null", "0123456789abcdef0123456789abcdef"})
    EXPECT_EQ(code(check_version_id(good)), "") << good;
  for (const char* bad : {"", "zzz", "0123456789ABCDEF0123456789ABCDEF", "NULL"})
    EXPECT_EQ(code(check_version_id(bad)), "InvalidArgument") << bad;
}

TEST(Names, metadata) {
  wire::Headers headers{
      {"X-Amz-Meta-A", "1"}, {"x-amz-meta-b", "2"}, {"x-amz-META-a", "3"}, {"Other", "x"}};
  auto metadata = metadata_from(headers);
  ASSERT_TRUE(metadata);
  EXPECT_EQ(*metadata, (Pairs{{"a", "1,3"}, {"b", "2"}}));
  headers.add("x-amz-meta-big", std::string(2048, 'x'));
  EXPECT_EQ(metadata_from(headers).error().fact("aws_code"), "MetadataTooLarge");
}

}  // namespace
}  // namespace croft::farm::s3
