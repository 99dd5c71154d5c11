// Task, cancellation and Waiter at their edges, in virtual time.
#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "aio/sync.h"

namespace croft::aio {
namespace {

Task<int> number(int n) {
  co_return n;
}

Task<Result<int>> add_many(int times) {
  int sum = 0;
  for (int i = 0; i < times; ++i) sum += co_await number(1);
  co_return sum;
}

TEST(Task, many_awaits_that_never_wait_use_no_stack) {
  SimWorld sim(1);
  EXPECT_EQ(sim.run(add_many(300'000)).value(), 300'000);
}

Task<Result<int>> deep(int depth) {
  if (depth == 0) co_return 0;
  co_return CO_TRY(co_await deep(depth - 1)) + 1;
}

TEST(Task, deep_chain) {
  SimWorld sim(1);
  EXPECT_EQ(sim.run(deep(20'000)).value(), 20'000);
}

Task<Result<>> failing() {
  co_return fail(Code::not_found, "no such thing");
}

Task<Result<int>> passes_error_on() {
  CO_TRY(co_await failing());
  ADD_FAILURE() << "went on after an error";
  co_return 1;
}

TEST(Task, co_try_returns_the_error) {
  SimWorld sim(1);
  auto result = sim.run(passes_error_on());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::not_found);
}

Task<Result<int>> in_a_condition() {
  if (co_await number(1)) co_return 2;
  co_return 3;
}

TEST(Task, await_in_a_condition) {
  SimWorld sim(1);
  EXPECT_EQ(sim.run(in_a_condition()).value(), 2);
}

TEST(Task, never_awaited_never_runs) {
  bool ran = false;
  {
    auto touch = [](bool& flag) -> Task<void> {
      flag = true;
      co_return;
    };
    auto task = touch(ran);
    EXPECT_TRUE(task);
  }
  EXPECT_FALSE(ran);
}

Task<Result<std::string>> letters(std::string letter, std::string& log, int times) {
  for (int i = 0; i < times; ++i) {
    log += letter;
    co_await yield();
  }
  co_return letter;
}

Task<Result<std::string>> two_writers() {
  std::string log;
  auto first = co_await race(letters("a", log, 3), letters("b", log, 3));
  static_cast<void>(first);
  co_return log;
}

TEST(Task, yield_lets_the_other_run) {
  SimWorld sim(7);
  std::string log = sim.run(two_writers()).value();
  ASSERT_GE(log.size(), 5u);
  for (size_t i = 0; i + 1 < log.size(); i += 2) EXPECT_NE(log[i], log[i + 1]) << log;
}

TEST(CancelState, runs_callbacks_once_in_order_and_reaches_children) {
  CancelState parent;
  CancelState child(&parent);
  std::string log;
  parent.add([&] { log += "a"; });
  child.add([&] { log += "child"; });
  auto removed = parent.add([&] { log += "never"; });
  parent.add([&] { parent.remove(removed); });
  parent.remove(removed);
  parent.add([&] { log += "z"; });
  parent.request();
  parent.request();
  EXPECT_EQ(log, "childaz");
  EXPECT_TRUE(child.requested());
  CancelState late(&parent);
  EXPECT_TRUE(late.requested());
}

TEST(CancelState, a_callback_may_remove_another) {
  CancelState state;
  int calls = 0;
  CancelState::Entry second = 0;
  state.add([&] {
    ++calls;
    state.remove(second);
  });
  second = state.add([&] { ++calls; });
  state.request();
  EXPECT_EQ(calls, 1);
}

TEST(CancelState, a_child_that_has_gone_is_not_called) {
  CancelState parent;
  {
    CancelState child(&parent);
  }
  parent.request();
}

/// Awaits `waiter` and says how it ended.
Task<Result<std::string>> outcome(Waiter<int>& waiter) {
  auto result = co_await waiter;
  if (result) co_return fmt::format("value {}", *result);
  co_return std::string(name_of(result.error().code));
}

struct Both {
  Waiter<int> waiter;
  CancelState cancel;
};

Task<Result<std::string>> complete_then_cancel(Both& both) {
  auto context = co_await here();
  std::optional<Result<std::string>> out;
  Event done;
  auto body = [](Both& b, std::optional<Result<std::string>>& slot, Event& event) -> Task<void> {
    slot = co_await outcome(b.waiter);
    event.set();
  };
  detach(*context.executor, body(both, out, done), &both.cancel);
  co_await yield();
  co_await yield();
  both.waiter.complete(42);
  both.cancel.request();  // the value is there already: it wins
  CO_TRY(co_await done.wait());
  co_return **out;
}

TEST(Waiter, completed_before_cancelled_gives_the_value) {
  Both both;
  SimWorld sim(1);
  EXPECT_EQ(sim.run(complete_then_cancel(both)).value(), "value 42");
}

Task<Result<std::string>> cancel_then_complete(Both& both) {
  auto context = co_await here();
  std::optional<Result<std::string>> out;
  Event done;
  auto body = [](Both& b, std::optional<Result<std::string>>& slot, Event& event) -> Task<void> {
    slot = co_await outcome(b.waiter);
    event.set();
  };
  detach(*context.executor, body(both, out, done), &both.cancel);
  co_await yield();
  co_await yield();
  both.cancel.request();
  both.waiter.complete(42);
  CO_TRY(co_await done.wait());
  co_return **out;
}

TEST(Waiter, cancelled_before_completed_gives_cancelled) {
  Both both;
  SimWorld sim(1);
  EXPECT_EQ(sim.run(cancel_then_complete(both)).value(), "cancelled");
}

TEST(Waiter, completed_before_awaited) {
  Waiter<int> waiter;
  waiter.complete(1);
  waiter.complete(2);
  SimWorld sim(1);
  EXPECT_EQ(sim.run(outcome(waiter)).value(), "value 1");
}

}  // namespace
}  // namespace croft::aio
