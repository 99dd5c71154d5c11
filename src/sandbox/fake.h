// Machines that are only records: what the farm can be tested with in the simulation and without
// root. Deterministic; every call takes a little of the World's time. Loop thread only.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>

#include "aio/sync.h"
#include "sandbox/sandbox.h"

namespace croft::sandbox {

class FakeMachines final : public Machines {
 public:
  explicit FakeMachines(aio::World& world) : world_(world) {}

  aio::Task<Result<Machine>> start(MachineSpec spec) override;
  aio::Task<Result<>> stop(std::string id, Duration grace) override;
  aio::Task<Result<>> destroy(std::string id) override;
  aio::Task<Result<>> reboot(std::string id) override;
  aio::Task<Result<std::vector<Machine>>> find_running(
      std::map<std::string, std::vector<InsideListener>> listeners) override;
  aio::Task<Result<MachineExit>> next_exit() override { co_return co_await exits_.pop(); }
  aio::Task<Result<std::string>> console(std::string id, Bytes limit) override;
  aio::Task<Result<>> close() override;
  aio::Task<Result<>> signal(std::string id, int signal) override;
  aio::Task<Result<>> attach_volume(std::string id, VolumeSpec volume) override;
  aio::Task<Result<>> detach_volume(std::string id, std::string name, bool force) override;
  aio::Task<Result<>> grow_volume(std::string id, VolumeSpec volume) override;
  aio::Task<Result<std::vector<Traffic>>> traffic() override;
  aio::Task<Result<>> traffic_taken(std::vector<Traffic> read) override;
  aio::Task<Result<>> copy_disk(std::string id, std::string from, std::string to) override;
  aio::Task<Result<>> remove_disk(std::string image) override;
  aio::Task<Result<>> set_groups(std::vector<PacketGroup> groups) override;
  aio::Task<Result<>> forget_group(std::string name) override;
  aio::Task<Result<>> join_groups(std::string id, std::vector<std::string> groups) override;
  aio::Task<Result<>> set_public(std::string address, std::string private_address) override;
  aio::Task<Result<>> set_networks(PacketNetworks networks) override;
  aio::Task<Result<>> set_links(std::vector<LinkFault> faults) override;
  aio::Task<Result<>> fill_disk(std::string id, bool full) override;

  // What a test or simulation does to them.

  /// Called at the first boot, in place of running the user data; its text goes to the console.
  std::function<std::string(const MachineSpec&)> on_user_data;
  /// Called at every start, and whenever one that runs does not any more.
  std::function<void(const MachineSpec&, const Machine&)> on_start;
  std::function<void(const std::string& id)> on_end;
  /// It runs from before this farm's start.
  void found(MachineSpec spec, const Machine& machine);
  /// Starts of these machines fail, with this error, once each.
  std::map<std::string, Error> failing_starts;
  Duration start_time = Duration::milliseconds(10);
  Duration stop_time = Duration::milliseconds(5);
  /// The machine ends by itself; next_exit() tells. False when it does not run.
  bool end(const std::string& id, std::string reason, bool by_guest);
  Bytes size_of(const std::string& id, const std::string& volume) const;  ///< 0: it has none
  std::set<std::string> running() const;
  /// Running or stopped: those with a disk.
  std::set<std::string> existing() const;
  std::set<std::string> disks;                 ///< images that were made
  std::map<std::string, std::string> volumes;  ///< image -> machine that has it
  std::set<std::string> frozen;
  std::set<std::string> full;  ///< machines whose disk was filled
  std::vector<LinkFault> links;
  std::map<std::string, Traffic> counted;  ///< what traffic() tells, by machine
  std::vector<Traffic> ended;              ///< what it tells of machines that ended
  PacketNetworks networks;
  std::map<std::string, PacketGroup> groups;
  std::map<std::string, std::string> publics;  ///< public address -> private one

 private:
  struct Record {
    MachineSpec spec;
    bool runs = false;
    int pid = 0;
    std::string console;
  };
  void note_end(Record& record) {
    if (std::exchange(record.runs, false) && on_end) on_end(record.spec.id);
  }
  aio::World& world_;
  std::map<std::string, Record> records_;
  aio::Channel<MachineExit> exits_{4096};
  int next_pid_ = 1000;
};

}  // namespace croft::sandbox
