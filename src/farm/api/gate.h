// A door in front of something slow: so many pass at once, the rest wait in lanes (an account each)
// that take turns, and nobody longer than `max_wait`. Whoever would wait longer than that is told
// so on arrival: work for a caller who has given up helps nobody, and keeps others waiting.
// Loop thread only. Memory: one entry a waiting caller, at most `waiting_max`.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "aio/waiter.h"
#include "aio/world.h"

namespace croft::farm {

struct GateLimits {
  size_t places = 16;
  Duration max_wait = Duration::milliseconds(500);
  size_t waiting_max = 10'000;
};

class Gate {
 public:
  /// Gives the place back.
  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_) gate_->leave();
    }

   private:
    Gate* gate_;
  };

  Gate(aio::Clock& clock, GateLimits limits) : clock_(clock), limits_(limits) {}
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Code::resource_exhausted with the fact "overload" when it would take, or has taken, longer
  /// than max_wait, or `deadline` (the caller's own) comes first.
  aio::Task<Result<Pass>> enter(std::string lane, Moment deadline = Moment{INT64_MAX});

  /// How long the one who waits longest has waited.
  Duration standing() const;
  /// What a new caller of this lane has to expect, by the pace of late; 0 when a place is free.
  Duration expected(std::string_view lane) const;
  size_t waiting() const { return waiting_; }
  size_t inside() const { return inside_; }
  uint64_t refused() const { return refused_; }
  const GateLimits& limits() const { return limits_; }

 private:
  struct Caller {
    aio::Waiter<> waiter;
    Moment since;
    aio::Clock::TimerId timer = 0;
  };
  using Lane = std::deque<Caller*>;
  using Lanes = std::map<std::string, Lane, std::less<>>;
  void leave();
  void pass_on();
  void take_out(std::string_view lane, Caller* caller);
  std::unexpected<Error> refuse(std::string_view why);

  aio::Clock& clock_;
  GateLimits limits_;
  Lanes lanes_;       ///< those that have callers
  std::string turn_;  ///< the lane that was served last
  size_t inside_ = 0;
  size_t waiting_ = 0;
  uint64_t refused_ = 0;
  Moment last_pass_;
  Duration pace_;  ///< between two who pass while others wait, smoothed
};

}  // namespace croft::farm
