// The World as a simulation: virtual time, network, disk and chance from one seed. The same seed
// and the same code give the same run, event by event (hash() tells). For tests of every module
// above aio.
//   SimWorld sim(seed);
//   Result<int> result = sim.run(work(sim.world()));
// Time costs nothing: it jumps to the next event when nothing is ready. A run in which nothing can
// happen any more ends with an error instead of hanging. Pools run inline at their turn.
// One thread. Everything made through world() must be gone before the SimWorld.
#pragma once
#include <memory>
#include <vector>

#include "aio/scope.h"
#include "aio/sim/sim_process.h"

namespace croft::aio {

struct SimOptions {
  SimNetworkOptions network;
  SimProcessOptions process;
  Duration virtual_limit = Duration::hours(24 * 365);  ///< a run that lasts longer is an error
  uint64_t resumptions_max = 50'000'000;               ///< of one run
};

class SimWorld {
 public:
  explicit SimWorld(uint64_t seed, SimOptions options = {});
  /// Kills what still runs and lets it unwind.
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  /// Of the current main process.
  World& world() { return main().world(); }
  SimProcess& main() { return *main_; }
  SimDisk& disk() { return *disks_.front(); }
  SimNetwork& network() { return network_; }
  Moment now() const { return loop_.now(); }

  /// Another process, on the main machine's disk or on `disk`, at the address `host` or at none.
  SimProcess& start_process(std::string name, SimDisk* disk = nullptr, std::string host = {});
  SimDisk& add_disk();
  /// A new main process on the same disk; the old one is killed. With `power_cut` unsynced data are
  /// lost as SimDisk::crash() says.
  SimProcess& restart(bool power_cut);

  /// Runs `task` in the main process until it ends. When the process is killed meanwhile
  /// (crash_at), Code::cancelled "... was killed at ..."; when nothing can happen any more,
  /// Code::internal.
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return run_in(main(), std::move(task));
  }
  template <class T>
  Result<T> run_in(SimProcess& process, Task<Result<T>> task) {
    auto state = std::make_shared<Run<T>>();
    root(std::move(task), state).start(process.context());
    auto status = turn_until(process, state->done);
    if (!status) return fail(std::move(status).error());
    return std::move(*state->result);
  }
  /// Starts a task in a process (a server); it runs whenever run() does, and its error is dropped.
  void spawn(SimProcess& process, Task<Result<>> task);

  /// Equal for equal runs.
  uint64_t hash() const { return loop_.hash(); }
  /// Adds to the hash what a test finds worth comparing.
  void trace(std::string_view what) { loop_.trace(what); }
  /// Sees every traced event, with its time.
  void observe(std::function<void(Moment, std::string_view)> observer) {
    loop_.observer = std::move(observer);
  }

 private:
  template <class T>
  struct Run {
    std::optional<Result<T>> result;
    bool done = false;
  };
  template <class T>
  static detail::Detached root(Task<Result<T>> task, std::shared_ptr<Run<T>> state) {
    state->result.emplace(co_await task);
    task = {};
    state->done = true;
  }
  Result<> turn_until(SimProcess& process, const bool& done);
  void unwind(const bool& done);

  SimOptions options_;
  SimLoop loop_;
  SimNetwork network_;
  std::vector<std::unique_ptr<SimDisk>> disks_;
  std::vector<std::unique_ptr<SimProcess>> processes_;
  SimProcess* main_ = nullptr;
};

}  // namespace croft::aio
