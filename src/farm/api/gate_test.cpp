#include "farm/api/gate.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"

namespace croft::farm {
namespace {

aio::Task<Result<>> hold(aio::World& world, Gate& gate, std::string lane, Duration time,
                         std::vector<std::string>& order, Moment deadline = Moment{INT64_MAX}) {
  auto pass = co_await gate.enter(lane, deadline);
  if (!pass) {
    order.push_back(lane + "!");
    EXPECT_FALSE(pass.error().fact("overload").empty());
    co_return Result<>{};
  }
  order.push_back(lane);
  co_return co_await world.clock.sleep(time);
}

constexpr Duration moment = Duration::microseconds(1);

struct Stage {
  aio::SimWorld sim{1};
  aio::World& world = sim.world();
  std::vector<std::string> order;

  void run(Gate& gate, std::vector<std::string> lanes, Duration time) {
    auto task = [](Stage& stage, Gate& door, std::vector<std::string> names,
                   Duration each) -> aio::Task<Result<>> {
      aio::Scope scope(co_await aio::here());
      for (const std::string& name : names) {
        scope.spawn(hold(stage.world, door, name, each, stage.order));
        CO_TRY(co_await stage.world.clock.sleep(moment));  // or they would come in any order
      }
      co_return co_await scope.join();
    };
    auto done = sim.run(task(*this, gate, std::move(lanes), time));
    ASSERT_TRUE(done) << done.error().line();
  }
};

TEST(Gate, lanes_take_turns_however_many_stand_in_one) {
  Stage stage;
  Gate gate(stage.world.clock, {.places = 1, .max_wait = Duration::seconds(100)});
  stage.run(gate, {"a", "a", "a", "a", "b", "a", "c", "b"}, Duration::seconds(1));
  EXPECT_EQ(stage.order, (std::vector<std::string>{"a", "a", "b", "c", "a", "b", "a", "a"}));
  EXPECT_EQ(gate.inside(), 0u);
}

TEST(Gate, nobody_waits_longer_than_the_bound) {
  Stage stage;
  Gate gate(stage.world.clock, {.places = 1, .max_wait = Duration::seconds(2)});
  Moment before = stage.world.clock.now();
  stage.run(gate, {"a", "a", "a"}, Duration::seconds(10));
  EXPECT_EQ(stage.order, (std::vector<std::string>{"a", "a!", "a!"}));
  EXPECT_LT(stage.world.clock.now() - before, Duration::milliseconds(10'001));
  EXPECT_EQ(gate.refused(), 2u);
}

TEST(Gate, who_would_wait_too_long_is_told_on_arrival) {
  Stage stage;
  Gate gate(stage.world.clock, {.places = 1, .max_wait = Duration::seconds(2)});
  // One second each: the pace is learnt, then only two or so fit into the bound.
  stage.run(gate, {"a", "a"}, Duration::seconds(1));
  stage.run(gate, {"a", "a"}, Duration::seconds(1));
  stage.order.clear();
  std::vector<std::string> many(50, "a");
  stage.run(gate, many, Duration::seconds(1));
  EXPECT_GE(std::ranges::count(stage.order, "a"), 2);
  EXPECT_LE(std::ranges::count(stage.order, "a"), 4);
}

TEST(Gate, a_caller_whose_time_is_over_costs_nothing) {
  Stage stage;
  Gate gate(stage.world.clock, {.places = 1, .max_wait = Duration::seconds(100)});
  auto task = [](Stage& s, Gate& door) -> aio::Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    Moment now = s.world.clock.now();
    scope.spawn(hold(s.world, door, "busy", Duration::seconds(5), s.order));
    CO_TRY(co_await s.world.clock.sleep(moment));
    scope.spawn(hold(s.world, door, "late", Duration::seconds(1), s.order, now));
    CO_TRY(co_await s.world.clock.sleep(moment));
    scope.spawn(
        hold(s.world, door, "soon", Duration::seconds(1), s.order, now + Duration::seconds(3)));
    CO_TRY(co_await s.world.clock.sleep(moment));
    scope.spawn(
        hold(s.world, door, "time", Duration::seconds(1), s.order, now + Duration::seconds(9)));
    co_return co_await scope.join();
  };
  ASSERT_TRUE(stage.sim.run(task(stage, gate)));
  EXPECT_EQ(stage.order, (std::vector<std::string>{"busy", "late!", "soon!", "time"}));
}

TEST(Gate, a_cancelled_caller_leaves_the_line) {
  Stage stage;
  Gate gate(stage.world.clock, {.places = 1, .max_wait = Duration::seconds(100)});
  auto task = [](Stage& s, Gate& door) -> aio::Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    scope.spawn(hold(s.world, door, "a", Duration::seconds(5), s.order));
    CO_TRY(co_await s.world.clock.sleep(Duration::seconds(1)));
    auto gone = co_await aio::deadline(s.world.clock, Duration::seconds(1), door.enter("b"), "b");
    EXPECT_EQ(gone.error().code, Code::timeout);
    EXPECT_EQ(door.waiting(), 0u);
    co_return co_await scope.join();
  };
  ASSERT_TRUE(stage.sim.run(task(stage, gate)));
  EXPECT_EQ(gate.inside(), 0u);
}

}  // namespace
}  // namespace croft::farm
