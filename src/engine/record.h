// What the store keeps of an application: itself, its components and what they rented.
// These records are the truth after a crash. Pure data and its JSON form; thread-compatible.
// Keys, below "v1/app/NAME/": "record", "c/PATH", "d/VERSION" (descriptions), "e/SEQ" (events),
// "j/SEQ" (journal), "environment" (sealed).
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/units.h"
#include "cloud/endpoint.h"
#include "model/component.h"
#include "model/lifecycle.h"
#include "model/record.h"
#include "plan/plan.h"
#include "protocol/api.h"
#include "protocol/json_model.h"
#include "wire/json.h"

namespace croft::engine {

/// One thing that costs money, or holds data, outside croft.
struct Rented {
  std::string kind;  ///< "instance", "bucket", "object"
  std::string id;
  std::string component;  ///< path
  WallTime since;
  std::optional<WallTime> returned;
  bool kept = false;       ///< stays on purpose
  bool adopted = false;    ///< existed before: never emptied or removed by croft
  bool forgotten = false;  ///< `croft forget` gave it up; adopted, too
  bool open() const { return !returned && !kept && !adopted; }
};
/// It is still there for the next life of its application.
inline bool outlives(const Rented& thing) {
  return thing.kept && !thing.returned;
}

/// The intent's action whose fact "maxCount" counts against the limits of instances.
inline constexpr const char* rent_instances_intent = "RunInstances";

/// An outside call that was about to happen. Durable before the call, gone after its result.
struct Intent {
  uint64_t seq = 0;                          ///< its journal record
  std::string action;                        ///< "RunInstances", "PUT bucket"
  std::map<std::string, std::string> facts;  ///< its parameters; no secrets
};

/// A component as it was last known.
struct ComponentRecord {
  std::string path;
  std::string type;      ///< sfClass
  std::string identity;  ///< digest of the attributes whose change means replace
  uint64_t version = 1;  ///< of the description it was made from
  model::State state = model::State::described;
  WallTime since;
  uint64_t position = 0;
  uint64_t generation = 1;  ///< part of client tokens: grows when the component is made anew
  bool compound = false;
  bool ordered_end = false;  ///< sfSyncTerminate
  std::vector<std::string> needs;
  std::vector<Rented> rented;
  std::optional<Intent> intent;
  std::map<std::string, model::Value> published;
  std::map<std::string, std::string> memory;  ///< notes of the type's own; no secrets
  /// An action made at run time: the attribute of its parent that it was made from. Empty: planned.
  std::string made_from;
  bool detached = false;   ///< its end is no affair of what encloses it, nor the reverse
  bool quiet = false;      ///< it ends, and nobody above it is told
  uint64_t end_order = 0;  ///< of those that ended by themselves: which came first
  std::string why;         ///< why it is not (yet, any more) running; why its removal fails
  std::optional<model::TerminationRecord> record;

  /// Something of it is outside and neither returned nor kept, or may be.
  bool holds() const;
};

enum class Desired { up, down };

struct Options {
  bool keep_on_failure = false;
  std::optional<int64_t> max_instances;  ///< of this application; beside sfConfig's maxInstances
  std::optional<int64_t> account_instances;  ///< of all applications of this controller together
  std::optional<Duration> lifetime;          ///< removes itself that long after its `up`
  std::optional<Duration> up_timeout;  ///< how long going up may take; absent: as long as it needs
  std::string owner;
  std::vector<std::string> allow_files;  ///< folders open to its file components
  bool allow_shell = false;              ///< its components may run programs on this machine
  plan::Scope scope;                     ///< --target, --exclude: the rest stays as it was
  std::optional<size_t> parallelism;     ///< steps under way at once; absent: as many as are ready
};

/// Things that exist and that a component is to take for its own (`croft import`): ids by path,
/// with spaces between them.
using Imports = std::map<std::string, std::string>;

/// An event for a listener that is not there yet.
struct KeptEvent {
  std::string to;  ///< its path, as the description has it
  std::string text;
};

struct ApplicationRecord {
  std::string name;
  std::string uid;       ///< of this incarnation; part of client tokens
  std::string file;      ///< where the description came from: for people
  std::string digest;    ///< of the description
  uint64_t version = 1;  ///< of the description, counted from the first `up`
  Desired desired = Desired::up;
  protocol::ApplicationState state = protocol::ApplicationState::going_up;
  WallTime created, since;
  std::optional<WallTime> ends;                   ///< its lifetime is over
  std::map<std::string, std::string> properties;  ///< set by its components
  std::vector<KeptEvent> kept_events;             ///< in the order in which they were sent
  cloud::Farm farm;
  std::string farm_admin;  ///< admin socket of the embedded farm; empty elsewhere
  Options options;
  uint64_t up_version = 0;   ///< the last that ran as a whole in this life
  bool remove_kept = false;  ///< `down` was told to remove what is kept, too
  /// From a backup, and nobody has asked for anything since: what the farm has may be newer than
  /// this record, so nothing is removed because of a failure.
  bool restored = false;
  Imports imports;  ///< asked for, and not yet taken over
  std::string why;  ///< the reason of the state, in words
  std::optional<model::TerminationRecord> record;
  std::optional<Error> error;  ///< what made `up` fail, whole
};

/// `sealer`: for secrets in what it published; null: such values are left out.
wire::json::Object to_json(const ComponentRecord& record,
                           const protocol::SecretSealer* sealer = nullptr);
Result<ComponentRecord> component_record_from_json(const wire::json::Object& object,
                                                   const protocol::SecretSealer* sealer = nullptr);
wire::json::Object to_json(const ApplicationRecord& record);
Result<ApplicationRecord> application_record_from_json(const wire::json::Object& object);

/// Tag that tells this life of an application from others of the same name, other homes' included.
inline constexpr const char* tag_incarnation = "croft:incarnation";

/// In a component's memory while its record moves to another path: the path it comes from.
inline constexpr const char* moved_mark = "croft.movedFrom";
/// Why a restored application that fails stays as it is.
inline constexpr const char* nothing_removed =
    "it is from a backup, and what was rented since is not in its record: nothing is removed "
    "before croft up or croft down is asked for";
/// In a record's memory: its path in the description of its version, where that is another.
inline constexpr const char* former_path = "croft.formerPath";

/// What -D name=value gives stands among the caller's variables under this prefix.
inline constexpr const char* property_prefix = "-D";

/// Keys of the store.
std::string application_key(std::string_view name, std::string_view rest = "");

}  // namespace croft::engine
