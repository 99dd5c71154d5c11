#include "aio/sim/sim_network.h"

#include <algorithm>
#include <deque>

#include "aio/waiter.h"

namespace croft::aio {

namespace {
constexpr size_t pipe_bytes_max = 256 << 10;
constexpr size_t backlog_max = 1024;
constexpr size_t datagrams_max = 1024;

/// Counts a wait while it lasts.
class Counted {
 public:
  explicit Counted(size_t& counter) : counter_(counter) { ++counter_; }
  ~Counted() { --counter_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  size_t& counter_;
};

/// A place for one waiter that others wake.
class Bell {
 public:
  Task<Result<>> wait() {
    CHECK(!waiter_, "two tasks wait for the same direction of one stream");
    Waiter<> waiter;
    waiter_ = &waiter;
    auto result = co_await waiter;
    waiter_ = nullptr;
    co_return result;
  }
  void ring() {
    if (waiter_) waiter_->complete({});
  }

 private:
  Waiter<>* waiter_ = nullptr;
};

struct Segment {
  Moment at;
  std::string data;  // empty: the end
};

/// One direction of a connection.
struct Pipe {
  std::deque<Segment> segments;
  size_t bytes = 0;
  Moment last_at;
  bool ended = false;        // the writer has sent the end
  bool reader_gone = false;  // writes fail
  Bell readable, writable;
};

std::unexpected<Error> closed_here() {
  return fail(Code::unavailable, "the connection was closed on this side");
}
}  // namespace

struct SimNetwork::Connection {
  Pipe pipes[2];
  std::string target;  // the listener's address: faults are switched by it
  Address ends[2];     // 0: the client's, 1: the listener's
  bool broken = false;
};

class SimStream final : public Stream {
 public:
  using Connection = SimNetwork::Connection;
  SimStream(SimNetwork& network, SimNet& net, std::shared_ptr<Connection> connection, int side)
      : network_(network), net_(net), connection_(std::move(connection)), side_(side) {
    net_.streams_.push_back(this);
  }
  ~SimStream() override {
    close();
    net_.streams_.remove(this);
  }

  Task<Result<size_t>> read(std::span<char> into) override {
    if ((co_await here()).cancelled()) co_return fail(cancelled_error());
    for (;;) {
      if (closed_) co_return closed_here();
      if (connection_->broken)
        co_return fail(Code::unavailable, "the connection broke while reading");
      if (arrived()) co_return take(into);
      Counted counted(network_.loop_.waiting.reads);
      CO_TRY(co_await incoming().readable.wait());
    }
  }
  Task<Result<>> write(std::vector<std::string_view> pieces) override {
    if ((co_await here()).cancelled()) co_return fail(cancelled_error());
    for (std::string_view piece : pieces) {
      while (!piece.empty()) {
        if (closed_) co_return closed_here();
        if (connection_->broken || outgoing().reader_gone)
          co_return fail(Code::unavailable, "the connection broke while writing");
        if (outgoing().ended)
          co_return fail(Code::unavailable, "the connection was ended on this side");
        size_t room = pipe_bytes_max - outgoing().bytes;
        if (room == 0) {
          Counted counted(network_.loop_.waiting.writes);
          CO_TRY(co_await outgoing().writable.wait());
          continue;
        }
        size_t count = std::min(room, piece.size());
        send(std::string(piece.substr(0, count)));
        piece.remove_prefix(count);
      }
    }
    co_return Result<>{};
  }
  Task<Result<>> shutdown() override {
    if (closed_) co_return closed_here();
    end();
    co_return Result<>{};
  }
  void close() override {
    if (closed_) return;
    end();
    closed_ = true;
    incoming().reader_gone = true;
    for (Pipe& pipe : connection_->pipes) {
      pipe.readable.ring();
      pipe.writable.ring();
    }
  }
  Address peer() const override { return connection_->ends[1 - side_]; }
  PeerCredentials credentials() const override {
    return connection_->ends[1].is_unix() ? PeerCredentials{1, 0, 0} : PeerCredentials{};
  }

