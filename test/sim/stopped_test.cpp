// Machines that are stopped and cannot start again, as where their disks are gone with the farm.
#include <gtest/gtest.h>

#include "talk_rig.h"

namespace croft::simtest {
namespace {

TEST(SimStopped, whoever_does_not_start_again_is_replaced) {
  constexpr const char* text = R"(#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm {
  accounts extends { sim extends Account { id "AKIDSIM"; key "secret-of-sim-0001"; instances 9; } }
  images extends { any "ami-26b6534f"; }
}
sfConfig extends Compound {
  service extends ImageInstance { id "AKIDSIM"; key "secret-of-sim-0001"; imageID "ami-26b6534f";
    minCount 2; maxCount 2; onLoss "REPLACE"; sfLivenessDelay 2; }
}
)";
  auto description = resolved("stopped.sf", text);
  ASSERT_TRUE(description) << description.error().render();
  Rig rig(3);
  auto running =
      rig.ask<json::Object>([&](Client& client) { return client.up("talk", *description); });
  ASSERT_EQ(phase(running), "running");
  auto ids = [&] {
    return rig.ask<std::vector<std::string>>([](Client& client) { return client.all_ids(id, key); })
        .value();
  };
  auto before = ids();
  // The simulated machines live in the farm's process: their disks go with it.
  rig.farm->kill("test");
  rig.start_farm();
  static_cast<void>(
      rig.sim.run_in(rig.person, rig.person.world().clock.sleep(Duration::minutes(2))));
  EXPECT_EQ(instances(rig).value(), (Instances{{"talk:service", 2}}));
  auto after = ids();
  EXPECT_EQ(after.size(), before.size() + 2) << "each was replaced once";
  auto proof = down(rig);
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(size_of(proof, "rented"), 4u);
  EXPECT_EQ(size_of(proof, "left"), 0u);
  EXPECT_EQ(instances(rig).value(), Instances{});
}

}  // namespace
}  // namespace croft::simtest
