// One at a time for each key, in the order of asking: who changes a file locks its path. A key that
// nobody holds or waits for costs nothing. Loop thread only; outlives its locks.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "aio/sync.h"

namespace croft::aio {

class KeyedMutex {
 public:
  /// The next in line gets on when this goes.
  class Lock {
   public:
    Lock(std::shared_ptr<Mutex> mutex, Mutex::Lock guard)
        : mutex_(std::move(mutex)), guard_(std::move(guard)) {}

   private:
    std::shared_ptr<Mutex> mutex_;  // before its guard: that goes first
    Mutex::Lock guard_;
  };

  Task<Result<Lock>> lock(std::string key) {
    std::erase_if(mutexes_, [](const auto& item) { return item.second.expired(); });
    std::weak_ptr<Mutex>& slot = mutexes_[key];
    std::shared_ptr<Mutex> mutex = slot.lock();
    if (!mutex) slot = mutex = std::make_shared<Mutex>();
    auto guard = CO_TRY(co_await mutex->lock());
    co_return Lock(std::move(mutex), std::move(guard));
  }
  size_t keys() const { return mutexes_.size(); }

 private:
  std::map<std::string, std::weak_ptr<Mutex>> mutexes_;
};

}  // namespace croft::aio
