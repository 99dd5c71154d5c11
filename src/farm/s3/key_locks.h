// One writer at a time for each key: two writers of one object take turns, others pass. Loop thread
// only. Memory: one entry a key that is locked or waited for.
#pragma once
#include <string>
#include <unordered_map>

#include "aio/sync.h"

namespace croft::farm::s3 {

class KeyLocks {
 public:
  class Held {
   public:
    Held(KeyLocks* owner, std::string key) : owner_(owner), key_(std::move(key)) {}
    Held(Held&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (owner_) owner_->leave(key_);
    }

   private:
    KeyLocks* owner_;
    std::string key_;
  };

  aio::Task<Result<Held>> lock(std::string key) {
    Entry& entry = entries_[key];
    ++entry.users;
    auto got = co_await entry.place.acquire();
    if (!got) {
      forget(key);
      co_return fail(std::move(got).error());
    }
    co_return Held(this, std::move(key));
  }

 private:
  struct Entry {
    aio::Semaphore place{1};
    size_t users = 0;
  };
  void leave(const std::string& key) {
    entries_.find(key)->second.place.release();
    forget(key);
  }
  void forget(const std::string& key) {
    auto at = entries_.find(key);
    if (--at->second.users == 0) entries_.erase(at);
  }
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace croft::farm::s3
