// The connections of an HttpClient: kept by scheme, host and port, handed out as leases. Loop
// thread. Limits: ClientOptions; at most max_hosts hosts are remembered while they have nothing
// open.
#pragma once
#include <deque>
#include <map>
#include <memory>

#include "aio/sync.h"
#include "net/http_client.h"
#include "net/input_buffer.h"
#include "net/tls.h"

namespace croft::net {

class ClientPool {
 public:
  static constexpr size_t max_hosts = 256;

  ClientPool(aio::World& world, ClientOptions options)
      : world_(world), options_(std::move(options)) {}

  struct Host {
    explicit Host(size_t connections) : places(connections) {}
    struct Idle {
      std::unique_ptr<aio::Stream> stream;
      Moment since;
    };
    std::deque<Idle> idle;
    aio::Semaphore places;
    size_t leases = 0;  ///< handed out or waited for
  };

  /// A connection and its place among connections_per_host, given back when it goes.
  struct Lease {
    Lease() = default;
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) noexcept {
      std::swap(host, other.host);
      std::swap(stream, other.stream);
      std::swap(reused, other.reused);
      return *this;
    }
    ~Lease();
    std::shared_ptr<Host> host;
    std::unique_ptr<aio::Stream> stream;
    bool reused = false;
  };

  /// `sure`: a connection from the pool is asked whether it still lives (a request that must not be
  /// sent twice follows). `fresh`: none from the pool.
  aio::Task<Result<Lease>> acquire(const Url& url, std::shared_ptr<const Proxy> proxy,
                                   Duration connect_deadline, bool sure, bool fresh);
  /// The connection may be used again.
  void park(Lease lease);
  void close_idle();
  aio::World& world() { return world_; }

 private:
  std::shared_ptr<Host> host_for(const Url& url, const Proxy* proxy);
  aio::Task<Result<std::unique_ptr<aio::Stream>>> connect(const Url& url, const Proxy* proxy,
                                                          Duration limit);
  /// A connection to the host: one to the proxy that has made a tunnel, for https.
  aio::Task<Result<std::unique_ptr<aio::Stream>>> connect_through(const Url& url,
                                                                  const Proxy& proxy);
  aio::Task<Result<std::unique_ptr<aio::Stream>>> connect_any(const Url& url);
  aio::Task<bool> lives(aio::Stream& stream);
  Result<std::shared_ptr<TlsContext>> tls();

  aio::World& world_;
  ClientOptions options_;
  std::map<std::string, std::shared_ptr<Host>, std::less<>> hosts_;
  std::shared_ptr<TlsContext> tls_;
};

}  // namespace croft::net
