#include "plan/plan.h"

#include <gtest/gtest.h>

namespace croft::plan {
namespace {

using model::Component;
using model::ComponentPtr;

ComponentPtr add(const ComponentPtr& parent, const std::string& name, const std::string& type) {
  auto component = Component::make();
  component->set("sfClass", type);
  parent->set(name, component);
  return component;
}

model::Value link(std::vector<std::string> names) {
  auto reference = std::make_shared<model::Reference>();
  reference->lazy = true;
  bool first = true;
  for (auto& name : names) {
    reference->parts.push_back({first ? model::Part::Kind::attrib : model::Part::Kind::here, name});
    first = false;
  }
  return std::shared_ptr<const model::Reference>(std::move(reference));
}

Result<TypeFacts> facts_of(const Component& component) {
  TypeFacts facts;
  facts.name = component.string("sfClass").value_or("");
  if (facts.name.empty()) return fail(Code::unresolved, "no sfClass");
  facts.actions = facts.name == "Sequence";
  facts.compound = facts.name == "Compound" || facts.actions;
  facts.identity = {"imageID"};
  if (facts.name == "Bucket") facts.makes = {{"bucket", component.string("bucket").value_or("")}};
  if (facts.name == "File") facts.uses = {{"bucket", component.string("bucket").value_or("")}};
  if (facts.name == "Bucket")
    facts.rents.push_back({"bucket", 1, 1, component.string("bucket").value_or("")});
  if (facts.name == "Image") {
    int64_t least = component.integer("minCount").value_or(1);
    facts.rents.push_back({"instance", least, component.integer("maxCount").value_or(least)});
  }
  return facts;
}

struct PlanTest : testing::Test {
  ComponentPtr root = Component::make(), config = Component::make();
  Input input;
  PlanTest() {
    root->set("sfConfig", config);
    config->set("sfClass", "Compound");
    input.application = "app";
    input.config = config;
    input.catalog = facts_of;
  }
  /// The order in which steps come when each ends before the next is asked for.
  static std::vector<std::string> order(Graph graph) {
    std::vector<std::string> out;
    while (auto step = graph.take()) {
      out.push_back(fmt::format("{} {}", name_of(graph.step(*step).verb), graph.step(*step).path));
      graph.finished(*step, true);
    }
    EXPECT_TRUE(graph.done());
    return out;
  }
  static size_t at(const std::vector<std::string>& list, const std::string& item) {
    auto found = std::ranges::find(list, item);
    EXPECT_NE(found, list.end()) << item;
    return static_cast<size_t>(found - list.begin());
  }
};

TEST_F(PlanTest, deploys_all_before_anything_starts_and_keeps_the_description_order) {
  auto a = add(config, "a", "Compound");
  add(a, "a1", "Prim");
  add(a, "a2", "Prim");
  add(config, "b", "Prim");
  auto data = add(config, "data", "Prim");
  data->eager = false;
  auto plan = make(input);
  ASSERT_TRUE(plan) << plan.error().render();
  EXPECT_EQ(
      order(plan->steps),
      (std::vector<std::string>{"deploy app", "deploy app:a", "deploy app:a:a1", "deploy app:a:a2",
                                "deploy app:b", "start app", "start app:a", "start app:a:a1",
                                "start app:a:a2", "start app:b", "live app:a", "live app"}));
  EXPECT_EQ(plan->count(Change::create), 5u);
}

TEST_F(PlanTest, whoever_needs_another_waits_for_all_of_it) {
  auto first = add(config, "first", "Prim");
  first->set("url", link({"second", "inner", "address"}));
  auto second = add(config, "second", "Compound");
  add(second, "inner", "Prim");
  auto third = add(config, "third", "Prim");
  third->set("dependsOn", model::Vector{link({"second"})});
  auto plan = make(input);
  ASSERT_TRUE(plan) << plan.error().render();
  auto steps = order(plan->steps);
  EXPECT_LT(at(steps, "start app:second:inner"), at(steps, "start app:first"));
  EXPECT_LT(at(steps, "live app:second"), at(steps, "start app:third"));
}

TEST_F(PlanTest, who_works_on_a_bucket_waits_for_who_makes_it_before) {
  auto early = add(config, "early", "File"), maker = add(config, "maker", "Bucket");
  auto folder = add(config, "folder", "Compound"), file = add(folder, "file", "File");
  auto other = add(config, "other", "File");
  for (auto& each : {early, maker, file}) each->set("bucket", std::string("b"));
  other->set("bucket", std::string("c"));
  auto plan = make(input);
  ASSERT_TRUE(plan) << plan.error().render();
  EXPECT_EQ(plan->find("app:folder:file")->needs, std::vector<std::string>{"app:maker"});
  EXPECT_TRUE(plan->find("app:early")->needs.empty()) << "it stands before it";
  EXPECT_TRUE(plan->find("app:other")->needs.empty()) << "it is about another";
  EXPECT_NE(plan->text().find("after app:maker"), std::string::npos) << plan->text();
}

TEST_F(PlanTest, a_workflow_waits_for_what_its_actions_work_on) {
  auto early = add(config, "early", "Sequence"), maker = add(config, "maker", "Bucket");
  auto steps = add(config, "steps", "Sequence"), inner = add(steps, "inner", "Sequence");
  for (auto& each : {maker, add(inner, "file", "File"), add(early, "file", "File")})
    each->set("bucket", std::string("b"));
  auto plan = make(input);
  ASSERT_TRUE(plan) << plan.error().render();
  EXPECT_EQ(plan->find("app:steps")->needs, std::vector<std::string>{"app:maker"});
  EXPECT_TRUE(plan->find("app:early")->needs.empty()) << "it stands before it";
}

TEST_F(PlanTest, what_is_concluded_makes_no_circle) {
  auto maker = add(config, "maker", "Bucket");
  auto folder = add(config, "folder", "Compound"), file = add(folder, "file", "File");
  for (auto& each : {maker, file}) each->set("bucket", std::string("b"));
  maker->set("dependsOn", model::Vector{link({"folder"})});
  auto plan = make(input);
  ASSERT_TRUE(plan) << plan.error().render();
  EXPECT_EQ(plan->find("app:maker")->needs, std::vector<std::string>{"app:folder"});
  EXPECT_TRUE(plan->find("app:folder:file")->needs.empty()) << "the text says the reverse";
}

TEST_F(PlanTest, a_circle_is_refused_with_its_path) {
  add(config, "a", "Prim")->set("x", link({"b", "y"}));
  add(config, "b", "Prim")->set("y", link({"a", "x"}));
  auto plan = make(input);
  // Each link leads on to the other: no end to follow, but no order either.
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().what.find("app:a"), std::string::npos) << plan.error().what;
  EXPECT_NE(plan.error().what.find("app:b"), std::string::npos) << plan.error().what;
}

TEST_F(PlanTest, failures_keep_back_what_needs_them) {
  add(config, "a", "Prim");
  add(config, "b", "Prim")->set("dependsOn", model::Vector{link({"a"})});
  auto plan = make(input);
  ASSERT_TRUE(plan);
  Graph graph = plan->steps;
  std::vector<std::string> taken;
  while (auto step = graph.take()) {
    taken.push_back(graph.step(*step).path);
    graph.finished(*step,
                   !(graph.step(*step).path == "app:a" && graph.step(*step).verb == Verb::start));
  }
  EXPECT_TRUE(graph.idle());
  EXPECT_FALSE(graph.done());
  EXPECT_EQ(std::ranges::count(taken, "app:b"), 1);  // deployed, never started
}

TEST_F(PlanTest, limits_refuse_before_anything_is_made) {
  auto machines = add(config, "machines", "Image");
  machines->set("minCount", int32_t{10});
  machines->set("maxCount", int32_t{100});
  EXPECT_TRUE(make(input));
  config->set("maxInstances", int32_t{9});
  auto refused = make(input);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::resource_exhausted);
  EXPECT_NE(refused.error().what.find("9"), std::string::npos);
  config->remove("maxInstances");
  input.limits.account_instances = 20;
  input.limits.account_in_use = 11;
  ASSERT_FALSE(make(input));
  input.limits.account_in_use = 10;
  EXPECT_TRUE(make(input));
}

