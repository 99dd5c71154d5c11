#include "cli/test_farm.h"

#include <gtest/gtest.h>

#include "lang/lang.h"

namespace croft::cli {
namespace {

using Accounts = std::vector<std::pair<std::string, std::string>>;

TEST(TestFarm, AnIdAndAKeyOfOneBeginningAreAnAccount) {
  EXPECT_EQ(given_accounts({"test.awsid=AKID", "test.awskey=a=b", "other.id=X", "a.key=Y"}),
            (Accounts{{"AKID", "a=b"}}));
  EXPECT_EQ(given_accounts({"id=A", "key=B", "x.id=", "x.key=C", "flag"}), (Accounts{{"A", "B"}}));
  EXPECT_EQ(given_accounts({}), Accounts{});
}

TEST(TestFarm, ImagesThatComponentsName) {
  auto description = lang::resolve(
      "a.sf",
      "image \"ami-26b6534f\";\n"
      "sfConfig extends { a extends { imageID image; } b extends { c extends { imageID image; } }\n"
      "  d extends { imageID \"ami-0123456789abcdef0\"; } e extends { imageID \"ami-bad\"; }\n"
      "  f extends { imageID 7; other \"ami-00000001\"; } }\n",
      {});
  ASSERT_TRUE(description) << description.error().render();
  EXPECT_EQ(named_images(*description->config),
            (std::vector<std::string>{"ami-26b6534f", "ami-0123456789abcdef0"}));
}

}  // namespace
}  // namespace croft::cli
