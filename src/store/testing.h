// A store at the end of a bad line, for tests in virtual time. Tests only.
#pragma once
#include <functional>

#include "store/store.h"

namespace croft::store::testing {

struct Line {
  bool cut = false;
  double loss = 0;  ///< of a request, and of an answer
  Duration delay_max;
  Duration patience = Duration::seconds(1);  ///< until who asked gives a lost request up
  std::function<bool()> stands_still;        ///< who asks does nothing now; may be empty
};

/// `store` over `line`; both outlive it. Watches are not troubled: they are hints.
class FarStore : public Store {
 public:
  FarStore(Store& store, aio::World& world, Line& line)
      : store_(store), world_(world), line_(line) {}

  aio::Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                     std::vector<Change> changes) override {
    return over(store_.commit(std::move(conditions), std::move(changes)));
  }
  aio::Task<Result<std::optional<Entry>>> get(std::string key) override {
    return over(store_.get(std::move(key)));
  }
  aio::Task<Result<std::vector<Entry>>> range(Range range) override {
    return over(store_.range(std::move(range)));
  }
  aio::Task<Result<std::optional<std::string>>> get_cold(std::string key) override {
    return over(store_.get_cold(std::move(key)));
  }
  Result<std::unique_ptr<Watch>> watch(Range range) override {
    return store_.watch(std::move(range));
  }
  aio::Task<Result<uint64_t>> grant(Duration ttl) override { return over(store_.grant(ttl)); }
  aio::Task<Result<>> renew(uint64_t lease) override { return over(store_.renew(lease)); }
  aio::Task<Result<>> revoke(uint64_t lease) override { return over(store_.revoke(lease)); }
  uint64_t revision() const override { return store_.revision(); }
  aio::Task<Result<>> close() override { co_return Result<>{}; }

 private:
  bool lost() { return line_.cut || world_.random.unit() < line_.loss; }
  aio::Task<Result<>> travel() {
    uint64_t most = static_cast<uint64_t>(line_.delay_max.ns()) + 1;
    CO_TRY(co_await world_.clock.sleep(
        Duration::nanoseconds(static_cast<int64_t>(world_.random.below(most)))));
    // What arrives where nothing is done waits there.
    while (line_.stands_still && line_.stands_still())
      CO_TRY(co_await world_.clock.sleep(Duration::milliseconds(10)));
    co_return Result<>{};
  }
  template <class T>
  aio::Task<Result<T>> over(aio::Task<Result<T>> call) {
    CO_TRY(co_await travel());
    if (lost()) {
      CO_TRY(co_await world_.clock.sleep(line_.patience));
      co_return fail(Code::timeout, "the request was lost");
    }
    auto answer = co_await call;
    CO_TRY(co_await travel());
    if (lost()) co_return fail(Code::timeout, "the answer was lost");
    co_return answer;
  }

  Store& store_;
  aio::World& world_;
  Line& line_;
};

}  // namespace croft::store::testing
