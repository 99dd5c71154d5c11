// Where a component runs: sfProcessHost, a link to a machine with an agent; and sfDeployerClass of
// old descriptions, as far as it means anything in the controller. Loop thread only.
#pragma once
#include "engine/context.h"

namespace croft::engine {

/// Refuses what cannot be done here: a deployer class that nobody knows, another host.
Result<> check_placement(const Context& context);

/// Where a component runs, as its description says.
struct Placement {
  const model::Component* machine =
      nullptr;           ///< the component that rents the machine, if it is one
  std::string instance;  ///< its id, once it is known; empty with `machine` null: the controller
  bool here() const { return !machine && instance.empty(); }
};
/// By sfProcessHost of the component, or of the nearest above it that has one.
Result<Placement> placement_of(const Context& context);
/// Whether an sfProcessHost of the description leads to `machine`. The tree below `root` is walked.
bool is_place(const model::Component& root, const model::Component& machine);

}  // namespace croft::engine
