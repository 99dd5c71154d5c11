// One application: brings its description up, keeps an eye on it, takes it down, and says what is
// so. All it does is recorded first, so that another process can go on from any point. Loop thread
// only. run() is its life; the other calls are requests and questions to it.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "aio/keyed_mutex.h"
#include "aio/sync.h"
#include "cloud/environment.h"
#include "engine/component.h"
#include "engine/executor.h"
#include "engine/ledger.h"
#include "engine/node.h"
#include "plan/plan.h"
#include "protocol/api.h"

namespace croft::engine {

class Hosts;

/// What an application needs of the process around it. References outlive it.
struct Services {
  aio::World& world;
  store::Store& store;
  const Registry& registry;
  const protocol::SecretSealer& sealer;
  net::HttpClient& http;
  net::Retrier& retrier;
  /// Makes the embedded farm as the description's `farm` (may be null) says, and gives the
  /// variables that hold the credentials of its account, where the caller's are unknown to that
  /// farm. `before`: what was given the last time, which stays as long as that account is there.
  std::function<aio::Task<Result<std::map<std::string, std::string>>>(
      std::string admin_socket, model::ComponentPtr farm,
      std::map<std::string, std::string> environment, std::map<std::string, std::string> before)>
      prepare_farm;
  /// Instances that other applications rent now.
  std::function<int64_t(std::string_view application)> instances_of_others;
  /// Files of components lie in a folder of their application's name below it; empty: no files.
  std::string work_folder = {};
  /// Machines with an agent; null: there are none here.
  Hosts* hosts = nullptr;
  /// Files that somebody changes.
  std::shared_ptr<aio::KeyedMutex> files = std::make_shared<aio::KeyedMutex>();
  /// Whether something outside may be changed now; null: always. Of several controllers one may.
  std::function<Result<>()> may_act = nullptr;
};

/// What `up` asks for.
struct Wanted {
  model::Description description;
  cloud::Farm farm;
  std::string farm_admin;
  Options options;
  /// AWS_* variables of the caller: where credentials come from that the description does not give.
  std::map<std::string, std::string> environment;
  Imports imports;
  std::string by = "croft";  ///< who asks, for the history
};

enum class UpChange { created, continued, updated };

class Application {
 public:
  Application(Services services, std::string name);
  ~Application();

  /// A new one; durable on return.
  aio::Task<Result<>> create(Wanted wanted);
  /// From the store, as another process left it.
  aio::Task<Result<>> load();
  /// Until shutdown(). Everything rented stays as it is then.
  aio::Task<Result<>> run();
  void shutdown();

  // ---- requests; durable on return, carried out by run() ----
  /// Code::conflict where its credentials are of another account than what this one rents.
  aio::Task<Result<>> same_account(const Wanted& wanted);
  /// It ran as it is described, and this process has yet to take it over.
  bool resuming() const {
    return record_.state == protocol::ApplicationState::going_up &&
           record_.up_version == record_.version;
  }
  /// Something a person should look at, of a component.
  void notice(std::string component, std::string what) {
    tell(std::move(component), protocol::event::attention, std::move(what));
  }
  aio::Task<Result<UpChange>> up(Wanted wanted);
  /// Code::conflict where a component is protected.
  aio::Task<Result<>> down(bool remove_kept, std::string by = "croft");
  /// An `up` of an earlier version of its description, on its farm and with its options of now.
  /// Code::not_found where the store has that version no longer.
  aio::Task<Result<UpChange>> roll_back(uint64_t version, std::string by);
  /// Its farm was destroyed with all that was on it: nothing is rented any more. Not while run().
  aio::Task<Result<>> lose_farm();
  /// Pings all now. The failing ones with their reasons; what follows from it follows.
  aio::Task<Result<std::vector<std::pair<std::string, Error>>>> ping_all();

  /// Asks the farm, in few calls, what it has of this application, and notes in its nodes where
  /// that is not what was made. Nothing is changed. What could not be asked for, in words.
  aio::Task<Result<std::vector<std::string>>> refresh();
  /// What the component at `path` rented stays on the farm and is croft's no longer; the component
  /// is over, and not made again. The ids. Code::not_found, Code::conflict.
  aio::Task<Result<std::vector<std::string>>> forget(std::string path, std::string by);
  /// Things that exist are taken over by components as they are next made; durable on return.
  aio::Task<Result<>> import(Imports things, std::string by);

