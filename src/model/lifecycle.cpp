#include "model/lifecycle.h"

#include <array>

namespace croft::model {
namespace {

constexpr std::string_view state_names[] = {"described", "deploying",   "deployed",  "starting",
                                            "running",   "terminating", "terminated"};
constexpr std::string_view event_names[] = {"deploy", "deploy_done", "start",         "start_done",
                                            "fail",   "terminate",   "terminate_done"};

using Row = std::array<std::optional<State>, 7>;
using enum State;
constexpr std::optional<State> no = std::nullopt;
// clang-format off
constexpr std::array<Row, 7> table = {{
//   deploy     deploy_done start     start_done fail         terminate    terminate_done
    {deploying, no,         no,       no,        terminating, terminating, no},          // described
    {no,        deployed,   no,       no,        terminating, terminating, no},          // deploying
    {no,        no,         starting, no,        terminating, terminating, no},          // deployed
    {no,        no,         no,       running,   terminating, terminating, no},          // starting
    {no,        no,         no,       no,        terminating, terminating, no},          // running
    {no,        no,         no,       no,        terminating, terminating, terminated},  // terminating
    {no,        no,         no,       no,        no,          no,          no},          // terminated
}};
// clang-format on

}  // namespace

std::optional<State> next(State state, LifeEvent event) {
  return table[static_cast<size_t>(state)][static_cast<size_t>(event)];
}

std::string_view name_of(State state) {
  return state_names[static_cast<size_t>(state)];
}
std::string_view name_of(LifeEvent event) {
  return event_names[static_cast<size_t>(event)];
}

std::optional<State> state_from_name(std::string_view name) {
  for (size_t i = 0; i < std::size(state_names); ++i)
    if (state_names[i] == name) return static_cast<State>(i);
  return std::nullopt;
}

}  // namespace croft::model
