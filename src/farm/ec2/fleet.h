// Drives machines to the state their records say: boots pending ones, stops stopping ones, destroys
// those that shut down, notices those that ended by themselves, and finds them all again after a
// restart of the farm. The record is durable first; this only makes it true, again and again if it
// must. One settling coroutine an instance at a time. Loop thread only.
// Limits: max_boots machines boot at once.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "aio/scope.h"
#include "aio/sync.h"
#include "farm/ec2/instance_type.h"
#include "farm/ec2/state.h"
#include "farm/meter/intervals.h"
#include "sandbox/sandbox.h"

namespace croft::farm::ec2 {

/// Answers on one socket of one instance until cancelled or closed. `name` is InsideListener::name;
/// owns `descriptor`.
using ServeInside =
    std::function<aio::Task<Result<>>(std::string instance, std::string name, int descriptor)>;

struct FleetOptions {
  std::vector<sandbox::InsideListener> listeners;  ///< of every machine
  ServeInside serve;
  /// The volumes that an instance has when it starts.
  std::function<std::vector<sandbox::VolumeSpec>(const std::string& instance)> volumes;
  /// The file of a volume that goes with its instance.
  std::function<std::string(const std::string& volume)> disk_file;
  /// Some instance is in another state.
  std::function<void()> changed;
  Duration boot_deadline = Duration::seconds(60);
  Duration stop_grace = Duration::seconds(10);
  Duration keep_terminated = Duration::hours(1);
};

class Fleet {
 public:
  static constexpr size_t max_boots = 64;

  Fleet(aio::World& world, State& state, sandbox::Machines& machines, FleetOptions options)
      : world_(world),
        state_(state),
        machines_(machines),
        options_(std::move(options)),
        boots_(max_boots) {}
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  /// After State::load(): looks which machines still run, corrects the records of those that do
  /// not, and queues what was under way.
  aio::Task<Result<>> recover();
  /// Until cancelled: settles, watches exits, forgets terminated instances after an hour.
  aio::Task<Result<>> run();

  /// The record of `id` says something new: make it true.
  void kick(const std::string& id);
  void ask_reboot(const std::string& id);
  /// The next stop of this machine is without grace.
  void ask_force(const std::string& id) { forced_.insert(id); }

  /// Changes the state, its reason and what hangs on it (meter, address). The caller commits the
  /// record; what else must go into that commit is appended to `changes`.
  void set_state(Instance& instance, InstanceState state, StateReason reason,
                 std::string transition, std::vector<store::Change>& changes);
  aio::Task<Result<std::string>> console(std::string id) {
    return machines_.console(std::move(id), Bytes::kib(64));
  }
  sandbox::Machines& machines() { return machines_; }
  /// Ends every machine, whether or not run() runs, and records that. For a farm that goes for
  /// good.
  aio::Task<Result<>> destroy_all();

 private:
  struct Inside {
    aio::Scope* scope = nullptr;  ///< of the serving coroutine; null before it runs and after
    std::map<std::string, int> sockets;
    bool ended = false;
    bool started = false;  ///< a serving coroutine owns the sockets
    aio::Event closed;     ///< none of them is open any more
  };

  aio::Task<Result<>> settle_all(aio::Scope& scope);
  aio::Task<Result<>> settle(std::string id);
  /// One move towards rest; false when nothing is left to do.
  aio::Task<Result<bool>> step(std::string id);
  aio::Task<Result<bool>> boot(std::string id);
  aio::Task<Result<bool>> booted(std::string id, sandbox::Machine machine);
  aio::Task<Result<bool>> boot_failed(std::string id, Error error);
  aio::Task<Result<bool>> halt(std::string id);
  aio::Task<Result<bool>> dispose(std::string id);
  /// No packet reaches the instance at this address any more.
  aio::Task<Result<>> withdraw(std::string public_address);
  aio::Task<Result<bool>> reboot(std::string id);
  aio::Task<Result<>> watch_exits();
  aio::Task<Result<>> ended(sandbox::MachineExit exit);
  aio::Task<Result<>> forget_old();
  aio::Task<Result<>> forget_once();
  aio::Task<Result<>> until_none_lives();
  aio::Task<Result<>> settle_here(std::string id);
  aio::Task<Result<>> save(Instance& instance, std::string point,
                           std::vector<store::Change> changes);

  void attach(const std::string& id, std::map<std::string, int> sockets);
  /// Returns once no socket of the farm is open inside: an open one keeps the network alive.
  aio::Task<Result<>> detach(std::string id);
  aio::Task<Result<>> serve(std::string id, std::shared_ptr<Inside> inside);
  aio::Task<Result<>> serve_one(std::string id, std::string name, int descriptor);
  sandbox::MachineSpec spec_of(const Instance& instance);
  /// Stop or terminate, as the instance's shutdown behaviour says.
  void end_by_itself(Instance& instance, StateReason reason, std::vector<store::Change>& changes);

  aio::World& world_;
  State& state_;
  sandbox::Machines& machines_;
  FleetOptions options_;
  aio::Semaphore boots_;
  aio::Signal work_;
  std::deque<std::string> queue_;
  std::set<std::string> settling_;
  std::set<std::string> reboots_;
  std::set<std::string> restarts_;  ///< the guest asked for a reboot: start again
  std::set<std::string> forced_;
  std::set<std::string> half_made_;  ///< pending when the farm before this one died
  std::map<std::string, sandbox::MachineExit>
      early_exits_;  ///< ended before their boot was recorded
  std::map<std::string, std::shared_ptr<Inside>> inside_;
  aio::Scope* scope_ = nullptr;  ///< of run()
  std::vector<std::pair<std::string, std::shared_ptr<Inside>>> waiting_inside_;
};

/// "2008-04-07 10:00:00 GMT": the time inside a transition reason.
std::string reason_time(WallTime at);

}  // namespace croft::farm::ec2
