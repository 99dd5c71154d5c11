// Time of a RealWorld: CLOCK_BOOTTIME and one timerfd for all timers. libuv's own timers stand
// still while the machine sleeps and count in milliseconds. Loop thread only.
#pragma once
#include "aio/real/loop.h"
#include "aio/timer_queue.h"
#include "aio/world.h"

namespace croft::aio {

class RealClock final : public Clock {
 public:
  static Result<std::unique_ptr<RealClock>> open(Loop& loop);
  ~RealClock() override;

  Moment now() override;
  WallTime wall() override;
  TimerId call_at(Moment at, std::move_only_function<void()> function) override;
  void stop(TimerId timer) override { timers_.remove(timer); }

 private:
  explicit RealClock(int fd) : fd_(fd) {}
  void fire();
  void arm();

  int fd_;
  std::unique_ptr<Watch> watch_;
  TimerQueue timers_;
  // What the timerfd is set to. Stopping the first timer leaves it: an early wake-up costs less
  // than a system call for every deadline that was kept.
  std::optional<Moment> armed_;
};

}  // namespace croft::aio
