#include "wire/uri.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace croft::wire {
namespace {

TEST(Uri, encodes_as_aws_does) {
  EXPECT_EQ(percent_encode("a b/~_-.é"), "a%20b%2F~_-.%C3%A9");
  EXPECT_EQ(percent_encode_path("/a b/c"), "/a%20b/c");
}

TEST(Uri, decodes_strictly) {
  EXPECT_EQ(percent_decode("a%20b+c%2f").value(), "a b+c/");
  for (const char* text : {"%", "%2", "%g0", "a%2", "%%20"}) {
    auto result = percent_decode(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, Code::syntax);
  }
}

TEST(Uri, normalizes_as_sigv4_does) {
  EXPECT_EQ(normalize_path("/a//./b/../c/"), "/a/c/");
  EXPECT_EQ(normalize_path("/../.."), "/");
  EXPECT_EQ(normalize_path(""), "/");
  EXPECT_EQ(normalize_path("/a/.."), "/");
  EXPECT_EQ(normalize_path("//"), "/");
}

TEST(Uri, query_keeps_order_duplicates_and_flags) {
  Query query = Query::parse("acl&prefix=&x=1&x=2&a+b=%2B").value();
  ASSERT_EQ(query.pairs().size(), 5u);
  EXPECT_TRUE(query.has("acl"));
  EXPECT_FALSE(query.pairs()[0].has_value);
  EXPECT_TRUE(query.pairs()[1].has_value);
  EXPECT_EQ(query.value("x"), "1");
  EXPECT_EQ(query.count("x"), 2u);
  EXPECT_EQ(query.value("a b"), "+");
  EXPECT_EQ(query.text(), "acl&prefix=&x=1&x=2&a%20b=%2B");
}

TEST(Uri, query_is_bounded) {
  std::string many;
  for (size_t i = 0; i <= max_query_pairs; ++i) many += "a&";
  auto result = Query::parse(many);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::resource_exhausted);
}

TEST(Uri, everything_encoded_comes_back) {
  rc::check([](const std::string& text) {
    RC_ASSERT(percent_decode(percent_encode(text)).value() == text);
  });
  rc::check([](const std::vector<std::pair<std::string, std::string>>& pairs) {
    Query query;
    for (const auto& [name, value] : pairs)
      value == "flag" && !name.empty() ? query.add_flag(name) : query.add(name, value);
    RC_ASSERT(Query::parse(query.text()).value().pairs() == query.pairs());
  });
}

TEST(Uri, target_splits_and_joins) {
  Target target = Target::parse("/bucket/a%2Fb?versionId=3&acl").value();
  EXPECT_EQ(target.path, "/bucket/a/b");
  EXPECT_EQ(target.query.value("versionId"), "3");
  EXPECT_EQ(target.text(), "/bucket/a/b?versionId=3&acl");
}

}  // namespace
}  // namespace croft::wire
