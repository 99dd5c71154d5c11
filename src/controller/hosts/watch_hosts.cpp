// Which hosts are dead: heartbeats, peers and our own lag go into membership's judge; what it says
// is told to whoever rents the machine.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "controller/hosts/agent_hosts.h"

namespace croft::controller {

namespace {

constexpr size_t peers_asked = 3;
constexpr size_t peers_looked_at = 200;  // where so many are of no use, it is a mass loss
// After a start of ours agents find us again in their own time.
constexpr Duration reconnecting = Duration::seconds(15);
constexpr Duration peer_patience = Duration::seconds(1);
constexpr int ticks_a_period = 4;

}  // namespace

aio::Task<Result<>> AgentHosts::ask_peers(std::shared_ptr<RemoteHost> host) {
  std::string node = fmt::format("{}/{}", host->machine().application, host->name());
  std::vector<std::shared_ptr<RemoteHost>> peers;
  // From the one behind it on, so that when many are silent it is not the same few that are asked.
  auto next = hosts_.upper_bound(node);
  for (size_t looked = 0; looked < std::min(hosts_.size(), peers_looked_at); ++looked, ++next) {
    if (next == hosts_.end()) next = hosts_.begin();
    const auto& [name, other] = *next;
    if (other == host || !other->connected() ||
        other->machine().farm_admin != host->machine().farm_admin ||
        judge_.health(name) != membership::Health::alive)
      continue;
    peers.push_back(other);
    if (peers.size() == peers_asked) break;
  }
  // One that never sent a datagram cannot be asked with one.
  if (peers.empty() || host->beats_from().port == 0) {
    judge_.probed(node, std::nullopt);
    co_return Result<>{};
  }
  // Its own agent has to answer: a kernel that lives does not make what runs on it live.
  const auto* record = records_.find(host->machine().application, host->name());
  if (!record) co_return Result<>{};
  protocol::Heartbeat question{host->name(), 0, static_cast<uint64_t>(world_.clock.now().ns), 0};
  wire::json::Object request{
      {"to", host->beats_from().text()},
      {"datagram", hex(protocol::sealed(question, records_.heartbeat_key_of(*record)))}};
  bool reached = false;
  aio::Scope scope(co_await aio::here());
  auto ask = [&reached, request](std::shared_ptr<RemoteHost> peer) -> aio::Task<Result<>> {
    auto answer = co_await peer->call("reach", request, peer_patience);
    if (!answer && answer.error().code == Code::cancelled) co_return fail(answer.error());
    reached |= answer.has_value();
    co_return Result<>{};
  };
  for (auto& peer : peers) scope.spawn(ask(std::move(peer)));
  CO_TRY(co_await scope.join());
  judge_.probed(node, reached);
  if (reached)
    notice(host->machine(),
           fmt::format("nothing is heard of {}, and its peers reach it: it is left "
                       "alone",
                       host->name()));
  co_return Result<>{};
}

/// To every application that has hosts.
void AgentHosts::alarm(const std::string& what) {
  std::set<std::string> told;
  for (const auto& [name, host] : hosts_) {
    engine::Machine whole = host->machine();
    whole.component = whole.application;
    if (on_notice && told.insert(whole.application).second) on_notice(whole, what);
  }
}

void AgentHosts::act(const membership::Wish& wish) {
  using Kind = membership::Wish::Kind;
  auto found = hosts_.find(wish.node);
  std::shared_ptr<RemoteHost> host = found == hosts_.end() ? nullptr : found->second;
  switch (wish.kind) {
    case Kind::probe:
      if (host) serving_->spawn(ask_peers(std::move(host)));
      return;
    case Kind::declare:
      log::error("hosts", "{} is lost: {}", wish.node, wish.why);
      if (!host) return;
      host->set_lost(wish.why);
      changed_.notify();
      return;
    case Kind::clear:
      log::info("hosts", "{}: {}", wish.node, wish.why);
      return;
    case Kind::brake:
      log::error("hosts", "{}", wish.why);
      alarm(wish.why);
      return;
    case Kind::release:
      log::info("hosts", "{}", wish.why);
      alarm(wish.why);
      return;
  }
}

aio::Task<Result<>> AgentHosts::watch() {
  Duration tick = options_.period / ticks_a_period;
  for (const auto& [name, host] : hosts_) judge_.add(name, world_.clock.now() + reconnecting);
  for (Moment looked;;) {
    Moment due = world_.clock.now() + tick;
    if (auto slept = co_await world_.clock.sleep(tick); !slept) co_return Result<>{};
    Moment now = world_.clock.now();
    bool others = judge_.size() != hosts_.size();
    for (const auto& [name, host] : hosts_) {
      if (others) judge_.add(name, now);
      // Of thousands most have not been heard since the last tick.
      if (host->last_heard() >= looked) judge_.heard(name, host->last_heard());
    }
    looked = now;
    for (const auto& wish : judge_.tick(now, std::max(Duration(), now - due))) act(wish);
  }
}

}  // namespace croft::controller
