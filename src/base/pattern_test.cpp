#include "base/pattern.h"

#include <gtest/gtest.h>

namespace croft {
namespace {

bool found(std::string_view expression, std::string_view text) {
  auto pattern = Pattern::compile(expression);
  EXPECT_TRUE(pattern) << expression;
  auto answer = pattern->found_in(text);
  EXPECT_TRUE(answer) << expression;
  return *answer;
}

TEST(Pattern, FindsAndMatches) {
  EXPECT_TRUE(found("state: \\w+", "the state: ready, since 10:00"));
  EXPECT_FALSE(found("^ready$", "the state: ready"));
  EXPECT_TRUE(found("(?m)^ready$", "state\nready\n"));
  EXPECT_TRUE(found("[[:digit:]]{3}", "a 404"));
  EXPECT_TRUE(found("", ""));
  auto name = Pattern::compile(".*\\.sf");
  ASSERT_TRUE(name);
  EXPECT_TRUE(*name->matches("a.sf"));
  EXPECT_FALSE(*name->matches("a.sf.bak"));
}

TEST(Pattern, BytesThatAreNoUtf8AreNoProblem) {
  EXPECT_TRUE(found("b", std::string("\xff\xfe b", 4)));
}

TEST(Pattern, MistakesHaveTheirPlace) {
  auto pattern = Pattern::compile("a(b");
  ASSERT_FALSE(pattern);
  EXPECT_EQ(pattern.error().code, Code::syntax);
  EXPECT_NE(pattern.error().line().find("character 4"), std::string::npos)
      << pattern.error().line();
}

TEST(Pattern, ASearchWithoutEndIsGivenUp) {
  auto pattern = Pattern::compile("(a+)+$");
  ASSERT_TRUE(pattern);
  auto answer = pattern->found_in(std::string(40, 'a') + "b");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::resource_exhausted);
}

}  // namespace
}  // namespace croft
