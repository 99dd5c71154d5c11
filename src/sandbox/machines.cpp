// The farm's side of the spawner: requests and answers over a socket, matched by serial number.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <set>

#include "aio/scope.h"
#include "aio/sync.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "sandbox/messages.h"
#include "sandbox/sandbox.h"
#include "sandbox/sys.h"
#include "sandbox/user_data.h"

namespace croft::sandbox {

namespace {

constexpr Duration answer_limit = Duration::minutes(5);  // a stop may wait for a long grace on top
constexpr Duration open_limit = Duration::seconds(30);
constexpr size_t most_exits = 4096;

struct Answer {
  Sheet sheet;
  std::vector<Fd> descriptors;
};

/// A request that waits; lies on the frame of its coroutine.
struct Pending {
  aio::Waiter<> done;
  std::vector<Answer> answers;
};

/// Shared by the machines object and the reader, which may end later.
struct Link {
  Fd socket;
  std::map<int64_t, Pending*> pending;
  aio::Channel<MachineExit> exits{most_exits};
  aio::CancelState cancel;
  int64_t next_serial = 1;
  bool broken = false;
};

void take_answer(Link& link, Packet packet) {
  Answer answer;
  if (!Sheet::decode(packet.data, answer.sheet)) return;
  answer.descriptors = std::move(packet.descriptors);
  if (answer.sheet.text("event") == "exit") {
    MachineExit exit{answer.sheet.text("id"), answer.sheet.text("reason"),
                     answer.sheet.flag("by_guest")};
    if (!link.exits.try_push(std::move(exit)))
      log::warn("sandbox", "nobody asks for the ends of machines: one is lost");
    return;
  }
  auto at = link.pending.find(answer.sheet.number("serial"));
  if (at == link.pending.end()) return;  // its request was given up
  Pending& pending = *at->second;
  bool more = answer.sheet.flag("more");
  pending.answers.push_back(std::move(answer));
  if (!more) pending.done.complete({});
}

aio::Task<void> read_answers(aio::World& world, std::shared_ptr<Link> link) {
  for (;;) {
    auto ready = co_await world.net.readable(link->socket.get());
    if (!ready) break;
    auto packet = receive_packet(link->socket.get());
    if (!packet && packet.error().code == Code::unavailable) continue;
    if (!packet || packet->closed) break;
    take_answer(*link, std::move(*packet));
  }
  link->broken = true;
  link->exits.close();
  auto pending = link->pending;
  for (auto& [serial, request] : pending) {
    request->done.complete(fail(Code::unavailable, "the sandbox spawner has ended"));
  }
}

class SpawnedMachines final : public Machines {
 public:
  SpawnedMachines(aio::World& world, MachinesOptions options, std::shared_ptr<Link> link,
                  std::unique_ptr<aio::Child> child)
      : world_(world),
        options_(std::move(options)),
        link_(std::move(link)),
        child_(std::move(child)) {}
  ~SpawnedMachines() override {
    if (!link_->cancel.requested()) link_->cancel.request();
  }

  aio::Task<Result<>> open();
  aio::Task<Result<Machine>> start(MachineSpec spec) override;
  aio::Task<Result<>> stop(std::string id, Duration grace) override;
  aio::Task<Result<>> destroy(std::string id) override;
  aio::Task<Result<>> reboot(std::string id) override;
  aio::Task<Result<std::vector<Machine>>> find_running(
      std::map<std::string, std::vector<InsideListener>> listeners) override;
  aio::Task<Result<MachineExit>> next_exit() override { co_return co_await link_->exits.pop(); }
  aio::Task<Result<std::string>> console(std::string id, Bytes limit) override;
  aio::Task<Result<>> close() override;
  aio::Task<Result<int>> gateway_listener(uint16_t port, bool datagram) override;
  aio::Task<Result<int>> router_socket() override;
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
  aio::Task<Result<>> set_links(std::vector<LinkFault> faults) override;
  aio::Task<Result<>> set_networks(PacketNetworks networks) override;
  aio::Task<Result<>> fill_disk(std::string id, bool full) override;

 private:
  aio::Task<Result<std::vector<Answer>>> ask(Sheet request, Duration limit);
  aio::Task<Result<>> send(std::string packet);
  aio::Task<Result<>> wait_for(Pending& pending);

