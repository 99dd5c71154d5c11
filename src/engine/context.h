// What a component sees of the world: its attributes with links followed, the farm, the journal,
// and how to say what it waits for. One object a live component, owned by its node. Loop thread
// only.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aio/keyed_mutex.h"
#include "aio/reprieve.h"
#include "aio/scope.h"
#include "aio/world.h"
#include "cloud/ec2.h"
#include "cloud/s3.h"
#include "engine/record.h"
#include "model/component.h"
#include "model/host_work.h"
#include "net/http_client.h"
#include "protocol/events.h"

namespace croft::engine {

class Node;
class Component;
class Host;
class Hosts;

/// Whose account a component acts on; both empty: the usual sources of credentials.
struct Keys {
  std::string access_key;
  Secret secret_key;
};

class Context {
 public:
  /// How long a cancellation waits for the answer to an outside call that is under way.
  static constexpr Duration answer_grace = Duration::seconds(10);

  explicit Context(Node& node) : node_(node) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  aio::World& world() const;
  const std::string& path() const;  ///< "app:a:b"
  const std::string& application() const;
  /// What is durable about it.
  const ComponentRecord& record() const;
  /// It ran before (this controller took the application over).
  bool ran_before() const;
  /// `down` was told to remove what is kept on purpose, too.
  bool remove_kept() const;

  // ---- attributes: own ones, links followed to the end, what components published included ----
  /// Code::unresolved with the attribute's place when absent or when its link leads nowhere (yet).
  Result<model::Value> value(std::string_view name) const;
  /// The same; nullopt when the component has no such attribute, or it is null.
  Result<std::optional<model::Value>> value_if(std::string_view name) const;
  /// Code::type_mismatch with place, wanted and found type. Empty strings are values.
  Result<std::string> string(std::string_view name) const;
  Result<std::string> string_or(std::string_view name, std::string_view fallback) const;
  Result<int64_t> integer(std::string_view name) const;
  Result<int64_t> integer_or(std::string_view name, int64_t fallback) const;
  Result<bool> boolean_or(std::string_view name, bool fallback) const;
  /// A string with a unit, or a bare number of `unit`. A negative number is Duration::forever()
  /// where the schema says so, and Code::invalid_argument elsewhere.
  Result<Duration> duration_or(std::string_view name, std::string_view unit,
                               Duration fallback) const;
  Result<model::Vector> vector_or_empty(std::string_view name) const;
  /// A component value behind the attribute (a data source), or null.
  Result<model::ComponentPtr> component_or_null(std::string_view name) const;
  /// `value` as it stands in a component below this one: links and expressions lead from there.
  Result<model::Value> value_in(const model::Component& part, const model::Value& value) const;
  /// A secret: a string, or what a component {from, name} refers to. Never logged.
  Result<Secret> secret(std::string_view name) const;
  /// What the controller keeps under that name (`croft secret set`).
  aio::Task<Result<std::optional<Secret>>> stored_secret(std::string name) const;
  /// The place of an attribute, for errors of the component's own.
  Where where(std::string_view name) const;
  /// Where it stands itself.
  Where place() const;

  /// A fact that is known only now ("instances", "addresses"); others reach it by links. Durable
  /// with the next journal step.
  void publish(std::string name, model::Value value);
  /// A note that survives restarts. Durable with the next journal step.
  void remember(std::string name, std::string text);
  void forget(const std::string& name);
  /// All that it published and remembered so far is durable on return.
  aio::Task<Result<>> make_durable();

  // ---- what people see ----
  /// "10 instances: 3 of 10 running"; empty: nothing. Shown by status while it lasts.
  void waits(std::string text);
  void event(std::string name, std::string why);

