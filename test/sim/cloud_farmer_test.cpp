// EC2 as a farm of roles, and the components that list and end instances, in a simulated world; the
// controller dies at crash points and nothing is doubled or forgotten.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "rig.h"

namespace croft::simtest {
namespace {

constexpr const char* id = "AKIDSIM";
constexpr const char* key = "secret-of-sim-0001";

std::string with_farm(const std::string& config) {
  return R"(
#include "/org/smartfrog/services/cloudfarmer/components.sf"
#include "/org/smartfrog/sfcore/workflow/components.sf"
farm extends EmbeddedFarm {
  accounts extends { sim extends Account { id "AKIDSIM"; key "secret-of-sim-0001"; instances 20; } }
  images extends { any "ami-26b6534f"; }
}
Keys extends { id "AKIDSIM"; key "secret-of-sim-0001"; }
Farm extends EC2ClusterFarmer, Keys {
  roles extends Compound {
    master extends EC2ClusterRole { imageID "ami-26b6534f"; max 1; }
    worker extends EC2ClusterRole { imageID "ami-26b6534f"; }
  }
}
)" + config;
}

using Instances = std::map<std::string, int>;

Result<json::Object> up(Rig& rig, std::string text) {
  return rig.ask<json::Object>([text](Client& client) -> aio::Task<Result<json::Object>> {
    auto description = resolved("farm.sf", text);
    if (!description) co_return fail(std::move(description).error());
    co_return co_await client.up("farm", *std::move(description));
  });
}
Result<json::Object> down(Rig& rig) {
  return rig.ask<json::Object>([](Client& client) { return client.down("farm"); });
}
int alive(Rig& rig) {
  auto found = rig.ask<Instances>([](Client& client) { return client.instances(id, key); });
  EXPECT_TRUE(found) << found.error().render();
  int out = 0;
  if (found)
    for (const auto& [component, count] : *found) out += count;
  return out;
}
std::string phase(const Result<json::Object>& document) {
  return document ? json::string_or(*document, "phase", "").value_or("") : document.error().line();
}

const char* customers = R"(
sfConfig extends Compound {
  machines extends Farm { clusterLimit 5; }
  masters extends FarmCustomer { farmer LAZY ROOT:sfConfig:machines; role "master"; max 3; }
  workers extends FarmCustomer { farmer LAZY ROOT:sfConfig:machines; role "worker"; min 2; max 100; expected 4;
    dependsOn [LAZY ROOT:sfConfig:masters]; }
})";

TEST(SimFarmer, roles_become_instances_up_to_the_limit) {
  Rig rig(31);
  auto running = up(rig, with_farm(customers));
  ASSERT_TRUE(running) << running.error().render();
  EXPECT_EQ(phase(running), "running") << json::pretty(*running);
  EXPECT_EQ(alive(rig), 5);
  auto proof = down(rig);
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_TRUE(proof->at("left").as_array().empty()) << json::pretty(*proof);
  EXPECT_EQ(alive(rig), 0);
}

TEST(SimFarmer, what_is_given_back_is_used_again) {
  Rig rig(32);
  auto text = with_farm(R"(
sfConfig extends Compound {
  machines extends Farm { clusterLimit 3; }
  steps extends Sequence {
    one extends During { time 1000; action extends FarmCustomer { farmer LAZY ROOT:sfConfig:machines; role "worker"; min 3; } }
    two extends During { time 1000; action extends FarmCustomer { farmer LAZY ROOT:sfConfig:machines; role "worker"; min 3; } }
    rest extends DoNothing {}
  }
})");
  ASSERT_EQ(phase(up(rig, text)), "running");
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.world().clock.sleep(Duration::seconds(60)));
    co_return co_await client.settled("farm");
  });
  EXPECT_EQ(phase(document), "running");
  auto proof = down(rig);
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(proof->at("rented").as_array().size(), 3u) << json::pretty(*proof);
  EXPECT_EQ(alive(rig), 0);
}

TEST(SimFarmer, instances_that_are_told_to_stay_stay) {
  Rig rig(33);
  auto text = with_farm(R"(
sfConfig extends Compound {
  machines extends Farm { deleteInstancesOnTermination false; }
  workers extends FarmCustomer { farmer LAZY ROOT:sfConfig:machines; role "worker"; min 2; }
})");
  ASSERT_EQ(phase(up(rig, text)), "running");
  auto proof = down(rig);
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(proof->at("kept").as_array().size(), 2u);
  EXPECT_EQ(alive(rig), 2);
}