 private:
  Pipe& outgoing() { return connection_->pipes[side_]; }
  Pipe& incoming() { return connection_->pipes[1 - side_]; }
  bool arrived() {
    auto& segments = incoming().segments;
    return !segments.empty() && segments.front().at <= network_.loop_.now() &&
           !network_.silent_.contains(connection_->target) &&
           network_.reach(connection_->ends[0].host, connection_->ends[1].host);
  }
  size_t take(std::span<char> into) {
    auto& pipe = incoming();
    Segment& first = pipe.segments.front();
    size_t count = std::min(first.data.size(), into.size());
    if (count > 1 && network_.loop_.random.chance(network_.options.short_read))
      count = 1 + network_.loop_.random.below(count);
    memcpy(into.data(), first.data.data(), count);
    bool all = count == first.data.size();
    if (all && count > 0)  // the end stays: it can be read again
      pipe.segments.pop_front();
    else
      first.data.erase(0, count);
    pipe.bytes -= count;
    pipe.writable.ring();
    return count;
  }
  void send(std::string data) {
    auto& pipe = outgoing();
    network_.loop_.trace(data);
    pipe.bytes += data.size();
    pipe.last_at = std::max(pipe.last_at, network_.loop_.now() + network_.delay());
    pipe.segments.push_back({pipe.last_at, std::move(data)});
    network_.loop_.events.add(pipe.last_at,
                              [connection = connection_, &pipe] { pipe.readable.ring(); });
  }
  void end() {
    if (outgoing().ended) return;
    outgoing().ended = true;
    send("");
  }

  SimNetwork& network_;
  SimNet& net_;
  std::shared_ptr<Connection> connection_;
  int side_;
  bool closed_ = false;
};

class SimListener final : public Listener {
 public:
  SimListener(SimNetwork& network, SimNet& net, Address local)
      : network_(network), net_(net), local_(std::move(local)) {
    network_.listeners_[local_.text()] = this;
    net_.own_listeners_.push_back(this);
  }
  ~SimListener() override {
    close();
    net_.own_listeners_.remove(this);
  }
  Task<Result<std::unique_ptr<Stream>>> accept() override {
    if ((co_await here()).cancelled()) co_return fail(cancelled_error());
    while (queue_.empty()) {
      if (closed_) co_return fail(Code::unavailable, "the listener was closed");
      Counted counted(network_.loop_.waiting.accepts);
      CO_TRY(co_await filled_.wait());
    }
    auto connection = std::move(queue_.front());
    queue_.pop_front();
    co_return std::make_unique<SimStream>(network_, net_, std::move(connection), 1);
  }
  Address local() const override { return local_; }
  void close() override {
    if (closed_) return;
    closed_ = true;
    network_.listeners_.erase(local_.text());
    for (auto& each : queue_) {
      each->broken = true;
      network_.wake(*each);
    }
    queue_.clear();
    filled_.ring();
  }
  bool offer(std::shared_ptr<SimNetwork::Connection> connection) {
    if (queue_.size() >= backlog_max) return false;
    queue_.push_back(std::move(connection));
    filled_.ring();
    return true;
  }

