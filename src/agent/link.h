// The agent's connection to its controller: joins once with a token, says hello with its
// certificate, answers calls, sends heartbeats, renews its certificate; comes back when it breaks,
// and looks the controllers up at the rendezvous when none of them answers. Loop thread only.
#pragma once
#include <memory>
#include <string>

#include "agent/channels.h"
#include "agent/folder.h"
#include "agent/supervisor.h"
#include "aio/world.h"
#include "protocol/agent.h"

namespace croft::agent {

struct LinkLimits {
  Duration connect = Duration::milliseconds(2500);  ///< a lost first packet is sent again within
  Duration greeting = Duration::seconds(10);        ///< until Welcome or Joined
  Duration pause = Duration::milliseconds(200), pause_most = Duration::seconds(10);
  /// The most between tries while the last connection ended less than `fresh` ago.
  Duration pause_fresh = Duration::seconds(2), fresh = Duration::minutes(1);
  /// A connection over which nothing is heard so long, although it should be, is given up. Before
  /// that the rendezvous is asked whether another controller leads: one that is only slow keeps its
  /// agents.
  Duration silence = Duration::seconds(15);
  Duration look_elsewhere = Duration::seconds(3);
};

class Link {
 public:
  Link(aio::World& world, Folder& folder, Supervisor& supervisor, Launcher& launcher,
       Identity identity, LinkLimits limits = {});
  ~Link();

  /// Joins with this token where there is no certificate yet. `used` once the token is worth
  /// nothing any more: it was taken, or refused for good.
  aio::Task<Result<>> join(Secret token, std::function<void()> used);
  /// Until cancelled. Errors are told, waited out, and tried again.
  aio::Task<Result<>> run();
  /// Tells the controller, if one is there, that this agent was told to end.
  aio::Task<Result<>> say_leaving();
  /// For the Supervisor: tells the controller, if one is there.
  void changed(const model::WorkState& state);
  bool connected() const { return session_ != nullptr; }
  /// This agent's own: an upgrade that is fetched takes its place.
  std::string program;
  /// Set when another program is to take over; run() returns then.
  const std::string& successor() const { return successor_; }

 private:
  struct Session;
  aio::Task<Result<std::unique_ptr<aio::Stream>>> dial(std::string controller, bool with_key);
  aio::Task<Result<std::string>> join_at(std::string controller, Secret token, std::string request);
  aio::Task<Result<>> serve(std::string controller);
  aio::Task<Result<>> converse(Session& session);
  aio::Task<Result<>> read_all(Session& session);
  aio::Task<Result<>> write_all(Session& session);
  aio::Task<Result<>> beat(Session& session);
  aio::Task<Result<>> keep_connected();
  /// Also between two connections: peers that ask whether we live are answered.
  aio::Task<Result<>> hear_beats();
  bool open_datagrams(const Session& session);
  /// Asks another agent whether it lives, with a datagram that the controller has sealed for it.
  aio::Task<Result<>> reach(const wire::json::Object& request);
  aio::Task<Result<>> renew(Session& session);
  bool report_due(const Session& session) const;
  /// What agent and items use, as far as it has changed.
  aio::Task<Result<>> report(Session& session);
  aio::Task<Result<>> take(Session& session, protocol::AgentMessage message);
  aio::Task<Result<>> answer(Session& session, protocol::Call call);
  aio::Task<Result<wire::json::Object>> act(Session& session, protocol::Call call);
  aio::Task<Result<wire::json::Object>> upgrade(wire::json::Object request);
  aio::Task<Result<>> check_fence(uint64_t fence);
  aio::Task<Result<>> rendezvous();
  aio::Task<Result<>> look_elsewhere(Session& session);
  Result<protocol::Rendezvous> believed(const std::string& text) const;
  /// Where the rendezvous object is from now on.
  aio::Task<Result<>> look_there(std::string url);
  protocol::Hello hello() const;

  aio::World& world_;
  Folder& folder_;
  Supervisor& supervisor_;
  Launcher& launcher_;
  Identity identity_;
  LinkLimits limits_;
  Folder::Keys keys_;
  aio::Mutex saving_;
  Session* session_ = nullptr;
  std::shared_ptr<aio::Datagrams> datagrams_;  ///< from the first connection on
  aio::Signal opened_;
  // Of the last connection.
  Secret beat_key_;
  std::string beats_host_;
  bool busy_ = false;  ///< calls were answered since the last beat
  uint64_t beats_ = 0;
  uint32_t changes_ = 0;
  std::string successor_;
};

}  // namespace croft::agent
