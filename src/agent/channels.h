// What goes over the connection beside calls: terminals and commands, logs, tars, ports. Each is a
// numbered channel of bytes both ways. Loop thread only.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/supervisor.h"
#include "aio/sync.h"
#include "aio/world.h"
#include "protocol/agent.h"

namespace croft::agent {

/// One open channel, as its worker sees it.
class Channel {
 public:
  using Send = std::function<aio::Task<Result<>>(protocol::Frame)>;
  Channel(uint32_t number, Send send) : number_(number), send_(std::move(send)) {}
  uint32_t number() const { return number_; }
  /// To the controller; waits while the connection is slow. No bytes: the end.
  aio::Task<Result<>> send(std::string bytes) {
    co_return co_await send_({'D', number_, std::move(bytes)});
  }
  /// From the controller; empty: no more come.
  aio::Task<Result<std::string>> receive() { co_return co_await incoming_.pop(); }
  /// What the connection got. Waits for a slow worker a while, then Code::resource_exhausted.
  aio::Task<Result<>> deliver(aio::Clock& clock, std::string bytes);

  // Set by workers that can: what "resize" and "kill" do.
  std::function<Result<>(int rows, int columns)> resize;
  std::function<Result<>(int signal)> kill;

 private:
  static constexpr size_t queued_max = 64;  // frames
  uint32_t number_;
  Send send_;
  aio::Channel<std::string> incoming_{queued_max};
};

/// Those of one connection.
class Channels {
 public:
  using Closing = std::function<aio::Task<Result<>>(protocol::Closed)>;
  Channels(aio::World& world, Folder& folder, Supervisor& supervisor, Launcher& launcher,
           Channel::Send send, Closing closed)
      : world_(world),
        folder_(folder),
        supervisor_(supervisor),
        launcher_(launcher),
        send_(std::move(send)),
        closed_(std::move(closed)) {}

  /// Answers a Call "open"; its work goes on in `scope`.
  aio::Task<Result<wire::json::Object>> open(aio::Scope& scope, wire::json::Object request);
  aio::Task<Result<>> deliver(uint32_t number, std::string bytes);
  Result<> resize(uint32_t number, int rows, int columns);
  Result<> kill(uint32_t number, int signal);
  /// The controller hung up this one.
  void close(uint32_t number);

  struct Open;

 private:
  using Worker = aio::Task<Result<wire::json::Object>>;
  std::shared_ptr<Open> add();
  /// The worker until it ends or the controller hangs up; then tells how it went.
  aio::Task<Result<>> run(std::shared_ptr<Open> open, Worker worker);
  aio::Task<Result<wire::json::Object>> open_exec(aio::Scope& scope, wire::json::Object request);
  aio::Task<Result<wire::json::Object>> open_logs(aio::Scope& scope, wire::json::Object request);
  aio::Task<Result<wire::json::Object>> open_get(aio::Scope& scope, wire::json::Object request);
  aio::Task<Result<wire::json::Object>> open_put(aio::Scope& scope, wire::json::Object request);
  aio::Task<Result<wire::json::Object>> open_forward(aio::Scope& scope, wire::json::Object request);

  aio::World& world_;
  Folder& folder_;
  Supervisor& supervisor_;
  Launcher& launcher_;
  Channel::Send send_;
  Closing closed_;
  std::map<uint32_t, std::shared_ptr<Open>> open_;
  uint32_t next_ = 1;
};

}  // namespace croft::agent
