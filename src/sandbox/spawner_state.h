// The spawner's state, shared by its files: spawner.cpp (opening, loop, small requests) and
// spawner_life.cpp (machines as they start, spare disks), spawner_end.cpp (as they end). One
// process, one thread; all that takes time is done by forked workers.
#pragma once
#include <sys/types.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/builder.h"
#include "sandbox/clearing.h"
#include "sandbox/lease.h"
#include "sandbox/messages.h"
#include "sandbox/nft_shell.h"
#include "sandbox/policy.h"
#include "sandbox/traffic_meter.h"

namespace croft::sandbox {

struct MachineState {
  enum class Phase { building, running, ending, clearing } phase = Phase::building;
  int pid = 0;
  uint64_t start_time = 0;
  Fd process;
  uint32_t slot = 0;
  Member member;                 ///< what the packet filter knows
  bool want_destroy = false;     ///< folder and disk go too
  bool first_boot = false;       ///< of the start under way: without success it leaves nothing
  bool asked = false;            ///< its end was asked for
  std::vector<int64_t> waiters;  ///< requests to answer when it is cleared
  bool worked_on = false;        ///< phase clearing: a worker has it, or will
  int64_t kill_at = 0;           ///< 0: no limit runs
  std::string reason;
  std::string start_error;  ///< encoded answer of a failed start
  int64_t start_serial = 0;
};

/// A formatted, attached and mounted root disk that waits for its machine.
struct Spare {
  std::string image;
  Bytes size;
  MountedDisk disk;
};

/// A forked process that does something slow and sends one packet at its end; one that builds
/// machines or clears them away sends one for each.
struct Worker {
  enum class Kind { build, clear, spare, disk, burial } kind = Kind::build;
  pid_t pid = 0;
  Fd socket;
  std::string machine;
  std::map<std::string, bool> machines;  ///< that it works on; true: disk and folder go, too
  int64_t serial = 0;                    ///< of the request that a disk worker answers
};

class Spawner {
 public:
  explicit Spawner(int socket) : client_(socket) {}
  int run();

 private:
  Result<> open(const Sheet& hello);
  Result<> recover();
  Result<> reconnect(const std::string& id, MachineState& machine);
  bool turn();
  bool goes_on(Worker& worker);
  void finished(Worker& worker);
  void take_requests();
  bool take_request();
  void handle(const Sheet& request);

  void start(const Sheet& request);
  Result<Order> order_for(const Sheet& request, MachineState& machine);
  void begin_next_builds();
  Result<Worker> fork_worker(Worker::Kind kind, const std::string& id);
  [[noreturn]] void build_here(std::vector<Order> orders, int socket);
  bool hear_of_builds(Worker& worker);
  void built(const std::string& id, Sheet said, std::vector<Fd>& descriptors);
  void not_built(const std::string& id, MachineState& machine, const Sheet& said);
  void stop(const Sheet& request, bool destroy);
  void end(const std::string& id, MachineState& machine, int64_t grace_ms);
  void ended(const std::string& id, MachineState& machine);
  void clear(const std::string& id, MachineState& machine);
  // What machines moved: spawner_traffic.cpp.
  Result<> count_traffic();
  std::map<std::string, Counted> counters();
  void note_traffic(const std::vector<std::string>& ids);
  void keep_traffic(const std::string& id, uint64_t start_time, const Counted& counted);
  void tell_traffic(const Sheet& request);
  void traffic_taken(const Sheet& request);
  void forget_members(const std::vector<std::string>& ids);
  void begin_next_clears();
  size_t machines_clearing() const;
  [[noreturn]] void clear_here(const std::vector<std::string>& ids, int socket);
  Result<> clear_now(const std::string& id, uint32_t link);
  bool hear_of_clears(Worker& worker);
  void cleared(const std::string& id, const Sheet& said, bool destroyed);
  void bury();
  void buried(const Result<Packet>& packet);
  void make_spares();
  void spare_made(Worker& worker, Result<Packet> packet);
  Result<> take_spare(Order& order);
  void find(const Sheet& request);
  void gateway(const Sheet& request);
  void router_socket(const Sheet& request);
  void restart(const Sheet& request);
  void signal_machine(const Sheet& request);

  void answer(Sheet sheet, const std::vector<int>& descriptors = {});
  void answer_error(int64_t serial, const Error& error);
  void reap();
  void leave();
  bool folder_is_gone() const;
  void end_with_folder();
  // Volumes and copies of disks: spawner_disks.cpp.
  void disk_work(const Sheet& request, Result<> (Spawner::*work)(const Sheet&));
  Result<> attach_volume(const Sheet& request);
  Result<> grow_volume(const Sheet& request);
  Result<> detach_volume(const Sheet& request);
  Result<> copy_disk(const Sheet& request);
  Result<> remove_disk(const Sheet& request);
  Result<> fill_disk(const Sheet& request);
  void disk_done(Worker& worker, Result<Packet> packet);

  // The packet filter: spawner_filter.cpp.
  Result<> apply(const std::string& line);
  Result<> apply_all();
  Result<std::vector<nft::Element>> elements_for(const Member& member);
  void set_groups(const Sheet& request);
  void set_links(const Sheet& request);
  void set_networks(const Sheet& request);
  void forget_group(const Sheet& request);
  void join_groups(const Sheet& request);
  void set_public(const Sheet& request);

  Fd client_;
  Fd signals_;
  Fd lock_;
  std::string router_record_;
  Fd own_network_;
  Fd host_network_;
  NftShell nft_;
  PacketPolicy policy_;
  Workshop shop_;
  std::unique_ptr<IdRanges> ids_;
  std::map<std::string, MachineState> machines_;
  std::vector<Worker> workers_;
  std::deque<std::pair<std::string, Sheet>> waiting_builds_;
  std::deque<std::string> waiting_clears_;
  std::map<pid_t, int> exits_;
  std::deque<Spare> spares_;
  Bytes spare_size_ = MachineSpec{}.disk;  ///< of the last machine
  int64_t spares_made_ = 0;
  bool spares_fail_ = false;
  bool burial_fails_ = false;
  bool open_ = false;
  bool leaving_ = false;
  bool trace_ = getenv("CROFT_SANDBOX_TRACE") != nullptr;
};

}  // namespace croft::sandbox