 private:
  SimNetwork& network_;
  SimNet& net_;
  Address local_;
  std::deque<std::shared_ptr<SimNetwork::Connection>> queue_;
  Bell filled_;
  bool closed_ = false;
};

class SimDatagrams final : public Datagrams {
 public:
  SimDatagrams(SimNetwork& network, SimNet& net, Address local)
      : network_(network), net_(net), local_(std::move(local)) {
    network_.datagrams_[local_.text()] = this;
    net_.own_datagrams_.push_back(this);
  }
  ~SimDatagrams() override {
    close();
    net_.own_datagrams_.remove(this);
  }
  Task<Result<Received>> receive(std::span<char> into) override {
    if ((co_await here()).cancelled()) co_return fail(cancelled_error());
    while (queue_.empty()) {
      if (closed_) co_return fail(Code::unavailable, "the socket was closed");
      Counted counted(network_.loop_.waiting.datagrams);
      CO_TRY(co_await filled_.wait());
    }
    auto [from, data] = std::move(queue_.front());
    queue_.pop_front();
    size_t count = std::min(into.size(), data.size());
    memcpy(into.data(), data.data(), count);
    co_return Received{count, count < data.size(), from};
  }
  Task<Result<>> send(Address to, std::string_view data) override {
    if (closed_) co_return fail(Code::unavailable, "the socket was closed");
    network_.loop_.trace(data);
    int copies = network_.loop_.random.chance(network_.options.datagram_loss) ? 0 : 1;
    if (copies == 1 && network_.loop_.random.chance(network_.options.datagram_twice)) ++copies;
    for (; copies > 0; --copies)
      network_.loop_.events.add(network_.loop_.now() + network_.delay(),
                                [&network = network_, key = to.text(), host = to.host,
                                 from = local_, text = std::string(data)]() mutable {
                                  auto found = network.datagrams_.find(key);
                                  bool lost = network.silent_.contains(key) ||
                                              network.cut_.contains(key) ||
                                              !network.reach(from.host, host);
                                  if (found != network.datagrams_.end() && !lost)
                                    found->second->deliver(std::move(from), std::move(text));
                                });
    co_return Result<>{};
  }
  Address local() const override { return local_; }
  void close() override {
    if (closed_) return;
    closed_ = true;
    network_.datagrams_.erase(local_.text());
    queue_.clear();
    filled_.ring();
  }

