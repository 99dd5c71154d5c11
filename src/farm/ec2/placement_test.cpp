#include "farm/ec2/placement.h"

#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

constexpr std::string_view file = R"({"placement": "spread", "zones": [
  {"name": "us-east-1a", "racks": [
    {"name": "ra", "hosts": [{"name": "a", "count": 2, "cores": 4, "memory": "8 GiB",
      "idleWatts": 60, "busyWatts": 160}]},
    {"name": "rb", "hosts": [{"name": "b", "cores": 4, "memory": "8 GiB"}]}]},
  {"name": "us-east-1b", "racks": [
    {"name": "rc", "hosts": [{"name": "c", "cores": 1, "memory": "2 GiB"}]}]}]})";

class PlacementTest : public testing::Test {
 protected:
  BenchFarm farm;
  void SetUp() override {
    farm.topology = std::make_shared<const Topology>(*Topology::parse(file, "t"));
    farm.reopen();
  }
  std::string host_of(const std::string& id) { return farm.state->find_instance(id)->host; }
  std::vector<std::string> hosts(const std::vector<std::string>& ids) {
    std::vector<std::string> out;
    for (const std::string& id : ids) out.push_back(host_of(id));
    return out;
  }
  std::string begin(Fault::Kind kind, std::string where) {
    Fault fault;
    fault.kind = kind;
    fault.where = std::move(where);
    auto id = farm.sim.run(farm.faults->begin(std::move(fault), Duration::minutes(1)));
    EXPECT_TRUE(id) << id.error().render();
    return id.value_or("");
  }
  Fields in(std::string zone) { return {{"Placement.AvailabilityZone", std::move(zone)}}; }
};

TEST_F(PlacementTest, InstancesSpreadOverRacksAndZones) {
  EXPECT_EQ(hosts(farm.run(3, 3, in("us-east-1a"))), (std::vector<std::string>{"a-1", "b", "a-2"}));
  // The other zone has fewer of this account.
  EXPECT_EQ(host_of(farm.run(1, 1).front()), "c");
}

TEST_F(PlacementTest, FullHostsRefuseAndFreeTheirPlaceAgain) {
  auto one = farm.run(1, 1, in("us-east-1b"));
  Fields another = in("us-east-1b");
  another.insert(another.end(),
                 {{"ImageId", std::string(builtin_image)}, {"MinCount", "1"}, {"MaxCount", "1"}});
  EXPECT_EQ(farm.refusal("RunInstances", another), "InsufficientInstanceCapacity");
  farm.settle();
  farm.ask("StopInstances", {{"InstanceId.1", one[0]}});
  farm.settle();
  auto two = farm.run(1, 5, in("us-east-1b"));
  EXPECT_EQ(two.size(), 1u) << "as many as there is room for";
  EXPECT_EQ(farm.refusal("StartInstances", {{"InstanceId.1", one[0]}}),
            "InsufficientInstanceCapacity");
  farm.settle();
  farm.ask("TerminateInstances", {{"InstanceId.1", two[0]}});
  farm.settle();
  farm.ask("StartInstances", {{"InstanceId.1", one[0]}});
  EXPECT_EQ(host_of(one[0]), "c");
}

TEST_F(PlacementTest, GroupsKeepApartOrTogether) {
  farm.ask("CreatePlacementGroup", {{"GroupName", "apart"}, {"Strategy", "spread"}});
  farm.ask("CreatePlacementGroup", {{"GroupName", "near"}, {"Strategy", "cluster"}});
  Fields apart = in("us-east-1a");
  apart.emplace_back("Placement.GroupName", "apart");
  auto two = hosts(farm.run(2, 5, apart));
  EXPECT_EQ(two, (std::vector<std::string>{"a-1", "b"})) << "one on each rack, no more";
  Fields near = in("us-east-1a");
  near.emplace_back("Placement.GroupName", "near");
  auto three = hosts(farm.run(3, 3, near));
  EXPECT_EQ(three[0], three[1]);
  EXPECT_EQ(three[1], three[2]);
  EXPECT_EQ(farm.refusal("DeletePlacementGroup", {{"GroupName", "near"}}),
            "InvalidPlacementGroup.InUse");
  EXPECT_EQ(farm.refusal("DescribePlacementGroups", {{"GroupName.1", "far"}}),
            "InvalidPlacementGroup.Unknown");
  Fields far{{"ImageId", std::string(builtin_image)},
             {"MinCount", "1"},
             {"MaxCount", "1"},
             {"Placement.GroupName", "far"}};
  EXPECT_EQ(farm.refusal("RunInstances", far), "InvalidPlacementGroup.Unknown");
  farm.reopen();
  EXPECT_EQ(farm.state->placement_groups.of("111122223333").size(), 2u);
}

TEST_F(PlacementTest, ARackThatDiesTakesItsInstancesAndNoNewOnes) {
  auto ids = farm.run(3, 3, in("us-east-1a"));
  farm.settle();
  std::string fault = begin(Fault::Kind::kill, "ra");
  farm.settle();
  EXPECT_EQ(farm.state_of(ids[0]), "stopped");
  EXPECT_EQ(farm.state_of(ids[1]), "running");
  EXPECT_EQ(farm.state_of(ids[2]), "stopped");
  EXPECT_EQ(hosts(farm.run(2, 2, in("us-east-1a"))), (std::vector<std::string>{"b", "b"}));
  ASSERT_TRUE(farm.sim.run(farm.faults->undo(fault)));
  EXPECT_EQ(hosts(farm.run(1, 1, in("us-east-1a"))), (std::vector<std::string>{"a-1"}));
}

TEST_F(PlacementTest, LinksAreHinderedBetweenPlacesAlsoForMachinesThatCome) {
  auto one = farm.run(1, 1, in("us-east-1a"));
  farm.settle();
  Fault cut;
  cut.kind = Fault::Kind::link;
  cut.where = "us-east-1a";
  cut.to = "us-east-1b";
  auto id = farm.sim.run(farm.faults->begin(cut, Duration::minutes(1)));
  ASSERT_TRUE(id);
  EXPECT_TRUE(farm.machines.links.empty()) << "there is nobody on the other side";
  auto two = farm.run(1, 1, in("us-east-1b"));
  farm.settle();
  ASSERT_EQ(farm.machines.links.size(), 2u);
  auto address = [&](const std::string& i) {
    return farm.state->find_instance(i)->private_address;
  };
  EXPECT_EQ(farm.machines.links[0].from, std::vector<std::string>{address(one[0])});
  EXPECT_EQ(farm.machines.links[0].to, std::vector<std::string>{address(two[0])});
  EXPECT_EQ(farm.machines.links[1].from, farm.machines.links[0].to);
  farm.settle(Duration::minutes(2));
  EXPECT_TRUE(farm.machines.links.empty()) << "it ended by itself";
}

TEST_F(PlacementTest, UnknownPlacesAreNamed) {
  Fault fault;
  fault.kind = Fault::Kind::freeze;
  fault.where = "rax";
  auto id = farm.sim.run(farm.faults->begin(fault, Duration::minutes(1)));
  ASSERT_FALSE(id);
  EXPECT_NE(id.error().render().find("'ra'"), std::string::npos) << id.error().render();
}

TEST_F(PlacementTest, TheTopologyTellsLoadAndPower) {
  farm.run(1, 1, in("us-east-1a"));
  std::string text = topology_json(*farm.core);
  EXPECT_NE(text.find("\"watts\":85"), std::string::npos) << text;  // 60 + 100 / 4
  EXPECT_NE(text.find("\"host\":\"a-1\""), std::string::npos);
}

}  // namespace
}  // namespace croft::farm::ec2
