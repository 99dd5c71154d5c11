// The long-lived process that holds applications: it opens the store of its home, goes on with
// every application it finds there, and serves its HTTP API on a unix socket. Loop thread only. It
// owns HOME/controller (database, keys) while it runs; HOME/controller.sock is made with mode 0600
// and only this user or root is answered.
//
// API (HTTP/1.1, JSON; errors: {"error": {"code","what","where","hints","facts","text"}} with the
// fitting 4xx or 5xx status; "text" is the whole message as people should see it):
//   GET    /v1/health          {"role": "leads" or "stands
//   by","leader"?,"leaderUrl"?,"version","pid","home","started","applications","held","kept"} POST
//   /v1/applications    body UpRequest -> 202 {"name","change","digest","seq"}; change is
//                              "create", "continue" or "update"; events of this `up` start at seq
//   GET    /v1/applications    {"applications":[{"name","phase","why","since","farm","kept",...}]}
//   GET    /v1/applications/N  the tree: {"name","phase" ("state" is the
//   same),"why","farm":{"kind",
//                              "text","url","region"},"settled","since","ends"?,"record"?,"error"?,
//                              "counts":{"total","running","rented","instances","buckets","kept"},
//                              "root":
//                              {"path","name","type","state","since","why","waits","record",
//                              "rented":[..],"published":{..},"children":[..]}}
//          ?wait=settled&seconds=25   answers when settled, or after that time (ask again)
//   DELETE /v1/applications/N  ?kept=true removes what is kept on purpose too -> 202 {"name","seq"}
//   GET    /v1/applications/N/proof    {"name","rented","returned","kept","left","notes","checked"}
//   GET    /v1/applications/N/events   JSON lines; ?from=SEQ (default 1) &follow=true (until the
//                              client hangs up; ends by itself when the application settled and
//                              ?until=settled)
//   POST   /v1/applications/N/ping     asks liveness now -> {"failed":[{"path","why"}]}
//   GET    /v1/applications/N/hosts    {"hosts":[{"instance","address","component","connected",
//                              "health" ("alive", "suspect", "dead"),"agent","heard" (ms
//                              ago),"works":[{"name","phase","why","pid",
//                              "restarts","since","exitCode"?,"exitSignal"?}]}]}
//   GET    /v1/secrets         {"secrets":[{"name","since"}]}
//   PUT    /v1/secrets/N       body {"value" (base64)}: kept for Secrets from "STORE" -> {"name"}
//   DELETE /v1/secrets/N       {"name"}
//   GET    /v1/applications/N/why      ?component=PATH -> {"component","phase","why","chain":
//                              [{"component","state","since","what"}],"events":[..],"calls":[..]}
//   GET    /v1/applications/N/history  {"version","history":[{"seq","time","by","action","version",
//                              "file","digest","why"?}]}: who asked for what
//   GET    /v1/applications/N/difference  ?from=3&to=5 -> {"differences":[{"component",
//                              "attribute","before"?,"after"?,"secret"?} or
//                              {"component","change"}]}
//   POST   /v1/applications/N/rollback  ?version=3 -> 202 {"name","version","seq"}
//   POST   /v1/applications/N/scale    ?path=N:web&count=4 -> 202 {"name","path","count","seq"}
//   POST   /v1/plan            body UpRequest -> {"text","items":[..],"instances":{"min","max"}};
//                              ?save=true adds "sealed", which POST /v1/applications?plan=true
//                              takes as its body: exactly that is done, or 409 says what moved
//   POST   /v1/applications/N/refresh  asks the farm -> {"checked","notes","drifts":[{"component",
//                              "kind","id","what","text","policy","consequence",..}]}
//   POST   /v1/applications/N/forget   ?component=PATH -> {"component","forgotten":[ids]}
//   POST   /v1/applications/N/import   body {"imports": {PATH: "ID ID"}} -> the same
//   POST   /v1/audit           body {"farm","environment"} -> {"account","orphans":[..],
//                              "held":[..]}
//   POST   /v1/lost/N          the same body; ?remove=true -> {"returned","kept","left"}: what
//                              carries the tags of an application that is not known here
//   GET    /v1/operators       {"operators":[{"name","role","created","expires"?}]}
//   POST   /v1/operators       body {"name","role" ("read", "operate", "own"),"lasts"? ("30d")} ->
//                              201 {"name","role","token","url"?,"fingerprint"?}: shown this once
//   DELETE /v1/operators/N     {"name"}
//   POST   /v1/keys            what another controller of the same store needs: {"store","files":
//                              {NAME: base64}}
//   GET    /v1/backup          JSON lines: backup.h
//   POST   /v1/tunnel/N        ?component=&instance=&what= with Upgrade: croft-tunnel -> 101, then
//   the
//                              frames of hosts/tunnel.h; "what" is the request's
//   GET    /v1/trail           ?from=SEQ -> {"trail":[{"seq","time","by","role","from","method",
//                              "target","refused"?}]}: what operators asked for
//   GET    /metrics            the text format of Prometheus
//   POST   /v1/stop            202; ends the process, applications stay as they are
// "settled": running, failed, terminated, or terminating with a finished but unsuccessful pass
// (what is left stands in the proof; it goes on trying). UpRequest: {"name", "file", "description":
// protocol JSON of the Description, "farm": {"kind": "embedded"|"aws"|"url", "url"?, "ec2"?, "s3"?,
// "region", "why", "admin"?}, "options": {
// "keepOnFailure","maxInstances","accountInstances","lifetime" ("2h"),"owner","allowShell",
// "allowFiles" [..]}, "environment":
// {..}} environment: the caller's AWS_* variables (credentials of the usual sources); sealed in the
// store.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "aio/world.h"
#include "engine/component.h"
#include "engine/host.h"
#include "store/leadership.h"
#include "store/store.h"

