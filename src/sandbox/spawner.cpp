#include "sandbox/spawner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "aio/real/descriptors.h"
#include "sandbox/base_image.h"
#include "sandbox/disk.h"
#include "sandbox/init_image.h"
#include "sandbox/router.h"
#include "sandbox/seccomp.h"
#include "sandbox/spawner_state.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

namespace {
constexpr int64_t lock_patience_ms = 10'000;
}

int64_t now_ms() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

// ---- answers

void Spawner::answer(Sheet sheet, const std::vector<int>& descriptors) {
  // The farm drains its socket all the time; when it is gone, the next turn notices.
  static_cast<void>(send_packet(client_.get(), sheet.encode(), descriptors));
}

void Spawner::answer_error(int64_t serial, const Error& error) {
  answer(error_sheet(error).add("serial", serial));
}

// ---- opening

namespace {

Result<Fd> executable_copy(std::string_view image) {
  constexpr unsigned executable = 0x10;  // MFD_EXEC, newer than our headers
  Fd memory(static_cast<int>(syscall(SYS_memfd_create, "croft-init", MFD_CLOEXEC | executable)));
  if (!memory.valid())
    memory.reset(static_cast<int>(syscall(SYS_memfd_create, "croft-init", MFD_CLOEXEC)));
  if (!memory.valid()) return fail_system("keep the init program in memory");
  TRY(write_all(memory.get(), image));
  // A program that somebody has open for writing cannot be executed.
  Fd readable(::open(fmt::format("/proc/self/fd/{}", memory.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!readable.valid()) return fail_system("open the init program");
  return readable;
}

Result<Fd> lock_folder(const std::string& folder) {
  Fd lock(::open((folder + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return fail_system("open " + folder + "/.lock");
  for (int64_t until = now_ms() + lock_patience_ms; flock(lock.get(), LOCK_EX | LOCK_NB) != 0;) {
    if (now_ms() > until) return fail(Code::conflict, fmt::format("another farm uses {}", folder));
    usleep(5000);
  }
  return lock;
}

}  // namespace

Result<> Spawner::open(const Sheet& hello) {
  if (geteuid() != 0) {
    return fail(Error(Code::permission_denied,
                      "instances need root: this process has no right to make network links, "
                      "mounts and control groups")
                    .hint("run the farm as root; 'croft farm doctor' lists what works without"));
  }
  aio::allow_many_files();
  FarmLayout& layout = shop_.layout;
  layout.folder = hello.text("folder");
  layout.farm_id = hello.text("farm_id");
  layout.gateway = hello.text("gateway");
  layout.package_records = exists("/var/lib/dpkg/status");
  TRY(make_folders(layout.folder, 0700));
  lock_ = TRY(lock_folder(layout.folder));
  // Slave, not private: what the host unmounts goes here too; what we mount stays ours.
  if (unshare(CLONE_NEWNS) != 0) return fail_system("make a mount namespace");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return fail_system("keep mounts from the host");
  TRY(remove_all(layout.folder + "/.spare"));
  TRY(make_folders(layout.folder + "/.spare", 0700));
  TRY(make_folders(trash_of(layout), 0700));
  TRY(make_folders(traffic_folder(layout), 0700));
  for (const char* name : {"disk", "base", "usr", "dpkg", "image", "root"}) {
    TRY(make_folders(layout.build() + "/" + name, 0755));
  }
  TRY(make_base_image(layout.base(), init_image()));
  shop_.init = TRY(executable_copy(init_image()));
  shop_.filter = TRY(compile_filter());
  shop_.cgroups = TRY(Cgroups::find());
  TRY(shop_.cgroups.prepare(layout.cgroup()));
  shop_.loop_disks = loop_devices_work();
  ids_ = std::make_unique<IdRanges>(layout.folder);
  host_network_.reset(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!host_network_.valid()) return fail_system("open this computer's network namespace");
  bool new_router = TRY(enter_router(layout));
  router_record_ = router_record(layout);
  own_network_.reset(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own_network_.valid()) return fail_system("open the farm's network namespace");
  nft_ = TRY(NftShell::open());
  TRY(nft_.run(traffic_table()));
  TRY(recover());
  TRY(count_traffic());
  // The rules of groups come with the farm's first words; until then only what is under way passes.
  TRY(new_router ? apply(policy_.whole({})) : apply_all());
  if (new_router) {
    for (auto& [id, machine] : machines_) {
      auto done = reconnect(id, machine);
      // One machine without network must not keep the farm from its others.
      if (!done) complain(fmt::format("{} has no network: {}", id, done.error().line()));
    }
  }
  open_ = true;
  return {};
}

/// Machines from before: those whose init lives are taken over, what is left of others goes.
Result<> Spawner::recover() {
  std::map<std::string, uint32_t> used;
  auto counted = counters();
  for (const std::string& id : list_folder(shop_.layout.folder)) {
    if (id.starts_with(".")) continue;
    std::string folder = shop_.layout.machine(id);
    auto data = read_whole(folder + "/machine");
    Sheet record;
    if (!data || !Sheet::decode(*data, record)) {
      // Cut short while it was made, or stopped: only a control group may be left.
      TRY(shop_.cgroups.remove(shop_.layout.cgroup() + "/" + id));
      continue;
    }
    MachineState machine;
    machine.pid = static_cast<int>(record.number("pid"));
    machine.start_time = static_cast<uint64_t>(record.number("start_time"));
    machine.slot = static_cast<uint32_t>(record.number("slot"));
    machine.member = member_from(record);
    auto process = open_process(machine.pid, machine.start_time);
    if (process) {
      machine.process = std::move(*process);
      machine.phase = MachineState::Phase::running;
      used[id] = machine.slot;
      machines_.emplace(id, std::move(machine));
      continue;
    }
    if (auto moved = counted.extract(machine.member.address); !moved.empty())
      keep_traffic(id, machine.start_time, moved.mapped());
    TRY(clear_now(id, IdRanges::slots + machine.slot));
  }
  // Of machines whose folder somebody took away.
  for (const std::string& id : shop_.cgroups.below(shop_.layout.cgroup()))
    if (!machines_.contains(id)) TRY(shop_.cgroups.remove(shop_.layout.cgroup() + "/" + id));
  ids_->forget_others(used);
  return {};
}

Result<> Spawner::reconnect(const std::string& id, MachineState& machine) {
  SandboxPlan plan;
  plan.id = id;
  plan.address = machine.member.address;
  plan.gateway = shop_.layout.gateway;
  plan.lease = {IdRanges::id_of(machine.slot), IdRanges::slots + machine.slot};
  plan.link_name = fmt::format("v{}", plan.lease.link_index);
  plan.filter = TRY(elements_for(machine.member));
  Fd network(::open(fmt::format("/proc/{}/ns/net", machine.pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!network.valid()) return fail_system("open the network of " + id);
  auto connected = disconnect_machine(network.get());
  if (setns(own_network_.get(), CLONE_NEWNET) != 0)
    return fail_system("return to the farm's network");
  if (connected) connected = connect_machine(plan, network.get());
  if (setns(own_network_.get(), CLONE_NEWNET) != 0)
    return fail_system("return to the farm's network");
  return connected;
}

// ---- the loop

int Spawner::run() {
  prctl(PR_SET_NAME, "croft-spawner");
  signal(SIGPIPE, SIG_IGN);
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  // A Ctrl-C in the farm's terminal is the farm's business; it ends us by closing its socket.
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_.reset(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid() || fcntl(client_.get(), F_SETFD, FD_CLOEXEC) != 0) return 1;
  while (turn()) {
  }
  leave();
  return 0;
}

bool Spawner::turn() {
  std::vector<pollfd> waits = {{client_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  if (leaving_) waits[0].fd = -1;
  for (const Worker& worker : workers_) waits.push_back({worker.socket.get(), POLLIN, 0});
  size_t first_machine = waits.size();
  std::vector<std::string> ids;
  int64_t next = -1;
  for (const auto& [id, machine] : machines_) {
    bool watched = machine.process.valid() && machine.phase != MachineState::Phase::clearing;
    if (!watched) continue;
    waits.push_back({machine.process.get(), POLLIN, 0});
    ids.push_back(id);
    if (machine.kill_at > 0) next = next < 0 ? machine.kill_at : std::min(next, machine.kill_at);
  }
  if (leaving_ && workers_.empty() && waiting_builds_.empty() && waiting_clears_.empty())
    return false;
  constexpr int64_t look_every_ms = 10'000;  // whether the farm's folder is still there
  int64_t wait = next < 0 ? look_every_ms : std::clamp<int64_t>(next - now_ms(), 0, look_every_ms);
  if (poll(waits.data(), waits.size(), static_cast<int>(wait)) < 0 && errno != EINTR) return false;

  reap();
  if (folder_is_gone()) return false;
  for (size_t i = first_machine; i < waits.size(); ++i) {
    auto at = machines_.find(ids[i - first_machine]);
    if ((waits[i].revents & POLLIN) != 0) ended(at->first, at->second);
  }
  int64_t now = now_ms();
  for (auto& [id, machine] : machines_) {
    if (machine.kill_at == 0 || machine.kill_at > now ||
        machine.phase == MachineState::Phase::clearing)
      continue;
    machine.kill_at = 0;
    syscall(SYS_pidfd_send_signal, machine.process.get(), SIGKILL, nullptr, 0);
  }
  std::vector<Worker> done;
  for (size_t i = 2, at = 0; i < first_machine; ++i) {
    if (waits[i].revents == 0 || goes_on(workers_[at])) {
      ++at;
      continue;
    }
    done.push_back(std::move(workers_[at]));
    workers_.erase(workers_.begin() + static_cast<ptrdiff_t>(at));
  }
  for (Worker& worker : done) finished(worker);
  if (!leaving_ && waits[0].revents != 0) take_requests();
  begin_next_builds();
  begin_next_clears();
  make_spares();
  bury();
  return true;
}

/// One that speaks of many machines has said something, and is not at its end.
bool Spawner::goes_on(Worker& worker) {
  if (worker.kind == Worker::Kind::build) return hear_of_builds(worker);
  return worker.kind == Worker::Kind::clear && hear_of_clears(worker);
}

void Spawner::finished(Worker& worker) {
  if (worker.kind == Worker::Kind::build || worker.kind == Worker::Kind::clear) return;
  auto packet = receive_packet(worker.socket.get());
  switch (worker.kind) {
    case Worker::Kind::build:
    case Worker::Kind::clear:
      return;
    case Worker::Kind::spare:
      return spare_made(worker, std::move(packet));
    case Worker::Kind::disk:
      return disk_done(worker, std::move(packet));
    case Worker::Kind::burial:
      return buried(packet);
  }
}

void Spawner::reap() {
  signalfd_siginfo info[16];
  while (read(signals_.get(), info, sizeof info) > 0) {
  }
  constexpr size_t most_exits = 4096;
  if (exits_.size() > most_exits)
    exits_.clear();  // they only explain; workers' are never asked for
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) exits_[pid] = status;
}

/// All that have come: a turn looks at every machine, so that one for each request would cost
/// machines times requests.
void Spawner::take_requests() {
  constexpr int most = 256;
  pollfd wait{client_.get(), POLLIN, 0};
  for (int taken = 0; taken < most && poll(&wait, 1, 0) > 0 && !leaving_; ++taken)
    if (!take_request()) leaving_ = true;
}

bool Spawner::take_request() {
  auto packet = receive_packet(client_.get());
  if (!packet || packet->closed) return false;
  Sheet request;
  if (!Sheet::decode(packet->data, request)) return false;
  handle(request);
  return !leaving_;
}

void Spawner::handle(const Sheet& request) {
  std::string op = request.text("op");
  int64_t serial = request.number("serial");
  if (op == "open") {
    auto done = open(request);
    if (!done) return answer_error(serial, done.error());
    return answer(Sheet().add("serial", serial));
  }
  if (op == "close") {
    answer(Sheet().add("serial", serial));
    leaving_ = true;
    return;
  }
  if (!open_) return answer_error(serial, Error(Code::conflict, "the spawner was not opened"));
  if (op == "start") return start(request);
  if (op == "stop") return stop(request, false);
  if (op == "destroy") return stop(request, true);
  if (op == "reboot") return restart(request);
  if (op == "find") return find(request);
  if (op == "signal") return signal_machine(request);
  if (op == "attach-volume") return disk_work(request, &Spawner::attach_volume);
  if (op == "grow-volume") return disk_work(request, &Spawner::grow_volume);
  if (op == "traffic") return tell_traffic(request);
  if (op == "traffic-taken") return traffic_taken(request);
  if (op == "detach-volume") return disk_work(request, &Spawner::detach_volume);
  if (op == "copy-disk") return disk_work(request, &Spawner::copy_disk);
  if (op == "remove-disk") return disk_work(request, &Spawner::remove_disk);
  if (op == "fill-disk") return disk_work(request, &Spawner::fill_disk);
  if (op == "groups") return set_groups(request);
  if (op == "links") return set_links(request);
  if (op == "networks") return set_networks(request);
  if (op == "forget-group") return forget_group(request);
  if (op == "join") return join_groups(request);
  if (op == "public") return set_public(request);
  if (op == "gateway") return gateway(request);
  if (op == "socket") return router_socket(request);
  answer_error(serial, Error(Code::unsupported, "the spawner knows no request '" + op + "'"));
}

/// The farm has ended. What runs stays; a farm without machines leaves nothing.
void Spawner::leave() {
  if (!open_) return;
  if (folder_is_gone()) return end_with_folder();
  spares_.clear();
  nft_ = NftShell();
  static_cast<void>(remove_all(shop_.layout.folder + "/.spare"));
  bool any = !machines_.empty();
  for (const std::string& name : list_folder(shop_.layout.folder))
    any = any || !name.starts_with(".");
  if (any) return;
  end_router(shop_.layout);
  static_cast<void>(shop_.cgroups.remove(shop_.layout.cgroup()));
  for (const std::string& above : shop_.cgroups.folders("croft")) rmdir(above.c_str());
  // The built-in image and disk templates stay: they are the farm's files, and go with its folder.
}

// ---- the rest

void Spawner::restart(const Sheet& request) {
  int64_t serial = request.number("serial");
  auto at = machines_.find(request.text("id"));
  if (at == machines_.end() || at->second.phase != MachineState::Phase::running) {
    return answer_error(
        serial, Error(Code::conflict, "the machine " + request.text("id") + " does not run"));
  }
  constexpr int grace_ms = 10'000;
  siginfo_t info{};
  info.si_signo = SIGRTMIN + 5;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_value.sival_int = grace_ms;
  if (syscall(SYS_pidfd_send_signal, at->second.process.get(), info.si_signo, &info, 0) != 0) {
    return answer_error(serial, system_error("restart " + at->first));
  }
  answer(Sheet().add("serial", serial));
}

void Spawner::signal_machine(const Sheet& request) {
  int64_t serial = request.number("serial");
  int number = static_cast<int>(request.number("signal"));
  auto at = machines_.find(request.text("id"));
  if (at == machines_.end() || at->second.phase != MachineState::Phase::running)
    return answer_error(
        serial, Error(Code::conflict, "the machine " + request.text("id") + " does not run"));
  if (number != SIGSTOP && number != SIGCONT && number != SIGKILL)
    return answer_error(serial, Error(Code::invalid_argument, "no such signal for machines"));
  if (shop_.cgroups.hierarchies().empty())
    return answer_error(serial, Error(Code::unsupported,
                                      "without control groups nobody knows what runs on a machine")
                                    .hint("`croft farm doctor` says what is missing"));
  auto done = shop_.cgroups.signal_all(shop_.layout.cgroup() + "/" + at->first, number);
  if (!done) return answer_error(serial, done.error());
  answer(Sheet().add("serial", serial));
}

void Spawner::find(const Sheet& request) {
  int64_t serial = request.number("serial");
  for (auto& [id, machine] : machines_) {
    if (machine.phase != MachineState::Phase::running) continue;
    Sheet said;
    said.add("serial", serial).add("more", 1).add("id", id).add("pid", machine.pid);
    said.add("start_time", static_cast<int64_t>(machine.start_time));
    std::vector<InsideListener> listeners = listeners_from(request, id);
    Fd network(::open(fmt::format("/proc/{}/ns/net", machine.pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!network.valid() || setns(network.get(), CLONE_NEWNET) != 0) continue;  // it ends right now
    auto sockets = open_listeners(listeners, own_network_.get(),
                                  fmt::format("v{}", IdRanges::slots + machine.slot));
    if (setns(own_network_.get(), CLONE_NEWNET) != 0)
      return answer_error(serial, system_error("return to the farm's network"));
    if (!sockets) return answer_error(serial, sockets.error().frame("finding " + id));
    std::vector<int> descriptors;
    for (const Fd& socket : *sockets) descriptors.push_back(socket.get());
    answer(std::move(said), descriptors);
  }
  answer(Sheet().add("serial", serial));
}

void Spawner::gateway(const Sheet& request) {
  int64_t serial = request.number("serial");
  InsideListener listener{"gateway", shop_.layout.gateway,
                          static_cast<uint16_t>(request.number("port")), request.flag("datagram")};
  auto socket = open_listener(listener, "");
  if (!socket) return answer_error(serial, socket.error());
  sockaddr_in at{};
  socklen_t size = sizeof at;
  getsockname(socket->get(), reinterpret_cast<sockaddr*>(&at), &size);
  uint16_t port = ntohs(at.sin_port);
  policy_.add_gateway_port(listener.datagram, port);
  const char* set = listener.datagram ? "gateway_udp" : "gateway_tcp";
  if (auto done = apply(fmt::format("add element ip croft {} {{ {} }}", set, port)); !done)
    return answer_error(serial, done.error());
  answer(Sheet().add("serial", serial).add("port", ntohs(at.sin_port)), {socket->get()});
}

void Spawner::router_socket(const Sheet& request) {
  int64_t serial = request.number("serial");
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return answer_error(serial, system_error("make a socket in the farm's network"));
  answer(Sheet().add("serial", serial), {fd.get()});
}

int spawner_main(int, char**) {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(spawner_socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    complain("the sandbox spawner is started by a farm, not by hand");
    return 64;
  }
  return Spawner(spawner_socket).run();
}

}  // namespace croft::sandbox
