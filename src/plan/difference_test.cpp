#include "plan/difference.h"

#include <gtest/gtest.h>

namespace croft::plan {
namespace {

using model::Component;
using model::ComponentPtr;

/// "path attribute" of each, "+path" and "-path" for what came and went whole.
std::vector<std::string> told(const Component* before, const Component* after) {
  std::vector<std::string> out;
  for (const Difference& line : differences(before, after, "app")) {
    if (line.attribute.empty())
      out.push_back((line.before ? "-" : "+") + line.path);
    else
      out.push_back(line.path + " " + line.attribute);
  }
  return out;
}

ComponentPtr web(int64_t port) {
  auto out = Component::make();
  out->set("port", model::Value(port));
  out->set("host", model::Value("a"));
  return out;
}

using Lines = std::vector<std::string>;

TEST(Difference, NothingOfTheSame) {
  auto before = Component::make(), after = Component::make();
  before->set("web", model::Value(web(80)));
  after->set("web", model::Value(web(80)));
  EXPECT_EQ(told(before.get(), after.get()), Lines{});
}

TEST(Difference, AttributesOfComponentsInside) {
  auto before = Component::make(), after = Component::make();
  before->set("web", model::Value(web(80)));
  before->set("old", model::Value(web(1)));
  before->set("gone", model::Value(true));
  after->set("fresh", model::Value(web(2)));
  after->set("web", model::Value(web(8080)));
  EXPECT_EQ(told(before.get(), after.get()),
            (Lines{"+app:fresh", "app:web port", "-app:old", "app gone"}));
}

TEST(Difference, ComponentsInVectorsCountByWhatTheyHold) {
  auto before = Component::make(), after = Component::make();
  before->set("all", model::Value(model::Vector{model::Value(web(80))}));
  after->set("all", model::Value(model::Vector{model::Value(web(80))}));
  EXPECT_EQ(told(before.get(), after.get()), Lines{});
  after->set("all", model::Value(model::Vector{model::Value(web(81))}));
  EXPECT_EQ(told(before.get(), after.get()), Lines{"app all"});
}

TEST(Difference, ASecretIsMarkedOnEitherSide) {
  auto before = Component::make(), after = Component::make();
  before->set("key", model::Value("old")).secret = true;
  after->set("key", model::Value("new"));
  auto lines = differences(before.get(), after.get(), "app");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].secret);
}

TEST(Difference, AWholeThatComesOrGoes) {
  auto only = web(80);
  EXPECT_EQ(told(nullptr, only.get()), Lines{"+app"});
  EXPECT_EQ(told(only.get(), nullptr), Lines{"-app"});
  EXPECT_EQ(told(nullptr, nullptr), Lines{});
}

}  // namespace
}  // namespace croft::plan
