// A live component as the engine sees it: its record, its object, how it is pinged. Owned by its
// Application. Loop thread only.
#pragma once
#include <memory>
#include <string>

#include "aio/scope.h"
#include "engine/component.h"
#include "engine/context.h"
#include "engine/record.h"
#include "model/component.h"

namespace croft::engine {

class Application;
struct Branch;

/// The farm is away: nothing that is described is to blame, and it may pass.
bool is_outage(Code code);

class Node {
 public:
  Node(Application& application, ComponentRecord record, model::ComponentPtr description,
       const ComponentType* type);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// From now on it reads this description; what it published is put there.
  void describe(model::ComponentPtr text);
  /// Moves along the lifecycle table; records it and tells it. False where the table has no such
  /// step.
  bool enter(model::LifeEvent event, std::string why = "");
  /// Its deploy(), start(), terminate(): bounded, journaled, told.
  aio::Task<Result<>> deploy();
  aio::Task<Result<>> start();
  /// Takes its changed attributes while it runs: stops its work, deploys and starts it again.
  aio::Task<Result<>> update();
  aio::Task<Result<>> ping();
  /// Never fails for a reason of the component's: what cannot be given back is in record.why.
  aio::Task<Result<>> terminate();
  /// After its end: what was kept on purpose goes, too.
  aio::Task<Result<>> remove_kept();
  /// Nothing but a change of state: a Compound without code of its own.
  bool at_once(plan::Verb verb);
  /// It could not start: what it left goes, and it is deployed as if it had never been.
  aio::Task<Result<>> begin_anew(Error why);
  /// Its work(), where it has one that does not go on.
  void start_work();
  /// Ends work() and waits for it.
  aio::Task<void> stop_work();
  /// Its start() succeeded once, in whichever process.
  bool ran_before() const;
  /// Nothing is left to do for its end.
  bool ended() const {
    bool over = record.state == model::State::terminated || record.state == model::State::described;
    return over && !record.holds();
  }

  /// Its description says that what it holds may not be destroyed.
  bool protects() const;
  int64_t claimed_instances() const;  ///< rented, or asked for with the answer not yet known
  int64_t least_instances() const;    ///< what its description needs

  Application& application;
  ComponentRecord record;
  model::ComponentPtr description;  ///< null: no description of it was found (any more)
  const ComponentType* type;        ///< null: this croft does not know it
  Context context;
  std::unique_ptr<Component> object;

  /// Taken over from this state, and not yet deployed anew.
  model::State taken_from = model::State::described;
  WallTime running_since;          ///< taken over as running: since when it was
  bool live = false;               ///< started, or taken over, by this process
  bool current = true;             ///< the description (still) has it
  std::shared_ptr<Branch> branch;  ///< the topmost of an action that runs
  std::string waits;
  std::optional<Code> stuck_by;  ///< its last terminate() has ended with that and left something
  std::string silence;           ///< why its last liveness checks told nothing; empty: they did
  WallTime waits_since;
  std::vector<Drift> drift;  ///< as the farm was last seen
  // Liveness.
  Duration delay;
  int64_t factor = 2;
  int64_t missed = 0;   ///< answers in a row that told nothing
  bool proven = false;  ///< a liveness check has succeeded
  bool pinging = false;
  bool work_over = false;  ///< its work() has returned
  Moment next_ping;

 private:
  void drop_what_cannot_be();
  void keep_protected();
  aio::Task<Result<>> start_patiently();
  void fail_with(const Error& error);
  std::unique_ptr<aio::Scope> work_;
};

}  // namespace croft::engine
