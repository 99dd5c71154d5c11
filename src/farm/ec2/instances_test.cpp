#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"
#include "farm/meter/intervals.h"

namespace croft::farm::ec2 {
namespace {

class Instances : public testing::Test {
 protected:
  BenchFarm farm;
  std::vector<meter::Interval> intervals() {
    return *farm.sim.run(meter::intervals(*farm.store, "111122223333"));
  }
};

TEST_F(Instances, start_as_pending_and_run_soon) {
  auto ids =
      farm.run(1, 3, {{"InstanceType", "t2.micro"}, {"UserData", base64("#!/bin/sh\necho hi\n")}});
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_EQ(farm.state_of(ids[0]), "pending");
  farm.settle();
  for (const std::string& id : ids) {
    EXPECT_EQ(farm.state_of(id), "running");
    ASSERT_TRUE(farm.machines.running().contains(id));
    EXPECT_EQ(farm.specs[id].user_data, "#!/bin/sh\necho hi\n");
    EXPECT_EQ(farm.specs[id].memory, Bytes::mib(1024));
    EXPECT_TRUE(farm.specs[id].first_boot);
  }
  EXPECT_EQ(farm.specs[ids[0]].private_address, "10.77.0.4");
  EXPECT_EQ(farm.specs[ids[2]].hostname, "ip-10-77-0-6");
}

TEST_F(Instances, one_reservation_holds_them_with_launch_indices) {
  farm.run(2, 2);
  farm.run(1, 1);
  auto document = farm.ask("DescribeInstances");
  auto reservations = document.root().child("reservationSet").children("item");
  ASSERT_EQ(reservations.size(), 2u);
  auto items = reservations[0].child("instancesSet").children("item");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[1].child("amiLaunchIndex").text(), "1");
  EXPECT_EQ(items[0].child("instanceState").child("name").text(), "pending");
  EXPECT_EQ(items[0].child("instanceState").child("code").text(), "0");
  EXPECT_EQ(items[0].child("privateDnsName").text(), "ip-10-77-0-4.ec2.internal");
}

TEST_F(Instances, as_many_as_the_quota_lets_or_none) {
  EXPECT_EQ(farm.run(10, 100).size(), 20u);  // quota 20
  EXPECT_EQ(
      farm.refusal("RunInstances",
                   {{"ImageId", std::string(builtin_image)}, {"MinCount", "1"}, {"MaxCount", "1"}}),
      "InstanceLimitExceeded");
  EXPECT_EQ(farm.state->count_owned("111122223333"), 20);
}

TEST_F(Instances, capacity_of_the_machine_bounds_them_too) {
  farm.core->capacity.instances = 3;
  EXPECT_EQ(
      farm.refusal("RunInstances",
                   {{"ImageId", std::string(builtin_image)}, {"MinCount", "4"}, {"MaxCount", "9"}}),
      "InsufficientInstanceCapacity");
  EXPECT_EQ(farm.run(1, 9).size(), 3u);
}

TEST_F(Instances, a_hundred_small_ones_fit_on_two_cores_and_24_gigabytes) {
  Capacity capacity;
  EXPECT_GE(capacity.room_for(*find_instance_type("m1.small"), *farm.state), 100u);
}

TEST_F(Instances, a_client_token_answers_the_same_again) {
  auto first = farm.run(2, 2, {{"ClientToken", "t1"}});
  EXPECT_EQ(farm.run(2, 2, {{"ClientToken", "t1"}}), first);
  farm.reopen();
  EXPECT_EQ(farm.run(2, 2, {{"ClientToken", "t1"}}), first);
  EXPECT_EQ(farm.refusal("RunInstances", {{"ImageId", std::string(builtin_image)},
                                          {"MinCount", "1"},
                                          {"MaxCount", "2"},
                                          {"ClientToken", "t1"}}),
            "IdempotentParameterMismatch");
  EXPECT_EQ(farm.state->instances().size(), 2u);
}

TEST_F(Instances, wrong_launches_are_refused_each_with_its_code) {
  auto refusal = [&](Fields more) {
    Fields fields{{"ImageId", std::string(builtin_image)}, {"MinCount", "1"}, {"MaxCount", "2"}};
    for (auto& field : more) {
      std::erase_if(fields, [&](const auto& f) { return f.first == field.first; });
      fields.push_back(field);
    }
    return farm.refusal("RunInstances", fields);
  };
  EXPECT_EQ(refusal({{"ImageId", "ami-12345678"}}), "InvalidAMIID.NotFound");
  EXPECT_EQ(refusal({{"MinCount", "3"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"MinCount", "0"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"InstanceType", "m9.huge"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"KeyName", "nobody"}}), "InvalidKeyPair.NotFound");
  EXPECT_EQ(refusal({{"UserData", "!!"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"UserData", base64(std::string(16385, 'x'))}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"SecurityGroup.1", "web"}}), "InvalidGroup.NotFound");
  EXPECT_EQ(refusal({{"Placement.AvailabilityZone", "mars-1a"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"TagSpecification.1.ResourceType", "banana"},
                     {"TagSpecification.1.Tag.1.Key", "a"}}),
            "InvalidParameterValue");
  EXPECT_EQ(refusal({{"TagSpecification.1.ResourceType", "instance"},
                     {"TagSpecification.1.Tag.1.Key", "aws:a"}}),
            "InvalidParameterValue");
  EXPECT_EQ(refusal({{"IamInstanceProfile.Name", "x"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"EnclaveOptions.Enabled", "true"}}), "UnsupportedOperation");
  EXPECT_EQ(refusal({{"UserData", base64(std::string(16384, 'x'))}}), "");
}

