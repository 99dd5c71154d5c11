// A machine from its start to its end, and the spare disks that wait for the next ones.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "sandbox/disk.h"
#include "sandbox/spawner_state.h"

namespace croft::sandbox {

namespace {
constexpr size_t most_builders = 16;
constexpr int64_t kill_after_grace_ms = 5'000;
constexpr int64_t teardown_patience_ms = 10'000;
constexpr int64_t link_patience_ms = 30;
}  // namespace

// ---- start

void Spawner::start(const Sheet& request) {
  std::string id = request.text("id");
  int64_t serial = request.number("serial");
  if (!valid_id(id))
    return answer_error(serial,
                        Error(Code::invalid_argument, "no machine can have the name '" + id + "'"));
  if (machines_.contains(id)) {
    return answer_error(
        serial, Error(Code::already_exists, fmt::format("the machine {} exists already", id)));
  }
  MachineState& machine = machines_[id];
  machine.start_serial = serial;
  waiting_builds_.emplace_back(id, request);
}

Result<Order> Spawner::order_for(const Sheet& request, MachineState& machine) {
  MachineSpec spec = spec_from(request);
  TRY(ipv4(spec.private_address));
  machine.member = {spec.private_address, spec.network, spec.groups};
  machine.slot = TRY(ids_->take());
  Lease lease{IdRanges::id_of(machine.slot), IdRanges::slots + machine.slot};
  Order order;
  order.plan = TRY(plan_machine(spec, shop_.layout, lease));
  if (!shop_.loop_disks) order.plan.disk_image = shop_.layout.machine(spec.id) + "/disk";
  order.fresh = spec.first_boot;
  if (spec.first_boot && exists(order.plan.disk_image)) {
    // An earlier attempt was cut short; its disk was never anybody's.
    if (std::string device = loop_device_of(order.plan.disk_image); !device.empty()) {
      return fail(Code::conflict,
                  fmt::format("{} is still attached to {}", order.plan.disk_image, device));
    }
    TRY(remove_all(order.plan.disk_image));
  }
  if (!spec.first_boot && !exists(order.plan.disk_image)) {
    return fail(Code::not_found, fmt::format("the root disk of {} is gone", spec.id));
  }
  if (order.fresh && !spec.disk_source.empty() && !shop_.loop_disks)
    return fail(Code::unsupported, "images made of instances need loop devices for their disks");
  if (order.fresh && spec.disk_source.empty() && shop_.loop_disks) {
    order.template_image = TRY(disk_template(shop_.layout.folder + "/.templates", spec.disk));
    TRY(take_spare(order));
  }
  for (const auto& [key, value] : request.entries()) {
    if (key.starts_with("boot.")) order.boot.add(key.substr(5), value);
  }
  order.boot.add("hostname", spec.hostname).add("first_boot", spec.first_boot ? 1 : 0);
  order.record.add("id", spec.id).add("slot", machine.slot);
  put_member(order.record, machine.member);
  order.plan.filter = TRY(elements_for(machine.member));
  return order;
}

void Spawner::begin_next_builds() {
  while (!waiting_builds_.empty() && workers_.size() < most_builders) {
    auto [id, request] = std::move(waiting_builds_.front());
    waiting_builds_.pop_front();
    MachineState& machine = machines_[id];
    auto order = order_for(request, machine);
    if (machine.want_destroy) order = fail(Code::cancelled, "ended while it was started");
    auto worker = order ? fork_worker(Worker::Kind::build, id) : fail(std::move(order.error()));
    if (!worker) {
      machine.start_error = error_sheet(worker.error()).encode();
      machine.want_destroy = machine.want_destroy || request.flag("first_boot");
      clear(id, machine);
      continue;
    }
    if (worker->pid > 0) {
      workers_.push_back(std::move(*worker));
      continue;
    }
    auto built = build_machine(shop_, std::move(*order));
    Sheet said;
    std::vector<int> descriptors;
    if (built) {
      said.add("pid", built->pid)
          .add("start_time", static_cast<int64_t>(built->start_time))
          .add("trace", built->trace);
      descriptors.push_back(built->process.get());
      for (const Fd& socket : built->sockets) descriptors.push_back(socket.get());
    } else {
      said = error_sheet(built.error());
    }
    _exit(send_packet(worker->socket.get(), said.encode(), descriptors) ? 0 : 1);
  }
}

/// In the worker itself pid is 0.
Result<Worker> Spawner::fork_worker(Worker::Kind kind, const std::string& id) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return fail_system("make a socket pair");
  Worker worker;
  worker.kind = kind;
  worker.machine = id;
  Fd mine(pair[0]);
  Fd theirs(pair[1]);
  worker.pid = fork();
  if (worker.pid < 0) return fail_system("start a worker");
  if (worker.pid == 0) {
    // The others' sockets stay open here, but a worker does not outlive its one piece of work.
    client_.reset();
    worker.socket = std::move(theirs);
  } else {
    worker.socket = std::move(mine);
  }
  return worker;
}

