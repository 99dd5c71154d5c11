#include "cloud/ec2.h"

#include "cloud/testing.h"

namespace croft::cloud {
namespace {
using namespace testing;
using aio::Task;

std::string run_answer(std::string_view instances) {
  return ec2_answer(
      "RunInstances",
      fmt::format(
          "<reservationId>r-1</reservationId><ownerId>1</ownerId><instancesSet>{}</instancesSet>",
          instances));
}

RunInstances request_for(int min, int max) {
  RunInstances out;
  out.image_id = "ami-26b6534f";
  out.min_count = min;
  out.max_count = max;
  out.client_token = "token-1";
  return out;
}

TEST(Ec2, RunsInstancesWithEverythingInTheRequest) {
  Script script = with_script(
      {{200, run_answer(instance_xml("i-1", 0) + instance_xml("i-2", 272)), {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> {
        RunInstances request = request_for(1, 2);
        request.user_data = "#!/bin/sh\n";
        request.key_name = "a key";
        request.tags = {{"croft:application", "shop & sons"}};
        request.security_groups = {"web"};
        Reservation got = CO_TRY(co_await stage.ec2.run_instances(request));
        EXPECT_EQ(got.id, "r-1");
        EXPECT_EQ(got.instances.size(), 2u);
        EXPECT_EQ(got.instances[0].state, InstanceState::pending);
        // Only the low byte of a state counts.
        EXPECT_EQ(got.instances[1].state, InstanceState::running);
        EXPECT_EQ(got.instances[0].private_address, "10.0.0.5");
        EXPECT_EQ(got.instances[0].zone, "us-east-1a");
        EXPECT_EQ(got.instances[0].launch_index, 3);
        EXPECT_EQ(tag_value(got.instances[0].tags, tag_component), "shop:web");
        co_return Result<>{};
      });
  ASSERT_EQ(script.asked.size(), 1u);
  const Asked& asked = script.asked[0];
  EXPECT_EQ(asked.value("Action"), "RunInstances");
  EXPECT_EQ(asked.value("Version"), "2016-11-15");
  EXPECT_EQ(asked.value("ClientToken"), "token-1");
  EXPECT_EQ(asked.value("UserData"), "IyEvYmluL3NoCg==");
  EXPECT_EQ(asked.value("KeyName"), "a key");
  EXPECT_EQ(asked.value("TagSpecification.1.ResourceType"), "instance");
  EXPECT_EQ(asked.value("TagSpecification.1.Tag.1.Value"), "shop & sons");
  EXPECT_EQ(asked.value("SecurityGroup.1"), "web");
}

TEST(Ec2, RepeatsRunInstancesWithTheSameTokenAfterTheOutageAnswer) {
  Script script = with_script(
      {{500,
        s3_error("InternalError", "We encountered an internal error. Please try again."),
        {},
        {},
        false},
       {200, "", {}, {}, true},
       {200, run_answer(instance_xml("i-1", 16)), {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> {
        std::vector<std::string> told;
        Ec2 ec2 = stage.ec2.telling([&](const std::string& why) { told.push_back(why); });
        Reservation got = CO_TRY(co_await ec2.run_instances(request_for(1, 1)));
        EXPECT_EQ(got.instances[0].id, "i-1");
        EXPECT_EQ(told.size(), 2u);
        EXPECT_NE(told[0].find("InternalError"), std::string::npos);
        EXPECT_NE(told[0].find("next try in"), std::string::npos);
        co_return Result<>{};
      });
  ASSERT_EQ(script.asked.size(), 3u);
  EXPECT_EQ(script.asked[0].value("ClientToken"), script.asked[2].value("ClientToken"));
}

TEST(Ec2, GivesUpOnQuotaAndCapacityAtOnce) {
  for (auto [code, status] :
       {std::pair{"InstanceLimitExceeded", 400}, std::pair{"InsufficientInstanceCapacity", 500}}) {
    Script script = with_script(
        {{status, ec2_error(code, "No more."), {}, {}, false}}, [](Stage& stage) -> Task<Result<>> {
          auto refused = co_await stage.ec2.run_instances(request_for(10, 100));
          EXPECT_EQ(refused.error().code, Code::resource_exhausted);
          EXPECT_FALSE(refused.error().hints.empty());
          EXPECT_EQ(refused.error().fact("request_id"), "req-1");
          co_return Result<>{};
        });
    EXPECT_EQ(script.asked.size(), 1u) << code;
  }
}

TEST(Ec2, DoesNotRepeatWhatMayHaveHappened) {
  Script script = with_script({{200, "", {}, {}, true}}, [](Stage& stage) -> Task<Result<>> {
    auto failed = co_await stage.ec2.create_key_pair("k");
    EXPECT_EQ(failed.error().code, Code::unavailable) << failed.error().render();
    co_return Result<>{};
  });
  EXPECT_EQ(script.asked.size(), 1u);
}

TEST(Ec2, WaitsAsLongAsAThrottlingFarmAsks) {
  with_script(
      {{503, ec2_error("RequestLimitExceeded", "Slow down."), {{"Retry-After", "3"}}, {}, false},
       {200,
        ec2_answer("DescribeRegions",
                   "<regionInfo><item><regionName>us-east-1</regionName></item></regionInfo>"),
        {},
        {},
        false}},
      [](Stage& stage) -> Task<Result<>> {
        Moment before = stage.world.clock.now();
        auto regions = CO_TRY(co_await stage.ec2.describe_regions());
        EXPECT_EQ(regions.at(0).name, "us-east-1");
        EXPECT_GE(stage.world.clock.now() - before, Duration::seconds(3));
        co_return Result<>{};
      });
}

TEST(Ec2, TellsAProxysPageAndACutAnswerFromEc2s) {
  struct Case {
    Scripted answer;
    Code code;
    std::string_view says;
  };
  for (const Case& one : std::initializer_list<Case>{
           {{200,
             "<html><head><title>Sign in to Wi-Fi</title></head></html>",
             {{"Content-Type", "text/html"}},
             {},
             false},
            Code::corrupt,
            "web page 'Sign in to Wi-Fi'"},
           {{502, "<html><head><title>502 Bad Gateway</title></head></html>", {}, {}, false},
            Code::unavailable,
            "502 Bad Gateway"},
           {{200, "<DescribeRegionsResponse><regionInfo><item>", {}, {}, false},
            Code::corrupt,
            "which is not EC2's"},
           {{200, ec2_answer("RunInstances", ""), {}, {}, false},
            Code::corrupt,
            "expected <DescribeRegionsResponse>"},
           {{200, "", {}, {}, false}, Code::corrupt, "without a text"},
           {{500, "", {}, {}, false}, Code::unavailable, "500 Internal Server Error"},
           {{404, "no such page", {}, {}, false}, Code::not_found, "with 'no such page'"},
           {{200, std::string(200, 'x') + "\x1b[31m", {}, {}, false}, Code::corrupt, "xxx"},
       }) {
    static Code expected;
    static std::string_view says;
    expected = one.code;
    says = one.says;
    with_script(
        {one.answer},
        [](Stage& stage) -> Task<Result<>> {
          auto failed = co_await stage.ec2.describe_regions();
          if (failed) co_return fail(Code::internal, "it did not fail");
          EXPECT_EQ(failed.error().code, expected) << failed.error().render();
          EXPECT_NE(failed.error().what.find(says), std::string::npos) << failed.error().render();
          EXPECT_EQ(failed.error().what.find('\x1b'), std::string::npos);
          co_return Result<>{};
        },
        net::RetryLimits{.attempts = 2});
  }
}

TEST(Ec2, SaysThatNothingAnswersThere) {
  aio::SimWorld sim(3);
  auto task = [](aio::World& world) -> Task<Result<>> {
    net::HttpClient http(world);
    net::Retrier retrier(world, {.attempts = 2});
    Farm farm = CO_TRY(farm_at("http://127.0.0.1:1", "us-east-1"));
    Ec2 ec2({world, http, retrier}, *farm.ec2, {"AKTEST", secret_key, {}, "", ""});
    auto failed = co_await ec2.run_instances(request_for(1, 1));
    EXPECT_EQ(failed.error().code, Code::unavailable);
    EXPECT_NE(failed.error().render().find("does the farm run?"), std::string::npos)
        << failed.error().render();
    co_return Result<>{};
  };
  Result<> done = sim.run(task(sim.world()));
  EXPECT_TRUE(done) << done.error().render();
}

TEST(Ec2, EndsWhenAFarmHangs) {
  with_script({{200, "", {}, Duration::hours(1), false}}, [](Stage& stage) -> Task<Result<>> {
    Moment before = stage.world.clock.now();
    auto failed = co_await stage.ec2.describe_regions();
    EXPECT_EQ(failed.error().code, Code::timeout) << failed.error().render();
    EXPECT_LE(stage.world.clock.now() - before, Duration::seconds(121));
    co_return Result<>{};
  });
}

TEST(Ec2, FollowsPages) {
  std::string first =
      ec2_answer("DescribeInstances",
                 "<reservationSet><item><reservationId>r-1</reservationId><instancesSet>" +
                     instance_xml("i-1", 16) +
                     "</instancesSet></item></reservationSet><nextToken>t2</nextToken>");
  std::string second =
      ec2_answer("DescribeInstances",
                 "<reservationSet><item><reservationId>r-2</reservationId><instancesSet>" +
                     instance_xml("i-2", 80) + "</instancesSet></item></reservationSet>");
  Script script = with_script({{200, first, {}, {}, false}, {200, second, {}, {}, false}},
                              [](Stage& stage) -> Task<Result<>> {
                                DescribeInstances request;
                                request.filters = {{"tag:croft:application", {"shop", "x"}}};
                                auto got = CO_TRY(co_await stage.ec2.describe_instances(request));
                                EXPECT_EQ(got.size(), 2u);
                                EXPECT_EQ(got[1].state, InstanceState::stopped);
                                EXPECT_EQ(got[1].reservation_id, "r-2");
                                co_return Result<>{};
                              });
  ASSERT_EQ(script.asked.size(), 2u);
  EXPECT_EQ(script.asked[0].value("Filter.1.Value.2"), "x");
  EXPECT_EQ(script.asked[0].value("MaxResults"), "1000");
  EXPECT_EQ(script.asked[0].value("NextToken"), "");
  EXPECT_EQ(script.asked[1].value("NextToken"), "t2");
}

TEST(Ec2, ChangesStates) {
  std::string body = ec2_answer(
      "TerminateInstances",
      "<instancesSet><item><instanceId>i-1</instanceId><currentState><code>32</code>"
      "</currentState><previousState><code>16</code></previousState></item></instancesSet>");
  Script script = with_script({{200, body, {}, {}, false}}, [](Stage& stage) -> Task<Result<>> {
    auto changes = CO_TRY(co_await stage.ec2.terminate_instances({"i-1"}));
    EXPECT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].previous, InstanceState::running);
    EXPECT_EQ(changes[0].current, InstanceState::shutting_down);
    EXPECT_TRUE(CO_TRY(co_await stage.ec2.terminate_instances({})).empty());
    co_return Result<>{};
  });
  EXPECT_EQ(script.asked.size(), 1u);
}

TEST(Ec2, KeepsSecurityGroups) {
  Script script = with_script(
      {{200, ec2_answer("CreateSecurityGroup", "<groupId>sg-1</groupId>"), {}, {}, false},
       {400, ec2_error("InvalidPermission.Duplicate", "It is there."), {}, {}, false},
       {200, ec2_answer("AuthorizeSecurityGroupIngress", "<return>true</return>"), {}, {}, false},
       {200,
        ec2_answer("DescribeSecurityGroups",
                   "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>doors</groupName>"
                   "<tagSet><item><key>croft:application</key><value>shop</value></item></tagSet>"
                   "</item></securityGroupInfo>"),
        {},
        {},
        false},
       {400, ec2_error("DependencyViolation", "A machine is in it."), {}, {}, false},
       {400, ec2_error("InvalidGroup.NotFound", "It is gone."), {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> {
        auto id = CO_TRY(co_await stage.ec2.create_security_group("doors", "who may come",
                                                                  {{"croft:application", "shop"}}));
        EXPECT_EQ(id, "sg-1");
        // A rule that is there already is as good.
        CO_TRY(co_await stage.ec2.authorize_ingress(id, {"tcp", 7070, 7070, {"10.0.0.0/8"}}));
        CO_TRY(co_await stage.ec2.authorize_ingress(id, {"tcp", 2379, 2380, {}}));
        auto found = CO_TRY(co_await stage.ec2.describe_security_groups({}));
        EXPECT_EQ(found.size(), 1U);
        EXPECT_EQ(found.at(0).name, "doors");
        EXPECT_EQ(tag_value(found.at(0).tags, tag_application), "shop");
        EXPECT_EQ((co_await stage.ec2.delete_security_group(id)).error().code, Code::conflict);
        EXPECT_TRUE(co_await stage.ec2.delete_security_group(id));
        co_return Result<>{};
      });
  ASSERT_EQ(script.asked.size(), 6U);
  EXPECT_EQ(script.asked[0].value("TagSpecification.1.ResourceType"), "security-group");
  EXPECT_EQ(script.asked[1].value("IpPermissions.1.IpRanges.1.CidrIp"), "10.0.0.0/8");
  EXPECT_EQ(script.asked[2].value("IpPermissions.1.Groups.1.GroupId"), "sg-1");
  EXPECT_EQ(script.asked[2].value("IpPermissions.1.ToPort"), "2380");
}

TEST(Ec2, AsksForPublicAddressesAtTheInterface) {
  Script script = with_script({{200, run_answer(instance_xml("i-1", 0)), {}, {}, false}},
                              [](Stage& stage) -> Task<Result<>> {
                                RunInstances request = request_for(1, 1);
                                request.public_address = true;
                                request.security_groups = {"doors"};
                                auto named = co_await stage.ec2.run_instances(request);
                                EXPECT_EQ(named.error().code, Code::invalid_argument);
                                request.security_groups.clear();
                                request.security_group_ids = {"sg-1"};
                                CO_TRY(co_await stage.ec2.run_instances(request));
                                co_return Result<>{};
                              });
  ASSERT_EQ(script.asked.size(), 1U);
  EXPECT_EQ(script.asked[0].value("NetworkInterface.1.AssociatePublicIpAddress"), "true");
  EXPECT_EQ(script.asked[0].value("NetworkInterface.1.SecurityGroupId.1"), "sg-1");
}

TEST(Ec2, RefusesBeforeItAsks) {
  with_script({{500, "", {}, {}, false}}, [](Stage& stage) -> Task<Result<>> {
    RunInstances request = request_for(2, 1);
    EXPECT_EQ((co_await stage.ec2.run_instances(request)).error().code, Code::invalid_argument);
    request = request_for(1, 1);
    request.client_token.clear();
    EXPECT_EQ((co_await stage.ec2.run_instances(request)).error().code, Code::invalid_argument);
    request = request_for(1, 1);
    request.user_data = std::string(16385, 'x');
    EXPECT_EQ((co_await stage.ec2.run_instances(request)).error().code, Code::invalid_argument);
    EXPECT_TRUE(stage.script.asked.empty());
    co_return Result<>{};
  });
}

TEST(Ec2, UnderstandsADryRun) {
  with_script({{412, ec2_error("DryRunOperation", "Request would have succeeded."), {}, {}, false}},
              [](Stage& stage) -> Task<Result<>> {
                RunInstances request = request_for(1, 1);
                request.dry_run = true;
                EXPECT_TRUE(CO_TRY(co_await stage.ec2.run_instances(request)).instances.empty());
                co_return Result<>{};
              });
}

}  // namespace
}  // namespace croft::cloud
