// The long-lived process that holds applications: it opens the store of its home, goes on with
// every application it finds there, and serves its HTTP API on a unix socket. Loop thread only. It
// owns HOME/controller (database, keys) while it runs; HOME/controller.sock is made with mode 0600
// and only this user or root is answered.
//
// API (HTTP/1.1, JSON; errors: {"error": {"code","what","where","hints","facts","text"}} with the
// fitting 4xx or 5xx status; "text" is the whole message as people should see it):
//   GET    /v1/health          {"version","pid","home","started","applications","held","kept"}
//   POST   /v1/applications    body UpRequest -> 202 {"name","change","digest","seq"}; change is
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
//                              "agent","heard" (ms ago),"works":[{"name","phase","why","pid",
//                              "restarts","since","exitCode"?,"exitSignal"?}]}]}
//   POST   /v1/plan            body UpRequest -> {"text","items":[..],"instances":{"min","max"},..}
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
#include <memory>
#include <string>

#include "aio/world.h"
#include "engine/component.h"
#include "store/store.h"

namespace croft::controller {

struct ControllerOptions {
  std::string home;                       ///< CROFT_HOME; folder, made when absent
  Duration idle = Duration::seconds(60);  ///< ends that long after the last application is down
  Duration home_check = Duration::seconds(5);
  std::string agents;  ///< HOST:PORT where agents of farms that are not embedded reach it; or empty
  bool simulated = false;  ///< sockets without peer credentials are trusted: the simulation's
};

class Controller {
 public:
  /// Opens the store and takes over what is in it. Code::conflict when another controller runs
  /// here.
  static aio::Task<Result<std::unique_ptr<Controller>>> open(aio::World& world,
                                                             ControllerOptions options);
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

/// HOME/controller.sock
std::string controller_socket(std::string_view home);

}  // namespace croft::controller