  // ---- questions ----
  const std::string& name() const { return record_.name; }
  const ApplicationRecord& record() const { return record_; }
  /// All that the description has, or that is not yet gone; in the description's order.
  std::vector<std::shared_ptr<const Node>> nodes() const;
  const std::optional<protocol::DownProof>& proof() const { return proof_; }
  /// up, failed, down, or going down with a pass behind it that did not succeed.
  bool settled() const;
  /// Notified at every change of a component or of the application.
  aio::Signal& changed() { return changed_; }
  Ledger& ledger() { return ledger_; }
  uint64_t last_event() const { return ledger_.last_event(); }
  int64_t instances() const;  ///< rented now
  /// Rented, or asked for with the answer not yet known: what counts against limits.
  int64_t claimed_instances() const;
  size_t kept() const;  ///< things croft made that stay on purpose
  /// By path: changes that were given up, in words. What has one runs as it was before.
  std::map<std::string, std::string> setbacks() const;
  const model::Description& description() const { return description_; }
  /// A version of it as it was given, without what its components have published since.
  /// Code::not_found.
  aio::Task<Result<model::Description>> stored_description(uint64_t version);

  // ---- for its nodes ----
  Services& services() { return services_; }
  const cloud::Environment& environment() const { return environment_; }
  void node_changed() { changed_.notify(); }
  void node_ended(const std::string& path, model::TerminationRecord record);
  Node* find(std::string_view path) const;
  /// An import or a forget that was cut short is carried through.
  aio::Task<Result<>> finish_own_intent(Node& node);
  /// How many instances `asking` may rent beside what it has: the limits of application and
  /// account, less what the others have, have asked for, and need at least.
  int64_t free_instances(const Node& asking) const;
  /// Something of it was rented, or asked for: its farm has answered.
  bool has_made_anything() const;
  /// Something inside it could not be ended in this pass.
  bool stuck_inside(std::string_view path) const;
  void got_stuck(std::string path) { stuck_.push_back(std::move(path)); }
  /// Its components as the plan reads them.
  std::vector<plan::Recorded> recorded() const;
  /// What an `up` asked for now would find: after its end only what was kept on purpose.
  std::vector<plan::Recorded> recorded_for_next_life() const;
  const Options& options() const { return record_.options; }

  // ---- actions: parts of the tree that workflow components make while they run ----
  /// Deploys the action `name` of `parent`, made of its attribute `from`; nothing where it is
  /// there.
  aio::Task<Result<>> deploy_branch(Node& parent, std::string name, std::string from);
  /// Until all of it runs, or it has ended.
  aio::Task<Result<>> start_branch(std::string path);
  /// Deploys and starts a copy of `what` as the child `name` of a running Compound, whose affair it
  /// is from then on, after a restart too. Code::conflict where it has such an attribute already,
  /// unless an earlier process put it there for the same, who says `by`.
  aio::Task<Result<>> deploy_into(Node& parent, std::string name, model::ComponentPtr what,
                                  std::string by);
  /// Until it has ended and nothing of it is left: its record.
  aio::Task<Result<model::TerminationRecord>> end_of_branch(std::string path);
  /// Deploys and starts what has ended anew, in its place; it is a part like before.
  aio::Task<Result<>> bring_back(std::string path);
  /// Ends it without telling its parent.
  aio::Task<Result<>> remove_branch(std::string path, model::TerminationRecord record);
  /// A finished action leaves the tree; what it had rented stays in its parent's record.
  void forget_branch(const std::string& path);
  /// Masks what its description and its types call secret; for all that is stored or shown.
  void hide_secrets(Error& error) const;
  void hide_secrets(std::string& text) const;
  void set_property(const std::string& name, std::optional<std::string> value);
  /// So many events wait for listeners that are not there yet.
  static constexpr size_t kept_events_max = 1000;
  /// Code::resource_exhausted where too many wait.
  Result<> keep_event(KeptEvent event);
  /// Those for `path`, or for the attribute of its parent that it was made from.
  std::vector<std::string> take_events(const Node& node);
  /// The path of a component of the description, live or not; empty: it is none of it.
  std::string path_in_description(const model::Component& component) const;
  /// Its liveness checks are due from its next_ping on.
  void watch(const std::shared_ptr<Node>& node);
  /// It leaves its parent: neither ends with the other. The application's end is still its end.
  void detach(const std::string& path);
  /// Ends it, and nobody above it is told.
  void end_quietly(const std::string& path, model::TerminationRecord record);
  /// The live component of a description, or null.
  Node* node_of(const model::Component& component) const;
  const std::map<std::string, std::shared_ptr<Node>, std::less<>>& all_nodes() const {
    return nodes_;
  }

