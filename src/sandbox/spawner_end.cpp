// Machines as they end: killed, waited for, cleared away. A worker clears many at once, as the
// kernel takes them down side by side.
#include <fmt/format.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/text.h"
#include "sandbox/clearing.h"
#include "sandbox/router.h"
#include "sandbox/spawner_state.h"
#include "sandbox/traffic_meter.h"

namespace croft::sandbox {

namespace {
constexpr size_t most_clearers = 4;
constexpr size_t most_of_one_clearer = 128;
constexpr size_t most_of_one_burial = 8;
constexpr int64_t kill_after_grace_ms = 5'000;
}  // namespace

void Spawner::stop(const Sheet& request, bool destroy) {
  std::string id = request.text("id");
  int64_t serial = request.number("serial");
  if (!valid_id(id))
    return answer_error(serial,
                        Error(Code::invalid_argument, "no machine has the name '" + id + "'"));
  auto at = machines_.find(id);
  if (at == machines_.end()) {
    if (!exists(shop_.layout.machine(id))) return answer(Sheet().add("serial", serial));
    MachineState& machine = machines_[id];
    machine.want_destroy = destroy;
    machine.asked = true;
    machine.waiters.push_back(serial);
    machine.slot = UINT32_MAX;
    return clear(id, machine);
  }
  MachineState& machine = at->second;
  machine.waiters.push_back(serial);
  machine.want_destroy = machine.want_destroy || destroy;
  machine.asked = true;
  if (machine.phase == MachineState::Phase::running || machine.phase == MachineState::Phase::ending)
    return end(id, machine, destroy ? 0 : request.number("grace_ms"));
  // Left over by a worker that could not be started.
  if (machine.phase == MachineState::Phase::clearing && !machine.worked_on) clear(id, machine);
}

void Spawner::end(const std::string& id, MachineState& machine, int64_t grace_ms) {
  machine.phase = MachineState::Phase::ending;
  if (grace_ms <= 0) {
    // Its disk goes with it: the worker that clears it away kills it, too.
    if (machine.want_destroy) return clear(id, machine);
    machine.kill_at = 0;
    syscall(SYS_pidfd_send_signal, machine.process.get(), SIGKILL, nullptr, 0);
    return;
  }
  siginfo_t info{};
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_value.sival_int = static_cast<int>(std::min<int64_t>(grace_ms, 3'600'000));
  syscall(SYS_pidfd_send_signal, machine.process.get(), SIGTERM, &info, 0);
  machine.kill_at = now_ms() + grace_ms + kill_after_grace_ms;
}

/// Its init is gone and, as the kernel does it, all other processes of the machine before it.
void Spawner::ended(const std::string& id, MachineState& machine) {
  int status = 0;
  if (waitpid(machine.pid, &status, WNOHANG) == machine.pid) exits_[machine.pid] = status;
  auto note = read_whole(shop_.layout.machine(id) + "/note");
  machine.reason = note ? *note : "";
  auto exit = exits_.extract(machine.pid);
  if (machine.reason.empty() && !exit.empty() && WIFSIGNALED(exit.mapped())) {
    machine.reason = fmt::format("killed by signal {}", WTERMSIG(exit.mapped()));
  }
  if (machine.reason.empty()) machine.reason = "killed";
  machine.process.reset();
  clear(id, machine);
}

void Spawner::clear(const std::string& id, MachineState& machine) {
  machine.phase = MachineState::Phase::clearing;
  machine.kill_at = 0;
  machine.worked_on = true;
  waiting_clears_.push_back(id);
}

/// Their traffic ends before they do.
void Spawner::forget_members(const std::vector<std::string>& ids) {
  auto filter = Netlink::open(NETLINK_NETFILTER);
  if (!filter) return;
  std::vector<std::vector<nft::Element>> each;
  std::vector<nft::Element> all;
  for (const std::string& id : ids) {
    const Member& member = machines_[id].member;
    if (member.address.empty()) continue;
    for (auto elements : {policy_.elements_of(member), traffic_elements(member.address)}) {
      all.insert(all.end(), elements.begin(), elements.end());
      each.push_back(std::move(elements));
    }
  }
  if (all.empty() || filter->run(nft::change(all, {}))) return;
  // One whose start did not get as far as its elements spoils the whole change.
  for (const auto& elements : each) static_cast<void>(filter->run(nft::change(elements, {})));
}

void Spawner::begin_next_clears() {
  auto busy = [this](Worker::Kind kind) {
    return std::ranges::count(workers_, kind, &Worker::kind);
  };
  while (!waiting_clears_.empty() &&
         busy(Worker::Kind::clear) < static_cast<ptrdiff_t>(most_clearers)) {
    std::vector<std::string> ids;
    while (!waiting_clears_.empty() && ids.size() < most_of_one_clearer) {
      ids.push_back(std::move(waiting_clears_.front()));
      waiting_clears_.pop_front();
    }
    note_traffic(ids);
    forget_members(ids);
    auto worker = fork_worker(Worker::Kind::clear, "");
    if (!worker) {
      for (const std::string& id : ids) {
        MachineState& machine = machines_[id];
        machine.worked_on = false;
        for (int64_t serial : machine.waiters) answer_error(serial, worker.error());
        machine.waiters.clear();
      }
      return;
    }
    if (worker->pid == 0) clear_here(ids, worker->socket.get());
    for (const std::string& id : ids) worker->machines[id] = machines_[id].want_destroy;
    workers_.push_back(std::move(*worker));
  }
}

size_t Spawner::machines_clearing() const {
  return static_cast<size_t>(std::ranges::count_if(machines_, [](const auto& one) {
    return one.second.phase == MachineState::Phase::clearing;
  }));
}

/// In a worker: one packet for each machine as it is gone.
void Spawner::clear_here(const std::vector<std::string>& ids, int socket) {
  constexpr useconds_t first_pause = 500, last_pause = 8'000;
  auto say = [&](const std::string& id, Sheet sheet) {
    if (!send_packet(socket, sheet.add("id", id).encode())) _exit(1);
  };
  std::vector<Clearing> left;
  for (const std::string& id : ids) {
    const MachineState& machine = machines_[id];
    uint32_t link = machine.slot == UINT32_MAX ? 0 : IdRanges::slots + machine.slot;
    left.push_back({shop_.layout,
                    shop_.cgroups,
                    {id, machine.process.valid() ? machine.process.get() : -1, machine.want_destroy,
                     link, static_cast<int64_t>(machines_clearing())}});
  }
  for (Clearing& one : left) one.begin();
  for (useconds_t pause = first_pause; !left.empty(); pause = std::min(pause * 2, last_pause)) {
    std::erase_if(left, [&](Clearing& one) {
      auto gone = one.step();
      if (gone && !*gone) return false;
      say(one.id(), gone ? Sheet().add("cleared", 1) : error_sheet(gone.error()));
      return true;
    });
    if (!left.empty()) usleep(pause);
  }
  _exit(0);
}

/// At once, by this process itself.
Result<> Spawner::clear_now(const std::string& id, uint32_t link) {
  Clearing clearing(shop_.layout, shop_.cgroups, {id, -1, false, link});
  clearing.begin();
  while (!TRY(clearing.step())) usleep(1000);
  return {};
}

/// False when the worker has ended.
bool Spawner::hear_of_clears(Worker& worker) {
  pollfd wait{worker.socket.get(), POLLIN, 0};
  do {
    auto packet = receive_packet(worker.socket.get());
    Sheet said;
    if (!packet || packet->closed || !Sheet::decode(packet->data, said)) break;
    auto at = worker.machines.extract(said.text("id"));
    if (!at.empty()) cleared(at.key(), said, at.mapped());
    if (poll(&wait, 1, 0) <= 0) return true;
  } while (true);
  for (const auto& [id, destroys] : worker.machines)
    cleared(id,
            error_sheet(Error(Code::internal, "clearing up " + id + " ended without an answer")),
            destroys);
  return false;
}

void Spawner::cleared(const std::string& id, const Sheet& said, bool destroyed) {
  auto at = machines_.find(id);
  MachineState& machine = at->second;
  bool failed = said.find("error") != nullptr;
  if (!failed && machine.want_destroy && !destroyed) {
    machine.process.reset();
    return clear(id, machine);
  }
  if (!failed && machine.slot != UINT32_MAX) ids_->give_back(machine.slot);
  if (machine.start_serial != 0) {
    Sheet answer_sheet;
    static_cast<void>(Sheet::decode(machine.start_error, answer_sheet));
    answer(std::move(answer_sheet.add("serial", machine.start_serial)));
  }
  for (int64_t serial : machine.waiters) {
    Sheet reply = failed ? said : Sheet();
    answer(std::move(reply.add("serial", serial)));
  }
  if (!machine.asked && machine.start_error.empty()) {
    bool by_guest = machine.reason == "poweroff" || machine.reason == "stopped";
    answer(Sheet()
               .add("event", "exit")
               .add("id", id)
               .add("reason", by_guest ? "poweroff" : machine.reason)
               .add("by_guest", by_guest ? 1 : 0));
  }
  machines_.erase(at);
}

/// What destroyed machines left is deleted a little at a time, when nothing else is to be done.
void Spawner::bury() {
  bool idle = workers_.empty() && waiting_builds_.empty() && waiting_clears_.empty();
  if (!open_ || leaving_ || !idle || burial_fails_ || list_folder(trash_of(shop_.layout)).empty())
    return;
  auto worker = fork_worker(Worker::Kind::burial, "");
  if (!worker) return;
  if (worker->pid > 0) return workers_.push_back(std::move(*worker));
  _exit(empty_trash(shop_.layout, most_of_one_burial) &&
                send_packet(worker->socket.get(), Sheet().add("buried", 1).encode())
            ? 0
            : 1);
}

/// What cannot be deleted now is left to the next start.
void Spawner::buried(const Result<Packet>& packet) {
  burial_fails_ = !packet || packet->closed;
}

/// Another farm may be in its place by now.
bool Spawner::folder_is_gone() const {
  struct stat own{};
  if (!open_ || fstat(lock_.get(), &own) != 0) return false;
  struct stat there{};
  bool found = ::stat((shop_.layout.folder + "/.lock").c_str(), &there) == 0;
  if (found && there.st_ino == own.st_ino && there.st_dev == own.st_dev) return false;
  // A lock that somebody took away is not yet a farm that did.
  return router_record(shop_.layout) != router_record_;
}

void Spawner::end_with_folder() {
  for (const Worker& worker : workers_) {
    kill(worker.pid, SIGKILL);
    waitpid(worker.pid, nullptr, 0);
  }
  end_forgotten(shop_.layout);
  // What a worker made in a folder that was going.
  for (const auto& [id, machine] : machines_)
    static_cast<void>(remove_all(shop_.layout.machine(id)));
  rmdir(shop_.layout.folder.c_str());
}

}  // namespace croft::sandbox
