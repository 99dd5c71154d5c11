#include "aio/sim/sim_world.h"

namespace croft::aio {

namespace {
// What a killed process may still do while its coroutines end. More is a loop that ignores errors.
constexpr uint64_t unwinding_steps_max = 1'000'000;

detail::Detached run_detached(Task<Result<>> task) {
  auto ignored = co_await task;
  static_cast<void>(ignored);
}
}  // namespace

SimWorld::SimWorld(uint64_t seed, SimOptions options)
    : options_(options), loop_(seed), network_(loop_, options.network) {
  add_disk();
  main_ = &start_process("main");
}

SimWorld::~SimWorld() {
  for (auto& each : processes_) each->kill("the simulation ends");
  unwind(false);
}

SimProcess& SimWorld::start_process(std::string name, SimDisk* disk, std::string host) {
  SimProcessOptions options = options_.process;
  options.host = std::move(host);
  auto process = std::make_unique<SimProcess>(std::move(name), loop_, network_,
                                              disk ? *disk : this->disk(), std::move(options));
  return *processes_.emplace_back(std::move(process));
}

SimDisk& SimWorld::add_disk() {
  return *disks_.emplace_back(std::make_unique<SimDisk>(loop_));
}

SimProcess& SimWorld::restart(bool power_cut) {
  main_->kill("restart");
  unwind(false);
  if (power_cut) main_->disk().crash();
  main_ = &start_process(main_->name(), &main_->disk());
  return *main_;
}

void SimWorld::spawn(SimProcess& process, Task<Result<>> task) {
  run_detached(std::move(task)).start(process.context());
}

void SimWorld::unwind(const bool& done) {
  // Without going on in time where others live: what a dead process waits for is due at once.
  Moment until = loop_.now();
  for (uint64_t steps = 0; !done && steps < unwinding_steps_max; ++steps) {
    if (!loop_.ready() && (!loop_.events.next() || *loop_.events.next() > until)) return;
    loop_.step();
  }
}

Result<> SimWorld::turn_until(SimProcess& process, const bool& done) {
  Moment end = loop_.now() + options_.virtual_limit;
  uint64_t most = loop_.resumptions() + options_.resumptions_max;
  Error stuck;
  while (!done && !process.dead()) {
    if (!loop_.step()) {
      stuck = Error(Code::internal,
                    "nothing can happen any more, and the task waits: " + loop_.waiting.text());
      break;
    }
    if (loop_.now() > end || loop_.resumptions() > most) {
      stuck =
          Error(Code::internal, fmt::format("the task still runs after {} and {} resumptions; {}",
                                            options_.virtual_limit.text(), loop_.resumptions(),
                                            loop_.waiting.text()));
      break;
    }
  }
  if (!stuck.what.empty()) process.kill("stuck");
  if (!process.dead()) return {};
  unwind(done);
  if (stuck.what.empty())
    stuck = Error(Code::cancelled, fmt::format("the process '{}' was killed at {}", process.name(),
                                               process.reason()));
  if (!done)
    stuck.hint("its task did not end after that: it waits for something that ignores cancellation");
  return fail(std::move(stuck));
}

}  // namespace croft::aio
