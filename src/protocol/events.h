// What happened, told to terminal, page, `--json` and history alike: one JSON object a line.
// Source: DESIGN 8.5. Members and words are a contract with scripts: add, never change.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "protocol/json_model.h"

namespace croft::protocol {

/// The words of Event::event. Lifecycle first, then what else is worth telling.
namespace event {
inline constexpr const char* deploying = "DEPLOYING";
inline constexpr const char* deployed = "DEPLOYED";
inline constexpr const char* starting = "STARTING";
inline constexpr const char* running = "RUNNING";
inline constexpr const char* waiting = "WAITING";  ///< why says for what
inline constexpr const char* liveness_failed = "LIVENESS_FAILED";
inline constexpr const char* failed = "FAILED";
inline constexpr const char* terminating = "TERMINATING";
inline constexpr const char* terminated = "TERMINATED";  ///< record says how
inline constexpr const char* rented = "RENTED";          ///< an instance or bucket was made
inline constexpr const char* returned = "RETURNED";
inline constexpr const char* kept = "KEPT";
inline constexpr const char* updated = "UPDATED";      ///< changed in place, while it ran
inline constexpr const char* adopted = "ADOPTED";      ///< it was there before and stays afterwards
inline constexpr const char* replacing = "REPLACING";  ///< what is gone is made again
inline constexpr const char* restarting = "RESTARTING";          ///< a supervisor starts it again
inline constexpr const char* crash_loop = "CRASH_LOOP";          ///< it ends too often for that
inline constexpr const char* instances_gone = "INSTANCES_GONE";  ///< ended behind croft's back
inline constexpr const char* drifted = "DRIFTED";    ///< the farm has it otherwise than it was made
inline constexpr const char* repaired = "REPAIRED";  ///< and it is again as it was made
inline constexpr const char* forgotten = "FORGOTTEN";  ///< stays on the farm; croft's no longer
inline constexpr const char* detached = "DETACHED";    ///< its parent's end is no longer its end
inline constexpr const char* message = "MESSAGE";      ///< what a component has to say
inline constexpr const char* attention = "ATTENTION";  ///< something a person should look at
/// All of them, in this order.
const std::vector<std::string>& words();
bool known(std::string_view word);
}  // namespace event

struct Event {
  uint64_t seq = 0;
  WallTime time;
  std::string component;  ///< "app:a:b"
  std::string event;
  std::optional<model::TerminationRecord> record;
  std::string why;
};

wire::json::Object to_json(const Event& event);
Result<Event> event_from_json(const wire::json::Object& object);
/// Without the line's end.
std::string line_of(const Event& event);
Result<Event> event_from_line(std::string_view line);

}  // namespace croft::protocol
