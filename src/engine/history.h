// Who changed an application, when, and from which description. Pure data and its JSON form.
// Kept under "h/SEQ" of the application; the descriptions themselves under "d/VERSION".
#pragma once
#include <string>
#include <vector>

#include "base/units.h"
#include "protocol/json_model.h"

namespace croft::engine {

/// One change that somebody asked for, or that an application made of itself.
struct HistoryEntry {
  uint64_t seq = 0;
  WallTime time;
  std::string by;      ///< "anna"; "croft" for what nobody asked for
  std::string action;  ///< "up", "continue", "update", "rollback", "down", "ended"
  uint64_t version = 0;
  std::string file;  ///< where the description came from
  std::string digest;
  std::string why;  ///< of "ended": with what; of "rollback": to which version
};

wire::json::Object to_json(const HistoryEntry& entry);
Result<HistoryEntry> history_from_json(const wire::json::Object& object);

/// So many descriptions of the past are kept for `croft diff` and `croft rollback`.
inline constexpr uint64_t versions_kept = 100;

}  // namespace croft::engine
