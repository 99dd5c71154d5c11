// Waiting for each other on one loop: Event, Semaphore, Mutex, Channel. Loop thread only; nothing
// here locks. Every wait is cancellable. FIFO.
#pragma once
#include <deque>
#include <list>

#include "aio/waiter.h"

namespace croft::aio {

namespace detail {
/// Waiters in order. A cancelled one takes itself out.
class WaitList {
 public:
  Task<Result<>> wait() {
    Waiter<> waiter;
    waiters_.push_back(&waiter);
    Result<> result = co_await waiter;
    // Whoever completes a waiter has taken it out already; a cancelled one is still listed.
    if (!result) std::erase(waiters_, &waiter);
    co_return result;
  }
  bool wake_one() {
    if (waiters_.empty()) return false;
    Waiter<>* waiter = waiters_.front();
    waiters_.pop_front();
    waiter->complete({});
    return true;
  }
  void wake_all() {
    while (wake_one()) {
    }
  }
  bool empty() const { return waiters_.empty(); }

 private:
  std::list<Waiter<>*> waiters_;
};
}  // namespace detail

/// Set once (or reset): waiters pass while it is set.
class Event {
 public:
  bool is_set() const { return set_; }
  void set() {
    set_ = true;
    list_.wake_all();
  }
  void reset() { set_ = false; }
  Task<Result<>> wait() {
    if (set_) co_return Result<>{};
    co_return co_await list_.wait();
  }

 private:
  bool set_ = false;
  detail::WaitList list_;
};

/// "Something changed, look again": wakes all who wait now.
class Signal {
 public:
  void notify() { list_.wake_all(); }
  Task<Result<>> wait() { co_return co_await list_.wait(); }

 private:
  detail::WaitList list_;
};

/// `count` places; acquire() waits for one. Give it back with release().
class Semaphore {
 public:
  explicit Semaphore(size_t count) : free_(count) {}
  Task<Result<>> acquire() {
    if (free_ > 0 && list_.empty()) {
      --free_;
      co_return Result<>{};
    }
    co_return co_await list_.wait();
  }
  void release() {
    if (!list_.wake_one()) ++free_;
  }
  size_t free() const { return free_; }

 private:
  size_t free_;
  detail::WaitList list_;
};

/// One holder at a time: `auto lock = CO_TRY(co_await mutex.lock());`
class Mutex {
 public:
  class Lock {
   public:
    explicit Lock(Mutex* mutex) : mutex_(mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock& operator=(Lock&& other) noexcept {
      std::swap(mutex_, other.mutex_);
      return *this;
    }
    ~Lock() {
      if (mutex_) mutex_->place_.release();
    }

   private:
    Mutex* mutex_;
  };
  Task<Result<Lock>> lock() {
    CO_TRY(co_await place_.acquire());
    co_return Lock(this);
  }

 private:
  Semaphore place_{1};
};

/// A bounded queue between tasks. close() ends it: pop() gives what is left, then Code::cancelled.
template <class T>
class Channel {
 public:
  explicit Channel(size_t bound) : bound_(bound) {}
  Task<Result<>> push(T item) {
    while (items_.size() >= bound_ && !closed_) CO_TRY(co_await room_.wait());
    if (closed_) co_return fail(Code::cancelled, "the channel is closed");
    items_.push_back(std::move(item));
    filled_.wake_one();
    co_return Result<>{};
  }
  /// False when full or closed.
  bool try_push(T item) {
    if (closed_ || items_.size() >= bound_) return false;
    items_.push_back(std::move(item));
    filled_.wake_one();
    return true;
  }
  Task<Result<T>> pop() {
    while (items_.empty()) {
      if (closed_) co_return fail(Code::cancelled, "the channel is closed");
      CO_TRY(co_await filled_.wait());
    }
    T item = std::move(items_.front());
    items_.pop_front();
    room_.wake_one();
    co_return item;
  }
  void close() {
    closed_ = true;
    filled_.wake_all();
    room_.wake_all();
  }
  size_t size() const { return items_.size(); }

 private:
  size_t bound_;
  bool closed_ = false;
  std::deque<T> items_;
  detail::WaitList filled_, room_;
};

}  // namespace croft::aio