namespace croft::controller {

struct ControllerOptions {
  std::string home;                       ///< CROFT_HOME; folder, made when absent
  Duration idle = Duration::seconds(60);  ///< ends that long after the last application is down
  Duration home_check = Duration::seconds(5);
  std::string agents;  ///< HOST:PORT where agents of farms that are not embedded reach it; or empty
  std::string api;     ///< HOST:PORT where this API answers operators elsewhere by TLS; or empty
  /// "https://HOST:PORT": where operators reach `api`, if not at that address; or empty. Those who
  /// stand by tell it of the one that leads.
  std::string reached;
  /// Where the store is: empty, HOME/controller/controller.db; else
  /// "etcd://HOST:PORT[,HOST:PORT...]"
  /// ("etcds://" by TLS), shared with other controllers, one of which leads.
  std::string store;
  /// Instead of `store`: gives it. The simulation's.
  std::function<aio::Task<Result<std::unique_ptr<store::Store>>>(aio::World&)> open_store;
  std::string name;  ///< of this controller among several; empty: its host's name and process
  /// Hex SHA-256 of the token of an operator `owner`, who is made where there is none; or empty.
  std::string owner_digest;
  std::string metrics;     ///< HOST:PORT where GET /metrics is answered to anybody; or empty
  bool simulated = false;  ///< sockets without peer credentials are trusted: the simulation's
  /// What machines fetch and run; null: this croft's own agent.
  const engine::AgentProgram* agent = nullptr;
  Duration agent_report = Duration::seconds(10);  ///< of what agents and processes use; 0: never
};

/// What the one of several controllers that leads works on.
struct Seat {
  std::shared_ptr<store::Store> shared;
  std::shared_ptr<store::Leadership> leadership;
};

class Controller {
 public:
  /// Opens the store and takes over what is in it. Code::conflict when another controller runs
  /// here.
  /// `seat`: the store of several controllers, led by this one.
  static aio::Task<Result<std::unique_ptr<Controller>>> open(aio::World& world,
                                                             ControllerOptions options,
                                                             Seat seat = {});
  ~Controller();

  /// Serves until stop(), POST /v1/stop, cancellation, or idleness; applications stay as they are.
  aio::Task<Result<>> serve();
  void stop();
  /// serve() has ended because nothing was up and nothing kept, not because somebody asked for it.
  bool ended_by_itself() const;

  struct State;  ///< for controller/*.cpp alone

 private:
  explicit Controller(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Opens a controller and serves, again where its store broke: a failed sync leaves open what the
/// disk holds, and only reading it anew tells. With several controllers it stands by until it
/// leads, and again once another does; then only GET /v1/health and POST /v1/stop are answered.
/// `opened` is called once. Whether it ended by itself.
aio::Task<Result<bool>> serve_on(aio::World& world, ControllerOptions options,
                                 std::function<Result<>()> opened);

/// Files of HOME/controller that all controllers of one store have in common: what is sealed there,
/// and who agents and operators believe.
inline constexpr const char* shared_keys[] = {"secret.key", "authority.pem"};

/// HOME/controller.sock
std::string controller_socket(std::string_view home);

}  // namespace croft::controller
