#include "farm/api/turns.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"

namespace croft::farm {
namespace {

constexpr Moment never{INT64_MAX};
struct Stage {
  aio::SimWorld sim{1};
  aio::World& world = sim.world();
  Turns turns;
  std::vector<std::string> order;

  explicit Stage(TurnLimits limits) : turns(world.clock, limits) {}

  static aio::Task<Result<>> request(Stage& stage, std::string lane, Moment deadline) {
    auto turn = co_await stage.turns.enter(lane, deadline);
    stage.order.push_back(turn ? lane : lane + "!");
    co_return Result<>{};
  }
  /// All at the same moment, in this order.
  static aio::Task<Result<>> requests(Stage& stage, std::vector<std::string> lanes,
                                      Moment deadline) {
    aio::Scope scope(co_await aio::here());
    for (const std::string& lane : lanes) scope.spawn(request(stage, lane, deadline));
    co_return co_await scope.join();
  }
  static aio::Task<Result<>> in_turns(Stage& stage, std::vector<std::string> lanes) {
    auto ended = co_await aio::race(requests(stage, std::move(lanes), never), stage.turns.run());
    EXPECT_EQ(ended.index(), 0u);
    co_return Result<>{};
  }
  void run(std::vector<std::string> lanes) {
    EXPECT_TRUE(sim.run(in_turns(*this, std::move(lanes))));
  }
  /// Nobody hands out turns.
  void wait_in_vain(std::vector<std::string> lanes, Moment deadline) {
    EXPECT_TRUE(sim.run(requests(*this, std::move(lanes), deadline)));
  }
};

TEST(Turns, one_account_alone_never_waits) {
  Stage stage({});
  stage.run(std::vector<std::string>(100, "a"));
  EXPECT_EQ(stage.turns.waited(), 0u);
  EXPECT_EQ(stage.order.size(), 100u);
}

TEST(Turns, a_flood_does_not_hold_up_the_others) {
  Stage stage({.handed_out = 4});
  std::vector<std::string> lanes;
  for (int i = 0; i < 5; ++i) {
    lanes.insert(lanes.end(), 40, "a");
    lanes.push_back("b");
  }
  stage.run(lanes);
  ASSERT_EQ(stage.order.size(), 205u);
  // The first account was alone with its first forty; from then on the other has every second turn.
  EXPECT_EQ(std::count(stage.order.begin(), stage.order.begin() + 50, "b"), 5);
  EXPECT_EQ(stage.turns.waited(), 165u);
}

TEST(Turns, those_that_wait_go_in_turns_and_in_order) {
  Stage stage({});
  stage.run({"b", "a", "a", "a", "c"});
  EXPECT_EQ(stage.order, (std::vector<std::string>{"b", "a", "c", "a", "a"}));
}

TEST(Turns, after_a_while_an_account_is_alone_again) {
  Stage stage({.memory = Duration::milliseconds(200)});
  stage.run({"a", "b"});
  EXPECT_EQ(stage.turns.waited(), 1u);
  auto pause = [](Stage& s) -> aio::Task<Result<>> {
    co_return co_await s.world.clock.sleep(Duration::milliseconds(201));
  };
  EXPECT_TRUE(stage.sim.run(pause(stage)));
  stage.run({"b", "b"});
  EXPECT_EQ(stage.turns.waited(), 1u);
}

TEST(Turns, a_deadline_and_the_bound_end_the_wait) {
  Stage stage({.max_wait = Duration::milliseconds(3)});
  Moment before = stage.world.clock.now();
  stage.wait_in_vain({"b", "a", "a"}, never);
  EXPECT_EQ(stage.order, (std::vector<std::string>{"b", "a!", "a!"}));
  EXPECT_EQ(stage.world.clock.now() - before, Duration::milliseconds(3));
  EXPECT_EQ(stage.turns.refused(), 2u);
  EXPECT_EQ(stage.turns.waiting(), 0u);
  before = stage.world.clock.now();
  stage.wait_in_vain({"b", "a"}, before + Duration::milliseconds(1));
  EXPECT_EQ(stage.world.clock.now() - before, Duration::milliseconds(1));
}

TEST(Turns, no_account_holds_more_than_its_share) {
  Stage stage({.share = 2});
  auto hold = [](Stage& s) -> aio::Task<Result<>> {
    auto first = CO_TRY(co_await s.turns.enter("a", never));
    {
      auto second = CO_TRY(co_await s.turns.enter("a", never));
      auto third = co_await s.turns.enter("a", never);
      EXPECT_EQ(third.error().code, Code::throttled);
    }
    EXPECT_TRUE(co_await s.turns.enter("a", never));
    co_return Result<>{};
  };
  EXPECT_TRUE(stage.sim.run(hold(stage)));
}

}  // namespace
}  // namespace croft::farm
