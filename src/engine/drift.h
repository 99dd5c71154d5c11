// Where what the farm has is not what was made. Pure.
#pragma once
#include <string>
#include <vector>

#include "cloud/sweep.h"
#include "engine/record.h"

namespace croft::engine {

/// One difference between a component's record and the farm.
struct Drift {
  enum class Kind {
    gone,     ///< it was rented, and the farm has it no longer
    stopped,  ///< an instance that was to run
    extra,    ///< carries the component's tags, and no record has it
    tag,      ///< a tag is missing or has another value
  };
  Kind kind = Kind::gone;
  std::string thing, id;  ///< "instance", "i-0123..."
  std::string tag, wanted, found;
  bool operator==(const Drift&) const = default;
  /// "instance i-0123 is gone"
  std::string text() const;
};

/// What `drift` of a component, or of the nearest above it, says.
enum class DriftPolicy { repair, report, accept };
DriftPolicy drift_policy_of(const model::Component& component);
/// What comes of a drift under that policy, for people: "it is made again".
std::string_view consequence(const Drift& drift, DriftPolicy policy);

/// The drifts of one component: `found` are the things with its tags or its ids, `tags` what each
/// has to carry. Things rented after `settled` are given time to be seen.
std::vector<Drift> drifts_of(const ComponentRecord& record, const std::vector<cloud::Tag>& tags,
                             const std::vector<cloud::Found>& found, WallTime settled);

}  // namespace croft::engine