/// A farm whose machines stay; `farm` and `customer` are further attributes.
std::string staying(const char* farm, const char* customer) {
  return with_farm(fmt::format(R"(
sfConfig extends Compound {{
  machines extends Farm {{ clusterLimit 3; deleteInstancesOnTermination false; {} }}
  workers extends FarmCustomer {{ farmer LAZY ROOT:sfConfig:machines; role "worker"; {} }}
}})",
                               farm, customer));
}

size_t listed(const Result<json::Object>& proof, const char* what) {
  EXPECT_TRUE(proof) << proof.error().render();
  return proof ? proof->at(what).as_array().size() : 0;
}

TEST(SimFarmer, machines_that_stayed_are_used_again_in_the_next_life) {
  Rig rig(35);
  ASSERT_EQ(phase(up(rig, staying("", "min 2;"))), "running");
  EXPECT_EQ(listed(down(rig), "kept"), 2u);
  // Two are there: one more is all that the limit leaves, and all that is rented.
  auto again = up(rig, staying("", "min 3;"));
  ASSERT_EQ(phase(again), "running") << json::pretty(*again);
  EXPECT_EQ(alive(rig), 3);
  rig.restart_controller(false);
  auto taken_over = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.ready());
    co_return co_await client.settled("farm");
  });
  EXPECT_EQ(phase(taken_over), "running");
  EXPECT_EQ(alive(rig), 3);
  EXPECT_EQ(listed(down(rig), "kept"), 3u) << "the proof names what stays";
  EXPECT_EQ(alive(rig), 3);
}

TEST(SimFarmer, machines_that_stayed_count_where_they_are_not_used_again) {
  Rig rig(36);
  ASSERT_EQ(phase(up(rig, staying("recycle false;", "min 2; deleteOnTerminate false;"))),
            "running");
  EXPECT_EQ(listed(down(rig), "kept"), 2u);
  auto refused = up(rig, staying("recycle false;", "min 2; deleteOnTerminate false;"));
  EXPECT_NE(json::compact(*refused).find("1 of 3 machines left, at least 2 are wanted"),
            std::string::npos)
      << json::pretty(*refused);
  EXPECT_EQ(alive(rig), 2);
  EXPECT_EQ(listed(down(rig), "kept"), 2u);
  ASSERT_EQ(phase(up(rig, staying("recycle false;", "min 1; deleteOnTerminate false;"))),
            "running");
  EXPECT_EQ(alive(rig), 3);
  EXPECT_EQ(listed(down(rig), "kept"), 3u);
}

TEST(SimFarmer, machines_that_stayed_and_went_are_forgotten) {
  Rig rig(37);
  ASSERT_EQ(phase(up(rig, staying("", "min 2;"))), "running");
  EXPECT_EQ(listed(down(rig), "kept"), 2u);
  ASSERT_EQ(phase(up(rig, with_farm(R"(
sfConfig extends Sequence {
  kill extends KillInstances, Keys { imageID "ami-26b6534f"; minCount 2; }
  rest extends DoNothing {}
})"))),
            "running");
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.world().clock.sleep(Duration::seconds(10)));
    co_return co_await client.settled("farm");
  });
  EXPECT_EQ(phase(document), "running");
  EXPECT_EQ(alive(rig), 0);
  down(rig);
  ASSERT_EQ(phase(up(rig, staying("deleteInstancesOnTermination true;", "min 3;"))), "running");
  EXPECT_EQ(alive(rig), 3);
  EXPECT_EQ(listed(down(rig), "left"), 0u);
  EXPECT_EQ(alive(rig), 0);
}

TEST(SimMachines, end_where_they_are_done_when_they_run) {
  Rig rig(38);
  auto ended = up(rig, with_farm(R"(
sfConfig extends Sequence {
  machine extends ImageInstance, Keys { imageID "ami-26b6534f"; sfShouldTerminate true; }
  stop extends DoNothing { time 5; message "it ran"; }
})"));
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.world().clock.sleep(Duration::seconds(60)));
    co_return co_await client.settled("farm");
  });
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(*document).find("it ran"), std::string::npos) << json::pretty(*document);
  EXPECT_EQ(alive(rig), 0);
}

/// Three zones, each of one host with room for all.
const char* zones_file = R"({"zones": [
  {"name": "us-east-1a", "racks": [{"name": "r1", "hosts": [{"name": "h1", "cores": 999, "memory": "9TiB"}]}]},
  {"name": "us-east-1b", "racks": [{"name": "r2", "hosts": [{"name": "h2", "cores": 999, "memory": "9TiB"}]}]},
  {"name": "us-east-1c", "racks": [{"name": "r3", "hosts": [{"name": "h3", "cores": 999, "memory": "9TiB"}]}]}]})";

