// A disk that is full, or that breaks, at any write or sync of the controller and is well again
// three seconds later: nothing is lost, doubled or left, and `up` or `down` asked again is enough.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "talk_rig.h"

namespace croft::simtest {
namespace {

using Fault = aio::SimDisk::Fault;
constexpr Duration outage = Duration::seconds(3);
constexpr int tries = 4;

void wait_for_the_disk(Rig& rig) {
  auto pause = [](aio::World& world) { return world.clock.sleep(outage); };
  static_cast<void>(rig.sim.run_in(rig.person, pause(rig.person.world())));
  if (rig.controller_ended()) rig.restart_controller(false);
}

/// Asked until it runs; a controller that ended of its disk is started again, as `croft up` does.
Result<json::Object> up_until_it_runs(Rig& rig) {
  Result<json::Object> last = fail(Code::internal, "not asked");
  for (int i = 0; i < tries; ++i) {
    if (rig.controller_ended()) rig.restart_controller(false);
    last = up(rig);
    if (phase(last) == "running") return last;
    wait_for_the_disk(rig);
  }
  return last;
}

/// Whether the fault came.
bool fault_once(Fault fault, uint64_t at, bool in_down) {
  Rig rig(at);
  auto where = fmt::format("{} {} of {}", fault == Fault::full ? "write" : "sync", at,
                           in_down ? "down" : "up");
  if (!in_down) rig.sim.disk().fail_at(fault, at, outage);
  auto running = up_until_it_runs(rig);
  EXPECT_EQ(phase(running), "running")
      << where << (running ? json::pretty(*running) : running.error().render());
  EXPECT_EQ(instances(rig).value(), (Instances{{"talk:service", 3}})) << where;
  EXPECT_EQ(buckets(rig).value(), (Buckets{"sim-persistent", "sim-transient"})) << where;
  if (in_down) rig.sim.disk().fail_at(fault, at, outage);
  auto proof = down(rig);
  for (int i = 0; i < tries && (!proof || size_of(proof, "left") != 0); ++i) {
    wait_for_the_disk(rig);
    proof = down(rig);
  }
  EXPECT_TRUE(proof) << where << proof.error().render();
  EXPECT_EQ(size_of(proof, "left"), 0u) << where;
  EXPECT_EQ(instances(rig).value(), Instances{}) << where;
  EXPECT_EQ(buckets(rig).value(), Buckets{"sim-persistent"}) << where;
  return rig.sim.disk().fault_came();
}

TEST(SimDiskFaults, ADiskThatFailsAtAnyWriteOrSyncLosesAndDoublesNothing) {
  constexpr size_t most = 8;
  for (Fault fault : {Fault::full, Fault::broken}) {
    auto done = [&](Rig& rig) {
      return fault == Fault::full ? rig.sim.disk().writes() : rig.sim.disk().syncs();
    };
    Rig whole(1);
    ASSERT_EQ(phase(up(whole)), "running");
    uint64_t of_up = done(whole);
    ASSERT_TRUE(down(whole));
    uint64_t of_down = done(whole) - of_up;
    for (bool in_down : {false, true}) {
      uint64_t all = in_down ? of_down : of_up;
      EXPECT_GT(all, 5u);
      size_t came = 0;
      auto points = aio::crash_points(fault == Fault::full ? "full" : "broken", all, most);
      for (uint64_t at : points) {
        came += fault_once(fault, at, in_down);
        if (HasFailure()) return;
      }
      EXPECT_GE(came + 2, points.size());
      fmt::print("{} of {} {} of {}\n", points.size(), all,
                 fault == Fault::full ? "writes on a full disk" : "syncs that fail",
                 in_down ? "down" : "up");
    }
  }
}

/// What runs is not ended by a disk of the controller that is full, or broken, for a while.
TEST(SimDiskFaults, WhatRunsOutlivesADiskThatFailsForAWhile) {
  constexpr const char* busy = R"(#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/sfcore/workflow/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm {
  accounts extends { sim extends Account { id "AKIDSIM"; key "secret-of-sim-0001"; instances 5; } }
  images extends { any "ami-26b6534f"; }
}
sfConfig extends Compound {
  service extends ImageInstance { id "AKIDSIM"; key "secret-of-sim-0001"; imageID "ami-26b6534f";
    minCount 2; maxCount 2; sfLivenessDelay 2; }
  beat extends Repeat { repeat -1; action extends DoNothing { time 400; } }
  steps extends Repeat { repeat -1; action extends Sequence {
    a extends DoNothing { time 300; } b extends DoNothing { time 200; } } }
}
)";
  auto description = resolved("busy.sf", busy);
  ASSERT_TRUE(description) << description.error().render();
  for (Fault fault : {Fault::full, Fault::broken})
    for (uint64_t at : aio::crash_points("busy", 12, 5)) {
      Rig rig(at);
      auto ask_up = [&] {
        return rig.ask<json::Object>(
            [&](Client& client) { return client.up("talk", *description); });
      };
      ASSERT_EQ(phase(ask_up()), "running");
      auto ids = [&] {
        return rig.ask<std::vector<std::string>>(
            [](Client& client) { return client.all_ids(id, key); });
      };
      auto before = ids().value();
      rig.sim.disk().fail_at(fault, at, outage);
      auto pause = [](aio::World& world) { return world.clock.sleep(Duration::seconds(20)); };
      static_cast<void>(rig.sim.run_in(rig.person, pause(rig.person.world())));
      auto where = fmt::format("{} {}", fault == Fault::full ? "write" : "sync", at);
      EXPECT_TRUE(rig.sim.disk().fault_came()) << where;
      if (rig.controller_ended()) rig.restart_controller(false);
      auto after = ask_up();
      EXPECT_EQ(phase(after), "running")
          << where << (after ? json::pretty(*after) : after.error().render());
      EXPECT_EQ(ids().value(), before) << where;
      if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace croft::simtest