 private:
  struct Ended {
    std::string path;
    model::TerminationRecord record;
  };
  bool interrupted() const { return shutdown_ || changed_wish_ || broken_ || !ended_.empty(); }
  aio::Task<Result<>> keep_record();
  aio::Task<Result<>> until_interrupted();
  void set_state(protocol::ApplicationState state, std::string why);
  void tell(std::string component, std::string event, std::string why,
            std::optional<model::TerminationRecord> record = std::nullopt);

  aio::Task<Result<UpChange>> change_to(Wanted wanted, std::string action, std::string why);
  aio::Task<Result<>> store_wanted(Wanted wanted, std::string action, std::string why = "");
  Result<> keep_environment();
  aio::Task<Result<>> load_environment();
  aio::Task<Result<>> prepare_farm();
  void note_replaced(Node& node);
  /// "web" of the application shop is shop:web.
  std::string whole_path(const std::string& given) const;
  Result<> describes(const model::Description& description, const std::string& path) const;
  aio::Task<Result<std::vector<Rented>>> imported_already(Node& node, std::string kind,
                                                          std::vector<std::string> ids);
  void note(std::string by, std::string action, std::string why = "");
  void forget_old_versions();
  void end_moves(std::vector<ComponentRecord>& records);
  void start_over();
  void set_lifetime(WallTime from);
  aio::Task<Result<>> react();
  void end_all(model::TerminationRecord record);

  aio::Task<Result<>> go_up();
  aio::Task<Result<>> bring_up();
  aio::Task<Result<>> bring_up_parts();
  /// What is renamed goes on under its new path.
  aio::Task<Result<>> move_nodes(const plan::Plan& plan);
  void take_over(const plan::Plan& plan);
  /// Asks all that would change in place. Code::conflict and the like: one refuses, nothing is
  /// done.
  aio::Task<Result<>> prepare_update(const Wanted& wanted);
  std::vector<std::shared_ptr<Node>> updated_by(const plan::Plan& plan) const;
  std::shared_ptr<Node> make_node(const plan::Item& item, const Node* old);
  aio::Task<Result<>> run_step(plan::Step step);
  aio::Task<Result<>> remove_once(const std::vector<std::string>& tops);
  /// They and all in them. While the farm is away it is tried again, for a while.
  aio::Task<Result<>> remove_parts(std::vector<std::string> tops);
  Node& seat(const plan::Item& item);
  void resume_as_it_was(const plan::Item& item);
  static plan::Recorded recorded(const Node& node);
  model::ComponentPtr describe_action(Node& parent, const std::string& name,
                                      const std::string& from);
  void describe_branches();
  /// Before anything is put into its text: what it was when it was written.
  void note_identity(const model::ComponentPtr& component);
  bool in_branch(std::string_view path) const;
  std::vector<std::shared_ptr<Node>> nodes_inside(std::string_view top) const;
  /// The same without what was detached from it.
  std::vector<std::shared_ptr<Node>> attached_inside(std::string_view top) const;
  aio::Task<void> quiesce(std::string top);
  void resume_ends();
  void take_out(Node& parent, const std::string& name);
  bool left_alone(const std::string& path, const Node& node) const;
  aio::Task<Result<>> resume_detached();
  bool anything_detached() const;
  aio::Task<Result<>> remove_alone(std::string path, model::TerminationRecord record);
  void forget_inside(std::string_view top, bool itself);

  // supervision.cpp
  Node* supervisor_of(std::string_view path) const;
  aio::Task<Result<>> start_node(std::shared_ptr<Node> node);
  aio::Task<void> rest_supervisors();
  void wake_supervisors();
  aio::Task<Result<>> take_away_ended();
  std::map<std::string, std::vector<std::string>> needs_outside(std::string_view path) const;
  aio::Task<Result<>> until_running(std::vector<std::string> paths);