void Spawner::built(Worker& worker, Result<Packet> packet) {
  MachineState& machine = machines_[worker.machine];
  Sheet said;
  bool heard = packet && !packet->closed && Sheet::decode(packet->data, said);
  if (!heard)
    said = error_sheet(
        Error(Code::internal, "the builder of " + worker.machine + " ended without an answer"));
  if (said.find("error") != nullptr) {
    machine.start_error = said.encode();
    machine.want_destroy =
        machine.want_destroy || !exists(shop_.layout.machine(worker.machine) + "/booted");
    return clear(worker.machine, machine);
  }
  machine.pid = static_cast<int>(said.number("pid"));
  machine.start_time = static_cast<uint64_t>(said.number("start_time"));
  machine.process = std::move(packet->descriptors.front());
  machine.phase = MachineState::Phase::running;
  if (trace_) fmt::print(stderr, "{}: {}\n", worker.machine, said.text("trace"));
  static_cast<void>(write_new(shop_.layout.machine(worker.machine) + "/booted", "", 0600));
  std::vector<int> sockets;
  for (size_t i = 1; i < packet->descriptors.size(); ++i)
    sockets.push_back(packet->descriptors[i].get());
  said.add("serial", machine.start_serial);
  answer(std::move(said), sockets);
  machine.start_serial = 0;
  if (machine.want_destroy || machine.asked) end(machine, 0);
}

// ---- end

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
  if (machine.phase == MachineState::Phase::running ||
      machine.phase == MachineState::Phase::ending) {
    end(machine, destroy ? 0 : request.number("grace_ms"));
  }
}

void Spawner::end(MachineState& machine, int64_t grace_ms) {
  machine.phase = MachineState::Phase::ending;
  if (grace_ms <= 0) {
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
  clear(id, machine);
}

void Spawner::clear(const std::string& id, MachineState& machine) {
  machine.phase = MachineState::Phase::clearing;
  machine.kill_at = 0;
  if (!machine.member.address.empty()) {
    auto filter = Netlink::open(NETLINK_NETFILTER);
    // Refused where its start did not get as far as its elements.
    if (filter)
      static_cast<void>(filter->run(nft::change(policy_.elements_of(machine.member), {})));
  }
  auto worker = fork_worker(Worker::Kind::clear, id);
  if (!worker) {
    for (int64_t serial : machine.waiters) answer_error(serial, worker.error());
    machine.waiters.clear();
    return;
  }
  worker->destroys = machine.want_destroy;
  if (worker->pid > 0) {
    workers_.push_back(std::move(*worker));
    return;
  }
  auto done = clear_now(id, machine.want_destroy,
                        machine.slot == UINT32_MAX ? 0 : IdRanges::slots + machine.slot);
  Sheet said = done ? Sheet().add("cleared", 1) : error_sheet(done.error());
  _exit(send_packet(worker->socket.get(), said.encode()) ? 0 : 1);
}

/// What the kernel tears down by itself is waited for, so that "gone" is true when it is said.
Result<> Spawner::clear_now(const std::string& id, bool destroy, uint32_t link) {
  std::string folder = shop_.layout.machine(id);
  TRY(shop_.cgroups.remove(shop_.layout.cgroup() + "/" + id));
  int64_t until = now_ms() + teardown_patience_ms;
  const std::string image = folder + "/disk.img";
  Sheet record;
  auto data = read_whole(folder + "/machine");
  if (data) static_cast<void>(Sheet::decode(*data, record));
  // A machine that was cut short while it was made has no record: all devices are looked at.
  std::string device = record.find("loop") != nullptr ? record.text("loop") : loop_device_of(image);
  while (!device.empty() && is_attached(device, image)) {
    if (now_ms() > until)
      return fail(Code::timeout, fmt::format("the root disk of {} stays attached", id));
    usleep(1000);
  }
  char name[IF_NAMESIZE] = {};
  int64_t removal = now_ms() + link_patience_ms;
  while (link != 0 && if_indextoname(link, name) != nullptr) {
    // The farm's sockets keep the network of a machine that ended by itself, until the farm hears
    // of that end from us: then the link is taken away by name, slow as that is.
    if (now_ms() > removal) {
      removal = until;
      if (auto netlink = Netlink::open(NETLINK_ROUTE)) {
        NetlinkBatch batch;
        link::remove(batch, link);
        static_cast<void>(netlink->run(std::move(batch)));
      }
    }
    if (now_ms() > until)
      return fail(Code::timeout, fmt::format("the link {} of {} stays", name, id));
    usleep(1000);
  }
  unlink((folder + "/machine").c_str());
  unlink((folder + "/note").c_str());
  if (destroy) return remove_all(folder);
  return {};
}

void Spawner::cleared(Worker& worker, Result<Packet> packet) {
  auto at = machines_.find(worker.machine);
  MachineState& machine = at->second;
  Sheet said;
  bool heard = packet && !packet->closed && Sheet::decode(packet->data, said);
  if (!heard)
    said = error_sheet(
        Error(Code::internal, "clearing up " + worker.machine + " ended without an answer"));
  bool failed = said.find("error") != nullptr;
  if (!failed && machine.want_destroy && !worker.destroys) return clear(worker.machine, machine);
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
               .add("id", worker.machine)
               .add("reason", by_guest ? "poweroff" : machine.reason)
               .add("by_guest", by_guest ? 1 : 0));
  }
  machines_.erase(at);
}

