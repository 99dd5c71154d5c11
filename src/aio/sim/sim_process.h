// One process of a simulation: a World of its own on the shared time, network and (its machine's)
// disk. It can be killed: from then on nothing it does has an effect, its waits end with an error,
// and its coroutines unwind. One thread.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>

#include "aio/sim/sim_disk.h"
#include "aio/sim/sim_network.h"

namespace croft::aio {

struct SimProcessOptions {
  Duration disk_delay_min = Duration::microseconds(20);
  Duration disk_delay_max = Duration::milliseconds(1);
  Duration pool_delay_max = Duration::milliseconds(1);
  WallTime started = WallTime::from_unix_seconds(1'207'562'400);  ///< wall time at virtual second 1
  std::string host;  ///< the address of its machine; empty: that of whom it calls
};

class SimProcess {
 public:
  SimProcess(std::string name, SimLoop& loop, SimNetwork& network, SimDisk& disk,
             SimProcessOptions options);
  ~SimProcess();
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  const std::string& name() const;
  World& world();
  SimDisk& disk();
  /// The context for this process's tasks.
  Context context();

  /// kill -9. What the process wrote is on the disk as the kernel has it: SimDisk::crash() for
  /// more.
  void kill(std::string why);
  bool dead() const;
  /// Why it died; empty while it lives.
  const std::string& reason() const;

  /// Kills at the `number`th crash point from now (1: the next). 0: never.
  void crash_at(uint64_t number);
  /// Kills before the `number`th change or sync of a file from now. 0: never.
  void crash_at_disk(uint64_t number);
  uint64_t crash_points() const;                      ///< passed so far
  uint64_t disk_operations() const;                   ///< changes and syncs so far
  const std::vector<std::string>& crash_log() const;  ///< names of the points passed, in order

  /// SIGSTOP for so long, but for what the network brings: its timers, disk and pools stand still.
  void pause(Duration lasts);
  /// Somebody sets the wall clock that it reads.
  void step_wall(Duration by);

  /// Delivers a signal to Processes::signal.
  void raise(int number);
  /// Answers Processes::start; without it: Code::unsupported.
  std::function<Result<std::unique_ptr<Child>>(ProcessOptions)> on_start;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace croft::aio
