#include "farm/ec2/faults.h"

#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

class FaultsTest : public testing::Test {
 protected:
  BenchFarm farm;
  std::string begin(Fault fault, Duration length = Duration::minutes(1)) {
    auto id = farm.sim.run(farm.faults->begin(std::move(fault), length));
    EXPECT_TRUE(id) << id.error().render();
    return id.value_or("");
  }
};

TEST_F(FaultsTest, calls_are_refused_until_the_fault_ends_or_is_undone) {
  Fault throttled;
  throttled.action = "Describe*";
  throttled.code = "RequestLimitExceeded";
  std::string id = begin(throttled);
  auto refused = farm.call("DescribeRegions");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fact("aws_code"), "RequestLimitExceeded");
  EXPECT_EQ(refused.error().fact("http_status"), "503");
  EXPECT_FALSE(farm.run(1, 1).empty());
  ASSERT_TRUE(farm.sim.run(farm.faults->undo(id)));
  EXPECT_TRUE(farm.call("DescribeRegions"));
  begin(throttled);
  EXPECT_FALSE(farm.call("DescribeRegions"));
  farm.settle(Duration::minutes(2));
  EXPECT_TRUE(farm.call("DescribeRegions"));
  EXPECT_EQ(farm.sim.run(farm.faults->undo(id)).error().code, Code::not_found);
}

TEST_F(FaultsTest, a_share_of_the_calls_is_refused) {
  Fault some;
  some.percent = 50;
  begin(some);
  int refused = 0;
  for (int i = 0; i < 200; ++i) refused += !farm.call("DescribeRegions");
  EXPECT_GT(refused, 50);
  EXPECT_LT(refused, 150);
}

TEST_F(FaultsTest, a_new_instance_is_unknown_while_the_farm_lags) {
  Fault lag;
  lag.kind = Fault::Kind::lag;
  lag.lag = Duration::seconds(5);
  begin(lag, Duration::hours(1));
  std::string id = farm.run(1, 1).front();
  EXPECT_EQ(farm.refusal("DescribeInstances", {{"InstanceId.1", id}}),
            "InvalidInstanceID.NotFound");
  farm.settle(Duration::seconds(6));
  EXPECT_EQ(farm.refusal("DescribeInstances", {{"InstanceId.1", id}}), "");
}

TEST_F(FaultsTest, machines_stand_still_for_their_time) {
  std::string id = farm.run(1, 1).front();
  farm.settle();
  Fault freeze;
  freeze.kind = Fault::Kind::freeze;
  freeze.instances = {id};
  begin(freeze, Duration::seconds(10));
  EXPECT_TRUE(farm.machines.frozen.contains(id));
  farm.settle(Duration::seconds(5));
  EXPECT_TRUE(farm.machines.frozen.contains(id));
  farm.settle(Duration::seconds(6));
  EXPECT_FALSE(farm.machines.frozen.contains(id));
  EXPECT_TRUE(farm.faults->all().empty());
}

TEST_F(FaultsTest, a_killed_machine_ends_with_the_reason_of_its_farm) {
  std::string id = farm.run(1, 1).front();
  farm.settle();
  Fault kill;
  kill.kind = Fault::Kind::kill;
  kill.instances = {id};
  begin(kill);
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "stopped");
  EXPECT_EQ(farm.state->find_instance(id)->reason.code, "Server.InternalError");
}

TEST_F(FaultsTest, have_bounds) {
  auto refused = [&](Duration length) {
    return !farm.sim.run(farm.faults->begin(Fault{}, length));
  };
  EXPECT_TRUE(refused(Duration::hours(2)));
  EXPECT_TRUE(refused(Duration()));
}

}  // namespace
}  // namespace croft::farm::ec2