TEST_F(Instances, stop_start_reboot_terminate) {
  std::string id = farm.run(1, 1).front();
  EXPECT_EQ(farm.refusal("StopInstances", {{"InstanceId.1", id}}), "IncorrectInstanceState");
  farm.settle();
  std::string address = farm.state->find_instance(id)->private_address;
  auto stopped = farm.ask("StopInstances", {{"InstanceId.1", id}});
  auto change = stopped.root().child("instancesSet").child("item");
  EXPECT_EQ(change.child("previousState").child("name").text(), "running");
  EXPECT_EQ(change.child("currentState").child("code").text(), "64");
  EXPECT_EQ(farm.refusal("StartInstances", {{"InstanceId.1", id}}), "IncorrectInstanceState");
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "stopped");
  EXPECT_EQ(farm.state->find_instance(id)->reason.code, "Client.UserInitiatedShutdown");
  EXPECT_TRUE(farm.machines.existing().contains(id));
  EXPECT_EQ(farm.refusal("RebootInstances", {{"InstanceId.1", id}}), "IncorrectInstanceState");

  farm.ask("StartInstances", {{"InstanceId.1", id}});
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "running");
  EXPECT_EQ(farm.first_boots.size(), 1u);
  EXPECT_EQ(farm.state->find_instance(id)->private_address, address);

  farm.ask("RebootInstances", {{"InstanceId.1", id}});
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "running");
  EXPECT_EQ(farm.first_boots.size(), 1u);

  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  EXPECT_EQ(farm.state_of(id), "shutting-down");
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "terminated");
  EXPECT_TRUE(farm.machines.existing().empty());
  auto again = farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  EXPECT_EQ(
      again.root().child("instancesSet").child("item").child("previousState").child("code").text(),
      "48");
  EXPECT_EQ(farm.refusal("StartInstances", {{"InstanceId.1", id}}), "IncorrectInstanceState");
}

TEST_F(Instances, terminating_one_that_still_boots_leaves_nothing) {
  std::string id = farm.run(1, 1).front();
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "terminated");
  EXPECT_TRUE(farm.machines.existing().empty());
}

