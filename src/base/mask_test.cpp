#include "base/mask.h"

#include <gtest/gtest.h>

namespace croft {
namespace {

TEST(Mask, hides_each_secret_wherever_it_stands) {
  std::string text = "a=hunter2 b=hunter22 c=hunter2";
  mask(text, {"hunter2", "hunter22"});
  EXPECT_EQ(text, "a=*** b=*** c=***");
}

TEST(Mask, leaves_what_is_too_short_to_be_a_secret) {
  std::string text = "a cat";
  mask(text, {"", "a", "cat"});
  EXPECT_EQ(text, "a cat");
}

TEST(Mask, knows_the_lines_of_a_secret_of_several) {
  std::set<std::string> secrets;
  add_masked(secrets, "-----BEGIN KEY-----\nMIIEvQIBADANBg\nabc\n-----END KEY-----\n");
  std::string text = "it read MIIEvQIBADANBg and abc";
  mask(text, secrets);
  EXPECT_EQ(text, "it read *** and abc");
}

}  // namespace
}  // namespace croft
