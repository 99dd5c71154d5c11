// The talk's descriptions, from `up` to nothing left, in a simulated world with a seed; a
// controller that dies at every crash point; a bucket that vanishes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "talk_rig.h"

namespace croft::simtest {
namespace {

TEST(SimTalk, goes_up_and_down_to_nothing_left) {
  Rig rig(2008);
  auto running = up(rig);
  ASSERT_TRUE(running) << running.error().render();
  EXPECT_EQ(phase(running), "running") << json::pretty(*running);
  EXPECT_EQ(instances(rig).value(), (Instances{{"talk:service", 3}}));
  EXPECT_EQ(buckets(rig).value(), (Buckets{"sim-persistent", "sim-transient"}));
  auto proof = down(rig);
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(size_of(proof, "rented"), 5u);
  EXPECT_EQ(size_of(proof, "returned"), 4u);
  EXPECT_EQ(size_of(proof, "kept"), 1u);
  EXPECT_EQ(size_of(proof, "left"), 0u) << json::pretty(*proof);
  EXPECT_TRUE(proof->at("checked").as_bool());
  EXPECT_EQ(instances(rig).value(), Instances{});
  EXPECT_EQ(buckets(rig).value(), Buckets{"sim-persistent"});
  proof = down(rig, true);
  EXPECT_EQ(size_of(proof, "kept"), 0u);
  EXPECT_EQ(buckets(rig).value(), Buckets{});
}

TEST(SimTalk, what_was_kept_belongs_to_the_next_up) {
  Rig rig(1);
  ASSERT_EQ(phase(up(rig)), "running");
  ASSERT_TRUE(down(rig));
  ASSERT_EQ(phase(up(rig)), "running");
  EXPECT_EQ(size_of(down(rig, true), "kept"), 0u);
  EXPECT_EQ(buckets(rig).value(), Buckets{});
}

TEST(SimTalk, a_bucket_that_was_there_is_never_removed) {
  Rig rig(2);
  ASSERT_EQ(phase(up(rig)), "running");
  ASSERT_TRUE(down(rig));
  // Another home on the same farm: it knows nothing of the first.
  rig.restart_controller(false);
  ASSERT_TRUE(rig.sim.run(
      [](aio::World& world) { return world.disk.remove_tree("/home"); }(rig.sim.world())));
  rig.restart_controller(false);
  ASSERT_EQ(phase(up(rig)), "running");
  auto proof = down(rig, true);
  EXPECT_EQ(size_of(proof, "left"), 0u);
  EXPECT_EQ(buckets(rig).value(), Buckets{"sim-persistent"});
}

TEST(SimTalk, a_vanished_bucket_ends_the_application_and_all_know_why) {
  Rig rig(3);
  ASSERT_EQ(phase(up(rig)), "running");
  ASSERT_TRUE(
      rig.ask<void>([](Client& client) { return client.remove_bucket(id, key, "sim-transient"); }));
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    for (;;) {
      auto seen =
          CO_TRY(co_await client.call("GET", "/v1/applications/talk?wait=settled&seconds=20"));
      if (CO_TRY(json::string_at(seen, "phase")) == "terminated") co_return seen;
      CO_TRY(co_await client.world().clock.sleep(Duration::seconds(1)));
    }
  });
  ASSERT_TRUE(document) << document.error().render();
  const json::Object& record = document->at("record").as_object();
  EXPECT_EQ(record.at("culprit").as_string(), "talk:transient");
  EXPECT_NE(std::string(record.at("cause").as_string()).find("404"), std::string::npos);
  EXPECT_EQ(instances(rig).value(), Instances{});
}

TEST(SimTalk, an_unanswered_farm_is_waited_for) {
  Rig rig(4);
  ASSERT_EQ(phase(up(rig)), "running");
  aio::Address farm{"127.0.0.1", 7480, ""};
  rig.sim.network().cut(farm);
  auto wait = [](aio::World& world, Duration time) { return world.clock.sleep(time); };
  ASSERT_TRUE(rig.sim.run_in(rig.person, wait(rig.person.world(), Duration::seconds(20))));
  rig.sim.network().heal(farm);
  ASSERT_TRUE(rig.sim.run_in(rig.person, wait(rig.person.world(), Duration::seconds(60))));
  auto document = rig.ask<json::Object>([](Client& client) { return client.settled("talk"); });
  EXPECT_EQ(phase(document), "running");
}

