// Scope, race, deadline, shield and blocking at their edges, in virtual time.
#include "aio/scope.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "aio/sync.h"

namespace croft::aio {
namespace {

constexpr auto second = Duration::seconds(1);

Task<Result<>> sleep_then(Clock& clock, Duration length, std::string& log, std::string word) {
  auto slept = co_await clock.sleep(length);
  log += slept ? word : "(" + word + ")";
  co_return slept;
}

Task<Result<>> fail_after(Clock& clock, Duration length, Code code) {
  CO_TRY(co_await clock.sleep(length));
  co_return fail(code, "failed on purpose");
}

Task<Result<>> scope_of_three(World& world, std::string& log) {
  Scope scope(co_await here());
  scope.spawn(sleep_then(world.clock, second * 2, log, "b"));
  scope.spawn(sleep_then(world.clock, second * 1, log, "a"));
  scope.spawn(sleep_then(world.clock, second * 3, log, "c"));
  co_return co_await scope.join();
}

TEST(Scope, waits_for_all) {
  SimWorld sim(1);
  std::string log;
  auto start = sim.now();
  EXPECT_TRUE(sim.run(scope_of_three(sim.world(), log)));
  EXPECT_EQ(log, "abc");
  EXPECT_EQ(sim.now() - start, second * 3);
}

Task<Result<>> scope_with_error(World& world, std::string& log) {
  Scope scope(co_await here());
  scope.spawn(sleep_then(world.clock, second * 1, log, "a"));
  scope.spawn(fail_after(world.clock, second * 2, Code::conflict));
  scope.spawn(sleep_then(world.clock, second * 3, log, "c"));
  co_return co_await scope.join();
}

TEST(Scope, the_first_error_cancels_the_rest) {
  SimWorld sim(1);
  std::string log;
  auto start = sim.now();
  auto result = sim.run(scope_with_error(sim.world(), log));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::conflict);
  EXPECT_EQ(log, "a(c)");
  EXPECT_EQ(sim.now() - start, second * 2);
}

Task<Result<>> scope_cancelled_by_itself(World& world, std::string& log) {
  Scope scope(co_await here());
  scope.spawn(sleep_then(world.clock, second * 9, log, "a"));
  CO_TRY(co_await world.clock.sleep(second));
  scope.cancel();
  co_return co_await scope.join();
}

TEST(Scope, its_own_cancellation_is_no_error) {
  SimWorld sim(1);
  std::string log;
  EXPECT_TRUE(sim.run(scope_cancelled_by_itself(sim.world(), log)));
  EXPECT_EQ(log, "(a)");
}

Task<Result<>> spawns_a_sibling(World& world, Scope& scope, std::string& log) {
  CO_TRY(co_await world.clock.sleep(second));
  scope.spawn(sleep_then(world.clock, second, log, "late"));
  co_return Result<>{};
}

Task<Result<>> scope_that_grows(World& world, std::string& log) {
  Scope scope(co_await here());
  scope.spawn(spawns_a_sibling(world, scope, log));
  co_return co_await scope.join();
}

TEST(Scope, a_task_may_spawn_another) {
  SimWorld sim(1);
  std::string log;
  EXPECT_TRUE(sim.run(scope_that_grows(sim.world(), log)));
  EXPECT_EQ(log, "late");
}

Task<Result<>> outer_deadline(World& world, std::string& log) {
  co_return co_await deadline(world.clock, second * 2, scope_of_three(world, log), "the scope");
}

TEST(Scope, join_waits_for_its_tasks_even_when_cancelled) {
  SimWorld sim(1);
  std::string log;
  auto result = sim.run(outer_deadline(sim.world(), log));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::timeout);
  EXPECT_TRUE(log == "ab(c)" || log == "a(b)(c)" || log == "a(c)(b)") << log;
}

Task<Result<>> empty_scope() {
  Scope scope(co_await here());
  CO_TRY(co_await scope.join());
  co_return co_await scope.join();
}

TEST(Scope, an_empty_one_joins_at_once_and_twice) {
  SimWorld sim(1);
  EXPECT_TRUE(sim.run(empty_scope()));
}

Task<Result<int>> after(Clock& clock, Duration length, int value) {
  CO_TRY(co_await clock.sleep(length));
  co_return value;
}

