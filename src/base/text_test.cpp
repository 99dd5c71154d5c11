#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace croft {

TEST(Text, splits_cuts_joins) {
  EXPECT_EQ(split("a:b::c", ':'), (std::vector<std::string>{"a", "b", "", "c"}));
  EXPECT_EQ(split("", ':'), (std::vector<std::string>{""}));
  EXPECT_EQ(cut("name=value=x", '=')->second, "value=x");
  EXPECT_FALSE(cut("name", '='));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(replace_all("a.b.c", ".", "--"), "a--b--c");
  EXPECT_EQ(trim(" \t x y \n"), "x y");
  EXPECT_EQ(trim("   "), "");
}

TEST(Text, numbers_are_whole_strings) {
  EXPECT_EQ(parse_u64("42"), 42u);
  for (auto bad : {"", "-1", "+1", "1 ", " 1", "1x", "18446744073709551616"})
    EXPECT_FALSE(parse_u64(bad)) << bad;
  EXPECT_EQ(parse_i64("-9223372036854775808"), INT64_MIN);
}

TEST(Text, wildcards) {
  EXPECT_TRUE(wildcard_match("i-*", "i-123"));
  EXPECT_TRUE(wildcard_match("*a*b", "xaxxb"));
  EXPECT_TRUE(wildcard_match("a?c", "abc"));
  EXPECT_TRUE(wildcard_match("", ""));
  EXPECT_TRUE(wildcard_match("\\*", "*"));
  EXPECT_FALSE(wildcard_match("\\*", "x"));
  EXPECT_FALSE(wildcard_match("a?c", "ac"));
  EXPECT_FALSE(wildcard_match("abc", "ABC"));
}

RC_GTEST_PROP(Text, hex_and_base64_are_reversible, (const std::string& bytes)) {
  RC_ASSERT(unhex(hex(bytes)) == bytes);
  RC_ASSERT(unbase64(base64(bytes)) == bytes);
}

TEST(Text, base64_is_strict) {
  EXPECT_EQ(base64("ab"), "YWI=");
  EXPECT_EQ(base64url("\xff\xfe"), "__4");
  for (auto bad : {"YWI", "YW=I", "Y===", "YWI\n", "YWI=YWI=", "=YWI"})
    EXPECT_FALSE(unbase64(bad)) << bad;
}

TEST(Text, utf8_refuses_what_is_not) {
  EXPECT_TRUE(valid_utf8("größe €𝄞"));
  for (auto bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe2\x82"})
    EXPECT_FALSE(valid_utf8(bad));
}

TEST(Text, printable_shows_control_characters) {
  EXPECT_EQ(printable("a\x1b[31m\n"), "a\\x1b[31m\\x0a");
}

}  // namespace croft
