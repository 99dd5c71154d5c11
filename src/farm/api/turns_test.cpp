#include "farm/api/turns.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"

namespace croft::farm {
namespace {

constexpr Moment never{INT64_MAX};
constexpr Duration instant = Duration::microseconds(1);

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
  static aio::Task<Result<>> requests(Stage& stage, std::vector<std::string> lanes,
                                      Moment deadline) {
    aio::Scope scope(co_await aio::here());
    for (const std::string& lane : lanes) {
      scope.spawn(request(stage, lane, deadline));
      CO_TRY(co_await stage.world.clock.sleep(instant));
    }
    co_return co_await scope.join();
  }
  void run(std::vector<std::string> lanes, Moment deadline = never) {
    auto both = [](Stage& stage, std::vector<std::string> names,
                   Moment end) -> aio::Task<Result<>> {
      auto ended = co_await aio::race(requests(stage, std::move(names), end), stage.turns.run());
      EXPECT_EQ(ended.index(), 0u);
      co_return Result<>{};
    };
    auto done = sim.run(both(*this, std::move(lanes), deadline));
    ASSERT_TRUE(done) << done.error().line();
  }
};

std::vector<std::string> times(size_t count, const std::string& lane) {
  return std::vector<std::string>(count, lane);
}

TEST(Turns, one_account_alone_never_waits) {
  Stage stage({.burst = 2});
  stage.run(times(100, "a"));
  EXPECT_EQ(stage.turns.waited(), 0u);
}

TEST(Turns, a_flood_does_not_hold_up_the_others) {
  Stage stage({.burst = 4, .handed_out = 4});
  std::vector<std::string> lanes{"b"};
  for (int i = 0; i < 5; ++i) {
    for (const std::string& one : times(40, "a")) lanes.push_back(one);
    lanes.push_back("b");
  }
  stage.run(lanes);
  ASSERT_EQ(stage.order.size(), 206u);
  // All of the second account's were served before a third of the first one's.
  size_t last = 0;
  for (size_t i = 0; i < stage.order.size(); ++i)
    if (stage.order[i] == "b") last = i;
  EXPECT_LT(last, 70u);
  EXPECT_GT(stage.turns.waited(), 100u);
}

TEST(Turns, those_that_wait_go_in_turns_and_in_order) {
  Stage stage({.burst = 0, .handed_out = 100});
  stage.run({"b", "a", "a", "a", "c"});
  EXPECT_EQ(stage.order, (std::vector<std::string>{"b", "a", "c", "a", "a"}));
}

TEST(Turns, a_deadline_and_the_bound_end_the_wait) {
  Stage stage({.burst = 0, .handed_out = 1, .max_wait = Duration::microseconds(2500)});
  stage.run({"b", "a", "a", "a", "a", "a", "a"});
  EXPECT_EQ(stage.turns.refused(), 4u);
  EXPECT_EQ(stage.turns.waiting(), 0u);
  Stage late({.burst = 0, .handed_out = 1});
  late.run({"b", "a", "a"}, late.world.clock.now() + Duration::microseconds(500));
  EXPECT_EQ(late.order, (std::vector<std::string>{"b", "a!", "a!"}));
}

TEST(Turns, no_account_holds_more_than_its_share) {
  Stage stage({.share = 2});
  auto hold = [](Stage& s) -> aio::Task<Result<>> {
    auto first = CO_TRY(co_await s.turns.enter("a", never));
    {
      auto second = CO_TRY(co_await s.turns.enter("a", never));
      auto third = co_await s.turns.enter("a", never);
      EXPECT_EQ(third.error().code, Code::throttled);
      EXPECT_TRUE(co_await s.turns.enter("b", never));
    }
    EXPECT_TRUE(co_await s.turns.enter("a", never));
    co_return Result<>{};
  };
  EXPECT_TRUE(stage.sim.run(hold(stage)));
}

}  // namespace
}  // namespace croft::farm
