#include "aio/real/clock.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "aio/system_error.h"

namespace croft::aio {

namespace {
constexpr int64_t second_ns = 1'000'000'000;

int64_t read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * second_ns + time.tv_nsec;
}
}  // namespace

Result<std::unique_ptr<RealClock>> RealClock::open(Loop& loop) {
  int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return fail(system_error(errno, "cannot make a timer"));
  std::unique_ptr<RealClock> self(new RealClock(fd));
  self->watch_ = TRY(Watch::open(loop, fd, [clock = self.get()] { clock->fire(); }));
  return self;
}

RealClock::~RealClock() {
  watch_.reset();
  ::close(fd_);
}

Moment RealClock::now() {
  return {read_clock(CLOCK_BOOTTIME)};
}
WallTime RealClock::wall() {
  return {read_clock(CLOCK_REALTIME)};
}

Clock::TimerId RealClock::call_at(Moment at, std::move_only_function<void()> function) {
  auto id = timers_.add(at, std::move(function));
  if (!armed_ || at < *armed_) arm();
  return id;
}

void RealClock::fire() {
  uint64_t expirations = 0;
  static_cast<void>(!::read(fd_, &expirations, sizeof expirations));
  armed_.reset();
  Moment time = now();
  while (auto function = timers_.take_due(time)) function();
  arm();
}

void RealClock::arm() {
  armed_ = timers_.next();
  if (!armed_) return;
  // All zero would disarm it.
  int64_t at = std::max<int64_t>(armed_->ns, 1);
  itimerspec when{{0, 0}, {at / second_ns, at % second_ns}};
  timerfd_settime(fd_, TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace croft::aio
