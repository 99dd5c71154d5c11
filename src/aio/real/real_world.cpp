#include "aio/real/real_world.h"

#include <signal.h>

#include <algorithm>
#include <array>

#include "aio/real/clock.h"
#include "aio/real/crash_points.h"
#include "aio/real/disk.h"
#include "aio/real/loop.h"
#include "aio/real/net.h"
#include "aio/real/pools.h"
#include "aio/real/processes.h"
#include "base/digest.h"

namespace croft::aio {

namespace {
class RealRandom final : public Random {
 public:
  // Small amounts come from a stock: every answer of the farm carries some, and a system call for
  // each costs more than the rest of its id. What was given out is wiped.
  void fill(std::span<uint8_t> out) override {
    if (out.size() > stock_.size() / 4) return system_random(out);
    if (used_ + out.size() > stock_.size()) {
      system_random(stock_);
      used_ = 0;
    }
    std::span<uint8_t> taken(stock_.data() + used_, out.size());
    std::ranges::copy(taken, out.begin());
    std::ranges::fill(taken, uint8_t{0});
    used_ += out.size();
  }

 private:
  std::array<uint8_t, 1024> stock_{};
  size_t used_ = 1024;
};
}  // namespace

// In the order of making; taken down in reverse, the loop last.
struct RealWorld::Parts {
  std::unique_ptr<Loop> loop;
  std::unique_ptr<RealClock> clock;
  std::unique_ptr<RealCrashPoints> crash;
  RealPools pools;
  RealNet net;
  RealDisk disk;
  RealProcesses processes;
  RealRandom random;
  World world;

  Parts(std::unique_ptr<Loop> loop_in, std::unique_ptr<RealClock> clock_in,
        std::unique_ptr<RealCrashPoints> crash_in)
      : loop(std::move(loop_in)),
        clock(std::move(clock_in)),
        crash(std::move(crash_in)),
        pools(*loop),
        net(*loop, *clock, pools),
        disk(pools),
        processes(*loop),
        world{*loop, *clock, net, disk, processes, random, pools, *crash} {}
};

RealWorld::RealWorld() = default;
RealWorld::~RealWorld() = default;

Result<std::unique_ptr<RealWorld>> RealWorld::open() {
  ::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<RealWorld> self(new RealWorld());
  auto loop = TRY(Loop::open());
  auto clock = TRY(RealClock::open(*loop));
  auto crash = TRY(RealCrashPoints::open());
  self->parts_ = std::make_unique<Parts>(std::move(loop), std::move(clock), std::move(crash));
  return self;
}

World& RealWorld::world() {
  return parts_->world;
}
void RealWorld::turn_until(const bool& done) {
  parts_->loop->run(done);
}
void RealWorld::interrupt() {
  parts_->loop->interrupt();
}

detail::Detached RealWorld::root(RealWorld& self, Task<void> task, bool& done) {
  co_await task;
  task = {};
  done = true;
  self.interrupt();
}

}  // namespace croft::aio
