#include "controller/hosts/agent_hosts.h"

#include <fmt/format.h>

#include "aio/cancel.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/hosts/user_data.h"

namespace croft::controller {

namespace json = wire::json;

std::string AgentHosts::key_of(std::string_view application, std::string_view instance) {
  return fmt::format("{}/{}", application, instance);
}

namespace {

constexpr Duration first_word = Duration::seconds(15);   // from connecting to Join or Hello
constexpr Duration farm_lag = Duration::seconds(60);     // a machine may call before it is expected
constexpr Duration asked_again = Duration::seconds(60);  // a join whose answer was lost
constexpr Duration notice_pause = Duration::minutes(1);
constexpr Duration agent_certificate = Duration::hours(24);
constexpr size_t joining_most = 2000, connections_most = 16'000;
constexpr size_t read_bytes = 16 << 10;
constexpr Duration batch = Duration::milliseconds(5);  // of heartbeats, where there are thousands
constexpr size_t crowd = 500, batch_most = 1000;

std::string uri_of(const engine::Machine& machine) {
  return fmt::format("croft://{}/{}", machine.application, machine.instance);
}

}  // namespace

aio::Task<Result<std::unique_ptr<AgentHosts>>> AgentHosts::open(aio::World& world,
                                                                store::Store& store,
                                                                const trust::Encryption& encryption,
                                                                net::HttpClient& http,
                                                                AgentHostsOptions options) {
  std::unique_ptr<AgentHosts> out(
      new AgentHosts(world, store, encryption, http, std::move(options)));
  CO_TRY(co_await out->records_.open(world.random));
  for (const auto& [key, record] : out->records_.all())
    if (record.joined.ns > 0) out->host_of(record);
  co_return out;
}

AgentHosts::~AgentHosts() = default;

std::shared_ptr<RemoteHost> AgentHosts::host_of(const MachineRecord& record) {
  auto& host = hosts_[key_of(record.machine.application, record.machine.instance)];
  if (host) return host;
  host =
      std::make_shared<RemoteHost>(world_, record.machine, records_.digest_key(), records_.fence());
  host->renew_with([this](engine::Machine machine, std::string request) {
    return renew(std::move(machine), std::move(request));
  });
  return host;
}

std::shared_ptr<RemoteHost> AgentHosts::remote(std::string_view application,
                                               std::string_view instance) const {
  auto found = hosts_.find(key_of(application, instance));
  return found == hosts_.end() ? nullptr : found->second;
}

void AgentHosts::give_up(const std::string& application, const std::string& instance,
                         std::string why) {
  auto found = hosts_.find(key_of(application, instance));
  if (found == hosts_.end()) return;
  log::error("hosts", "{} is given up: {}", instance, why);
  found->second->set_lost(std::move(why));
  changed_.notify();
}

void AgentHosts::spare(const std::string& application, const std::string& instance,
                       Duration within) {
  std::string node = key_of(application, instance);
  auto found = hosts_.find(node);
  if (found == hosts_.end()) return;
  log::info("hosts", "{} is silent, and the farm knows why", instance);
  judge_.remove(node);
  judge_.add(node, world_.clock.now() + within);
  found->second->no_longer_leaving();
  found->second->set_lost(std::nullopt);
}

std::vector<std::shared_ptr<RemoteHost>> AgentHosts::of(std::string_view application) const {
  std::vector<std::shared_ptr<RemoteHost>> out;
  for (const auto& [key, host] : hosts_)
    if (host->machine().application == application) out.push_back(host);
  return out;
}

std::shared_ptr<engine::Host> AgentHosts::find(std::string_view application,
                                               std::string_view instance) {
  return remote(application, instance);
}

// ---- what machines are told ----

aio::Task<Result<std::string>> AgentHosts::user_data(engine::Joining joining) {
  if (auto kept = CO_TRY(co_await records_.user_data(joining.client_token)))
    co_return std::move(*kept);
  auto at = CO_TRY(co_await door(joining.farm_admin));
  UserData data;
  data.agent_url = std::move(joining.agent_url);
  data.agent_sha256 = options_.program.sha256;
  data.controller = at->address.text();
  data.pin = authority_->pin();
  data.rendezvous_url = std::move(joining.rendezvous_url);
  data.token = records_.token_of(joining.client_token);
  data.script = std::move(joining.script);
  std::string text = CO_TRY(text_of(data));
  CO_TRY(co_await records_.keep_user_data(joining.client_token, joining.farm_admin, text));
  co_return text;
}

aio::Task<Result<>> AgentHosts::expect(engine::Machine machine) {
  if (records_.find(machine.application, machine.instance)) co_return Result<>{};
  MachineRecord record;
  record.machine = std::move(machine);
  record.expected = world_.clock.wall();
  CO_TRY(co_await records_.put(std::move(record)));
  expected_.notify();
  co_return Result<>{};
}

aio::Task<Result<>> AgentHosts::forget(std::string application, std::string instance) {
  CO_TRY(co_await records_.remove(application, instance));
  if (auto found = hosts_.find(key_of(application, instance)); found != hosts_.end()) {
    auto host = found->second;
    judge_.remove(found->first);
    hosts_.erase(found);
    beating_.erase(instance);
    noticed_.erase(instance);
    host->hang_up();
    changed_.notify();
  }
  co_return co_await close_unused_doors();
}

aio::Task<Result<>> AgentHosts::leave(std::string client_token) {
  CO_TRY(co_await records_.drop_user_data(std::move(client_token)));
  co_return co_await close_unused_doors();
}

// ---- joining ----

Result<> AgentHosts::may_join(const MachineRecord& record, const protocol::Join& join,
                              const std::string& from, const std::string& request) const {
  if (!constant_time_equal(join.token, records_.token_of(record.machine.client_token).reveal()))
    return fail(Code::unauthenticated, "the token is not that of this machine");
  if (from != record.machine.address)
    return fail(Code::permission_denied,
                fmt::format("it called from {}, and the farm says that it is at {}", from,
                            record.machine.address));
  if (record.suspended)
    return fail(Code::permission_denied, "its token was used twice: the machine is not believed");
  WallTime now = world_.clock.wall();
  if (record.joined.ns == 0) {
    if (now - record.expected > options_.join_within)
      return fail(Code::permission_denied,
                  fmt::format("its token was good for {}", options_.join_within.text()));
    return {};
  }
  if (record.request == request && now - record.joined <= asked_again) return {};
  return fail(Code::permission_denied, "its token was used before");
}

/// Whoever has a token may come again and again.
void AgentHosts::notice(const engine::Machine& machine, const std::string& what) {
  auto [told, first] = noticed_.try_emplace(machine.instance, world_.clock.now());
  if (!first && world_.clock.now() - told->second < notice_pause) return;
  told->second = world_.clock.now();
  if (on_notice) on_notice(machine, what);
}

aio::Task<Result<protocol::Joined>> AgentHosts::join(protocol::Join join, std::string from) {
  if (join.version != protocol::agent_protocol_version)
    co_return fail(
        Code::unsupported,
        fmt::format("version {} of the agents' protocol is not spoken here", join.version));
  Moment until = world_.clock.now() + farm_lag;
  while (!records_.find_instance(join.instance)) {
    Duration left = until - world_.clock.now();
    auto told = left <= Duration() ? fail(Code::timeout, "")
                                   : co_await aio::deadline(world_.clock, left, expected_.wait(),
                                                            "waiting for the machine");
    if (told) continue;
    if (told.error().code != Code::timeout) co_return fail(std::move(told).error());
    co_return fail(Code::not_found,
                   fmt::format("no machine {} was rented here", printable(join.instance)));
  }
  MachineRecord record = *records_.find_instance(join.instance);
  std::string request = sha256_hex(join.request);
  auto allowed = may_join(record, join, from, request);
  if (!allowed) {
    bool genuine =
        constant_time_equal(join.token, records_.token_of(record.machine.client_token).reveal());
    // Two on the machine itself have used its token: one of them is not who it says. From anywhere
    // else nothing was reached by it, and whoever can read a token must not end a host with it.
    bool twice = genuine && record.joined.ns > 0 && from == record.machine.address;
    if (twice && !record.suspended) {
      record.suspended = true;
      CO_TRY(co_await records_.put(record));
      if (auto host = remote(record.machine.application, record.machine.instance)) host->hang_up();
      give_up(record.machine.application, record.machine.instance,
              "its token was used twice on it, so that its agent is not believed any more");
    }
    if (genuine)
      notice(record.machine, fmt::format("somebody at {} tried to join with the token of {}: {}",
                                         from, record.machine.instance, allowed.error().what));
    co_return fail(std::move(allowed).error());
  }
  std::string certificate = CO_TRY(sign(record.machine, join.request));
  record.joined = world_.clock.wall();
  record.request = std::move(request);
  record.serial = CO_TRY(trust::read_certificate(certificate)).serial;
  CO_TRY(co_await records_.put(record));
  host_of(record);
  co_return protocol::Joined{std::move(certificate)};
}

Result<std::string> AgentHosts::sign(const engine::Machine& machine,
                                     const std::string& request) const {
  return authority_->sign(request, {.name = machine.instance,
                                    .uri = uri_of(machine),
                                    .addresses = {},
                                    .server = false,
                                    .lasts = agent_certificate});
}

aio::Task<Result<std::string>> AgentHosts::renew(engine::Machine machine, std::string request) {
  const auto* record = records_.find(machine.application, machine.instance);
  if (!record) co_return fail(Code::permission_denied, "the machine was given back");
  std::string certificate = CO_TRY(sign(machine, request));
  MachineRecord changed = *record;
  changed.next = CO_TRY(trust::read_certificate(certificate)).serial;
  CO_TRY(co_await records_.put(std::move(changed)));
  co_return certificate;
}

aio::Task<Result<MachineRecord>> AgentHosts::known(std::string certificate) {
  auto read = CO_TRY(trust::read_certificate(certificate));
  const MachineRecord* found = records_.find_instance(read.subject);
  if (!found || uri_of(found->machine) != read.uri)
    co_return fail(Code::permission_denied, fmt::format("{} is no machine of ours", read.uri));
  MachineRecord record = *found;
  if (!record.suspended && record.next == read.serial) {
    record.serial = std::exchange(record.next, "");
    CO_TRY(co_await records_.put(record));
  }
  if (record.suspended || record.serial != read.serial)
    co_return fail(Code::permission_denied,
                   fmt::format("the certificate of {} was withdrawn", record.machine.instance));
  co_return record;
}

// ---- connections ----

namespace {

/// The first message of a connection.
aio::Task<Result<protocol::AgentMessage>> first_message(aio::Stream& stream,
                                                        protocol::FrameReader& reader) {
  std::vector<char> buffer(read_bytes);
  for (;;) {
    auto frame = CO_TRY(reader.next());
    if (frame && frame->kind == 'J') co_return protocol::agent_message_from(frame->bytes);
    if (frame) co_return fail(Code::syntax, "a connection does not begin with data");
    size_t got = CO_TRY(co_await stream.read(buffer));
    if (got == 0) co_return fail(Code::unavailable, "it hung up");
    reader.add({buffer.data(), got});
  }
}

}  // namespace

aio::Task<Result<>> AgentHosts::serve_agent(std::shared_ptr<Door> door,
                                            std::unique_ptr<aio::Stream> stream) {
  struct Count {
    size_t& number;
    explicit Count(size_t& n) : number(++n) {}
    ~Count() { --number; }
  };
  Count connected(connections_);
  std::string from = stream->peer().host;
  protocol::FrameReader reader;
  auto first = co_await aio::deadline(world_.clock, first_word, first_message(*stream, reader),
                                      "the first message of an agent");
  if (!first) {
    log::debug("hosts", "{}: {}", from, first.error().line());
    co_return Result<>{};
  }
  if (auto* join = std::get_if<protocol::Join>(&*first)) {
    if (joining_ >= joining_most) co_return Result<>{};
    Count asking(joining_);
    std::string instance = printable(join->instance);
    auto joined = co_await this->join(std::move(*join), from);
    if (!joined && joined.error().code == Code::cancelled) co_return Result<>{};
    protocol::AgentMessage answer =
        joined ? protocol::AgentMessage(std::move(*joined))
               : protocol::AgentMessage(protocol::Closed{0, {}, joined.error()});
    if (joined)
      log::info("hosts", "{} has joined", instance);
    else
      log::warn("hosts", "{} at {} may not join: {}", instance, from, joined.error().line());
    std::string frame = protocol::frame_of(answer);
    std::vector<std::string_view> pieces{frame};
    auto told = co_await stream->write(std::move(pieces));
    if (joined && told) changed_.notify();
    co_return Result<>{};
  }
  auto* hello = std::get_if<protocol::Hello>(&*first);
  std::string certificate = net::peer_certificate(*stream);
  Result<MachineRecord> record = fail(Code::unauthenticated, "it has shown no certificate");
  if (hello && !certificate.empty()) record = co_await known(std::move(certificate));
  if (!record) {
    log::warn("hosts", "an agent at {} is not let in: {}", from, record.error().line());
    std::string frame = protocol::frame_of(protocol::Closed{0, {}, record.error()});
    std::vector<std::string_view> pieces{frame};
    auto told = co_await stream->write(std::move(pieces));
    static_cast<void>(told);
    co_return Result<>{};
  }
  auto host = host_of(*record);
  // It may have been spared until later than now.
  std::string node = key_of(record->machine.application, record->machine.instance);
  judge_.remove(node);
  judge_.add(node, world_.clock.now());
  Secret beats_with = records_.heartbeat_key_of(*record);
  host->set_heartbeat_key(beats_with);
  beating_[host->name()] = host;
  protocol::Welcome welcome{records_.fence(),         options_.period, door->heartbeat_port,
                            hex(beats_with.reveal()), options_.report, ""};
  auto url = rendezvous_urls_.find(key_of(record->machine.application, record->machine.component));
  if (url != rendezvous_urls_.end()) welcome.rendezvous = url->second;
  changed_.notify();
  co_await host->serve(std::move(stream), std::move(reader), std::move(*hello), std::move(welcome));
  changed_.notify();
  co_return Result<>{};
}

aio::Task<Result<>> AgentHosts::accept_agents(std::shared_ptr<Door> door) {
  for (;;) {
    auto plain = co_await door->listener->accept();
    auto stream =
        plain ? net::tls_server(door->tls, std::move(*plain)) : fail(std::move(plain).error());
    if (!stream) {
      if (door->closed || stream.error().code == Code::cancelled) co_return Result<>{};
      log::warn("hosts", "{}", stream.error().line());
      CO_TRY(co_await world_.clock.sleep(Duration::milliseconds(100)));
      continue;
    }
    if (connections_ < connections_most) serving_->spawn(serve_agent(door, std::move(*stream)));
  }
}

aio::Task<Result<>> AgentHosts::take_heartbeats(std::shared_ptr<Door> door) {
  std::array<char, 512> buffer;
  for (;;) {
    std::optional<aio::Datagrams::Received> next;
    if (auto got = co_await door->datagrams->receive(buffer)) {
      next = *std::move(got);
    } else {
      if (door->closed || got.error().code == Code::cancelled) co_return Result<>{};
      CO_TRY(co_await world_.clock.sleep(Duration::milliseconds(10)));
    }
    for (size_t taken = 0; next && taken < batch_most; ++taken) {
      if (!next->truncated)
        CO_TRY(co_await take_heartbeat(*door, {buffer.data(), next->size}, next->from));
      next = door->datagrams->try_receive(buffer);
    }
    // Of thousands one comes every moment, and to be woken for each costs more than to read it.
    if (beating_.size() >= crowd) CO_TRY(co_await world_.clock.sleep(batch));
  }
}

aio::Task<Result<>> AgentHosts::take_heartbeat(Door& door, std::string_view datagram,
                                               aio::Address from) {
  auto node = protocol::node_of_heartbeat(datagram);
  auto found = node ? beating_.find(*node) : beating_.end();
  if (found == beating_.end()) co_return Result<>{};
  auto host = found->second;
  auto beat = protocol::open_heartbeat(datagram, host->heartbeat_key());
  if (!beat || beat->sequence <= host->last_sequence()) co_return Result<>{};
  host->beat(beat->sequence, from);
  // Given back as it is: the agent learns that datagrams pass, and that we live. Every second one
  // tells as much.
  if (beat->sequence % protocol::heartbeats_an_answer != 0) co_return Result<>{};
  auto sent = co_await door.datagrams->send(std::move(from), datagram);
  if (!sent && sent.error().code == Code::cancelled) co_return sent;
  co_return Result<>{};
}

aio::Task<Result<>> AgentHosts::serve_tunnels(std::unique_ptr<aio::Listener> listener,
                                              FindHost find) {
  aio::Scope scope(co_await aio::here());
  Result<> done;
  while (done) {
    auto stream = co_await listener->accept();
    if (stream)
      scope.spawn(serve_tunnel(world_, std::move(*stream), find));
    else
      done = fail(std::move(stream).error());
  }
  scope.cancel();
  auto joined = co_await scope.join();
  if (!joined && joined.error().code != Code::cancelled) co_return joined;
  co_return done;
}

aio::Task<Result<>> AgentHosts::serve() {
  aio::Scope scope(co_await aio::here());
  serving_ = &scope;
  for (auto& [admin, door] : doors_) serve_door(door);
  if (!options_.listen.empty()) scope.spawn(open_again(""));
  scope.spawn(watch());
  for (const auto& [admin, ports] : records_.doors())
    if (records_.uses(admin)) scope.spawn(open_again(admin));
  // A scope without tasks would end; serving ends with its cancellation.
  aio::Event never;
  auto cancelled = co_await never.wait();
  scope.cancel();
  auto joined = co_await scope.join();
  serving_ = nullptr;
  if (!joined && joined.error().code != Code::cancelled) co_return joined;
  co_return cancelled;
}

}  // namespace croft::controller