/// How many live in each zone, "a2 b1 c1".
std::string by_zone(Rig& rig) {
  auto zones = rig.ask<Instances>([](Client& client) { return client.zones(id, key); });
  EXPECT_TRUE(zones) << zones.error().render();
  std::string out;
  for (const auto& [zone, count] : zones.value_or(Instances{}))
    out += fmt::format("{}{}{}", out.empty() ? "" : " ", zone.back(), count);
  return out;
}

std::string spread(int count, const char* more = "") {
  return with_farm(fmt::format(R"(
sfConfig extends Compound {{
  machines extends ImageInstance, Keys {{ imageID "ami-26b6534f"; minCount {}; spread "BY_ZONE";
    zones ["us-east-1a", "us-east-1b", "us-east-1c"]; {} }}
}})",
                               count, more));
}

TEST(SimSpread, machines_are_dealt_over_zones) {
  Rig rig(41, zones_file);
  ASSERT_EQ(phase(up(rig, spread(7))), "running");
  EXPECT_EQ(by_zone(rig), "a3 b2 c2");
  auto proof = down(rig);
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(alive(rig), 0);
}

TEST(SimSpread, one_zone_and_many_contradict) {
  Rig rig(42, zones_file);
  auto failed = up(rig, spread(2, "zone \"us-east-1a\";"));
  EXPECT_EQ(phase(failed), "terminated");
  EXPECT_NE(json::compact(*failed).find("all in one zone, and spread"), std::string::npos);
}

TEST(SimSpread, a_controller_that_dies_anywhere_deals_as_many) {
  Rig undisturbed(43, zones_file);
  EXPECT_EQ(phase(up(undisturbed, spread(5))), "running");
  uint64_t all = undisturbed.sim.main().crash_points();
  for (uint64_t at : aio::crash_points("spread", all, 16)) {
    if (testing::Test::HasFailure()) return;
    Rig rig(at, zones_file);
    rig.sim.main().crash_at(at);
    auto first = up(rig, spread(5));
    bool died = !first || rig.sim.main().dead();
    rig.sim.main().crash_at(0);
    if (died) rig.restart_controller(at % 2 == 0);
    EXPECT_EQ(phase(up(rig, spread(5))), "running") << "point " << at;
    EXPECT_EQ(by_zone(rig), "a2 b2 c1") << "point " << at;
    auto proof = down(rig);
    EXPECT_TRUE(proof) << "point " << at << ": " << proof.error().render();
    EXPECT_EQ(alive(rig), 0) << "point " << at;
  }
}

const char* lost_machines = R"(
sfConfig extends Compound {
  sfLivenessDelay 5;
  keeper extends Supervised { backoff ["1s", "10s"];
    machines extends ImageInstance, Keys { imageID "ami-26b6534f"; minCount 2; } }
  steps extends Sequence {
    pause extends Delay { time 5000; }
    kill extends KillInstances, Keys { imageID "ami-26b6534f"; minCount 2; }
    rest extends DoNothing {}
  }
})";

/// A minute of its life: the machines are killed, and come back.
Result<json::Object> a_minute(Rig& rig) {
  return rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.world().clock.sleep(Duration::minutes(1)));
    co_return co_await client.settled("farm");
  });
}

TEST(SimSupervised, machines_that_are_lost_come_back_wherever_the_controller_dies) {
  Rig undisturbed(51);
  EXPECT_EQ(phase(up(undisturbed, with_farm(lost_machines))), "running");
  uint64_t before = undisturbed.sim.main().crash_points();
  auto document = a_minute(undisturbed);
  EXPECT_EQ(phase(document), "running");
  EXPECT_EQ(alive(undisturbed), 2);
  EXPECT_NE(json::compact(*document).find("\"restarts\":1"), std::string::npos)
      << json::pretty(*document);
  uint64_t all = undisturbed.sim.main().crash_points() - before;
  EXPECT_GT(all, 10u);
  for (uint64_t at : aio::crash_points("supervised", all, 12)) {
    if (testing::Test::HasFailure()) return;
    Rig rig(51);
    EXPECT_EQ(phase(up(rig, with_farm(lost_machines))), "running");
    rig.sim.main().crash_at(at);
    auto first = a_minute(rig);
    bool died = !first || rig.sim.main().dead();
    rig.sim.main().crash_at(0);
    if (died) rig.restart_controller(at % 2 == 0);
    EXPECT_EQ(phase(a_minute(rig)), "running") << "point " << at;
    EXPECT_EQ(alive(rig), 2) << "point " << at;
    auto proof = down(rig);
    EXPECT_TRUE(proof) << "point " << at << ": " << proof.error().render();
    EXPECT_EQ(alive(rig), 0) << "point " << at;
  }
}