TEST_F(PlanTest, two_that_make_one_thing_are_refused) {
  add(config, "a", "Bucket")->set("bucket", "b");
  add(config, "b", "Bucket")->set("bucket", "c");
  EXPECT_TRUE(make(input));
  config->component("b")->set("bucket", "b");
  auto refused = make(input);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "app:a and app:b both make the bucket 'b'");
}

TEST_F(PlanTest, only_what_changed_is_replaced_and_what_is_gone_removed) {
  add(config, "same", "Image")->set("imageID", "ami-1");
  add(config, "other", "Image")->set("imageID", "ami-1");
  auto first = make(input);
  ASSERT_TRUE(first);
  for (const Item& item : first->items)
    input.recorded.push_back({item.path,
                              item.type,
                              item.identity,
                              model::State::running,
                              item.compound,
                              false,
                              {},
                              item.position,
                              true,
                              false,
                              model::copy_of(*item.component)});
  input.recorded.push_back(
      {"app:gone", "Prim", "", model::State::running, false, false, {}, 9, false});
  config->component("other")->set("imageID", "ami-2");
  add(config, "fresh", "Prim");
  auto plan = make(input);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->find("app")->change, Change::keep);
  EXPECT_EQ(plan->find("app:same")->change, Change::keep);
  EXPECT_EQ(plan->find("app:other")->change, Change::replace);
  EXPECT_EQ(plan->find("app:other")->why, "imageID changed, which cannot change in place");
  EXPECT_EQ(plan->find("app:fresh")->change, Change::create);
  EXPECT_EQ(plan->find("app:gone")->change, Change::remove);
  auto steps = order(plan->steps);
  EXPECT_EQ(steps, (std::vector<std::string>{"deploy app:other", "deploy app:fresh",
                                             "start app:other", "start app:fresh"}));
  EXPECT_FALSE(plan->empty());
}

