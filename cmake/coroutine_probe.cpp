// Fails on compilers that lose the body of `if (co_await f())` or destroy awaited temporaries twice.
#include <coroutine>
#include <expected>
#include <string>
#include <utility>

namespace {
int live = 0;
struct Counted {
  Counted() { ++live; }
  Counted(const Counted&) { ++live; }
  ~Counted() { --live; }
};

template <class T>
struct Lazy {
  struct promise_type {
    T value{};
    std::coroutine_handle<> waiter;
    Lazy get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Final {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
          return h.promise().waiter ? h.promise().waiter : std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return Final{};
    }
    void return_value(T v) { value = std::move(v); }
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> handle;
  Lazy(std::coroutine_handle<promise_type> h) : handle(h) {}
  Lazy(Lazy&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  ~Lazy() {
    if (handle) handle.destroy();
  }
  bool await_ready() { return false; }
  auto await_suspend(std::coroutine_handle<> h) {
    handle.promise().waiter = h;
    return handle;
  }
  T await_resume() { return std::move(handle.promise().value); }
};

Lazy<bool> yes(Counted) { co_return true; }
Lazy<std::expected<std::string, int>> text(Counted, std::string s) { co_return s; }

Lazy<int> body() {
  int seen = 0;
  if (co_await yes(Counted{})) seen += 1;
  std::string out = ({
    auto r = co_await text(Counted{}, "a string that is longer than the small buffer holds");
    if (!r) co_return 0;
    std::move(*r);
  });
  if (out.size() == 51) seen += 2;
  co_return seen;
}
}  // namespace

int main() {
  int result = 0;
  {
    auto task = body();
    task.handle.resume();
    result = task.handle.promise().value;
  }
  return result == 3 && live == 0 ? 0 : 1;
}