TEST(SimFarmer, a_role_without_an_image_is_refused) {
  Rig rig(34);
  auto text = with_farm(R"(
sfConfig extends Compound {
  machines extends EC2ClusterFarmer, Keys { roles extends Compound { bad extends EC2ClusterRole { imageID ""; } } }
})");
  auto failed = up(rig, text);
  EXPECT_EQ(phase(failed), "terminated");
  EXPECT_NE(json::compact(*failed).find("no valid imageID for role bad"), std::string::npos);
}

TEST(SimFarmer, a_controller_that_dies_anywhere_doubles_nothing_and_forgets_nothing) {
  Rig undisturbed(1);
  EXPECT_EQ(phase(up(undisturbed, with_farm(customers))), "running");
  uint64_t all = undisturbed.sim.main().crash_points();
  EXPECT_GT(all, 20u);
  for (uint64_t at : aio::crash_points("farmer", all, 12)) {
    if (testing::Test::HasFailure()) return;
    Rig rig(at);
    rig.sim.main().crash_at(at);
    auto first = up(rig, with_farm(customers));
    bool died = !first || rig.sim.main().dead();  // it may die after its answer, too
    rig.sim.main().crash_at(0);
    if (died) rig.restart_controller(at % 2 == 0);
    auto second = up(rig, with_farm(customers));
    EXPECT_EQ(phase(second), "running") << "point " << at;
    EXPECT_EQ(alive(rig), 5) << "point " << at;
    auto proof = down(rig);
    EXPECT_TRUE(proof) << "point " << at << ": " << proof.error().render();
    EXPECT_EQ(alive(rig), 0) << "point " << at;
  }
}

TEST(SimInstances, are_listed_and_ended_by_id) {
  Rig rig(35);
  auto text = with_farm(R"(
sfConfig extends Sequence {
  work extends Parallel {
    machines extends ImageInstance, Keys { imageID "ami-26b6534f"; minCount 2; }
    steps extends Sequence {
      pause extends Delay { time 5000; }
      list extends ListInstances, Keys { imageID "ami-26b6534f"; state "running"; minCount 2; maxCount 2; }
      none extends ListInstances, Keys { imageID "ami-12345678"; maxCount 0; }
      kill extends KillInstances, Keys { imageID "ami-26b6534f"; minCount 2; }
    }
  }
})");
  auto running = up(rig, text);
  EXPECT_TRUE(running) << running.error().render();
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.world().clock.sleep(Duration::minutes(3)));
    co_return co_await client.settled("farm");
  });
  // The machines are gone: the component that rented them sees it and ends the application.
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(*document).find("instances are left"), std::string::npos)
      << json::compact(*document);
  EXPECT_EQ(alive(rig), 0);
}

TEST(SimInstances, are_replaced_where_it_is_told_so) {
  Rig rig(37);
  auto text = with_farm(R"(
sfConfig extends Compound {
  sfLivenessDelay 5;
  machines extends ImageInstance, Keys { imageID "ami-26b6534f"; minCount 2; onLoss "REPLACE";
    tags [["team", "blue"]]; }
  steps extends Sequence {
    pause extends Delay { time 5000; }
    kill extends KillInstances, Keys { imageID "ami-26b6534f"; minCount 2; }
    rest extends DoNothing {}
  }
})");
  ASSERT_EQ(phase(up(rig, text)), "running");
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.world().clock.sleep(Duration::minutes(2)));
    co_return co_await client.settled("farm");
  });
  EXPECT_EQ(phase(document), "running") << json::compact(*document);
  EXPECT_EQ(alive(rig), 2);
  auto proof = down(rig);
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(proof->at("rented").as_array().size(), 4u);
  EXPECT_EQ(alive(rig), 0);
}

/// On an embedded farm; elsewhere it is refused (old_types_test.cpp).
TEST(SimInstances, all_of_an_account_are_ended_where_none_is_named) {
  Rig rig(36);
  auto running = up(rig, with_farm(R"(
sfConfig extends Sequence {
  work extends Parallel {
    machines extends ImageInstance, Keys { imageID "ami-26b6534f"; minCount 2; }
    steps extends Sequence {
      pause extends Delay { time 5000; }
      kill extends KillInstances, Keys { minCount 2; }
    }
  }
})"));
  EXPECT_TRUE(running) << running.error().render();
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.world().clock.sleep(Duration::minutes(3)));
    co_return co_await client.settled("farm");
  });
  ASSERT_TRUE(document) << document.error().render();
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(*document).find("instances are left"), std::string::npos)
      << json::compact(*document);
  EXPECT_EQ(alive(rig), 0);
}

}  // namespace
}  // namespace croft::simtest
