#include "net/client_pool.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "wire/uri.h"

namespace croft::net {
namespace {
constexpr Duration sure_after = Duration::milliseconds(100);  // idle for less: taken for alive
constexpr Duration ask_time = Duration::milliseconds(1);
}  // namespace

ClientPool::Lease::~Lease() {
  stream.reset();
  if (!host) return;
  host->places.release();
  --host->leases;
}

std::shared_ptr<ClientPool::Host> ClientPool::host_for(const Url& url) {
  std::string key = fmt::format("{}|{}|{}", url.scheme, url.host, url.port);
  if (auto found = hosts_.find(key); found != hosts_.end()) return found->second;
  if (hosts_.size() >= max_hosts)
    std::erase_if(hosts_, [](const auto& entry) { return entry.second->leases == 0; });
  auto host = std::make_shared<Host>(options_.connections_per_host);
  hosts_.emplace(std::move(key), host);
  return host;
}

aio::Task<Result<ClientPool::Lease>> ClientPool::acquire(const Url& url, Duration connect_deadline,
                                                         bool sure, bool fresh) {
  auto host = host_for(url);
  ++host->leases;
  auto place = co_await host->places.acquire();
  if (!place) {
    --host->leases;
    co_return fail(std::move(place).error());
  }
  Lease lease;
  lease.host = host;
  if (fresh) host->idle.clear();
  while (!host->idle.empty()) {
    Host::Idle idle = std::move(host->idle.back());
    host->idle.pop_back();
    Duration age = world_.clock.now() - idle.since;
    if (age > options_.idle) continue;
    if (sure && age > sure_after && !co_await lives(*idle.stream)) continue;
    lease.stream = std::move(idle.stream);
    lease.reused = true;
    co_return lease;
  }
  lease.stream = CO_TRY(co_await connect(url, connect_deadline));
  co_return lease;
}

/// Nothing to read is the sign of life: an idle connection has only its end to report.
aio::Task<bool> ClientPool::lives(aio::Stream& stream) {
  std::array<char, 1> byte;
  auto first = co_await aio::race(stream.read(byte), world_.clock.sleep(ask_time));
  co_return first.index() == 1;
}

void ClientPool::park(Lease lease) {
  auto& idle = lease.host->idle;
  idle.push_back({std::move(lease.stream), world_.clock.now()});
  while (!idle.empty() && (idle.size() > options_.idle_per_host ||
                           world_.clock.now() - idle.front().since > options_.idle))
    idle.pop_front();
}

void ClientPool::close_idle() {
  for (auto& [key, host] : hosts_) host->idle.clear();
  options_.idle_per_host = 0;  // what is still on its way closes when it comes back
}

aio::Task<Result<std::unique_ptr<aio::Stream>>> ClientPool::connect(const Url& url,
                                                                    Duration limit) {
  auto stream = co_await aio::deadline(world_.clock, limit, connect_any(url),
                                       "connecting to " + url.authority());
  if (!stream) co_return fail(std::move(stream).error());
  if (url.scheme != "https") co_return std::move(*stream);
  auto context = CO_TRY(tls());
  co_return tls_client(std::move(context), std::move(*stream), url.host);
}

aio::Task<Result<std::unique_ptr<aio::Stream>>> ClientPool::connect_any(const Url& url) {
  if (url.scheme == "unix") {
    aio::Address address;
    address.path = url.host.starts_with('/') ? url.host : CO_TRY(wire::percent_decode(url.host));
    co_return co_await world_.net.connect(std::move(address));
  }
  auto addresses = co_await world_.net.resolve(url.host);
  if (!addresses) {
    // A name that is not known now may be known soon: names of a farm come and go.
    if (addresses.error().code == Code::not_found) addresses.error().code = Code::unavailable;
    co_return fail(std::move(addresses.error()).fact("reason", "name"));
  }
  Error last(Code::unavailable, "'" + url.host + "' has no address");
  for (const std::string& address : *addresses) {
    auto stream = co_await world_.net.connect(aio::Address{address, url.port, ""});
    if (stream) co_return stream;
    last = std::move(stream).error();
    if (last.code == Code::cancelled) break;
  }
  co_return fail(std::move(last));
}

Result<std::shared_ptr<TlsContext>> ClientPool::tls() {
  if (tls_) return tls_;
  TlsOptions options;
  options.verify_peer = options_.verify_tls;
  options.ca_file = options_.ca_file;
  tls_ = TRY(TlsContext::client(options));
  return tls_;
}

}  // namespace croft::net