/// As `component` runs now, under `path`.
Recorded running(const std::string& path, const ComponentPtr& component) {
  Recorded out;
  out.path = path;
  out.type = component->string("sfClass").value_or("");
  out.identity = identity_of(*component, facts_of(*component).value());
  out.state = model::State::running;
  out.holds = out.type == "Image";
  out.compound = out.type == "Compound";
  out.description = component;
  return out;
}

TEST_F(PlanTest, a_workflow_is_what_its_actions_are_and_a_group_of_machines_is_not) {
  auto with_part = [&](const std::string& part_type) {
    auto component = Component::make();
    component->set("sfClass", model::Value("Flow"));
    add(component, "each", part_type);
    return component;
  };
  TypeFacts workflow;
  workflow.name = "Flow";
  workflow.actions = true;
  EXPECT_NE(identity_of(*with_part("A"), workflow), identity_of(*with_part("B"), workflow));
  TypeFacts group = workflow;
  group.rents.push_back({"instance", 1, 2});
  EXPECT_EQ(identity_of(*with_part("A"), group), identity_of(*with_part("B"), group));
}

TEST_F(PlanTest, a_renamed_component_moves_with_all_inside_it) {
  auto group = add(config, "fresh", "Compound");
  group->set("renamedFrom", model::Value("old"));
  auto image = add(group, "image", "Image");
  input.recorded = {running("app", config), running("app:old", group),
                    running("app:old:image", image)};
  auto plan = make(input);
  ASSERT_TRUE(plan) << plan.error().render();
  EXPECT_EQ(plan->find("app:fresh")->moved_from, "app:old");
  EXPECT_EQ(plan->find("app:fresh:image")->moved_from, "app:old:image");
  EXPECT_EQ(plan->find("app:fresh:image")->change, Change::keep);
  EXPECT_EQ(plan->find("app:old"), nullptr);
  EXPECT_FALSE(plan->empty());
  // Once it has moved, the attribute may stay.
  input.recorded = {running("app", config), running("app:fresh", group),
                    running("app:fresh:image", image)};
  EXPECT_TRUE(make(input)->empty());
}