Task<Result<std::string>> race_of(World& world, Duration a, Duration b) {
  auto winner = co_await race(after(world.clock, a, 1), after(world.clock, b, 2));
  if (winner.index() == 0)
    co_return fmt::format("first {}", CO_TRY(std::get<0>(std::move(winner))));
  co_return fmt::format("second {}", CO_TRY(std::get<1>(std::move(winner))));
}

TEST(Race, the_earlier_wins_and_the_other_is_not_waited_for_in_full) {
  SimWorld sim(1);
  auto start = sim.now();
  EXPECT_EQ(sim.run(race_of(sim.world(), second * 1, second * 60)).value(), "first 1");
  EXPECT_EQ(sim.run(race_of(sim.world(), second * 60, second * 1)).value(), "second 2");
  EXPECT_EQ(sim.now() - start, second * 2);
}

Task<Result<int>> slow_to_stop(World& world, bool& cleaned) {
  auto slept = co_await world.clock.sleep(second * 60);
  EXPECT_FALSE(slept);
  CO_TRY(co_await shield(world.clock.sleep(second * 5)));
  cleaned = true;
  co_return 0;
}

Task<Result<>> race_with_slow(World& world, bool& cleaned) {
  auto winner = co_await race(after(world.clock, second, 1), slow_to_stop(world, cleaned));
  EXPECT_EQ(winner.index(), 0u);
  EXPECT_TRUE(cleaned);  // the loser has ended before race returns
  co_return Result<>{};
}

TEST(Shield, clean_up_happens_although_cancelled) {
  SimWorld sim(1);
  bool cleaned = false;
  auto start = sim.now();
  EXPECT_TRUE(sim.run(race_with_slow(sim.world(), cleaned)));
  EXPECT_TRUE(cleaned);
  EXPECT_EQ(sim.now() - start, second * 6);
}

Task<Result<int>> nested(World& world, Duration inner, Duration outer) {
  co_return co_await deadline(
      world.clock, outer,
      deadline(world.clock, inner, after(world.clock, second * 60, 1), "the inner"), "the outer");
}

TEST(Deadline, nested_ones_name_the_shorter) {
  SimWorld sim(1);
  auto inner = sim.run(nested(sim.world(), second, second * 2));
  ASSERT_FALSE(inner);
  EXPECT_EQ(inner.error().what, "the inner took longer than 1 s");
  auto outer = sim.run(nested(sim.world(), second * 2, second));
  ASSERT_FALSE(outer);
  EXPECT_EQ(outer.error().what, "the outer took longer than 1 s");
  EXPECT_EQ(outer.error().code, Code::timeout);
}

/// Ignores cancellation and succeeds late.
Task<Result<int>> stubborn(World& world) {
  CO_TRY(co_await shield(world.clock.sleep(second * 3)));
  co_return 5;
}

TEST(Deadline, a_late_success_is_kept) {
  SimWorld sim(1);
  EXPECT_EQ(sim.run(deadline(sim.world().clock, second, stubborn(sim.world()), "it")).value(), 5);
}

TEST(Deadline, zero_still_starts_the_task) {
  SimWorld sim(1);
  auto result =
      sim.run(deadline(sim.world().clock, Duration(), after(sim.world().clock, second, 1), "it"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::timeout);
}

Task<Result<>> cancelled_from_outside(World& world, Code& seen) {
  Scope scope(co_await here());
  auto body = [](World& w, Code& code) -> Task<Result<>> {
    auto result = co_await deadline(w.clock, second * 60, after(w.clock, second * 90, 1), "it");
    code = result.error().code;
    co_return Result<>{};
  };
  scope.spawn(body(world, seen));
  CO_TRY(co_await world.clock.sleep(second));
  scope.cancel();
  co_return co_await scope.join();
}

TEST(Deadline, cancelled_from_outside_is_no_timeout) {
  SimWorld sim(1);
  Code seen = Code::internal;
  EXPECT_TRUE(sim.run(cancelled_from_outside(sim.world(), seen)));
  EXPECT_EQ(seen, Code::cancelled);
}

Task<Result<int>> on_a_pool(World& world, int& counter) {
  co_await blocking(world, Pool::hash, [&counter] { ++counter; });
  co_return co_await blocking(world, Pool::disk, [&counter] { return counter + 10; });
}

TEST(Blocking, gives_the_value) {
  SimWorld sim(1);
  int counter = 0;
  EXPECT_EQ(sim.run(on_a_pool(sim.world(), counter)).value(), 11);
}

}  // namespace
}  // namespace croft::aio
