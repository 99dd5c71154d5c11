// docs/farm.md names every action that the farm has.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "farm/ec2/core.h"

namespace croft::farm::ec2 {
namespace {

TEST(Documentation, NamesEveryAction) {
  std::ifstream file(CROFT_SOURCE_DIR "/docs/farm.md");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(text.empty());
  for (const Action& action : actions()) {
    // The whole word: CreateImage does not stand for CreateImageUsageReport.
    size_t at = text.find(action.name);
    while (at != text.npos && at + action.name.size() < text.size() &&
           isalpha(static_cast<unsigned char>(text[at + action.name.size()])))
      at = text.find(action.name, at + 1);
    EXPECT_NE(at, text.npos) << action.name << " is not in docs/farm.md";
  }
}

}  // namespace
}  // namespace croft::farm::ec2
