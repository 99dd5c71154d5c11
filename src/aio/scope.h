// Structured concurrency: Scope (many), race (first of two), deadline, shield, blocking work.
// Loop thread only.
#pragma once
#include <list>
#include <memory>
#include <string>
#include <variant>

#include "aio/waiter.h"
#include "aio/world.h"

namespace croft::aio {

namespace detail {
/// A coroutine that starts itself and frees itself; its body never ends with an exception.
struct Detached {
  struct promise_type {
    Context context;
    Detached get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
  void start(Context context) {
    handle.promise().context = context;
    context.executor->resume_soon(handle);
  }
};
}  // namespace detail

/// Runs tasks side by side and waits for all of them. The first error cancels the rest.
///   Scope scope(co_await here());
///   scope.spawn(work(1)); scope.spawn(work(2));
///   CO_TRY(co_await scope.join());
/// Must be joined before it is destroyed (CHECKed).
class Scope {
 public:
  explicit Scope(Context context) : context_(context), cancel_(context.cancel) {}
  ~Scope() { CHECK(running_ == 0, "a Scope was destroyed with running tasks: join() it"); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  void spawn(Task<Result<>> task) {
    ++running_;
    run(*this, std::move(task)).start({context_.executor, &cancel_});
  }
  /// Waits even when the joiner is cancelled (its tasks are then cancelled too). The first error.
  Task<Result<>> join() {
    while (running_ > 0) {  // a task may spawn another between the last end and this resumption
      Waiter<> done;
      done.on_cancel([] {});  // the children are cancelled through the tree; wait for them
      done_ = &done;
      auto ignored = co_await done;
      static_cast<void>(ignored);
      done_ = nullptr;
    }
    if (error_) co_return fail(std::move(*error_));
    co_return Result<>{};
  }
  void cancel() { cancel_.request(); }
  size_t running() const { return running_; }

 private:
  static detail::Detached run(Scope& scope, Task<Result<>> task) {
    Result<> result = co_await task;
    task = {};
    scope.finished(std::move(result));
  }
  void finished(Result<> result) {
    --running_;
    if (!result && !error_) {
      bool asked = result.error().code == Code::cancelled && cancel_.requested();
      if (!asked || context_.cancelled()) error_ = std::move(result).error();
      if (!cancel_.requested()) cancel_.request();
    }
    if (running_ == 0 && done_) done_->complete({});
  }

  Context context_;
  CancelState cancel_;
  size_t running_ = 0;
  std::optional<Error> error_;
  Waiter<>* done_ = nullptr;
};

namespace detail {
/// Runs `task` with another cancellation than the awaiter's.
template <class T>
struct WithCancel {
  Task<T> task;
  CancelState* cancel;
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> awaiter) noexcept {
    auto handle = task.handle();
    handle.promise().awaiter = awaiter;
    handle.promise().context = {awaiter.promise().context.executor, cancel};
    return handle;
  }
  T await_resume() { return task.handle().promise().take(); }
};
}  // namespace detail

/// Runs `task` deaf to cancellation: clean-up that must happen. Give it a deadline of its own.
template <class T>
detail::WithCancel<T> shield(Task<T> task) {
  return {std::move(task), nullptr};
}

/// Both start; when one ends the other is cancelled and awaited. Index 0 or 1 says who was first.
template <class A, class B>
Task<std::variant<A, B>> race(Task<A> a, Task<B> b) {
  Context context = co_await here();
  CancelState cancel(context.cancel);
  std::optional<A> first;
  std::optional<B> second;
  int winner = -1;
  size_t left = 2;
  Waiter<> done;
  done.on_cancel([] {});
  auto run = [](auto task, auto& slot, int index, int& won, size_t& remaining, CancelState& state,
                Waiter<>& finished) -> detail::Detached {
    slot.emplace(co_await task);
    task = {};
    if (won < 0) won = index;
    if (!state.requested()) state.request();
    if (--remaining == 0) finished.complete({});
  };
  run(std::move(a), first, 0, winner, left, cancel, done).start({context.executor, &cancel});
  run(std::move(b), second, 1, winner, left, cancel, done).start({context.executor, &cancel});
  auto ignored = co_await done;
  static_cast<void>(ignored);
  if (winner == 0) co_return std::variant<A, B>(std::in_place_index<0>, std::move(*first));
  co_return std::variant<A, B>(std::in_place_index<1>, std::move(*second));
}

/// `task`, or Code::timeout "`what` took longer than 5 s" once `limit` has passed (the task is
/// cancelled and awaited first). A task that succeeds although its time is over has succeeded.
template <class T>
Task<Result<T>> deadline(Clock& clock, Duration limit, Task<Result<T>> task, std::string what) {
  Context context = co_await here();
  CancelState cancel(context.cancel);
  bool expired = false;
  auto timer = clock.call_at(clock.now() + limit, [&expired, &cancel] {
    expired = true;
    cancel.request();
  });
  Result<T> result = co_await detail::WithCancel<Result<T>>{std::move(task), &cancel};
  clock.stop(timer);
  if (result || !expired || context.cancelled()) co_return result;
  Error late(Code::timeout, what + " took longer than " + limit.text());
  if (result.error().code != Code::cancelled) late.frame(result.error().line());
  co_return fail(std::move(late));
}

/// `function()` on a pool thread. Not interrupted by cancellation: buffers stay valid.
template <class F>
Task<std::invoke_result_t<F>> blocking(Pools& pools, Pool pool, F function) {
  using T = std::invoke_result_t<F>;
  Waiter<> done;
  done.on_cancel([] {});
  std::conditional_t<std::is_void_v<T>, char, std::optional<T>> slot{};
  pools.submit(
      pool,
      [&] {
        if constexpr (std::is_void_v<T>)
          function();
        else
          slot.emplace(function());
      },
      [&] { done.complete({}); });
  auto ignored = co_await done;
  static_cast<void>(ignored);
  if constexpr (!std::is_void_v<T>) co_return std::move(*slot);
}

template <class F>
Task<std::invoke_result_t<F>> blocking(World& world, Pool pool, F function) {
  return blocking(world.pools, pool, std::move(function));
}

/// Starts a task that nobody awaits (a server's connection). `executor` must outlive it; errors are
/// the task's own business. Prefer Scope.
void detach(Executor& executor, Task<void> task, CancelState* cancel = nullptr);

}  // namespace croft::aio
