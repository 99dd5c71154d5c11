// A component type as code: what every type implements and how the engine finds it.
// One object a live component. All calls of one object come one after another, except ping() and
// work(), which run beside each other. Loop thread only; the Context outlives the object.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "aio/task.h"
#include "engine/context.h"
#include "engine/drift.h"
#include "model/compute.h"
#include "model/record.h"
#include "model/schema.h"
#include "plan/plan.h"

namespace croft::engine {

class Component {
 public:
  virtual ~Component() = default;

  /// Reads and checks its attributes. Nothing is rented; may be called again.
  virtual aio::Task<Result<>> deploy(Context& context);
  /// Rents, starts; returns when it runs. Idempotent: it looks at its record first. What is rented
  /// already is checked and taken over, an open intent is finished, only the rest is made.
  virtual aio::Task<Result<>> start(Context& context);
  /// Is it alive? Code::unavailable, throttled, timeout and resource_exhausted (no room for what is
  /// missing) mean "cannot tell": they count as a failure only after sfLivenessFactor such answers
  /// in a row. Any other error ends the component.
  virtual aio::Task<Result<>> ping(Context& context);
  /// Whether unanswered checks in a row end it. Not for what lives on a farm: a farm that cannot be
  /// reached proves nothing about the machines and buckets on it.
  virtual bool silence_ends() const { return true; }
  /// What goes on while it runs (a timer); ComponentType::works. Cancelled before terminate().
  /// Default: it is done.
  virtual aio::Task<Result<>> work(Context& context);
  /// Gives back what it rented. Idempotent; works from the record alone where deploy() failed or
  /// never ran. An error means "try again later", up to a few times where nothing is held.
  virtual aio::Task<Result<>> terminate(Context& context, const model::TerminationRecord& record);
  /// Whether a terminate() that fails again and again leaves something behind, so that it is tried
  /// for ever. What it holds by its record (rented, an open intent) always is.
  virtual bool must_end(const Context&) const { return false; }

  /// `wanted`: what it is to become while it runs, where its description says sfUpdatable. An error
  /// refuses, and nothing of the application is changed. What it prepares, abandon_update() undoes.
  /// Where nobody refused, deploy() and start() follow with the new attributes.
  virtual aio::Task<Result<>> prepare_update(Context& context, model::ComponentPtr wanted);
  virtual aio::Task<Result<>> abandon_update(Context& context);

  /// A Compound: what the end of a child means. True: the end of this component, with its record.
  virtual bool ends_with_child(std::string_view child, const model::TerminationRecord& record);
  /// A supervisor (ComponentType::supervises): whether the end of the child at `top`, which
  /// `record` tells, is its affair. Nothing of the child is removed then, and nobody above is told.
  virtual bool takes_end_of(const Context& context, std::string_view top,
                            const model::TerminationRecord& record);
  /// A supervisor: what is in it, at `path`, could not start. True, on return: it is tried again.
  virtual aio::Task<Result<bool>> may_start_again(Context& context, std::string path, Error why);
  /// A condition: does it hold now? Default: Code::unsupported, it is none.
  virtual aio::Task<Result<bool>> evaluate(Context& context);
  /// An event that another component sent to it. Default: nothing.
  virtual aio::Task<Result<>> receive(Context& context, std::string event);
  /// A component that holds others: whether the failed liveness check of one inside is let pass.
  virtual bool forgives(const Context& context, std::string_view path, const Error& error);
  /// The farm has what it rented otherwise than it was made: makes it right again. Beside ping()
  /// and work(). Default: Code::unsupported, it is only told.
  virtual aio::Task<Result<>> repair(Context& context, std::vector<Drift> drifts);
  /// A change that start() has begun and that goes on while it runs (a rollout): an `up` waits.
  virtual bool changing(const Context&) const { return false; }
  /// An `up` of what runs already (ComponentType::changes): what was given up may be tried again.
  virtual void asked_again(Context&) {}
  /// What an `up` has to tell of it though it runs: a change that was given up. Empty: nothing.
  virtual std::string setback(const Context&) const { return ""; }
  /// The tags that what it rented is to carry, croft's own with them.
  virtual Result<std::vector<cloud::Tag>> wanted_tags(Context& context);
  /// What `up` may take for its own instead of making it: "instance", "bucket"; empty: nothing.
  virtual std::string imports() const { return ""; }
  /// The account that `down` has to look through for what may be left; nullopt: it rents nothing.
  virtual aio::Task<Result<std::optional<Keys>>> account(Context& context);
};

/// Bounds of the calls above; each type may have its own.
struct Timeouts {
  Duration deploy = Duration::seconds(60);
  Duration start = Duration::minutes(15);
  Duration ping = Duration::seconds(30);
  Duration terminate = Duration::minutes(10);
};

struct ComponentType {
  model::ComponentSchema schema;     ///< sf_class is its name
  std::vector<std::string> aliases;  ///< further values of sfClass that mean it
  bool compound = false;             ///< deploys its children
  bool coded = false;  ///< a Compound that does something itself at start, ping or its end
  bool works = false;  ///< has a work()
  /// Compound and works: its eager components are actions, deployed when work() says so.
  bool actions = false;
  bool changes = false;     ///< has a changing() and a setback()
  bool supervises = false;  ///< a Compound that works, and brings back children that ended
  bool calls_farm = false;  ///< needs a farm: EC2 or S3
  Timeouts timeouts;
  std::function<std::unique_ptr<Component>()> make;
  /// What starting it rents; empty: nothing.
  std::function<Result<std::vector<plan::Rent>>(const model::Component&)> rents;
  /// Fills `makes` and `uses` of the facts, as far as the text names them; empty: nothing.
  std::function<void(const model::Component&, plan::TypeFacts&)> touches;
};

/// The component types of a process, by class name. Read-only once built.
class Registry {
 public:
  void add(ComponentType type);
  const ComponentType* find(std::string_view sf_class) const;
  /// The type of a component of a description. Code::unresolved with the place and the nearest
  /// name.
  Result<const ComponentType*> type_of(const model::Component& component) const;
  /// For lang::check, `croft doc` and the language server; aliases are in it.
  const model::SchemaSet& schemas() const { return schemas_; }
  /// What the plan asks.
  plan::Catalog catalog() const;
  /// What makes the values of expressions over LAZY links at run time.
  void compute_with(model::Compute compute) { compute_ = std::move(compute); }
  const model::Compute& compute() const { return compute_; }
  /// Whether a component may have this value, or (nullopt) do without the attribute: what its
  /// schema says of it.
  using MayBecome =
      std::function<Result<>(const model::SchemaSet&, const model::Component&,
                             const std::string& name, const std::optional<model::Value>& value)>;
  void check_with(MayBecome check) { may_become_ = std::move(check); }
  Result<> may_become(const model::Component& component, const std::string& name,
                      const std::optional<model::Value>& value) const {
    return may_become_ ? may_become_(schemas_, component, name, value) : Result<>{};
  }
  /// What an action is checked with when it is deployed: the description's own check passes over
  /// what may never be deployed, or is filled in before it is.
  using MayDeploy = std::function<Result<>(const model::SchemaSet&, model::Component&)>;
  void check_actions_with(MayDeploy check) { may_deploy_ = std::move(check); }
  Result<> may_deploy(model::Component& action) const {
    return may_deploy_ ? may_deploy_(schemas_, action) : Result<>{};
  }

 private:
  std::map<std::string, std::shared_ptr<const ComponentType>, std::less<>> types_;
  model::SchemaSet schemas_;
  model::Compute compute_;
  MayBecome may_become_;
  MayDeploy may_deploy_;
};

}  // namespace croft::engine