 private:
  void deliver(Address from, std::string data) {
    if (queue_.size() >= datagrams_max) return;
    queue_.emplace_back(std::move(from), std::move(data));
    filled_.ring();
  }
  SimNetwork& network_;
  SimNet& net_;
  Address local_;
  std::deque<std::pair<Address, std::string>> queue_;
  Bell filled_;
  bool closed_ = false;
};

void SimNetwork::wake(Connection& connection) {
  for (Pipe& pipe : connection.pipes) {
    pipe.readable.ring();
    pipe.writable.ring();
  }
}

Address SimNetwork::free_address(Address at) {
  if (at.is_unix() || at.port != 0) return at;
  do {
    at.port = next_port_;
    next_port_ = next_port_ == UINT16_MAX ? first_free_port : next_port_ + 1;
  } while (listeners_.contains(at.text()) || datagrams_.contains(at.text()));
  return at;
}

void SimNetwork::remember(const std::shared_ptr<Connection>& connection) {
  connections_.push_back(connection);
  if (connections_.size() < prune_at_) return;
  std::erase_if(connections_, [](const auto& each) { return each.expired(); });
  prune_at_ = std::max<size_t>(64, connections_.size() * 2);
}

void SimNetwork::cut(const Address& listener) {
  std::string key = listener.text();
  loop_.trace("cut " + key);
  cut_.insert(key);
  for (const auto& each : connections_) {
    auto connection = each.lock();
    if (!connection || connection->target != key) continue;
    connection->broken = true;
    wake(*connection);
  }
}

void SimNetwork::silence(const Address& listener) {
  loop_.trace("silence " + listener.text());
  silent_.insert(listener.text());
}

void SimNetwork::heal(const Address& listener) {
  std::string key = listener.text();
  loop_.trace("heal " + key);
  cut_.erase(key);
  silent_.erase(key);
  for (const auto& each : connections_)
    if (auto connection = each.lock(); connection && connection->target == key) wake(*connection);
}

void SimNetwork::isolate(const std::string& host) {
  loop_.trace("isolate " + host);
  isolated_.insert(host);
}

void SimNetwork::rejoin(const std::string& host) {
  loop_.trace("rejoin " + host);
  isolated_.erase(host);
  for (const auto& each : connections_) {
    auto connection = each.lock();
    if (connection && (connection->ends[0].host == host || connection->ends[1].host == host))
      wake(*connection);
  }
}

Result<> SimNet::alive() const {
  if (dead_) return fail(Code::cancelled, "this process was killed");
  return {};
}

Task<Result<std::unique_ptr<Stream>>> SimNet::connect(Address to) {
  CO_TRY(alive());
  std::string key = to.text();
  network_.loop_.trace("connect " + key);
  Counted counted(network_.loop_.waiting.connects);
  CO_TRY(co_await clock_.sleep(network_.delay()));
  // A silent address neither accepts nor refuses; the caller's deadline ends this.
  std::string own = host_.empty() ? to.host : host_;
  while (network_.silent_.contains(key) || !network_.reach(own, to.host))
    CO_TRY(co_await clock_.sleep(Duration::seconds(1)));
  CO_TRY(alive());
  auto found = network_.listeners_.find(key);
  if (found == network_.listeners_.end() || network_.cut_.contains(key))
    co_return fail(Code::unavailable, fmt::format("cannot connect to {}: connection refused", key));
  auto connection = std::make_shared<SimNetwork::Connection>();
  connection->target = key;
  connection->ends[0] = to.is_unix() ? Address{} : network_.free_address(Address{own, 0, ""});
  connection->ends[1] = to;
  if (!found->second->offer(connection))
    co_return fail(Code::unavailable, fmt::format("cannot connect to {}: its queue is full", key));
  network_.remember(connection);
  co_return std::make_unique<SimStream>(network_, *this, std::move(connection), 0);
}

Result<std::unique_ptr<Listener>> SimNet::listen(const Address& at) {
  TRY(alive());
  Address local = network_.free_address(at);
  if (network_.listeners_.contains(local.text()))
    return fail(Code::already_exists,
                fmt::format("cannot listen on {}: address already in use", local.text()));
  return std::make_unique<SimListener>(network_, *this, local);
}

Result<std::unique_ptr<Datagrams>> SimNet::datagrams(const Address& at) {
  TRY(alive());
  Address wanted = at;
  if (wanted.host == "0.0.0.0" && !host_.empty()) wanted.host = host_;
  Address local = network_.free_address(wanted);
  if (network_.datagrams_.contains(local.text()))
    return fail(Code::already_exists,
                fmt::format("cannot receive on {}: address already in use", local.text()));
  return std::make_unique<SimDatagrams>(network_, *this, local);
}

Task<Result<std::vector<std::string>>> SimNet::resolve(std::string host) {
  CO_TRY(alive());
  if (Address::parse(host + ":1") || Address::parse("[" + host + "]:1"))
    co_return std::vector<std::string>{host == "localhost" ? "127.0.0.1" : host};
  CO_TRY(co_await clock_.sleep(network_.delay()));
  auto found = network_.names_.find(host);
  if (found == network_.names_.end())
    co_return fail(Code::not_found,
                   fmt::format("cannot look up '{}': name or service not known", host));
  co_return found->second;
}

namespace {
std::unexpected<Error> no_descriptors() {
  return fail(Code::unsupported, "the simulation has no descriptors");
}
}  // namespace

Result<std::unique_ptr<Listener>> SimNet::adopt_listener(int) {
  return no_descriptors();
}
Result<std::unique_ptr<Stream>> SimNet::adopt_stream(int) {
  return no_descriptors();
}
Result<std::unique_ptr<Datagrams>> SimNet::adopt_datagrams(int) {
  return no_descriptors();
}
Task<Result<>> SimNet::readable(int) {
  co_return no_descriptors();
}

void SimNet::die() {
  dead_ = true;
  // Closing only marks and wakes: the sets do not change here.
  for (auto* each : streams_) each->close();
  for (auto* each : own_listeners_) each->close();
  for (auto* each : own_datagrams_) each->close();
}

}  // namespace croft::aio
