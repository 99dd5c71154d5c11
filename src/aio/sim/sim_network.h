// The network between the processes of a simulation: ordered byte streams with drawn delays, and
// datagrams that may be lost. Faults are switched per listening address, or per machine. One
// thread.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "aio/sim/sim_loop.h"
#include "aio/world.h"

namespace croft::aio {

struct SimNetworkOptions {
  Duration delay_min = Duration::microseconds(50);
  Duration delay_max = Duration::milliseconds(2);
  double short_read = 0.1;  ///< how often a read gives less than it could
  double datagram_loss = 0;
  double datagram_twice = 0;
};

class SimNetwork {
 public:
  SimNetwork(SimLoop& loop, SimNetworkOptions options_in) : options(options_in), loop_(loop) {}

  /// Connections to `listener` break now; until heal() new ones are refused.
  void cut(const Address& listener);
  /// Nothing arrives any more, nothing breaks: connects and reads hang until heal().
  void silence(const Address& listener);
  void heal(const Address& listener);
  /// Nothing reaches the machine of that address or leaves it, and nothing breaks, until rejoin().
  void isolate(const std::string& host);
  void rejoin(const std::string& host);
  /// What resolve() answers. Names not set are not found, but for "localhost".
  void set_name(std::string name, std::vector<std::string> addresses) {
    names_[std::move(name)] = std::move(addresses);
  }

  SimNetworkOptions options;

 private:
  friend class SimNet;
  friend class SimStream;
  friend class SimListener;
  friend class SimDatagrams;
  struct Connection;
  void remember(const std::shared_ptr<Connection>& connection);
  void wake(Connection& connection);
  bool reach(const std::string& one, const std::string& other) const {
    return !isolated_.contains(one) && !isolated_.contains(other);
  }
  Duration delay() { return loop_.random.between(options.delay_min, options.delay_max); }
  Address free_address(Address at);

  SimLoop& loop_;
  std::map<std::string, class SimListener*> listeners_;
  std::map<std::string, class SimDatagrams*> datagrams_;
  std::vector<std::weak_ptr<Connection>> connections_;  // in the order of making
  std::set<std::string> cut_, silent_, isolated_;
  std::map<std::string, std::vector<std::string>> names_;
  static constexpr uint16_t first_free_port = 40000;
  uint16_t next_port_ = first_free_port;
  size_t prune_at_ = 64;
};

/// The network as one process sees it.
class SimNet final : public Net {
 public:
  /// `host`: the address of its machine, from which it calls; empty: that of whom it calls.
  SimNet(SimNetwork& network, Clock& clock, std::string host)
      : network_(network), clock_(clock), host_(std::move(host)) {}
  Task<Result<std::unique_ptr<Stream>>> connect(Address to) override;
  Result<std::unique_ptr<Listener>> listen(const Address& at) override;
  Result<std::unique_ptr<Listener>> adopt_listener(int fd) override;
  Result<std::unique_ptr<Stream>> adopt_stream(int fd) override;
  Result<std::unique_ptr<Datagrams>> datagrams(const Address& at) override;
  Result<std::unique_ptr<Datagrams>> adopt_datagrams(int fd) override;
  Task<Result<std::vector<std::string>>> resolve(std::string host) override;
  Task<Result<>> readable(int fd) override;
  /// The process is gone: its sockets close, further calls fail.
  void die();

 private:
  friend class SimStream;
  friend class SimListener;
  friend class SimDatagrams;
  Result<> alive() const;
  SimNetwork& network_;
  Clock& clock_;
  std::string host_;
  bool dead_ = false;
  // In the order of making: an order by address would differ from run to run.
  std::list<class SimStream*> streams_;
  std::list<class SimListener*> own_listeners_;
  std::list<class SimDatagrams*> own_datagrams_;
};

}  // namespace croft::aio
