// The croft-agent program that this croft carries.
#pragma once
#include "engine/host.h"

namespace croft::controller {

const engine::AgentProgram& agent_program();

}  // namespace croft::controller