TEST_F(Instances, termination_protection_holds_until_it_is_lifted) {
  std::string id = farm.run(1, 1, {{"DisableApiTermination", "true"}}).front();
  EXPECT_EQ(farm.refusal("TerminateInstances", {{"InstanceId.1", id}}), "OperationNotPermitted");
  farm.ask("ModifyInstanceAttribute",
           {{"InstanceId", id}, {"DisableApiTermination.Value", "false"}});
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
}

TEST_F(Instances, a_launch_that_fails_ends_terminated_with_its_reason) {
  auto ids = farm.run(2, 2);
  farm.machines.failing_starts.emplace(
      ids[0], Error(Code::unavailable, "init: cannot mount the root disk"));
  farm.settle();
  EXPECT_EQ(farm.state_of(ids[0]), "terminated");
  EXPECT_EQ(farm.state->find_instance(ids[0])->reason.code, "Server.InternalError");
  EXPECT_EQ(farm.state_of(ids[1]), "running");
  EXPECT_EQ(farm.machines.existing().size(), 1u);
}

TEST_F(Instances, poweroff_inside_obeys_the_shutdown_behavior) {
  std::string stays = farm.run(1, 1).front();
  std::string goes = farm.run(1, 1, {{"InstanceInitiatedShutdownBehavior", "terminate"}}).front();
  farm.settle();
  farm.machines.end(stays, "poweroff", true);
  farm.machines.end(goes, "poweroff", true);
  farm.settle();
  EXPECT_EQ(farm.state_of(stays), "stopped");
  EXPECT_EQ(farm.state_of(goes), "terminated");
  EXPECT_EQ(farm.state->find_instance(stays)->reason.code, "Client.InstanceInitiatedShutdown");
}

TEST_F(Instances, a_reboot_inside_starts_it_again_without_first_boot) {
  std::string id = farm.run(1, 1).front();
  farm.settle();
  farm.machines.end(id, "reboot", true);
  farm.settle();
  EXPECT_EQ(farm.state_of(id), "running");
  EXPECT_TRUE(farm.machines.running().contains(id));
  EXPECT_EQ(farm.first_boots.size(), 1u);
}

TEST_F(Instances, are_found_again_after_a_restart) {
  auto ids = farm.run(3, 3);
  farm.settle();
  farm.machines.end(ids[1], "killed by signal 9", false);  // died while the farm was down
  ASSERT_TRUE(
      farm.sim.run(farm.machines.start({.id = "i-00000000000000bad"})));  // belongs to no record
  farm.reopen();
  farm.settle();
  EXPECT_EQ(farm.state_of(ids[0]), "running");
  EXPECT_EQ(farm.state_of(ids[1]), "stopped");
  EXPECT_EQ(farm.state->find_instance(ids[1])->reason.code, "Server.InternalError");
  EXPECT_EQ(farm.machines.running(), (std::set<std::string>{ids[0], ids[2]}));
  EXPECT_FALSE(farm.run(1, 1).empty());
}

TEST_F(Instances, half_made_launches_are_finished_once) {
  auto ids = farm.run(2, 2);
  farm.reopen();
  farm.settle();
  EXPECT_EQ(farm.machines.running(), (std::set<std::string>(ids.begin(), ids.end())));
  EXPECT_EQ(farm.state_of(ids[0]), "running");
  EXPECT_EQ(farm.first_boots.size(), 2u);
}

TEST_F(Instances, terminated_ones_are_forgotten_after_an_hour_and_their_token_with_them) {
  std::string id = farm.run(1, 1, {{"ClientToken", "once"}}).front();
  farm.settle();
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle(Duration::minutes(50));
  EXPECT_TRUE(farm.state->find_instance(id));
  farm.settle(Duration::minutes(15));
  EXPECT_FALSE(farm.state->find_instance(id));
  EXPECT_FALSE(farm.state->find_token("111122223333", "once"));
  farm.reopen();
  EXPECT_TRUE(farm.state->instances().empty());
}

