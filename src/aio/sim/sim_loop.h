// The heart of a simulation: virtual time, ready coroutines in a drawn order, events in the order
// of time, and a hash over everything that happened. One thread.
#pragma once
#include <functional>
#include <vector>

#include "aio/timer_queue.h"
#include "aio/world.h"

namespace croft::aio {

/// splitmix64 over a counter: the same seed gives the same bytes on every machine.
class SimRandom final : public Random {
 public:
  explicit SimRandom(uint64_t seed) : state_(seed) {}
  void fill(std::span<uint8_t> out) override;
  uint64_t draw();
  Duration between(Duration low, Duration high);
  bool chance(double probability) { return unit() < probability; }

 private:
  uint64_t state_;
};

/// How many of what wait: named when nothing can happen any more.
struct SimWaiting {
  size_t reads = 0, writes = 0, accepts = 0, connects = 0, datagrams = 0, signals = 0;
  std::string text() const;
};

class SimLoop final : public Executor {
 public:
  explicit SimLoop(uint64_t seed) : random(seed), hash_(seed) {}

  void resume_soon(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  Moment now() const { return now_; }
  /// Resumes all that is ready, in a drawn order, or goes on to the next event. False: neither
  /// exists.
  bool step();
  bool ready() const { return !ready_.empty(); }
  uint64_t resumptions() const { return resumptions_; }

  /// Makes `what` part of the run's hash, and shows it to `observer`.
  void trace(std::string_view what);
  uint64_t hash() const { return hash_; }

  TimerQueue events;
  SimRandom random;
  SimWaiting waiting;
  std::function<void(Moment, std::string_view)> observer;

 private:
  void mix(uint64_t value);
  std::vector<std::coroutine_handle<>> ready_;
  Moment now_{1'000'000'000};
  uint64_t hash_;
  uint64_t resumptions_ = 0;
};

}  // namespace croft::aio
