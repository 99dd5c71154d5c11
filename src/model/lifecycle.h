// The lifecycle of a component as a table: states x events. The engine asks it, a test walks it.
// Source: language reference 2.1; DESIGN "Components".
#pragma once
#include <optional>
#include <string_view>

namespace croft::model {

enum class State { described, deploying, deployed, starting, running, terminating, terminated };
enum class LifeEvent { deploy, deploy_done, start, start_done, fail, terminate, terminate_done };

/// The state after `event`, or nullopt where the event is not legal. Termination is legal from any
/// state but the last two, and runs once.
std::optional<State> next(State state, LifeEvent event);

std::string_view name_of(State state);  ///< "running"
std::optional<State> state_from_name(std::string_view name);
std::string_view name_of(LifeEvent event);

}  // namespace croft::model
