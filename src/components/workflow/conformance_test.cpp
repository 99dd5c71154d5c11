// The events that the reference produced (test/lifecycle/lcN.events), in their order.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

std::string read(const std::string& name) {
  std::ifstream in(std::string(CROFT_SOURCE_DIR) + "/test/lifecycle/" + name);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string component_of(const std::string& line) {
  return line.substr(0, line.find(' '));
}

/// croft's enclosing component ends after all that is in it, where the reference, told not to order
/// them, lets it end before (docs/language-differences.md).
std::vector<std::string> parents_last(const std::vector<std::string>& lines) {
  std::vector<std::string> out;
  for (const auto& line : lines) {
    bool end = line.find(" TERMINATED") != std::string::npos;
    auto at = out.end();
    for (auto i = out.begin(); end && i != out.end(); ++i)
      if (i->find(" TERMINATED") != std::string::npos &&
          component_of(line).starts_with(component_of(*i) + ":")) {
        at = i;
        break;
      }
    out.insert(at, line);
  }
  return out;
}

class Lifecycle : public testing::TestWithParam<const char*> {};

TEST_P(Lifecycle, AgreesWithTheReference) {
  std::string name = GetParam();
  std::string text = read(name + ".sf");
  ASSERT_FALSE(text.empty());
  auto played = play(text, name == "lc1" ? Script(take_down) : Script(until_down));
  ASSERT_TRUE(played) << played.error().render();
  std::vector<std::string> wanted;
  std::stringstream lines(read(name + ".events"));
  for (std::string line; std::getline(lines, line);) wanted.push_back(line);
  wanted = parents_last(wanted);
  std::vector<std::string> got;
  for (std::string line : played->seen.events) {
    line.replace(0, 3, name);  // "app"
    line = std::regex_replace(line, std::regex("[0-9]+_([A-Za-z])"), "*_$1");
    got.push_back(line);
  }
  EXPECT_EQ(got, wanted);
}

INSTANTIATE_TEST_SUITE_P(Conformance, Lifecycle,
                         testing::Values("lc1", "lc2", "lc3", "lc4", "lc5"));

}  // namespace
}  // namespace croft::components