  /// Its work is over, and it with it; its parent decides what that means. What the description
  /// says with sfShouldDetach, sfShouldTerminateQuietly and, of a normal end, sfShouldTerminate
  /// comes first.
  void end(model::TerminationRecord record);
  /// The end of a part of it is its end, as of every Compound: nothing that it says counts.
  void end_with_part(model::TerminationRecord record);
  /// Its work is over. Whether it ends is for sfShouldTerminate to say (`by_default`: where neither
  /// the description nor the schema does).
  Result<> done(model::TerminationRecord record, bool by_default = true);
  /// The same for types with an attribute of their own that says so: `wanted` counts where the
  /// description has no sfShouldTerminate.
  Result<> done_as(bool wanted, model::TerminationRecord record);
  /// It has no work: it is done with its start, where the description itself (no default) says so.
  Result<> done_with_start();
  /// It ends, and nobody above it is told.
  void end_quietly(model::TerminationRecord record);
  /// That component (itself, or one below it) leaves its parent: neither ends with the other.
  void detach(const std::string& path);

  // ---- its actions, for types whose children are their own affair (ComponentType::actions) ----
  /// Names of its eager components as they were written, in order.
  std::vector<std::string> actions() const;
  bool has_action(std::string_view name) const;
  /// Deploys the action `name`, a copy of the attribute `from` (the same name: that itself).
  aio::Task<Result<>> deploy_action(std::string name, std::string from);
  aio::Task<Result<>> start_action(std::string name);
  /// Until it has ended and is gone.
  aio::Task<Result<model::TerminationRecord>> end_of(std::string name);
  /// All three. A failure to deploy or start is an abnormal end, told with its reason.
  aio::Task<Result<model::TerminationRecord>> perform(std::string name, std::string from);
  aio::Task<Result<>> end_action(std::string name, model::TerminationRecord record);
  void forget_action(const std::string& name);
  /// It was deployed by this process or an earlier one and is not forgotten.
  bool knows_action(std::string_view name) const;

  // ---- its children, for supervisors ----
  /// The record of a child that has ended, or is about to.
  std::optional<model::TerminationRecord> end_record_of(const std::string& child) const;
  /// A child of which nothing is left (end_action) is deployed and started anew.
  aio::Task<Result<>> bring_back(std::string child);
  /// The machine that the component at `path` runs on; null: there is none, or it has not joined.
  std::shared_ptr<Host> host_of(const std::string& path) const;
  /// What the parts of that child use on their hosts and tell of themselves, added up, as last
  /// told. Nullopt: nothing of it is known.
  std::optional<model::WorkUsage> usage_of(const std::string& child) const;
  /// How often processes of that child have been started again, since they are what they are.
  int64_t restarts_of(const std::string& child) const;

  // ---- other components ----
  /// Asks the condition below it (or anywhere: `component`) whether it holds.
  aio::Task<Result<bool>> ask(std::string name);
  aio::Task<Result<bool>> ask(model::ComponentPtr component);
  /// Names of what is deployed directly in it, in order.
  std::vector<std::string> children() const;
  /// The live component that a link or attribute value leads to. Code::not_found where none lives.
  Result<std::string> path_of(const model::ComponentPtr& component) const;
  /// What has not started yet gets it then.
  aio::Task<Result<>> send(std::string path, std::string event);
  /// The same for what a link leads to, deployed or not. Code::resource_exhausted where too many
  /// events wait already.
  aio::Task<Result<>> send_to(model::ComponentPtr component, std::string event);
  /// Its object with its own context, for types that work hand in hand.
  struct Other {
    std::shared_ptr<Component> object;
    Context* context = nullptr;
  };
  Result<Other> other(const model::ComponentPtr& component) const;
  /// Ends another component, as if it had ended by itself.
  Result<> end_other(const std::string& path, model::TerminationRecord record);
  /// Sets, or with null removes, an attribute of another component, durably.
  /// Code::invalid_argument and the like: what its schema, or the part of it that runs, forbids.
  Result<> set_of_other(const std::string& path, std::string name,
                        std::optional<model::Value> value);
  /// Components of the application for which `wanted` holds.
  std::vector<std::string> paths_where(
      const std::function<bool(const model::Component&, const std::string& path)>& wanted) const;
  model::State state_of(const std::string& path) const;
  /// It has started once, in whichever process.
  bool has_started(const std::string& path) const;
  /// It runs and has nothing more to do by itself, or it has ended.
  bool work_completed(const std::string& path) const;
  /// Application::deploy_into.
  aio::Task<Result<>> deploy_into(std::string parent, std::string name, model::ComponentPtr what);
  /// Events of the application from number `seq` on, at least one: waits for it.
  aio::Task<Result<std::vector<protocol::Event>>> events_from(uint64_t seq) const;
  const model::ComponentPtr& description() const;
  const Options& options() const;
  /// Who changes a file holds this meanwhile: one after another, over all applications.
  aio::Task<Result<aio::KeyedMutex::Lock>> lock_file(std::string path);
  /// The folder for its application's files on this machine; empty: there is none.
  std::string work_folder() const;
  /// An environment variable of whoever called `croft up`.
  std::optional<std::string> variable(const std::string& name) const;
  /// A property: set by a component of the application, else with -D.
  std::optional<std::string> property(const std::string& name) const;
  void set_property(const std::string& name, std::optional<std::string> value);