TEST_F(Instances, addresses_are_used_again_and_never_twice) {
  auto ids = farm.run(2, 2);
  farm.settle();
  farm.ask("TerminateInstances", {{"InstanceId.1", ids[0]}});
  farm.settle();
  std::string next = farm.run(1, 1).front();
  EXPECT_EQ(farm.state->find_instance(next)->private_address, "10.77.0.4");
  EXPECT_EQ(farm.refusal("RunInstances", {{"ImageId", std::string(builtin_image)},
                                          {"MinCount", "1"},
                                          {"MaxCount", "1"},
                                          {"PrivateIpAddress", "10.77.0.5"}}),
            "InvalidIPAddress.InUse");
  farm.reopen();
  EXPECT_EQ(farm.state->by_address("10.77.0.4")->id, next);
  std::string other = farm.run(1, 1, {{"Placement.AvailabilityZone", "us-east-1b"}}).front();
  EXPECT_EQ(farm.state->find_instance(other)->private_address, "10.77.128.4");
}

TEST_F(Instances, pages_and_filters_walk_all_of_them_once) {
  auto ids = farm.run(12, 12,
                      {{"TagSpecification.1.ResourceType", "instance"},
                       {"TagSpecification.1.Tag.1.Key", "app"},
                       {"TagSpecification.1.Tag.1.Value", "talk"}});
  std::vector<std::string> seen;
  std::string token;
  do {
    Fields fields{{"MaxResults", "5"}, {"Filter.1.Name", "tag:app"}, {"Filter.1.Value.1", "ta*"}};
    if (!token.empty()) fields.emplace_back("NextToken", token);
    auto page = farm.ask("DescribeInstances", fields);
    for (auto r : page.root().child("reservationSet").children("item"))
      for (auto i : r.child("instancesSet").children("item"))
        seen.push_back(i.child("instanceId").text());
    token = page.root().child("nextToken").text();
  } while (!token.empty());
  EXPECT_EQ(seen, ids);
  EXPECT_EQ(farm.refusal("DescribeInstances", {{"MaxResults", "4"}}), "InvalidParameterValue");
  EXPECT_EQ(farm.refusal("DescribeInstances", {{"MaxResults", "5"}, {"InstanceId.1", ids[0]}}),
            "InvalidParameterCombination");
  EXPECT_EQ(farm.refusal("DescribeInstances", {{"NextToken", "AAAA"}}), "InvalidNextToken");
}

TEST_F(Instances, running_time_is_metered_once_for_each_interval) {
  std::string id = farm.run(1, 1).front();
  farm.settle();
  farm.reopen();
  farm.settle();
  farm.ask("StopInstances", {{"InstanceId.1", id}});
  farm.settle();
  farm.ask("StartInstances", {{"InstanceId.1", id}});
  farm.settle();
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle();
  auto all = intervals();
  ASSERT_EQ(all.size(), 2u);
  for (const auto& one : all) {
    EXPECT_EQ(one.thing.resource, id);
    EXPECT_EQ(one.thing.kind, "m1.small");
    ASSERT_TRUE(one.to);
    EXPECT_LT(one.from, *one.to);
  }
}

TEST_F(Instances, console_and_status) {
  std::string id = farm.run(1, 1).front();
  auto none = farm.ask("DescribeInstanceStatus");
  EXPECT_TRUE(none.root().child("instanceStatusSet").children("item").empty());
  auto all = farm.ask("DescribeInstanceStatus", {{"IncludeAllInstances", "true"}});
  EXPECT_EQ(all.root()
                .child("instanceStatusSet")
                .child("item")
                .child("systemStatus")
                .child("status")
                .text(),
            "initializing");
  farm.settle();
  auto now = farm.ask("DescribeInstanceStatus");
  EXPECT_EQ(now.root()
                .child("instanceStatusSet")
                .child("item")
                .child("instanceStatus")
                .child("status")
                .text(),
            "ok");
  auto console = farm.ask("GetConsoleOutput", {{"InstanceId", id}});
  EXPECT_NE(unbase64(console.root().child("output").text())->find("console of " + id + "\n"),
            std::string::npos);
}

}  // namespace
}  // namespace croft::farm::ec2
