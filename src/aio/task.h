// Coroutines of croft. Task<T> is lazy: it runs when awaited, in its awaiter's place, on the loop
// thread. It carries a Context (executor + cancellation) from awaiter to awaited.
// Ownership: a Task owns its frame. A frame is never destroyed while suspended inside an operation:
// whoever starts a task awaits it (Scope, race, deadline do), so cancelling means "asked to end".
// Rules: coroutine parameters by value (or references that outlive the await); no capturing
// lambdas.
#pragma once
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "aio/cancel.h"
#include "base/error.h"

namespace croft::aio {

/// Where resumed coroutines run: the World's loop. Loop thread only.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Resumes `handle` soon, from the loop, never from inside this call.
  virtual void resume_soon(std::coroutine_handle<> handle) = 0;
};

struct Context {
  Executor* executor = nullptr;
  CancelState* cancel = nullptr;  ///< null: cannot be cancelled
  bool cancelled() const { return cancel && cancel->requested(); }
};

template <class T>
class Task;

namespace detail {

struct PromiseBase {
  Context context;
  std::coroutine_handle<> awaiter;

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> handle) noexcept {
      auto next = handle.promise().awaiter;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  // Exceptions do not cross croft's functions: one that reaches a coroutine's edge is a defect
  // (out of memory included), and the trace is worth more than an unwound stack.
  void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  void return_value(T v) { value.emplace(std::move(v)); }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { reset(); }

  explicit operator bool() const { return static_cast<bool>(handle_); }
  Handle handle() const { return handle_; }

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> awaiter) noexcept {
      handle.promise().awaiter = awaiter;
      handle.promise().context = awaiter.promise().context;
      return handle;
    }
    T await_resume() { return handle.promise().take(); }
  };
  Awaiter operator co_await() const& noexcept { return {handle_}; }
  Awaiter operator co_await() && noexcept { return {handle_}; }

 private:
  void reset() {
    if (handle_) handle_.destroy();
    handle_ = {};
  }
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace detail

/// `Context c = co_await here();`: the running coroutine's executor and cancellation.
struct Here {
  Context context;
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> handle) noexcept {
    context = handle.promise().context;
    return false;
  }
  Context await_resume() const noexcept { return context; }
};
inline Here here() {
  return {};
}

/// `co_await yield()`: lets other ready coroutines run first.
struct Yield {
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) noexcept {
    handle.promise().context.executor->resume_soon(handle);
  }
  void await_resume() const noexcept {}
};
inline Yield yield() {
  return {};
}

inline Error cancelled_error() {
  return Error(Code::cancelled, "cancelled");
}

}  // namespace croft::aio
