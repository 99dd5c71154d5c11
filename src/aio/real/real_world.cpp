#include "aio/real/real_world.h"

#include <signal.h>

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
  void fill(std::span<uint8_t> out) override { system_random(out); }
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
