// Machines as they are started, and the spare disks that wait for the next ones.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>

#include "sandbox/disk.h"
#include "sandbox/spawner_state.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

namespace {
constexpr size_t most_builders = 16;
constexpr size_t most_of_one_builder = 8;
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
  auto counting = traffic_elements(machine.member.address);
  order.plan.filter.insert(order.plan.filter.end(), counting.begin(), counting.end());
  return order;
}

/// A worker makes several machines where many wait: a process of its own for each costs a fifth of
/// the whole start.
void Spawner::begin_next_builds() {
  while (!waiting_builds_.empty() && workers_.size() < most_builders) {
    // So many that the others have as much to do: nobody waits for one at the end.
    size_t share =
        std::clamp<size_t>(waiting_builds_.size() / most_builders, 1, most_of_one_builder);
    std::vector<Order> orders;
    while (!waiting_builds_.empty() && orders.size() < share) {
      auto [id, request] = std::move(waiting_builds_.front());
      waiting_builds_.pop_front();
      MachineState& machine = machines_[id];
      machine.first_boot = request.flag("first_boot");
      auto order = order_for(request, machine);
      if (machine.want_destroy) order = fail(Code::cancelled, "ended while it was started");
      if (order)
        orders.push_back(std::move(*order));
      else
        not_built(id, machine, error_sheet(order.error()));
    }
    if (orders.empty()) continue;
    auto forked = fork_worker(Worker::Kind::build, "");
    if (!forked) {
      for (const Order& order : orders)
        not_built(order.plan.id, machines_[order.plan.id], error_sheet(forked.error()));
      continue;
    }
    if (forked->pid == 0) build_here(std::move(orders), forked->socket.get());
    for (const Order& order : orders) forked->machines[order.plan.id] = false;
    workers_.push_back(std::move(*forked));
  }
}

/// In a worker: one packet for each machine.
void Spawner::build_here(std::vector<Order> orders, int socket) {
  Fd mounts(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  for (Order& order : orders) {
    const std::string id = order.plan.id;
    auto built = build_machine(shop_, std::move(order));
    Sheet said;
    std::vector<int> descriptors;
    if (built) {
      said.add("pid", built->pid)
          .add("start_time", static_cast<int64_t>(built->start_time))
          .add("trace", built->trace);
      descriptors.push_back(built->process.get());
      for (const Fd& inside : built->sockets) descriptors.push_back(inside.get());
    } else {
      said = error_sheet(built.error());
    }
    // Wherever that ended, the next one begins where the spawner stands. Once it is told, the
    // machine may be ended with all that is in its groups.
    bool back = setns(own_network_.get(), CLONE_NEWNET) == 0 &&
                (built || setns(mounts.get(), CLONE_NEWNS) == 0) && shop_.cgroups.leave_v1();
    if (!send_packet(socket, said.add("id", id).encode(), descriptors) || !back) _exit(1);
  }
  _exit(0);
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

/// False when the worker has ended.
bool Spawner::hear_of_builds(Worker& worker) {
  auto packet = receive_packet(worker.socket.get());
  Sheet said;
  if (packet && !packet->closed && Sheet::decode(packet->data, said)) {
    std::string id = said.text("id");
    if (worker.machines.erase(id) > 0) built(id, std::move(said), packet->descriptors);
    return true;
  }
  for (const auto& [id, unused] : worker.machines)
    not_built(
        id, machines_[id],
        error_sheet(Error(Code::internal, "the builder of " + id + " ended without an answer")));
  return false;
}

/// A first start leaves nothing; any other leaves the disk alone.
void Spawner::not_built(const std::string& id, MachineState& machine, const Sheet& said) {
  machine.start_error = said.encode();
  machine.want_destroy = machine.want_destroy || machine.first_boot;
  clear(id, machine);
}

void Spawner::built(const std::string& id, Sheet said, std::vector<Fd>& descriptors) {
  MachineState& machine = machines_[id];
  if (said.find("error") != nullptr || descriptors.empty()) return not_built(id, machine, said);
  machine.pid = static_cast<int>(said.number("pid"));
  machine.start_time = static_cast<uint64_t>(said.number("start_time"));
  machine.process = std::move(descriptors.front());
  machine.phase = MachineState::Phase::running;
  if (trace_) complain(fmt::format("{}: {}", id, said.text("trace")));
  std::vector<int> sockets;
  for (size_t i = 1; i < descriptors.size(); ++i) sockets.push_back(descriptors[i].get());
  said.add("serial", machine.start_serial);
  answer(std::move(said), sockets);
  machine.start_serial = 0;
  if (machine.want_destroy || machine.asked) end(id, machine, 0);
}

// ---- spare disks: half of the time of a start is its disk, so a few wait ready

void Spawner::make_spares() {
  constexpr size_t most_spares = 4;
  bool idle = workers_.empty() && waiting_builds_.empty() && waiting_clears_.empty();
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