  aio::Task<Result<>> watch_over();
  aio::Task<Result<>> liveness_loop();
  aio::Task<Result<>> ping_one(std::shared_ptr<Node> node, aio::Semaphore& places);
  void judge_ping(Node& node, Result<> result);
  aio::Task<Result<>> lifetime_wait();

  // refresh.cpp
  aio::Task<Result<>> refresh_loop();
  aio::Task<Result<>> refresh_account(Node& node, Keys keys, std::vector<std::string>& notes);
  aio::Task<Result<>> look_for_missing(cloud::Ec2 ec2, std::vector<cloud::Found>& found);
  void note_drifts(const std::vector<cloud::Found>& found);
  aio::Task<Result<>> look_for_other_lives();
  aio::Task<Result<>> mend_drift();
  bool to_mend() const;  ///< something was found otherwise than made, and is to be made right
  aio::Task<Result<>> mend(std::shared_ptr<Node> node);

  // import.cpp
  aio::Task<Result<>> release(Node& node, std::vector<std::string> ids);
  aio::Task<Result<>> take_imports();
  aio::Task<Result<>> take_import(Node& node, std::string ids);
  aio::Task<Result<std::vector<Rented>>> tag_imported(Node& node, std::string kind, std::string ids,
                                                      Keys keys);
  aio::Task<Result<>> finish_forgets();

  bool anything_changing() const;
  aio::Task<Result<>> go_down();
  aio::Task<Result<protocol::DownProof>> one_pass();
  aio::Task<Result<>> until_shutdown();
  aio::Task<Result<>> sweep(protocol::DownProof& proof);
  aio::Task<Result<>> sweep_account(Keys keys, std::vector<std::shared_ptr<Node>> nodes,
                                    protocol::DownProof& proof);
  aio::Task<Result<>> give_up_removed(Node& node, cloud::Ec2 ec2, cloud::S3 s3,
                                      const cloud::Swept& swept, protocol::DownProof& proof);
  void list_recorded(protocol::DownProof& proof) const;

  Services services_;
  Ledger ledger_;
  ApplicationRecord record_;
  model::Description description_;
  /// Of that description; gathered when they are first asked for.
  mutable std::optional<std::set<std::string>> secrets_;
  mutable model::ComponentPtr secrets_root_;
  cloud::Environment environment_;
  std::map<std::string, std::string> callers_variables_;
  std::map<std::string, std::string> farm_variables_;  // credentials the farm gave: they win
  std::map<std::string, std::shared_ptr<Node>, std::less<>> nodes_;
  std::vector<model::Description> old_descriptions_;  // components not yet gone live in them
  plan::Identities identities_;
  std::multimap<Moment, std::weak_ptr<Node>> due_;  // liveness checks
  aio::Signal due_changed_;
  aio::Scope* background_ = nullptr;  // of run()
  uint64_t next_position_ = 0;        // of what is made at run time
  uint64_t last_end_ = 0;
  std::optional<protocol::DownProof> proof_;
  std::deque<Ended> ended_;
  bool shutdown_ = false;
  bool is_new_ = false;             // nobody knew it before this process
  std::optional<Error> broken_;     ///< the store is: nothing more can be kept by this process
  bool changed_wish_ = false;       // desired or description changed: look again
  bool described_anew_ = false;     // bring_up has not yet seen this description
  bool look_again_ = false;         // `down` was asked for after it was down
  bool again_ = false;              // `up` was asked for after it had failed
  std::vector<std::string> stuck_;  // what this pass of going down could not end
  bool pass_over_ = false;          // going down: one pass is behind us
  aio::Signal wake_, changed_;
};

/// What `up` would do, without doing it. `current` may be null: nothing runs under that name.
Result<plan::Plan> plan_of(const Registry& registry, const std::string& name,
                           const model::Description& description, const Options& options,
                           const Application* current, int64_t instances_of_others,
                           plan::Identities* identities = nullptr);
/// Of a component: sfLivenessDelay and sfLivenessFactor, its own or the nearest above; 15 s and 2.
std::pair<Duration, int64_t> liveness_of(const model::Component& component);

}  // namespace croft::engine
