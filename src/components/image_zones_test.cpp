#include "components/image_zones.h"

#include <gtest/gtest.h>

namespace croft::components {
namespace {

using Shares = std::map<std::string, int>;
const std::vector<std::string> abc{"a", "b", "c"};

TEST(Zones, AreDealtEvenly) {
  EXPECT_EQ(dealt(abc, {}, 6), (Shares{{"a", 2}, {"b", 2}, {"c", 2}}));
  EXPECT_EQ(dealt(abc, {}, 4), (Shares{{"a", 2}, {"b", 1}, {"c", 1}}));
  EXPECT_EQ(dealt(abc, {}, 2), (Shares{{"a", 1}, {"b", 1}}));
}

TEST(Zones, TheThinnestGetsWhatIsReplaced) {
  EXPECT_EQ(dealt(abc, {{"a", 2}, {"b", 1}, {"c", 2}}, 1), (Shares{{"b", 1}}));
  EXPECT_EQ(dealt(abc, {{"a", 5}, {"b", 1}}, 3), (Shares{{"b", 1}, {"c", 2}}));
}

TEST(Zones, OnesThatAreNotMeantCountForNothing) {
  EXPECT_EQ(dealt({"a"}, {{"d", 9}}, 2), (Shares{{"a", 2}}));
  EXPECT_EQ(dealt({}, {{"d", 9}}, 2), Shares{});
  EXPECT_EQ(dealt(abc, {}, 0), Shares{});
}

}  // namespace
}  // namespace croft::components
