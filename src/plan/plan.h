// The difference between a description and what is recorded as running: which components are made,
// kept, adopted, replaced or removed, in which order, and what that rents. Pure: no I/O, no clock.
// The engine runs its graphs; `croft plan` prints it. Thread-compatible.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/component.h"
#include "model/lifecycle.h"
#include "plan/graph.h"

namespace croft::plan {

/// What a component rents when it starts.
struct Rent {
  std::string kind;  ///< "instance", "bucket"
  int64_t min = 0;
  int64_t max = 0;
  std::string id = {};  ///< where its name is known before: a bucket's
};

/// Something outside that a component makes or works on, as its text names it.
struct Outside {
  std::string kind, id;  ///< "bucket", "object"
  auto operator<=>(const Outside&) const = default;
};

/// What the plan must know of a component type. The engine's registry gives it.
struct TypeFacts {
  std::string name;                    ///< the native class: sfClass
  bool compound = false;               ///< deploys its children
  bool actions = false;                ///< its children are its own affair: made when it says so
  std::vector<std::string> identity;   ///< attributes whose change means replace
  std::vector<std::string> unordered;  ///< attributes whose links make nobody wait
  std::vector<Rent> rents;
  std::vector<Outside> makes;
  std::vector<Outside> uses;  ///< it waits for the last component before it that makes this
};

/// Facts of one component; errors name the place: unknown class, an attribute that is wrong.
using Catalog = std::function<Result<TypeFacts>(const model::Component&)>;

/// A component as it was deployed, from the durable record.
struct Recorded {
  std::string path;
  std::string type;
  std::string identity;  ///< digest of the identity attributes' values
  model::State state = model::State::described;
  bool compound = false;
  bool ordered_end = false;        ///< sfSyncTerminate
  std::vector<std::string> needs;  ///< paths it waited for
  uint64_t position = 0;           ///< in the description's order
  bool holds = false;              ///< something is rented, or an intent is open
  bool over = false;  ///< it ended by itself and the rest goes on: it is not made again
  model::ComponentPtr description = nullptr;  ///< as it was deployed, where it is known
  std::vector<std::string> drift = {};  ///< where the farm differs from it, and what comes of that
  bool repairs = false;                 ///< something of `drift` is made right by `up`
  bool ran_elsewhere = false;  ///< it ran under a process that is gone: it has to be taken over
};

enum class Change { create, adopt, keep, replace, remove };
std::string_view name_of(Change change);

/// One component of the plan.
struct Item {
  std::string path;  ///< "shop:web:server"; the application's name comes first
  std::string type;
  Change change = Change::create;
  std::string why;                 ///< of replace and remove
  std::vector<std::string> needs;  ///< paths it starts after, beside its parent
  std::vector<Rent> rents;
  std::string identity;
  bool compound = false;
  bool actions = false;
  bool ordered_end = false;
  uint64_t position = 0;
  std::shared_ptr<model::Component> component;  ///< null for remove
  bool updates = false;         ///< kept, but with attributes that others would be replaced for
  std::string moved_from = {};  ///< the path under which it is recorded, where that is another
  std::vector<std::string> drift = {};  ///< kept; but this is not as it was made
  bool repairs = false;
  bool left_out = false;  ///< Input::scope has it not: nothing of it is touched
  bool resumes = false;   ///< it is taken over as it is: another process looked after it
  bool touched() const {
    bool stays = change == Change::keep || (change == Change::adopt && resumes);
    return !left_out && (!stays || updates || repairs);
  }
};

struct Limits {
  std::optional<int64_t> application_instances;  ///< the operator's; holds beside maxInstances
  std::optional<int64_t> account_instances;      ///< what the account may run in all
  int64_t account_in_use = 0;                    ///< by others than this application
  size_t components = 1'000'000;
};

/// Each with its component, so that its address stays its own.
using Identities =
    std::unordered_map<const model::Component*,
                       std::pair<std::shared_ptr<const model::Component>, std::string>>;

/// Which part of a description is acted upon; paths below the application ("web:server"), or whole
/// ones.
struct Scope {
  std::vector<std::string> targets;   ///< these, what is in them and what they need; empty: all
  std::vector<std::string> excludes;  ///< but not these, what is in them and what needs them
  bool everything() const { return targets.empty() && excludes.empty(); }
  bool operator==(const Scope&) const = default;
};

struct Input {
  std::string application;
  model::ComponentPtr config;
  std::vector<Recorded> recorded;
  Limits limits;
  Catalog catalog;
  Scope scope = {};
  /// Identities of components whose text changes while they run (their actions publish into it), as
  /// they were first seen; filled and read. Null: computed each time.
  Identities* identities = nullptr;
};

struct Plan {
  std::string application;
  std::vector<Item> items;  ///< parents first, in the description's order; removals last
  Graph steps;              ///< deploy, start and live of what is not kept
  int64_t instances_min = 0, instances_max = 0;

  const Item* find(std::string_view path) const;
  size_t count(Change change) const;
  bool empty() const;  ///< nothing to do
  /// What would be made, for people: one line a component, below it those of `more` by its path,
  /// then the totals.
  std::string text(const std::map<std::string_view, std::vector<std::string>>& more = {}) const;

  std::map<std::string, size_t, std::less<>> index;
};

/// Digest of what a change of means replace: the identity attributes, and of a workflow its
/// actions.
std::string identity_of(const model::Component& component, const TypeFacts& facts);

/// Digest of one value with all that is in it.
std::string digest_of(const model::Value& value);

/// Where neither the description nor the operator says.
inline constexpr int64_t default_instance_limit = 100;
/// The instances an application may rent: the least of maxInstances of sfConfig and what the
/// operator gave, else default_instance_limit. Code::invalid_argument for a maxInstances that is
/// none.
Result<int64_t> instance_limit(const model::Component& config, std::optional<int64_t> given);

/// `protect` of it, or of the nearest that contains it and says so: what it holds is not destroyed.
bool is_protected(const model::Component& component);

/// Errors (all found are reported together, in Error::others): Code::unresolved (unknown class,
/// dependsOn that names nothing), Code::invalid_argument (a cycle, a bad attribute),
/// Code::resource_exhausted (a limit), each with the place and a hint.
Result<Plan> make(const Input& input);

/// The order in which recorded components end: children before parents, whoever needs another
/// before it, siblings in reverse where the parent orders them (sfSyncTerminate), else at the same
/// time. `only` empty: all; else these and everything inside them.
Graph removal(const std::vector<Recorded>& recorded, const std::vector<std::string>& only = {});

/// The path of the enclosing component; empty for the application itself.
std::string_view parent_path(std::string_view path);
bool inside(std::string_view path, std::string_view ancestor);  ///< or the same

}  // namespace croft::plan