TEST_F(PlanTest, nothing_moves_while_its_old_name_is_described) {
  add(config, "old", "Image");
  auto fresh = add(config, "fresh", "Image");
  fresh->set("renamedFrom", model::Value("old"));
  input.recorded = {running("app", config), running("app:old", config->component("old"))};
  auto plan = make(input);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().what.find("still described"), std::string::npos);
}

TEST_F(PlanTest, names_are_not_swapped_in_one_step) {
  auto one = add(config, "one", "Image"), two = add(config, "two", "Image");
  input.recorded = {running("app", config), running("app:one", one), running("app:two", two)};
  one->set("renamedFrom", model::Value("two"));
  EXPECT_TRUE(make(input));
  two->set("renamedFrom", model::Value("one"));
  auto plan = make(input);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().what.find("cannot change names in one step"), std::string::npos);
}

TEST_F(PlanTest, what_another_process_looked_after_is_no_change) {
  auto image = add(config, "image", "Image");
  input.recorded = {running("app", config), running("app:image", image)};
  input.recorded[1].state = model::State::starting;
  EXPECT_FALSE(make(input)->empty());
  input.recorded[1].ran_elsewhere = true;
  auto plan = make(input);
  EXPECT_TRUE(plan->empty());
  EXPECT_EQ(plan->find("app:image")->change, Change::adopt);
  EXPECT_GT(plan->steps.size(), 0u);
  // Left out of what is asked for it is taken over as it was.
  input.recorded[1].description = image;
  add(config, "other", "Image");
  input.scope.targets = {"other"};
  plan = make(input);
  EXPECT_TRUE(plan->find("app:image")->left_out && plan->find("app:image")->resumes);
}

TEST_F(PlanTest, what_runs_on_a_host_is_made_anew_under_its_new_name) {
  auto fresh = add(config, "fresh", "Image");
  fresh->set("renamedFrom", model::Value("old"));
  fresh->set("sfProcessHost", model::Value("there"));
  input.recorded = {running("app", config), running("app:old", fresh)};
  auto plan = make(input);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->find("app:fresh")->change, Change::create);
  EXPECT_NE(plan->find("app:fresh")->why.find("was app:old, and is made anew"), std::string::npos);
  EXPECT_EQ(plan->find("app:old")->change, Change::remove);
}

TEST_F(PlanTest, what_is_protected_is_neither_replaced_nor_removed) {
  auto before = Component::make();
  before->set("sfClass", "Image");
  before->set("imageID", "a");
  before->set("protect", model::Value(true));
  auto now = add(config, "image", "Image");
  now->set("imageID", model::Value("b"));
  input.recorded = {running("app", config), running("app:image", before),
                    running("app:gone", before)};
  auto plan = make(input);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().what.find("app:image is protected"), std::string::npos);
  ASSERT_EQ(plan.error().others.size(), 1u);
  EXPECT_NE(plan.error().others[0].what.find("app:gone is protected"), std::string::npos);
  // What holds nothing has nothing to protect.
  for (Recorded& old : input.recorded) old.holds = false;
  EXPECT_TRUE(make(input));
}

TEST_F(PlanTest, all_errors_are_told_at_once) {
  add(config, "a", "");
  add(config, "b", "");
  auto plan = make(input);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().others.size(), 1u);
}

std::vector<std::string> left_out(const Plan& plan) {
  std::vector<std::string> out;
  for (const Item& item : plan.items)
    if (item.left_out) out.push_back(item.path);
  return out;
}