// ---- spare disks: half of the time of a start is its disk, so a few wait ready

void Spawner::make_spares() {
  constexpr size_t most_spares = 4;
  bool idle = workers_.empty() && waiting_builds_.empty();
  if (!open_ || leaving_ || !idle || !shop_.loop_disks || spares_fail_ ||
      spares_.size() >= most_spares)
    return;
  Spare spare{
      fmt::format("{}/.spare/{}.img", shop_.layout.folder, spares_made_++), spare_size_, {}};
  auto from = disk_template(shop_.layout.folder + "/.templates", spare.size);
  auto worker =
      from ? fork_worker(Worker::Kind::spare, spare.image) : fail(std::move(from.error()));
  if (!worker) {
    spares_fail_ = true;  // machines make their own, and report what is wrong
    return;
  }
  if (worker->pid > 0) {
    workers_.push_back(std::move(*worker));
    return;
  }
  auto made = new_disk(*from, spare.image);
  auto mount = made ? mount_disk(spare.image, true) : fail(std::move(made.error()));
  if (!mount) _exit(1);
  Sheet said;
  said.add("size", spare.size.count()).add("loop", mount->device);
  _exit(send_packet(worker->socket.get(), said.encode(), {mount->mount.get()}) ? 0 : 1);
}

void Spawner::spare_made(Worker& worker, Result<Packet> packet) {
  Sheet said;
  bool heard = packet && !packet->closed && Sheet::decode(packet->data, said) &&
               packet->descriptors.size() == 1;
  if (!heard) {
    unlink(worker.machine.c_str());
    spares_fail_ = true;
    return;
  }
  spares_.push_back({worker.machine,
                     Bytes(said.number("size")),
                     {std::move(packet->descriptors.front()), said.text("loop")}});
}

Result<> Spawner::take_spare(Order& order) {
  Bytes size = order.plan.disk_size;
  if (size != spare_size_) {
    spare_size_ = size;
    for (const Spare& spare : spares_) unlink(spare.image.c_str());
    spares_.clear();
  }
  if (spares_.empty()) return {};
  Spare spare = std::move(spares_.front());
  spares_.pop_front();
  TRY(make_folders(shop_.layout.machine(order.plan.id), 0700));
  if (rename(spare.image.c_str(), order.plan.disk_image.c_str()) != 0)
    return fail_system("take the disk " + spare.image);
  order.disk = std::move(spare.disk);
  return {};
}

}  // namespace croft::sandbox
