#include "net/client_pool.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/text.h"
#include "wire/uri.h"

namespace croft::net {
namespace {
constexpr Duration sure_after = Duration::milliseconds(100);  // idle for less: taken for alive
constexpr size_t tunnel_answer_max = 16 << 10;
constexpr Duration ask_time = Duration::milliseconds(1);
}  // namespace

ClientPool::Lease::~Lease() {
  stream.reset();
  if (!host) return;
  host->places.release();
  --host->leases;
}

std::shared_ptr<ClientPool::Host> ClientPool::host_for(const Url& url, const Proxy* proxy) {
  std::string key = fmt::format("{}|{}|{}", url.scheme, url.host, url.port);
  if (proxy) key += fmt::format("|{}|{}", proxy->url.host, proxy->url.port);
  if (auto found = hosts_.find(key); found != hosts_.end()) return found->second;
  if (hosts_.size() >= max_hosts)
    std::erase_if(hosts_, [](const auto& entry) { return entry.second->leases == 0; });
  auto host = std::make_shared<Host>(options_.connections_per_host);
  hosts_.emplace(std::move(key), host);
  return host;
}

aio::Task<Result<ClientPool::Lease>> ClientPool::acquire(const Url& url,
                                                         std::shared_ptr<const Proxy> proxy,
                                                         Duration connect_deadline, bool sure,
                                                         bool fresh) {
  auto host = host_for(url, proxy.get());
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
  lease.stream = CO_TRY(co_await connect(url, proxy.get(), connect_deadline));
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

aio::Task<Result<std::unique_ptr<aio::Stream>>> ClientPool::connect_through(const Url& url,
                                                                            const Proxy& proxy) {
  auto stream = co_await connect_any(proxy.url);
  if (!stream)
    co_return fail(std::move(stream).error().frame("reaching the proxy " + proxy.url.authority()));
  if (url.scheme != "https") co_return stream;
  std::string place = fmt::format("{}:{}", url.host, url.port);
  if (url.host.find(':') != std::string::npos) place = fmt::format("[{}]:{}", url.host, url.port);
  std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", place);
  if (!proxy.authorization.empty())
    head += "Proxy-Authorization: " + proxy.authorization.reveal() + "\r\n";
  head += "\r\n";
  CO_TRY(co_await (*stream)->write({head}));
  std::string answer;
  std::array<char, 1024> buffer;
  while (answer.find("\r\n\r\n") == std::string::npos) {
    size_t got = CO_TRY(co_await (*stream)->read(buffer));
    if (got == 0 || answer.size() > tunnel_answer_max)
      co_return fail(Code::unavailable, "the proxy " + proxy.url.authority() +
                                            " closed the connection instead of making a tunnel");
    answer.append(buffer.data(), got);
  }
  // "HTTP/1.1 200 ...": whatever else it says, it is not the server that speaks.
  bool made = answer.starts_with("HTTP/1.") && answer.size() > 12 && answer[9] == '2';
  if (made) co_return stream;
  bool who = answer.starts_with("HTTP/1.") && answer.substr(9, 3) == "407";
  co_return fail(who ? Code::unauthenticated : Code::unavailable,
                 fmt::format("the proxy {} makes no tunnel to {}: {}", proxy.url.authority(), place,
                             printable(answer.substr(0, answer.find('\r')))));
}

aio::Task<Result<std::unique_ptr<aio::Stream>>> ClientPool::connect(const Url& url,
                                                                    const Proxy* proxy,
                                                                    Duration limit) {
  auto stream = co_await aio::deadline(world_.clock, limit,
                                       proxy ? connect_through(url, *proxy) : connect_any(url),
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
  if (options_.tls) return options_.tls;
  if (tls_) return tls_;
  TlsOptions options;
  options.verify_peer = options_.verify_tls;
  options.ca_file = options_.ca_file;
  tls_ = TRY(TlsContext::client(options));
  return tls_;
}

}  // namespace croft::net
