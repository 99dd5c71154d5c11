// One host as this controller sees it: what its agent last said, and how it is asked. The
// connection comes and goes; the object stays as long as the machine. Loop thread only.
#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "aio/sync.h"
#include "aio/world.h"
#include "engine/host.h"
#include "protocol/agent.h"

namespace croft::controller {

class RemoteHost : public engine::Host {
 public:
  RemoteHost(aio::World& world, engine::Machine machine, Secret digest_key, uint64_t fence)
      : world_(world),
        machine_(std::move(machine)),
        digest_key_(std::move(digest_key)),
        fence_(fence),
        known_since_(world.clock.now()) {}

  // engine::Host
  const std::string& name() const override { return machine_.instance; }
  std::string address() const override { return machine_.address; }
  bool connected() const override { return stream_ != nullptr; }
  Duration away_for() const override {
    return connected() ? Duration() : world_.clock.now() - std::max(known_since_, last_heard_);
  }
  aio::Task<Result<model::WorkState>> apply(model::HostWork work) override;
  aio::Task<Result<>> remove(std::string name) override;
  std::optional<model::WorkState> state(const std::string& name) const override;
  aio::Task<Result<>> ask(model::Probe probe) override;
  aio::Signal& changed() override { return changed_; }

  const engine::Machine& machine() const { return machine_; }
  const std::map<std::string, model::WorkState>& states() const { return states_; }
  const std::string& agent_version() const { return agent_version_; }
  std::optional<model::WorkUsage> usage(const std::string& name) const override;
  const std::map<std::string, model::WorkUsage>& usages() const { return usages_; }
  /// Of the agent itself; nullopt: it has not told yet.
  const std::optional<model::WorkUsage>& agent_usage() const { return agent_usage_; }

  /// Serves the connection of an agent that has said who it is, until it ends. An older connection
  /// of the same host ends: its agent has given it up.
  aio::Task<Result<>> serve(std::unique_ptr<aio::Stream> stream, protocol::FrameReader reader,
                            protocol::Hello hello, protocol::Welcome welcome);
  /// Ends the connection, if there is one.
  void hang_up();
  /// Answer of the agent to one call; Code::unavailable while it is away, Code::timeout.
  aio::Task<Result<wire::json::Object>> call(std::string action, wire::json::Object request,
                                             Duration limit = Duration::seconds(30));

  /// What arrives on a channel; a reader that is slow slows its agent down.
  struct Channel {
    aio::Channel<std::string> data{64};
    std::optional<protocol::Closed> closed;  ///< set before `data` is closed
    uint32_t errors = 0;                     ///< of a command: the channel of its stderr, or 0
  };
  struct Opened {
    uint32_t number = 0;  ///< the channel whose end is the end of all
    wire::json::Object answer;
    std::map<uint32_t, std::shared_ptr<Channel>> channels;  ///< that one, and a command's errors
  };
  /// Opens one: `request` says what. Numbers come from the agent.
  aio::Task<Result<Opened>> open(wire::json::Object request);
  aio::Task<Result<>> send(uint32_t channel, std::string bytes);
  aio::Task<Result<>> close(uint32_t channel);

  /// Signs the request of an agent whose certificate ends soon.
  using Renew =
      std::function<aio::Task<Result<std::string>>(engine::Machine machine, std::string request)>;
  void renew_with(Renew renew) { renew_ = std::move(renew); }

  // ---- heartbeats ----
  /// Of its latest connection: made once, used for each beat.
  const Secret& heartbeat_key() const { return heartbeat_key_; }
  void set_heartbeat_key(Secret key) { heartbeat_key_ = std::move(key); }
  /// `from`: where its datagrams come from; empty over the connection.
  void beat(uint64_t sequence, aio::Address from = {});
  const aio::Address& beats_from() const { return beats_from_; }
  Moment last_heard() const { return last_heard_; }
  void set_lost(std::optional<std::string> why) {
    lost_ = std::move(why);
    changed_.notify();
  }
  std::optional<std::string> lost() const override { return lost_; }
  bool leaving() const override { return leaving_; }
  /// It had its time to come back.
  void no_longer_leaving() { leaving_ = false; }
  uint64_t last_sequence() const { return last_sequence_; }

 private:
  struct Pending {
    std::optional<Result<wire::json::Object>> result;
    std::map<uint32_t, std::shared_ptr<Channel>> channels;  ///< that the answer names
    aio::Event done;
  };
  aio::Task<Result<std::shared_ptr<Pending>>> ask_agent(std::string action,
                                                        wire::json::Object request, Duration limit);
  aio::Task<Result<>> write(std::string frame);
  /// Not for longer than the agent is silent: of one that is cut off the connection stays open.
  aio::Task<Result<>> until_answered(Pending& pending);
  aio::Task<Result<>> take(protocol::Frame frame);
  aio::Task<Result<>> take(protocol::AgentMessage message);
  void disconnected(const std::string& why);
  void end_channel(uint32_t number);

  aio::World& world_;
  engine::Machine machine_;
  Secret digest_key_;
  uint64_t fence_;
  Moment known_since_;
  std::map<std::string, model::WorkState> states_;
  std::map<std::string, model::WorkUsage> usages_;
  std::optional<model::WorkUsage> agent_usage_;
  std::string agent_version_;
  aio::Signal changed_;
  std::shared_ptr<aio::Stream> stream_;
  aio::Mutex writing_;
  uint64_t next_call_ = 1;
  std::map<uint64_t, std::shared_ptr<Pending>> pending_;
  std::map<uint32_t, std::shared_ptr<Channel>> channels_;
  Secret heartbeat_key_;
  aio::Address beats_from_;
  uint64_t last_sequence_ = 0;
  Moment last_heard_;
  Renew renew_;
  std::optional<std::string> lost_;
  bool leaving_ = false;
};

}  // namespace croft::controller
