// Where a component runs: sfDeployerClass and sfProcessHost of old descriptions, as far as they
// mean anything in the controller, whose process all components share. Loop thread only.
#pragma once
#include "engine/context.h"

namespace croft::engine {

/// Refuses what cannot be done here: a deployer class that nobody knows, another host.
Result<> check_placement(const Context& context);

}  // namespace croft::engine
