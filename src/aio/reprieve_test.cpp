#include "aio/reprieve.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"

namespace croft::aio {
namespace {

constexpr Duration second = Duration::seconds(1);

Task<Result<int>> answer_after(World& world, Duration time) {
  CO_TRY(co_await world.clock.sleep(time));
  co_return 7;
}

struct Seen {
  Result<int> result = 0;
  bool cancelled_later = false;
};

/// Cancels after one second a call that takes `time` and has three seconds' grace.
Task<Result<>> cancelled_call(World& world, Duration time, Seen& seen) {
  Scope scope(co_await here());
  auto body = [](World& w, Duration takes, Seen& out) -> Task<Result<>> {
    out.result = co_await reprieve(w.clock, second * 3, answer_after(w, takes));
    auto next = co_await w.clock.sleep(second);
    out.cancelled_later = !next && next.error().code == Code::cancelled;
    co_return Result<>{};
  };
  scope.spawn(body(world, time, seen));
  CO_TRY(co_await world.clock.sleep(second));
  scope.cancel();
  co_return co_await scope.join();
}

TEST(Reprieve, an_answer_within_the_grace_is_kept_and_the_awaiter_is_cancelled_after_it) {
  SimWorld sim(1);
  Seen seen;
  auto start = sim.now();
  ASSERT_TRUE(sim.run(cancelled_call(sim.world(), second * 2, seen)));
  EXPECT_EQ(seen.result.value(), 7);
  EXPECT_TRUE(seen.cancelled_later);
  EXPECT_EQ(sim.now() - start, second * 2);
}

TEST(Reprieve, after_the_grace_it_is_cancelled_as_anything_else) {
  SimWorld sim(1);
  Seen seen;
  auto start = sim.now();
  ASSERT_TRUE(sim.run(cancelled_call(sim.world(), second * 60, seen)));
  EXPECT_EQ(seen.result.error().code, Code::cancelled);
  EXPECT_EQ(sim.now() - start, second * 4);
}

TEST(Reprieve, nothing_is_changed_where_nobody_cancels) {
  SimWorld sim(1);
  EXPECT_EQ(
      sim.run(reprieve(sim.world().clock, second, answer_after(sim.world(), second * 9))).value(),
      7);
}

}  // namespace
}  // namespace croft::aio