  aio::World& world_;
  MachinesOptions options_;
  std::shared_ptr<Link> link_;
  std::unique_ptr<aio::Child> child_;
};

Machine machine_from(Answer& answer, const std::string& id,
                     const std::vector<InsideListener>& listeners) {
  Machine machine;
  machine.id = id;
  machine.pid = static_cast<int>(answer.sheet.number("pid"));
  machine.start_time = static_cast<uint64_t>(answer.sheet.number("start_time"));
  for (size_t i = 0; i < listeners.size() && i < answer.descriptors.size(); ++i) {
    machine.sockets[listeners[i].name] = answer.descriptors[i].release();
  }
  return machine;
}

aio::Task<Result<>> SpawnedMachines::send(std::string packet) {
  constexpr int attempts = 5000;
  for (int attempt = 0;; ++attempt) {
    auto sent = send_packet(link_->socket.get(), packet);
    if (sent || sent.error().code != Code::unavailable || link_->broken || attempt == attempts)
      co_return sent;
    CO_TRY(co_await world_.clock.sleep(Duration::milliseconds(1)));  // its buffer is full of starts
  }
}

aio::Task<Result<>> SpawnedMachines::wait_for(Pending& pending) {
  co_return co_await pending.done;
}

aio::Task<Result<std::vector<Answer>>> SpawnedMachines::ask(Sheet request, Duration limit) {
  if (link_->broken) co_return fail(Code::unavailable, "the sandbox spawner has ended");
  std::string what = "the sandbox request '" + request.text("op") + "'";
  int64_t serial = link_->next_serial++;
  request.add("serial", serial);
  Pending pending;
  link_->pending[serial] = &pending;
  auto sent = co_await send(request.encode());
  Result<> done;
  if (sent) done = co_await aio::deadline(world_.clock, limit, wait_for(pending), what);
  link_->pending.erase(serial);
  CO_TRY(std::move(sent));
  CO_TRY(std::move(done));
  CO_TRY(result_of(pending.answers.back().sheet));
  co_return std::move(pending.answers);
}

aio::Task<Result<>> SpawnedMachines::open() {
  Sheet request;
  request.add("op", "open")
      .add("folder", options_.folder)
      .add("farm_id", options_.farm_id)
      .add("gateway", options_.gateway);
  CO_TRY(co_await ask(std::move(request), open_limit));
  co_return Result<>{};
}

aio::Task<Result<Machine>> SpawnedMachines::start(MachineSpec spec) {
  Sheet request;
  request.add("op", "start");
  put_spec(request, spec);
  request.add("boot.machine_id", hex(digest(Hash::sha256, spec.id)).substr(0, 32));
  if (!spec.authorized_key.empty()) request.add("boot.authorized_key", trim(spec.authorized_key));
  if (spec.first_boot) {
    for (const auto& [key, value] : boot_entries(spec.user_data)) request.add("boot." + key, value);
  }
  auto answers = CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return machine_from(answers.back(), spec.id, spec.listeners);
}

aio::Task<Result<>> SpawnedMachines::stop(std::string id, Duration grace) {
  Sheet request;
  request.add("op", "stop").add("id", id).add("grace_ms", grace.ms());
  CO_TRY(co_await ask(std::move(request), answer_limit + grace));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::destroy(std::string id) {
  Sheet request;
  request.add("op", "destroy").add("id", id);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::reboot(std::string id) {
  Sheet request;
  request.add("op", "reboot").add("id", id);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<std::vector<Machine>>> SpawnedMachines::find_running(
    std::map<std::string, std::vector<InsideListener>> listeners) {
  constexpr size_t most = 1000;  // of one packet to the spawner, which has to stay below its limit
  std::vector<Machine> machines;
  bool first = true;
  for (auto next = listeners.begin(); first || next != listeners.end(); first = false) {
    Sheet request;
    request.add("op", "find");
    std::set<std::string_view> asked;
    for (size_t count = 0; next != listeners.end() && count < most; ++next) {
      for (const InsideListener& listener : next->second)
        put_listener(request, next->first, listener);
      count += next->second.size();
      asked.insert(next->first);
    }
    auto answers = CO_TRY(co_await ask(std::move(request), answer_limit));
    answers.pop_back();  // the end mark
    for (Answer& answer : answers) {
      std::string id = answer.sheet.text("id");
      auto known = listeners.find(id);
      if (known == listeners.end() && first)
        machines.push_back(machine_from(answer, id, {}));
      else if (known != listeners.end() && asked.contains(id))
        machines.push_back(machine_from(answer, id, known->second));
    }
  }
  co_return machines;
}

aio::Task<Result<std::string>> SpawnedMachines::console(std::string id, Bytes limit) {
  if (!valid_id(id))
    co_return fail(Code::not_found, "no machine has the name '" + printable(id) + "'");
  auto text = CO_TRY(
      co_await world_.disk.read_file(options_.folder + "/" + id + "/console", Bytes::mib(2)));
  auto most = static_cast<size_t>(limit.count());
  if (text.size() > most) text.erase(0, text.size() - most);
  co_return text;
}

aio::Task<Result<int>> SpawnedMachines::gateway_listener(uint16_t port, bool datagram) {
  Sheet request;
  request.add("op", "gateway").add("port", port).add("datagram", datagram ? 1 : 0);
  auto answers = CO_TRY(co_await ask(std::move(request), answer_limit));
  if (answers.back().descriptors.empty())
    co_return fail(Code::internal, "the spawner sent no socket");
  co_return answers.back().descriptors.front().release();
}

aio::Task<Result<int>> SpawnedMachines::router_socket() {
  Sheet request;
  request.add("op", "socket");
  auto answers = CO_TRY(co_await ask(std::move(request), answer_limit));
  if (answers.back().descriptors.empty())
    co_return fail(Code::internal, "the spawner sent no socket");
  co_return answers.back().descriptors.front().release();
}

aio::Task<Result<>> SpawnedMachines::signal(std::string id, int signal) {
  Sheet request;
  request.add("op", "signal").add("id", id).add("signal", signal);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::attach_volume(std::string id, VolumeSpec volume) {
  Sheet request;
  request.add("op", "attach-volume").add("id", id);
  put_volume(request, volume);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::detach_volume(std::string id, std::string name, bool force) {
  Sheet request;
  request.add("op", "detach-volume").add("id", id).add("name", name).add("force", force ? 1 : 0);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::grow_volume(std::string id, VolumeSpec volume) {
  Sheet request;
  request.add("op", "grow-volume").add("id", id);
  put_volume(request, volume);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<std::vector<Traffic>>> SpawnedMachines::traffic() {
  Sheet request;
  request.add("op", "traffic");
  auto answers = CO_TRY(co_await ask(std::move(request), answer_limit));
  std::vector<Traffic> out;
  for (const Answer& answer : answers)
    for (Traffic& one : traffic_from(answer.sheet)) out.push_back(std::move(one));
  co_return out;
}

aio::Task<Result<>> SpawnedMachines::traffic_taken(std::vector<Traffic> read) {
  constexpr size_t most = 1000;  // of one packet to the spawner
  std::erase_if(read, [](const Traffic& one) { return !one.ended; });
  for (size_t at = 0; at < read.size(); at += most) {
    Sheet request;
    request.add("op", "traffic-taken");
    for (size_t i = at; i < std::min(at + most, read.size()); ++i) put_traffic(request, read[i]);
    CO_TRY(co_await ask(std::move(request), answer_limit));
  }
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::copy_disk(std::string id, std::string from, std::string to) {
  Sheet request;
  request.add("op", "copy-disk").add("id", id).add("from", from).add("to", to);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::set_networks(PacketNetworks networks) {
  Sheet request;
  request.add("op", "networks");
  put_networks(request, networks);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::set_links(std::vector<LinkFault> faults) {
  Sheet request;
  request.add("op", "links");
  for (const LinkFault& fault : faults) put_link(request, fault);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::fill_disk(std::string id, bool full) {
  Sheet request;
  request.add("op", "fill-disk").add("id", id).add("full", full ? 1 : 0);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::remove_disk(std::string image) {
  Sheet request;
  request.add("op", "remove-disk").add("image", image);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::set_groups(std::vector<PacketGroup> groups) {
  constexpr size_t most_bytes = 100'000;  // of one packet to the spawner
  Sheet request;
  request.add("op", "groups");
  size_t bytes = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    put_group(request, groups[i]);
    bytes += 64 + 64 * (groups[i].in.size() + groups[i].out.size());
    if (bytes < most_bytes && i + 1 < groups.size()) continue;
    CO_TRY(co_await ask(std::move(request), answer_limit));
    request = Sheet();
    request.add("op", "groups");
    bytes = 0;
  }
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::forget_group(std::string name) {
  Sheet request;
  request.add("op", "forget-group").add("name", name);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::join_groups(std::string id, std::vector<std::string> groups) {
  Sheet request;
  request.add("op", "join").add("id", id);
  for (const std::string& group : groups) request.add("group", group);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::set_public(std::string address, std::string private_address) {
  Sheet request;
  request.add("op", "public").add("address", address).add("private", private_address);
  CO_TRY(co_await ask(std::move(request), answer_limit));
  co_return Result<>{};
}

aio::Task<Result<>> SpawnedMachines::close() {
  if (link_->broken) co_return Result<>{};
  Sheet request;
  request.add("op", "close");
  auto asked = co_await ask(std::move(request), open_limit);
  if (!link_->cancel.requested()) link_->cancel.request();
  auto ended = co_await aio::deadline(world_.clock, open_limit, child_->wait(),
                                      "the end of the sandbox spawner");
  CO_TRY(std::move(asked));
  CO_TRY(std::move(ended));
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<int>> Machines::gateway_listener(uint16_t, bool) {
  co_return fail(Code::unsupported, "these machines have no gateway");
}

aio::Task<Result<>> Machines::set_links(std::vector<LinkFault>) {
  co_return fail(Code::unsupported, "these machines have no links to hinder");
}

aio::Task<Result<>> Machines::fill_disk(std::string, bool) {
  co_return fail(Code::unsupported, "these machines have no disks to fill");
}

aio::Task<Result<>> Machines::grow_volume(std::string, VolumeSpec) {
  co_return fail(Code::unsupported, "the disks of these machines cannot grow");
}

aio::Task<Result<std::vector<Traffic>>> Machines::traffic() {
  co_return std::vector<Traffic>{};
}

aio::Task<Result<>> Machines::traffic_taken(std::vector<Traffic>) {
  co_return Result<>{};
}

aio::Task<Result<int>> Machines::router_socket() {
  co_return fail(Code::unsupported, "these machines have no router");
}

aio::Task<Result<std::unique_ptr<Machines>>> open_machines(aio::World& world,
                                                           MachinesOptions options) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    co_return fail_system("make a socket pair");
  auto link = std::make_shared<Link>();
  link->socket.reset(pair[0]);
  Fd theirs(pair[1]);
  if (fcntl(link->socket.get(), F_SETFL, O_NONBLOCK) != 0)
    co_return fail_system("set up the spawner's socket");
  int room = 4 << 20;
  setsockopt(link->socket.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);

  aio::ProcessOptions process;
  process.command = options.spawner;
  if (process.command.empty()) process.command = {"/proc/self/exe", "sandbox-spawner"};
  process.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "LANG=C.UTF-8"};
  if (const char* traced = getenv("CROFT_SANDBOX_TRACE")) {
    process.environment.push_back(std::string("CROFT_SANDBOX_TRACE=") + traced);
  }
  process.directory = "/";
  process.output_file = options.folder + "/.spawner.log";
  process.new_session = true;
  process.pass_descriptors = {theirs.get()};
  CO_TRY(co_await world.disk.make_dirs(options.folder));
  auto child = CO_TRY(world.processes.start(std::move(process)));
  theirs.reset();

  auto machines =
      std::make_unique<SpawnedMachines>(world, std::move(options), link, std::move(child));
  aio::detach(world.executor, read_answers(world, link), &link->cancel);
  auto opened = co_await machines->open();
  if (!opened) {
    auto closed = co_await machines->close();
    static_cast<void>(closed);
    co_return fail(std::move(opened.error()).frame("opening the farm's sandboxes"));
  }
  co_return std::unique_ptr<Machines>(std::move(machines));
}

}  // namespace croft::sandbox