/// Whether the controller died at crash point `at`.
bool crash_once(uint64_t at, bool in_down, bool power_cut) {
  Rig rig(at);
  auto where = fmt::format("crash point {} of {}{}", at, in_down ? "down" : "up",
                           power_cut ? ", power cut" : "");
  if (!in_down) rig.sim.main().crash_at(at);
  auto running = up(rig);
  bool died = rig.sim.main().dead();
  rig.sim.main().crash_at(0);
  if (died) {
    rig.restart_controller(power_cut);
    running = up(rig);
  }
  EXPECT_EQ(phase(running), "running") << where;
  EXPECT_EQ(instances(rig).value(), (Instances{{"talk:service", 3}})) << where;
  EXPECT_EQ(buckets(rig).value(), (Buckets{"sim-persistent", "sim-transient"})) << where;
  if (in_down) rig.sim.main().crash_at(at);
  auto proof = down(rig);
  if (in_down) died = rig.sim.main().dead();
  rig.sim.main().crash_at(0);
  if (in_down && died) {
    rig.restart_controller(power_cut);
    proof = down(rig);
  }
  EXPECT_TRUE(proof) << where << proof.error().render();
  EXPECT_EQ(size_of(proof, "left"), 0u) << where;
  EXPECT_EQ(instances(rig).value(), Instances{}) << where;
  EXPECT_EQ(buckets(rig).value(), Buckets{"sim-persistent"}) << where;
  EXPECT_EQ(size_of(down(rig, true), "kept"), 0u) << where;
  EXPECT_EQ(buckets(rig).value(), Buckets{}) << where;
  return died;
}

/// The crash points of an `up`, and of the `down` after it.
std::pair<uint64_t, uint64_t> points_of_a_life() {
  Rig rig(1);
  EXPECT_EQ(phase(up(rig)), "running");
  uint64_t up = rig.sim.main().crash_points();
  EXPECT_TRUE(down(rig));
  return {up, rig.sim.main().crash_points() - up};
}

TEST(SimTalk, a_controller_that_dies_at_any_point_loses_and_doubles_nothing) {
  constexpr size_t crashes = 20;
  auto [up, down] = points_of_a_life();
  for (bool in_down : {false, true}) {
    uint64_t all = in_down ? down : up;
    EXPECT_GT(all, 20u);
    size_t died = 0;
    auto points = aio::crash_points(in_down ? "talk down" : "talk up", all, crashes);
    for (uint64_t at : points) {
      died += crash_once(at, in_down, at % 2 == 0);
      if (HasFailure()) return;
    }
    // Each has its own seed, and so a point more or less.
    EXPECT_GE(died + 2, points.size());
    fmt::print("{} of {} crash points of {}\n", points.size(), all, in_down ? "down" : "up");
  }
}

/// Dies at crash point `first` of an `up`, and what continues it at its point `second`; the third
/// process finishes, and takes it down again.
void crash_twice(uint64_t first, uint64_t second) {
  Rig rig(first * 1000 + second);
  auto where = fmt::format("crash points {}, then {} of up", first, second);
  rig.sim.main().crash_at(first);
  auto running = up(rig);
  for (uint64_t next : {second, uint64_t{0}}) {
    if (!rig.sim.main().dead()) break;
    rig.restart_controller(next % 2 == 0);
    rig.sim.main().crash_at(next);
    running = up(rig);
  }
  rig.sim.main().crash_at(0);
  EXPECT_EQ(phase(running), "running") << where;
  EXPECT_EQ(instances(rig).value(), (Instances{{"talk:service", 3}})) << where;
  EXPECT_EQ(buckets(rig).value(), (Buckets{"sim-persistent", "sim-transient"})) << where;
  EXPECT_EQ(size_of(down(rig, true), "left"), 0u) << where;
  EXPECT_EQ(instances(rig).value(), Instances{}) << where;
  EXPECT_EQ(buckets(rig).value(), Buckets{}) << where;
}

TEST(SimTalk, two_deaths_in_a_row_lose_and_double_nothing) {
  constexpr size_t each = 4;
  uint64_t all = points_of_a_life().first;
  size_t pairs = 0;
  for (uint64_t first : aio::crash_points("first death", all, each))
    for (uint64_t second : aio::crash_points("second death", all, each)) {
      crash_twice(first, second);
      ++pairs;
      if (HasFailure()) return;
    }
  fmt::print("{} pairs of {} crash points of up\n", pairs, all);
}

TEST(SimTalk, the_same_seed_gives_the_same_run) {
  auto once = [] {
    Rig rig(5);
    EXPECT_EQ(phase(up(rig)), "running");
    EXPECT_TRUE(down(rig, true));
    return rig.sim.hash();
  };
  EXPECT_EQ(once(), once());
}

}  // namespace
}  // namespace croft::simtest
