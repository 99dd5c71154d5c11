#include "controller/etcd_member.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "base/text.h"
#include "net/http_client.h"
#include "wire/json.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

constexpr Duration pause = Duration::seconds(1);
constexpr Duration ask_within = Duration::seconds(5);
constexpr int client_port = 2379, peer_port = 2380;
constexpr const char* path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// RUNLEVEL: the package is not to start a member of its own.
constexpr const char* install =
    "command -v etcd >/dev/null || { apt-get -q update && RUNLEVEL=1 "
    "DEBIAN_FRONTEND=noninteractive "
    "apt-get -q -y --no-install-recommends install etcd-server; }";

std::string peer_url(const std::string& address) {
  return fmt::format("http://{}:{}", address, peer_port);
}

aio::Task<Result<int>> run(aio::World& world, std::vector<std::string> command, std::string log) {
  aio::ProcessOptions options;
  options.command = std::move(command);
  options.environment = {path};
  options.output_file = std::move(log);
  auto child = CO_TRY(world.processes.start(std::move(options)));
  auto ended = co_await child->wait();
  if (!ended) {
    static_cast<void>(child->kill(SIGKILL));
    co_return fail(std::move(ended).error());
  }
  co_return ended->signal ? 128 + ended->signal : ended->code;
}

aio::Task<Result<json::Object>> ask(net::HttpClient& http, std::string address, std::string action,
                                    json::Object body) {
  net::ClientRequest request;
  request.method = "POST";
  request.url = CO_TRY(net::Url::parse(
      fmt::format("http://{}:{}/v3/cluster/member/{}", address, client_port, action)));
  request.headers.add("Content-Type", "application/json");
  request.body = json::compact(body);
  request.deadline = ask_within;
  auto answer = CO_TRY(co_await http.send(std::move(request)));
  if (answer.status != 200)
    co_return fail(Code::unavailable, fmt::format("etcd at {} answers {} with {}: {}", address,
                                                  action, answer.status, printable(answer.body)));
  co_return json::parse_object(answer.body, "etcd's answer");
}

struct Known {
  std::string id, name, url;
};

aio::Task<Result<std::vector<Known>>> members_of(net::HttpClient& http, std::string address) {
  auto answer = CO_TRY(co_await ask(http, address, "list", {}));
  std::vector<Known> out;
  const auto* members = CO_TRY(json::array_at(answer, "members"));
  for (const auto& each : *members) {
    const auto& member = each.get_object();
    Known known{CO_TRY(json::string_at(member, "ID")), CO_TRY(json::string_or(member, "name", "")),
                ""};
    if (const auto* urls = CO_TRY(json::array_if(member, "peerURLs")); urls && !urls->empty())
      known.url = urls->front().get_string();
    out.push_back(std::move(known));
  }
  co_return out;
}

/// Takes the place of a member that is gone. The list of those that are there with us.
aio::Task<Result<std::vector<Known>>> take_place(net::HttpClient& http, const EtcdMember& member,
                                                 std::string at) {
  // An address may be a lost machine's that another has now, and what had a name and comes without
  // data is not the member that it was: etcd would break on what it has forgotten.
  auto wanted = [&](const Known& known) {
    if (known.name == member.self.name) return false;
    return std::ranges::any_of(member.peers, [&](const EtcdPeer& peer) {
      return peer_url(peer.address) == known.url && (known.name.empty() || known.name == peer.name);
    });
  };
  auto known = CO_TRY(co_await members_of(http, at));
  for (const Known& each : known)
    if (!wanted(each)) {
      log::info("controller", "the member {} of etcd is gone: taken out", each.name);
      CO_TRY(co_await ask(http, at, "remove", {{"ID", each.id}}));
    }
  std::erase_if(known, [&](const Known& each) { return !wanted(each); });
  std::string own = peer_url(member.self.address);
  if (std::ranges::none_of(known, [&](const Known& each) { return each.url == own; })) {
    CO_TRY(co_await ask(http, at, "add", {{"peerURLs", json::Array{own}}}));
    known = CO_TRY(co_await members_of(http, at));
  }
  co_return known;
}

aio::Task<Result<std::string>> join_cluster(aio::World& world, const EtcdMember& member) {
  net::HttpClient http(world);
  for (;;) {
    Error last(Code::unavailable, "there is no other member");
    for (const EtcdPeer& peer : member.peers) {
      if (peer.name == member.self.name) continue;
      auto known = co_await take_place(http, member, peer.address);
      if (!known) {
        if (known.error().code == Code::cancelled) co_return fail(std::move(known).error());
        last = std::move(known).error();
        continue;
      }
      std::vector<std::string> cluster;
      for (const Known& each : *known) {
        bool self = each.url == peer_url(member.self.address);
        // One that was added and has not come yet has no name; the papers have it.
        auto peer_of = std::ranges::find_if(member.peers, [&](const EtcdPeer& other) {
          return peer_url(other.address) == each.url;
        });
        std::string name = self                            ? member.self.name
                           : !each.name.empty()            ? each.name
                           : peer_of == member.peers.end() ? ""
                                                           : peer_of->name;
        cluster.push_back(name + "=" + each.url);
      }
      co_return join(cluster, ",");
    }
    log::warn("controller", "no member of etcd lets this one in: {}", last.line());
    CO_TRY(co_await world.clock.sleep(pause));
  }
}

std::string new_cluster(const EtcdMember& member) {
  std::vector<std::string> out;
  for (const EtcdPeer& peer : member.peers) out.push_back(peer.name + "=" + peer_url(peer.address));
  return join(out, ",");
}

}  // namespace

aio::Task<Result<>> run_etcd_member(aio::World& world, EtcdMember member) {
  std::string log = member.home + "/etcd.log", data = member.home + "/etcd";
  int installed = CO_TRY(co_await run(world, {"/bin/sh", "-c", install}, log));
  if (installed != 0)
    co_return fail(Error(Code::not_found, "there is no etcd on this machine, and apt installs none")
                       .hint("an image with Debian's etcd-server; " + log + " says more"));
  std::string own = member.self.address;
  for (;;) {
    // What has data knows its cluster; without them it is a new member each time.
    bool has_data = (co_await world.disk.info(data + "/member")).has_value();
    std::string cluster = has_data || !member.formed ? new_cluster(member)
                                                     : CO_TRY(co_await join_cluster(world, member));
    // A member that outlived us would keep the ports of the next.
    int code = CO_TRY(co_await run(
        world,
        {"setpriv",
         "--pdeathsig",
         "KILL",
         "etcd",
         "--name",
         member.self.name,
         "--data-dir",
         data,
         "--listen-peer-urls",
         peer_url(own),
         "--initial-advertise-peer-urls",
         peer_url(own),
         "--listen-client-urls",
         fmt::format("http://{}:{},http://127.0.0.1:{}", own, client_port, client_port),
         "--advertise-client-urls",
         fmt::format("http://{}:{}", own, client_port),
         "--initial-cluster",
         cluster,
         "--initial-cluster-token",
         member.cluster,
         "--initial-cluster-state",
         member.formed ? "existing" : "new",
         "--max-txn-ops",
         "16500",
         "--heartbeat-interval",
         "100",
         "--election-timeout",
         "600",
         "--max-request-bytes",
         "33554432",
         "--quota-backend-bytes",
         "8589934592",
         "--auto-compaction-mode",
         "periodic",
         "--auto-compaction-retention",
         "1h"},
        log));
    log::warn("controller", "etcd has ended with {}; it is started again", code);
    CO_TRY(co_await world.clock.sleep(pause));
  }
}

}  // namespace croft::controller
