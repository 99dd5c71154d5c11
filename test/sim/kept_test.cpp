// Machines that are kept over `down` (shutdown false) stay as they are when the next `up` rents its
// own, whose controller dies at any point of it: each of those is rented once, and `down --kept`
// gives all of them back.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "aio/sim/crash_points.h"
#include "talk_rig.h"

namespace croft::simtest {
namespace {

constexpr const char* kept_text = R"(#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm {
  accounts extends { sim extends Account { id "AKIDSIM"; key "secret-of-sim-0001"; instances 5; } }
  images extends { any "ami-26b6534f"; }
}
sfConfig extends Compound {
  service extends ImageInstance { id "AKIDSIM"; key "secret-of-sim-0001"; imageID "ami-26b6534f";
    minCount 2; maxCount 2; shutdown false; }
}
)";

/// Crash points that the second `up` passed; `crash_at` 0: it is not disturbed.
uint64_t kept_once(const model::Description& description, uint64_t crash_at) {
  auto where = fmt::format("crash {}", crash_at);
  auto start = [&](Rig& rig) {
    return rig.ask<json::Object>([&](Client& client) { return client.up("talk", description); });
  };
  auto ids = [](Rig& rig) {
    return rig.ask<std::vector<std::string>>([](Client& client) { return client.all_ids(id, key); })
        .value();
  };
  Rig rig(1);  // the same life up to the crash, so that each point is reached
  EXPECT_EQ(phase(start(rig)), "running") << where;
  auto before = ids(rig);
  auto first = down(rig);
  EXPECT_EQ(size_of(first, "kept"), 2u) << where;
  EXPECT_EQ(instances(rig).value(), (Instances{{"talk:service", 2}})) << where;

  uint64_t passed = rig.sim.main().crash_points();
  rig.sim.main().crash_at(crash_at);
  auto running = start(rig);
  passed = rig.sim.main().crash_points() - passed;
  if (crash_at > 0) {
    EXPECT_TRUE(rig.controller_ended()) << where;
    rig.restart_controller(crash_at % 2 == 0);
    running = start(rig);
  }
  EXPECT_EQ(phase(running), "running") << where;
  auto after = ids(rig);
  EXPECT_EQ(after.size(), before.size() + 2) << where;
  for (const std::string& id : before)
    EXPECT_NE(std::ranges::find(after, id), after.end()) << where << ": " << id << " is gone";
  EXPECT_EQ(instances(rig).value(), (Instances{{"talk:service", 4}})) << where;

  auto last = down(rig, true);
  EXPECT_EQ(size_of(last, "left"), 0u) << where;
  EXPECT_EQ(size_of(last, "kept"), 0u) << where;
  EXPECT_EQ(instances(rig).value(), Instances{}) << where;
  return passed;
}

TEST(SimKept,
     machines_that_were_kept_stay_and_others_are_rented_once_whenever_the_controller_dies) {
  auto description = resolved("kept.sf", kept_text);
  ASSERT_TRUE(description) << description.error().render();
  uint64_t points = kept_once(*description, 0);
  ASSERT_GT(points, 5u);
  for (uint64_t at : aio::crash_points("SimKept", points, 16)) kept_once(*description, at);
}

}  // namespace
}  // namespace croft::simtest
