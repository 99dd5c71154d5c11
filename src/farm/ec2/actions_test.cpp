// What is true of every action of the table: DryRun, unknown parameters, ids and filters.
#include <gtest/gtest.h>

#include "farm/ec2/action_samples.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/network_samples.h"
#include "farm/ec2/transit_samples.h"

namespace croft::farm::ec2 {
namespace {

/// Parameters with which each action succeeds, given one running instance.
Fields good_fields(BenchFarm& farm, const Action& action, const std::string& id) {
  static int made = 0;
  Maker maker{farm, made += 100};
  for (std::span<const Special> some :
       {std::span<const Special>(specials), network_specials(), transit_specials()})
    for (const Special& special : some)
      if (special.action == action.name) return special.make(maker, id);
  Fields out;
  for (const Param& param : action.parameters)
    if (param.path == "InstanceId.N" && param.required) out.emplace_back("InstanceId.1", id);
  return out;
}

/// Every account has its default network: these are refused, always.
bool always_refused(const Action& action) {
  return action.name == "CreateDefaultVpc" || action.name == "CreateDefaultSubnet";
}

class EveryAction : public testing::Test {
 protected:
  BenchFarm farm;
  std::string id;
  void SetUp() override {
    id = farm.run(1, 1).front();
    farm.settle();
  }
  std::string all_records() {
    auto entries = farm.sim.run(farm.store->range(store::prefix("")));
    std::string out;
    for (const auto& entry : *entries)
      out += fmt::format("{}={}@{}\n", entry.key, entry.value, entry.modified);
    return out;
  }
};

TEST_F(EveryAction, dry_run_changes_nothing_and_says_so) {
  for (const Action& action : actions()) {
    if (always_refused(action)) continue;
    Fields fields = good_fields(farm, action, id);
    std::string before = all_records();
    if (action.name == "StartInstances") continue;  // the same path as Stop; nothing to start here
    fields.emplace_back("DryRun", "true");
    auto answer = farm.call(std::string(action.name), fields);
    ASSERT_FALSE(answer) << action.name;
    EXPECT_EQ(answer.error().fact("aws_code"), "DryRunOperation")
        << action.name << ": " << answer.error().what;
    EXPECT_EQ(answer.error().fact("http_status"), "412");
    EXPECT_EQ(all_records(), before) << action.name;
  }
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "running");
}

TEST_F(EveryAction, succeeds_and_answers_well_formed_xml) {
  for (const Action& action : actions()) {
    if (always_refused(action)) continue;
    std::string own = farm.run(1, 1).front();
    farm.settle();
    if (action.name == "StartInstances") {
      farm.ask("StopInstances", {{"InstanceId.1", own}});
      farm.settle();
    }
    farm.ask(std::string(action.name), good_fields(farm, action, own));
    farm.ask("TerminateInstances", {{"InstanceId.1", own}});
    farm.settle();
  }
}

TEST_F(EveryAction, unknown_parameters_and_filters_are_refused) {
  for (const Action& action : actions()) {
    Fields fields = good_fields(farm, action, id);
    fields.emplace_back("Nonsense", "1");
    EXPECT_EQ(farm.refusal(std::string(action.name), fields), "UnknownParameter") << action.name;
    if (!action.filters) continue;
    fields = good_fields(farm, action, id);
    fields.emplace_back("Filter.1.Name", "nonsense");
    fields.emplace_back("Filter.1.Value.1", "1");
    EXPECT_EQ(farm.refusal(std::string(action.name), fields), "InvalidParameterValue")
        << action.name;
  }
}

TEST_F(EveryAction, ids_are_checked_for_form_and_then_for_being_there) {
  for (const Action& action : actions()) {
    for (const Param& param : action.parameters) {
      if (param.kind != Kind::id) continue;
      std::string name = replace_all(param.path, ".N.", ".1.");
      if (name.ends_with(".N")) name.replace(name.size() - 1, 1, "1");
      std::string_view prefix = param.detail;
      Fields fields = good_fields(farm, action, id);
      std::erase_if(fields, [&](const auto& field) { return field.first == name; });
      Fields malformed = fields, absent = fields;
      malformed.emplace_back(name, fmt::format("{}-nothex", prefix));
      const IdKind& kind = *id_kind(prefix);
      EXPECT_EQ(farm.refusal(std::string(action.name), malformed), kind.malformed)
          << action.name << " " << name;
      absent.emplace_back(name, fmt::format("{}-0123456789abcdef0", prefix));
      if (action.name == "DeleteKeyPair") continue;  // idempotent
      if (action.name == "DeleteFleets") continue;   // tells of each by itself
      // What a fleet launches is looked for when it is launched.
      if (param.path.find(".Overrides.") != std::string_view::npos) continue;
      // What a template holds is looked for when it is launched.
      if (param.path.starts_with("LaunchTemplateData.")) continue;
      // And what a bid holds, when it is met.
      if (param.path.starts_with("LaunchSpecification.") && !param.path.ends_with(".ImageId"))
        continue;
      std::string code = farm.refusal(std::string(action.name), absent);
      EXPECT_TRUE(code.ends_with(".NotFound") || code == kind.not_found)
          << action.name << " " << name << " " << code;
    }
  }
}

TEST_F(EveryAction, other_accounts_see_nothing_of_it) {
  for (std::string_view action : {"TerminateInstances", "StopInstances", "RebootInstances",
                                  "DescribeInstances", "DescribeInstanceStatus"}) {
    auto answer = farm.call_as(farm.bob, std::string(action), {{"InstanceId.1", id}});
    ASSERT_FALSE(answer) << action;
    EXPECT_EQ(answer.error().fact("aws_code"), "InvalidInstanceID.NotFound");
  }
  auto all = farm.call_as(farm.bob, "DescribeInstances", {});
  EXPECT_EQ(*all, "<reservationSet></reservationSet>");
}

TEST_F(EveryAction, a_mistyped_action_gets_a_suggestion) {
  auto answer = farm.call("DescribeInstance");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fact("aws_code"), "InvalidAction");
  EXPECT_NE(answer.error().what.find("DescribeInstances"), std::string::npos);
}

TEST_F(EveryAction, what_ec2_has_and_the_farm_does_not_is_refused_with_the_way_out) {
  for (auto [action, way] :
       {std::pair("RequestSpotFleet", "CreateFleet"), std::pair("DescribeFlowLogs", "croft bill"),
        std::pair("AssignIpv6Addresses", "no IPv6"),
        std::pair("AttachNetworkInterface", "one interface")}) {
    auto answer = farm.call(action);
    ASSERT_FALSE(answer) << action;
    EXPECT_EQ(answer.error().fact("aws_code"), "InvalidAction");
    EXPECT_NE(answer.error().what.find(way), std::string::npos) << answer.error().what;
  }
}

}  // namespace
}  // namespace croft::farm::ec2
