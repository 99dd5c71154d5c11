// One timer for all waits of a connection: arming it again costs a store, since the running timer
// looks at the newest limit when it fires. Loop thread only; must outlive nothing it calls.
#pragma once
#include <functional>

#include "aio/world.h"

namespace croft::net {

class Watchdog {
 public:
  /// `on_expiry` runs on the loop, at most once.
  Watchdog(aio::Clock& clock, std::function<void()> on_expiry)
      : clock_(clock), on_expiry_(std::move(on_expiry)) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { disarm(); }

  void set(Duration limit) {
    limit_ = clock_.now() + limit;
    if (armed_ && timer_at_ <= limit_) return;
    disarm();
    arm();
  }
  /// No limit until the next set(). The timer runs on; it costs one wake-up at most.
  void clear() { limit_ = never; }
  bool expired() const { return expired_; }

 private:
  static constexpr Moment never{INT64_MAX};
  void arm() {
    armed_ = true;
    timer_at_ = limit_;
    timer_ = clock_.call_at(limit_, [this] { fire(); });
  }
  void disarm() {
    if (armed_) clock_.stop(timer_);
    armed_ = false;
  }
  void fire() {
    armed_ = false;
    if (limit_ == never || expired_) return;
    if (clock_.now() < limit_) return arm();
    expired_ = true;
    on_expiry_();
  }

  aio::Clock& clock_;
  std::function<void()> on_expiry_;
  Moment limit_ = never;
  Moment timer_at_;
  aio::Clock::TimerId timer_ = 0;
  bool armed_ = false;
  bool expired_ = false;
};

}  // namespace croft::net
