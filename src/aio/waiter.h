// The one-shot meeting of a waiting coroutine and an event: what every leaf operation is made of.
// The operation keeps a Waiter<T> (often on the awaiting frame), starts, and calls complete().
// Loop thread only. Ownership: must outlive the await.
#pragma once
#include "aio/task.h"

namespace croft::aio {

template <class T = void>
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// First call wins; later ones are ignored. Never resumes inside the call.
  void complete(Result<T> result) {
    if (result_) return;
    result_.emplace(std::move(result));
    unhook();
    if (waiting_) context_.executor->resume_soon(std::exchange(waiting_, {}));
  }
  bool completed() const { return result_.has_value(); }
  /// Runs when the waiting coroutine is cancelled, instead of completing with Code::cancelled at
  /// once. For operations whose buffers are still in use: stop it, and complete() later.
  void on_cancel(std::function<void()> action) { on_cancel_ = std::move(action); }

  struct Awaiter {
    Waiter& self;
    bool await_ready() const noexcept { return self.result_.has_value(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> handle) noexcept {
      return self.suspend(handle, handle.promise().context);
    }
    Result<T> await_resume() {
      Result<T> out = std::move(*self.result_);
      self.result_.reset();
      return out;
    }
  };
  Awaiter operator co_await() noexcept { return {*this}; }

 private:
  bool suspend(std::coroutine_handle<> handle, Context context) {
    context_ = context;
    if (context.cancelled()) {
      cancel();
      if (result_) return false;
    } else if (context.cancel) {
      entry_ = context.cancel->add([this] {
        hooked_ = false;
        cancel();
      });
      hooked_ = true;
    }
    waiting_ = handle;
    return true;
  }
  void cancel() {
    if (on_cancel_)
      on_cancel_();
    else
      complete(fail(cancelled_error()));
  }
  void unhook() {
    if (hooked_) context_.cancel->remove(entry_);
    hooked_ = false;
  }

  std::optional<Result<T>> result_;
  std::coroutine_handle<> waiting_;
  Context context_;
  std::function<void()> on_cancel_;
  CancelState::Entry entry_ = 0;
  bool hooked_ = false;
};

}  // namespace croft::aio