  // ---- the journal ----
  /// Durable on return. Call it before anything outside is made, changed or removed.
  aio::Task<Result<>> intend(std::string action, std::map<std::string, std::string> facts);
  /// The intent's result: what was made, what is gone (ids). Durable on return.
  /// `error`: what the farm refused it with. A call whose outcome is unknown is not settled.
  aio::Task<Result<>> settle(std::vector<Rented> made, std::vector<std::string> returned = {},
                             std::optional<Error> error = std::nullopt);
  /// Marks rented things as kept on purpose. Durable on return.
  aio::Task<Result<>> keep(std::vector<std::string> ids);
  /// What an earlier life of the application kept is in use again. Durable on return.
  aio::Task<Result<>> take_back(std::vector<std::string> ids);
  /// Ids of what is kept, of that kind.
  std::vector<std::string> kept(std::string_view kind) const;
  /// One outside call between its two crash hooks: `CO_TRY(co_await context.outside("x", call()))`.
  /// Whoever cancels waits a while for the answer: what it rents must not go unrecorded.
  template <class T>
  aio::Task<Result<T>> outside(std::string what, aio::Task<Result<T>> call) {
    if (auto allowed = may_act(); !allowed) co_return fail(std::move(allowed).error());
    world().crash.pass("call " + what);
    Result<T> answer = co_await aio::reprieve(world().clock, answer_grace, std::move(call));
    world().crash.pass("answer " + what);
    co_return answer;
  }
  /// Code::unavailable or Code::conflict where another controller leads, or may.
  Result<> may_act() const;
  Rented rented(std::string kind, std::string id) const;
  /// How many instances it may rent now. Ask right before intend(): others start beside it.
  int64_t free_instances() const;
  /// The rented thing of that id, or null. Until the next journal step.
  const Rented* find_rented(std::string_view id) const;

  // ---- the farm ----
  /// The same at every attempt for one component and generation; at most 64 characters.
  std::string client_token() const;
  std::vector<cloud::Tag> tags() const;
  const cloud::Farm& farm() const;
  /// The admin socket of the embedded farm; empty elsewhere.
  const std::string& farm_admin() const;
  /// Clients for the chosen farm with these credentials (both empty: the usual sources). Waits of
  /// the retry policy show in status.
  aio::Task<Result<cloud::Ec2>> ec2(std::string access_key, Secret secret_key);
  aio::Task<Result<cloud::S3>> s3(std::string access_key, Secret secret_key);
  /// The same at another endpoint than the farm's.
  aio::Task<Result<cloud::Ec2>> ec2_at(cloud::Endpoint endpoint, Keys keys);
  aio::Task<Result<cloud::S3>> s3_at(cloud::Endpoint endpoint, Keys keys);
  net::HttpClient& http() const;

  // ---- hosts ----
  /// The host that sfProcessHost of the component, or of the nearest above it that has one, names:
  /// waits until it has joined. Null: it runs where the controller does.
  aio::Task<Result<std::shared_ptr<Host>>> host();
  /// The same without waiting: null as well where it has not joined, or is gone.
  std::shared_ptr<Host> host_now();
  /// Some component of the application is to run on this one, a machine.
  bool is_host() const;
  /// The controller's; Code::unsupported where it has none.
  Result<Hosts*> hosts() const;

 private:
  bool member_has_gone(const std::string& instance) const;

  Node& node_;
};

}  // namespace croft::engine
