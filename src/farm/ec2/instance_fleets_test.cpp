#include "farm/ec2/instance_fleets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

class Fleets : public testing::Test {
 protected:
  BenchFarm farm;
  std::string small, large;

  void SetUp() override {
    // A fleet launches as its account, also when nobody asks.
    auto added =
        farm.sim.run(farm.accounts->add({.name = "alice", .account_id = farm.alice->account_id}));
    ASSERT_TRUE(added) << added.error().render();
    small = make_template("t2.nano");
    large = make_template("t2.small");
  }
  std::string make_template(std::string type) {
    return farm
        .ask("CreateLaunchTemplate", {{"LaunchTemplateName", "of-" + type},
                                      {"LaunchTemplateData.ImageId", std::string(builtin_image)},
                                      {"LaunchTemplateData.InstanceType", type}})
        .root()
        .child("launchTemplate")
        .child("launchTemplateId")
        .text();
  }
  Fields of(int total, Fields more = {}) {
    Fields out{{"LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId", large},
               {"LaunchTemplateConfigs.2.LaunchTemplateSpecification.LaunchTemplateId", small},
               {"TargetCapacitySpecification.TotalTargetCapacity", std::to_string(total)}};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  std::string make(Fields fields) {
    return farm.ask("CreateFleet", std::move(fields)).root().child("fleetId").text();
  }
  std::vector<Instance*> members(const std::string& id) {
    return instances_of_fleet(*farm.core, *farm.state->plains.find(id));
  }
  std::vector<std::string> types(const std::string& id) {
    std::vector<std::string> out;
    for (const Instance* one : members(id)) out.push_back(one->type);
    return out;
  }
};

TEST_F(Fleets, launch_their_target_at_the_lowest_price_or_spread_over_all) {
  std::string cheap = make(of(2));
  EXPECT_EQ(cheap.size(), 42u);
  EXPECT_THAT(types(cheap), testing::ElementsAre("t2.nano", "t2.nano"));
  std::string spread =
      make(of(2, {{"TargetCapacitySpecification.DefaultTargetCapacityType", "spot"},
                  {"SpotOptions.AllocationStrategy", "diversified"}}));
  EXPECT_THAT(types(spread), testing::UnorderedElementsAre("t2.nano", "t2.small"));
  for (const Instance* one : members(spread)) EXPECT_FALSE(one->spot_request.empty());
}

TEST_F(Fleets, an_instant_one_tells_what_it_launched_and_what_it_could_not) {
  auto answer = farm.ask(
      "CreateFleet", of(3, {{"Type", "instant"},
                            {"TargetCapacitySpecification.OnDemandTargetCapacity", "1"},
                            {"TargetCapacitySpecification.DefaultTargetCapacityType", "spot"}}));
  std::map<std::string, int> lives;
  for (auto item : answer.root().child("fleetInstanceSet").children("item"))
    ++lives[std::string(item.child("lifecycle").text())];
  EXPECT_THAT(lives, testing::ElementsAre(testing::Pair("on-demand", 1), testing::Pair("spot", 2)));
  auto refused =
      farm.ask("CreateFleet",
               {{"LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId", small},
                {"LaunchTemplateConfigs.1.Overrides.1.AvailabilityZone", "nowhere-1a"},
                {"TargetCapacitySpecification.TotalTargetCapacity", "1"},
                {"Type", "instant"}});
  EXPECT_EQ(refused.root().child("fleetInstanceSet").children("item").size(), 0u);
  EXPECT_FALSE(refused.root().child("errorSet").child("item").child("errorCode").text().empty());
}

TEST_F(Fleets, heavy_instances_count_more) {
  std::string id =
      make({{"LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId", small},
            {"LaunchTemplateConfigs.1.Overrides.1.InstanceType", "t2.small"},
            {"LaunchTemplateConfigs.1.Overrides.1.WeightedCapacity", "3"},
            {"TargetCapacitySpecification.TotalTargetCapacity", "7"}});
  EXPECT_THAT(types(id), testing::ElementsAre("t2.small", "t2.small", "t2.small"));
}

TEST_F(Fleets, what_ends_of_a_maintained_one_is_replaced_also_after_a_restart) {
  std::string id = make(of(2));
  farm.settle();
  std::string first = members(id).front()->id;
  farm.ask("TerminateInstances", {{"InstanceId.1", first}});
  farm.settle(Duration::seconds(12));
  auto now = members(id);
  ASSERT_EQ(now.size(), 2u);
  EXPECT_NE(now.front()->id, first);
  farm.reopen();
  farm.settle(Duration::seconds(12));
  EXPECT_EQ(members(id).size(), 2u) << "it knows its own again, and launches no more";
}

TEST_F(Fleets, are_changed_and_deleted_with_or_without_their_instances) {
  std::string id = make(of(3));
  farm.settle();
  farm.ask("ModifyFleet",
           {{"FleetId", id}, {"TargetCapacitySpecification.TotalTargetCapacity", "1"}});
  EXPECT_EQ(members(id).size(), 1u);
  farm.ask("ModifyFleet",
           {{"FleetId", id}, {"TargetCapacitySpecification.TotalTargetCapacity", "2"}});
  EXPECT_EQ(members(id).size(), 2u);
  farm.ask("DeleteFleets", {{"FleetId.1", id}, {"TerminateInstances", "false"}});
  farm.settle(Duration::seconds(12));
  EXPECT_EQ(members(id).size(), 2u);
  farm.ask("DeleteFleets", {{"FleetId.1", id}, {"TerminateInstances", "true"}});
  EXPECT_EQ(members(id).size(), 0u);
  auto answer = farm.ask(
      "DeleteFleets", {{"FleetId.1", "fleet-0123456789abcdef0"}, {"TerminateInstances", "true"}});
  EXPECT_EQ(answer.root()
                .child("unsuccessfulFleetDeletionSet")
                .child("item")
                .child("error")
                .child("code")
                .text(),
            "fleetIdDoesNotExist");
}

// ---- what is measured of instances and their disks

TEST_F(Fleets, bytes_over_an_instances_link_are_counted_once_over_a_restart) {
  std::string id = farm.run(1, 1).front();
  farm.settle();
  auto moved = [&] {
    auto all = farm.sim.run(meter::transfers_of(*farm.store, "111122223333"));
    CHECK(all && all->size() == 1, "one record of one instance");
    const auto& month = all->front().months.begin()->second;
    return std::pair(month.in, month.out);
  };
  farm.machines.counted[id] = {id, 7, 1000, 200};
  ASSERT_TRUE(farm.sim.run(farm.transfers->sample()));
  EXPECT_EQ(moved(), std::pair(int64_t{1000}, int64_t{200}));
  ASSERT_TRUE(farm.sim.run(farm.transfers->sample()));
  farm.machines.counted[id].in = 1500;
  farm.reopen();
  ASSERT_TRUE(farm.sim.run(farm.transfers->sample()));
  EXPECT_EQ(moved(), std::pair(int64_t{1500}, int64_t{200}));
  farm.machines.counted[id] = {id, 8, 10, 10};
  ASSERT_TRUE(farm.sim.run(farm.transfers->sample()));
  EXPECT_EQ(moved(), std::pair(int64_t{1510}, int64_t{210})) << "started again: from zero";
  // What it moved until its end is told until the farm has it.
  farm.machines.counted.clear();
  farm.machines.ended = {{id, 8, 20, 10, 0, 0, true}, {"i-0forgotten", 3, 5, 5, 0, 0, true}};
  ASSERT_TRUE(farm.sim.run(farm.transfers->sample()));
  EXPECT_EQ(moved(), std::pair(int64_t{1520}, int64_t{210}));
  EXPECT_TRUE(farm.machines.ended.empty());
  farm.machines.ended = {{id, 8, 20, 10, 0, 0, true}};
  farm.reopen();
  ASSERT_TRUE(farm.sim.run(farm.transfers->sample()));
  EXPECT_EQ(moved(), std::pair(int64_t{1520}, int64_t{210})) << "as when it died in between";
}

TEST_F(Fleets, a_volume_grows_under_its_instance_and_never_shrinks) {
  std::string id = farm.run(1, 1).front();
  farm.settle();
  std::string volume = farm.ask("CreateVolume", {{"AvailabilityZone", "us-east-1a"}, {"Size", "2"}})
                           .root()
                           .child("volumeId")
                           .text();
  EXPECT_EQ(farm.refusal("DescribeVolumesModifications", {{"VolumeId.1", volume}}),
            "InvalidVolumeModification.NotFound");
  farm.ask("AttachVolume", {{"VolumeId", volume}, {"InstanceId", id}, {"Device", "/dev/sdf"}});
  farm.settle();  // time goes by: an interval of nothing is none
  EXPECT_EQ(farm.refusal("ModifyVolume", {{"VolumeId", volume}, {"Size", "1"}}),
            "InvalidParameterValue");
  EXPECT_EQ(farm.refusal("ModifyVolume", {{"VolumeId", volume}, {"Size", "2"}}),
            "InvalidParameterCombination");
  auto answer =
      farm.ask("ModifyVolume", {{"VolumeId", volume}, {"Size", "5"}, {"VolumeType", "gp3"}});
  auto change = answer.root().child("volumeModification");
  EXPECT_EQ(change.child("originalSize").text(), "2");
  EXPECT_EQ(change.child("targetVolumeType").text(), "gp3");
  EXPECT_EQ(farm.machines.size_of(id, "sdf"), Bytes::gib(5));
  farm.reopen();
  auto intervals = farm.sim.run(meter::intervals(*farm.store, "111122223333"));
  ASSERT_TRUE(intervals);
  std::vector<std::string> kinds;
  for (const auto& one : *intervals)
    if (one.thing.resource == volume)
      kinds.push_back(
          fmt::format("{} {} {}", one.thing.kind, one.thing.quantity, one.to ? "closed" : "open"));
  EXPECT_THAT(kinds, testing::ElementsAre("volume.gp2 2 closed", "volume.gp3 5 open"));
}

}  // namespace
}  // namespace croft::farm::ec2
