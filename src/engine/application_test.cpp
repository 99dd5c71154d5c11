#include "engine/application.h"

#include <gtest/gtest.h>

#include "aio/sim/crash_points.h"
#include "base/log.h"
#include "engine/test_rig.h"

namespace croft::engine {
namespace {

using namespace test;
using protocol::ApplicationState;

struct ApplicationTest : testing::Test {
  aio::SimWorld sim{1};
  FakeCloud cloud;
  std::vector<std::string> history;  // "app:a RUNNING" of the last run
  std::optional<ApplicationRecord> record;
  std::optional<protocol::DownProof> proof;

  /// Runs a process; afterwards what it left in the store.
  Result<> run(std::optional<Wanted> wanted, Script script) {
    Script noted = [this, script](Rig& rig) { return note(rig, script); };
    return sim.run(live(sim.world(), cloud, std::move(wanted), noted));
  }
  aio::Task<Result<>> note(Rig& rig, Script script) {
    auto done = co_await script(rig);
    history.clear();
    CO_TRY(co_await rig.application->ledger().flush());
    for (const auto& event : CO_TRY(co_await rig.application->ledger().events(1))) {
      std::string line = event.component + " " + event.event;
      if (event.record) line += " " + event.record->type;
      history.push_back(line);
    }
    record = rig.application->record();
    proof = rig.application->proof();
    co_return done;
  }
  std::vector<std::string> of(const std::string& event) const {
    std::vector<std::string> out;
    for (const auto& line : history)
      if (line.find(" " + event) != std::string::npos)
        out.push_back(line.substr(0, line.find(' ')));
    return out;
  }
};

Wanted three_things() {
  return description("three", [](const model::ComponentPtr& config) {
    add(config, "a", "Thing");
    auto inner = add(config, "inner", "Compound");
    add(inner, "b", "Thing");
    add(inner, "c", "Thing");
  });
}

TEST_F(ApplicationTest, deploys_all_then_starts_in_order_and_ends_in_reverse) {
  auto wanted = description("lc1", [](const model::ComponentPtr& config) {
    config->set("sfSyncTerminate", true);
    auto a = add(config, "a", "Compound");
    a->set("sfSyncTerminate", true);
    add(a, "a1", "Timer");
    add(a, "a2", "Timer");
    add(config, "b", "Timer");
  });
  auto done = run(wanted, [](Rig& rig) -> aio::Task<Result<>> {
    CO_TRY(co_await settle(rig));
    co_return co_await take_down(rig);
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(of("DEPLOYING"),
            (std::vector<std::string>{"app", "app:a", "app:a:a1", "app:a:a2", "app:b"}));
  EXPECT_EQ(of("STARTING"), of("DEPLOYING"));
  EXPECT_EQ(of("TERMINATED normal"),
            (std::vector<std::string>{"app:b", "app:a:a2", "app:a:a1", "app:a", "app"}));
  EXPECT_EQ(record->state, ApplicationState::down);
}

TEST_F(ApplicationTest, starts_side_by_side) {
  auto wanted = description("wide", [](const model::ComponentPtr& config) {
    for (int i = 0; i < 20; ++i)
      add(config, fmt::format("t{}", i), "Thing")->set("takes", int32_t{1000});
  });
  Moment before = sim.now();
  ASSERT_TRUE(run(wanted, settle));
  EXPECT_LT(sim.now() - before, Duration::seconds(2));
  EXPECT_EQ(cloud.alive(), 20u);
}

TEST_F(ApplicationTest, the_end_of_a_child_ends_all_with_its_record) {
  auto wanted = description("lc4", [](const model::ComponentPtr& config) {
    add(config, "a", "Timer")->set("time", int32_t{100});
    add(config, "b", "Timer");
  });
  ASSERT_TRUE(run(wanted, [](Rig& rig) -> aio::Task<Result<>> {
    while (rig.application->record().state != ApplicationState::down || !rig.application->settled())
      CO_TRY(co_await rig.application->changed().wait());
    co_return Result<>{};
  }));
  EXPECT_EQ(of("TERMINATED normal").front(), "app:a");
  EXPECT_EQ(record->record->culprit, "app:a");
  EXPECT_TRUE(record->record->is_normal());
}

TEST_F(ApplicationTest, a_failed_start_gives_everything_back_and_says_why) {
  auto wanted = three_things();
  wanted.description.config->component("inner")->component("c")->set("fails", "start");
  ASSERT_TRUE(run(wanted, settle));
  EXPECT_EQ(record->state, ApplicationState::down);
  EXPECT_EQ(cloud.alive(), 0u);
  EXPECT_EQ(record->record->type, "abnormal");
  EXPECT_EQ(record->record->culprit, "app:inner:c");
  EXPECT_NE(record->record->cause.find("it broke while starting"), std::string::npos);
  ASSERT_TRUE(record->error);
  EXPECT_TRUE(proof->left.empty());
  EXPECT_EQ(proof->rented.size(), proof->returned.size());
}

TEST_F(ApplicationTest, a_failed_deploy_rents_nothing) {
  auto wanted = three_things();
  wanted.description.config->component("inner")->component("c")->set("fails", "deploy");
  ASSERT_TRUE(run(wanted, settle));
  EXPECT_EQ(record->state, ApplicationState::down);
  EXPECT_EQ(cloud.makes, 0);
}

TEST_F(ApplicationTest, told_to_keep_it_waits_for_another_up) {
  auto wanted = three_things();
  wanted.options.keep_on_failure = true;
  wanted.description.config->component("a")->set("fails", "start");
  ASSERT_TRUE(run(wanted, settle));
  EXPECT_EQ(record->state, ApplicationState::failed);
  EXPECT_GE(cloud.alive(), 1u);
  ASSERT_TRUE(run(three_things(), settle));  // the same digest, but it works now
  // The description in the store is the first one: it goes on with that, and fails again.
  EXPECT_EQ(record->state, ApplicationState::down);
  auto repaired = three_things();
  repaired.description.digest = "repaired";
  ASSERT_TRUE(run(repaired, settle));
  EXPECT_EQ(record->state, ApplicationState::up);
  EXPECT_EQ(cloud.alive_by_component(),
            (std::map<std::string, int>{{"app:a", 1}, {"app:inner:b", 1}, {"app:inner:c", 1}}));
}

TEST_F(ApplicationTest, a_lost_component_ends_its_compound_with_culprit_and_cause) {
  ASSERT_TRUE(run(three_things(), [this](Rig& rig) -> aio::Task<Result<>> {
    return [](Rig& r, FakeCloud& c) -> aio::Task<Result<>> {
      CO_TRY(co_await settle(r));
      c.dead_components.insert("app:inner:b");
      while (r.application->record().state != ApplicationState::down)
        CO_TRY(co_await r.application->changed().wait());
      co_return Result<>{};
    }(rig, cloud);
  }));
  EXPECT_EQ(cloud.alive(), 0u);
  EXPECT_EQ(record->record->culprit, "app:inner:b");
  EXPECT_EQ(record->record->description, "liveness check failed");
  EXPECT_NE(record->record->cause.find("it is gone"), std::string::npos);
}

TEST_F(ApplicationTest, silence_is_borne_for_the_factor_and_no_longer) {
  auto wanted = three_things();
  wanted.description.config->set("sfLivenessDelay", int32_t{10});
  wanted.description.config->set("sfLivenessFactor", int32_t{3});
  ASSERT_TRUE(run(wanted, [this](Rig& rig) -> aio::Task<Result<>> {
    return [](Rig& r, FakeCloud& c) -> aio::Task<Result<>> {
      CO_TRY(co_await settle(r));
      c.mute_components.insert("app:a");
      CO_TRY(co_await r.world.clock.sleep(Duration::seconds(25)));
      EXPECT_EQ(r.application->record().state, ApplicationState::up);
      c.mute_components.clear();
      CO_TRY(co_await r.world.clock.sleep(Duration::seconds(100)));
      EXPECT_EQ(r.application->record().state, ApplicationState::up);
      c.mute_components.insert("app:a");
      CO_TRY(co_await r.world.clock.sleep(Duration::seconds(60)));
      EXPECT_EQ(r.application->record().state, ApplicationState::down);
      co_return Result<>{};
    }(rig, cloud);
  }));
}

TEST_F(ApplicationTest, a_slow_ping_delays_nobody) {
  auto wanted = three_things();
  wanted.description.config->set("sfLivenessDelay", int32_t{10});
  wanted.description.config->component("a")->set("pingTakes", int32_t{9000});
  Moment noticed{};
  ASSERT_TRUE(run(wanted, [this, &noticed](Rig& rig) -> aio::Task<Result<>> {
    return [](Rig& r, FakeCloud& c, Moment& end) -> aio::Task<Result<>> {
      CO_TRY(co_await settle(r));
      Moment start = r.world.clock.now();
      c.dead_components.insert("app:inner:c");
      while (r.application->record().state == ApplicationState::up)
        CO_TRY(co_await r.application->changed().wait());
      end = Moment{(r.world.clock.now() - start).ns()};
      co_return Result<>{};
    }(rig, cloud, noticed);
  }));
  EXPECT_LT(noticed.ns, Duration::seconds(11).ns());
}

TEST_F(ApplicationTest, a_lifetime_ends_it_also_while_nobody_looked) {
  auto wanted = three_things();
  wanted.options.lifetime = Duration::minutes(10);
  ASSERT_TRUE(run(wanted, settle));
  EXPECT_EQ(cloud.alive(), 3u);
  ASSERT_TRUE(sim.run([](aio::World& world) -> aio::Task<Result<>> {
    co_return co_await world.clock.sleep(Duration::hours(1));
  }(sim.world())));
  ASSERT_TRUE(run(std::nullopt, [](Rig& rig) -> aio::Task<Result<>> {
    while (rig.application->record().state != ApplicationState::down)
      CO_TRY(co_await rig.application->changed().wait());
    co_return Result<>{};
  }));
  EXPECT_EQ(cloud.alive(), 0u);
  EXPECT_EQ(record->record->description, "its lifetime is over");
}

TEST_F(ApplicationTest, a_changed_description_changes_only_what_differs) {
  ASSERT_TRUE(run(three_things(), settle));
  auto before = cloud.alive_by_component();
  auto changed = description("changed", [](const model::ComponentPtr& config) {
    add(config, "a", "Thing")->set("size", int32_t{2});
    auto inner = add(config, "inner", "Compound");
    add(inner, "b", "Thing");
    add(config, "fresh", "Thing");
  });
  ASSERT_TRUE(run(changed, settle));
  EXPECT_EQ(record->state, ApplicationState::up);
  EXPECT_EQ(cloud.alive_by_component(),
            (std::map<std::string, int>{{"app:a", 1}, {"app:inner:b", 1}, {"app:fresh", 1}}));
  EXPECT_EQ(cloud.things.size(), 5u);  // a anew, fresh; b as it was
}

TEST_F(ApplicationTest, another_process_takes_over_and_makes_nothing_twice) {
  ASSERT_TRUE(run(three_things(), settle));
  ASSERT_TRUE(run(std::nullopt, settle));
  ASSERT_TRUE(run(three_things(), settle));
  EXPECT_EQ(cloud.makes, 3);
  ASSERT_TRUE(run(std::nullopt, take_down));
  EXPECT_EQ(cloud.alive(), 0u);
  EXPECT_EQ(proof->rented.size(), 3u);
  EXPECT_TRUE(proof->left.empty());
}

TEST_F(ApplicationTest, what_cannot_be_removed_is_listed_and_blocks_nothing_else) {
  cloud.stuck_components.insert("app:a");
  ASSERT_TRUE(run(three_things(), [this](Rig& rig) -> aio::Task<Result<>> {
    return [](Rig& r, FakeCloud& c) -> aio::Task<Result<>> {
      CO_TRY(co_await settle(r));
      CO_TRY(co_await take_down(r));
      EXPECT_EQ(r.application->record().state, ApplicationState::going_down);
      EXPECT_EQ(r.application->proof()->left.size(), 1u);
      EXPECT_EQ(c.alive(), 1u);
      c.stuck_components.clear();  // and it goes on trying by itself
      while (r.application->record().state != ApplicationState::down)
        CO_TRY(co_await r.application->changed().wait());
      co_return Result<>{};
    }(rig, cloud);
  }));
  EXPECT_EQ(cloud.alive(), 0u);
  EXPECT_TRUE(proof->left.empty());
}

/// `a` is to be another thing, and what it is cannot be removed.
Wanted a_change_while_the_farm_is_away(FakeCloud& cloud) {
  auto changed = three_things();
  changed.description.config->component("a")->set("sfClass", "Timer");
  changed.description.digest = "changed";
  cloud.stuck_components.insert("app:a");
  cloud.stuck_why = Code::unavailable;
  return changed;
}

TEST_F(ApplicationTest, a_change_waits_for_a_farm_that_is_away_and_ends_nothing_else) {
  ASSERT_TRUE(run(three_things(), settle));
  auto changed = a_change_while_the_farm_is_away(cloud);
  ASSERT_TRUE(run(changed, [this](Rig& rig) -> aio::Task<Result<>> {
    return [](Rig& r, FakeCloud& c) -> aio::Task<Result<>> {
      CO_TRY(co_await r.world.clock.sleep(Duration::minutes(5)));
      EXPECT_FALSE(r.application->settled());
      EXPECT_EQ(c.alive(), 3u) << "what runs is left alone meanwhile";
      c.stuck_components.clear();
      CO_TRY(co_await settle(r));
      EXPECT_EQ(r.application->record().state, ApplicationState::up);
      EXPECT_EQ(c.alive(), 2u);
      co_return Result<>{};
    }(rig, cloud);
  }));
  EXPECT_EQ(cloud.makes, 3) << "the others are those that they were";
}

TEST_F(ApplicationTest, a_change_that_waits_for_the_farm_is_given_up_for_a_down) {
  ASSERT_TRUE(run(three_things(), settle));
  auto changed = a_change_while_the_farm_is_away(cloud);
  ASSERT_TRUE(run(changed, [this](Rig& rig) -> aio::Task<Result<>> {
    return [](Rig& r, FakeCloud& c) -> aio::Task<Result<>> {
      CO_TRY(co_await r.world.clock.sleep(Duration::minutes(1)));
      CO_TRY(co_await r.application->down(false));
      CO_TRY(co_await r.world.clock.sleep(Duration::minutes(1)));
      EXPECT_EQ(c.alive(), 1u) << "all but what cannot go is gone";
      c.stuck_components.clear();
      while (r.application->record().state != ApplicationState::down)
        CO_TRY(co_await r.application->changed().wait());
      co_return Result<>{};
    }(rig, cloud);
  }));
  EXPECT_EQ(cloud.alive(), 0u);
}

// ---- crashes ---------------------------------------------------------------------------------

/// `up` that dies at crash point `at`, then `up` again, then `down` that dies, then `down` again.
/// Returns whether the first up lived to its end.
bool crash_once(uint64_t seed, uint64_t at, bool in_down, bool power_cut) {
  log::set_level(log::Level::off);  // killed processes complain
  aio::SimWorld sim(seed);
  FakeCloud cloud;
  auto context = fmt::format("seed {} point {} {}{}", seed, at, in_down ? "down" : "up",
                             power_cut ? " power cut" : "");
  if (!in_down) sim.main().crash_at(at);
  auto first = sim.run(live(sim.world(), cloud, three_things(), settle));
  sim.main().crash_at(0);
  if (!first) sim.restart(power_cut);
  auto second = sim.run(live(sim.world(), cloud, three_things(), settle));
  EXPECT_TRUE(second) << context << ": " << second.error().render();
  std::map<std::string, int> expected{{"app:a", 1}, {"app:inner:b", 1}, {"app:inner:c", 1}};
  EXPECT_EQ(cloud.alive_by_component(), expected) << context;
  EXPECT_EQ(cloud.things.size(), 3u) << context;
  if (in_down) sim.main().crash_at(at);
  auto third = sim.run(live(sim.world(), cloud, std::nullopt, take_down));
  if (!third) {
    sim.restart(power_cut);
    auto fourth = sim.run(live(sim.world(), cloud, std::nullopt, take_down));
    EXPECT_TRUE(fourth) << context << ": " << fourth.error().render();
  }
  EXPECT_EQ(cloud.alive(), 0u) << context;
  return in_down ? third.has_value() : first.has_value();
}

/// The crash points of an `up`, and of the `down` after it.
std::pair<uint64_t, uint64_t> points_of_a_life(uint64_t seed) {
  aio::SimWorld sim(seed);
  FakeCloud cloud;
  EXPECT_TRUE(sim.run(live(sim.world(), cloud, three_things(), settle)));
  uint64_t up = sim.main().crash_points();
  EXPECT_TRUE(sim.run(live(sim.world(), cloud, three_things(), settle)));
  uint64_t before = sim.main().crash_points();
  EXPECT_TRUE(sim.run(live(sim.world(), cloud, std::nullopt, take_down)));
  return {up, sim.main().crash_points() - before};
}

TEST(Crash, at_every_point_of_up_and_down_nothing_is_doubled_or_forgotten) {
  constexpr size_t crashes = 12;
  uint64_t seed = 0;
  for (bool in_down : {false, true})
    for (bool power_cut : {false, true}) {
      auto [up, down] = points_of_a_life(++seed);
      auto name = fmt::format("{}{}", in_down ? "down" : "up", power_cut ? "_power" : "");
      EXPECT_GT(in_down ? down : up, 10u);
      for (uint64_t at : aio::crash_points(name, in_down ? down : up, crashes)) {
        EXPECT_FALSE(crash_once(seed, at, in_down, power_cut)) << name << " lived past " << at;
        if (testing::Test::HasFailure()) return;
      }
    }
}

TEST(Crash, the_same_seed_gives_the_same_run) {
  auto once = [] {
    aio::SimWorld sim(7);
    FakeCloud cloud;
    EXPECT_TRUE(sim.run(live(sim.world(), cloud, three_things(), settle)));
    EXPECT_TRUE(sim.run(live(sim.world(), cloud, std::nullopt, take_down)));
    return sim.hash();
  };
  EXPECT_EQ(once(), once());
}

}  // namespace
}  // namespace croft::engine