TEST_F(PlanTest, a_target_comes_with_what_it_needs_and_what_is_in_it) {
  add(config, "a", "Prim");
  auto b = add(config, "b", "Compound");
  add(b, "b1", "Prim")->set("dependsOn", model::Vector{link({"a"})});
  add(b, "b2", "Prim");
  add(config, "c", "Prim")->set("dependsOn", model::Vector{link({"b"})});
  input.scope.targets = {"b:b1"};
  auto plan = make(input);
  ASSERT_TRUE(plan);
  EXPECT_EQ(left_out(*plan), (std::vector<std::string>{"app:b:b2", "app:c"}));
  auto steps = order(plan->steps);
  EXPECT_EQ(std::ranges::count(steps, "start app:c"), 0);
  EXPECT_LT(at(steps, "start app:a"), at(steps, "start app:b:b1"));
  input.scope.targets = {"app:c"};
  EXPECT_TRUE(left_out(*make(input)).empty());
}

TEST_F(PlanTest, what_needs_the_excluded_is_left_out_with_it) {
  add(config, "a", "Prim");
  auto b = add(config, "b", "Compound");
  add(b, "b1", "Prim")->set("dependsOn", model::Vector{link({"a"})});
  add(config, "c", "Prim");
  input.scope.excludes = {"a"};
  auto plan = make(input);
  ASSERT_TRUE(plan);
  EXPECT_EQ(left_out(*plan), (std::vector<std::string>{"app:a", "app:b:b1"}));
  EXPECT_TRUE(plan->text().ends_with("; 2 left out\n")) << plan->text();
  input.scope.excludes = {"bb1"};
  auto unknown = make(input);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().what, "app has no component 'bb1'");
}

TEST_F(PlanTest, drift_of_what_is_kept_is_shown_and_counts_where_it_is_repaired) {
  auto web = add(config, "web", "Image");
  web->set("imageID", "ami-1");
  input.recorded = {running("app", config), running("app:web", web)};
  EXPECT_TRUE(make(input)->empty());
  input.recorded[1].drift = {"instance i-1 is gone: only told"};
  auto told = make(input);
  EXPECT_TRUE(told->empty());
  EXPECT_NE(told->text().find("!   web  Image"), std::string::npos) << told->text();
  EXPECT_NE(told->text().find("instance i-1 is gone: only told"), std::string::npos);
  input.recorded[1].repairs = true;
  EXPECT_FALSE(make(input)->empty());
}

struct RemovalTest : testing::Test {
  std::vector<Recorded> recorded;
  void add(const std::string& path, bool ordered = false, std::vector<std::string> needs = {}) {
    recorded.push_back({path, "T", "", model::State::running, false, ordered, std::move(needs),
                        recorded.size(), true});
  }
  std::vector<std::string> order() {
    std::vector<std::string> out;
    Graph graph = removal(recorded);
    while (auto step = graph.take()) {
      out.push_back(graph.step(*step).path);
      graph.finished(*step, true);
    }
    EXPECT_TRUE(graph.done());
    return out;
  }
};

TEST_F(RemovalTest, ordered_children_end_in_reverse_each_with_all_inside) {
  add("app", true);
  add("app:a", true);
  add("app:a:a1");
  add("app:a:a2");
  add("app:b");
  Graph graph = removal(recorded);
  std::vector<std::string> seen;
  while (auto step = graph.take()) {
    EXPECT_FALSE(graph.take()) << "one after another";
    seen.push_back(graph.step(*step).path);
    graph.finished(*step, true);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"app:b", "app:a:a2", "app:a:a1", "app:a", "app"}));
}

TEST_F(RemovalTest, others_end_side_by_side_children_first) {
  add("app");
  add("app:a");
  add("app:a:x");
  add("app:b");
  Graph graph = removal(recorded);
  auto one = graph.take(), two = graph.take();
  ASSERT_TRUE(one && two);
  EXPECT_FALSE(graph.take());
}

TEST_F(RemovalTest, whoever_needs_another_ends_before_it_even_against_the_order_of_siblings) {
  add("app", true);
  add("app:a", false, {"app:b"});
  add("app:b");
  EXPECT_EQ(order(), (std::vector<std::string>{"app:a", "app:b", "app"}));
}

TEST_F(RemovalTest, a_damaged_record_with_a_circle_still_ends_everything) {
  add("app");
  add("app:a", false, {"app:b"});
  add("app:b", false, {"app:a"});
  EXPECT_EQ(order().back(), "app");
}

}  // namespace
}  // namespace croft::plan
