#include "engine/history.h"

namespace croft::engine {

namespace json = wire::json;

json::Object to_json(const HistoryEntry& entry) {
  json::Object out{{"seq", entry.seq},         {"time", protocol::time_text(entry.time)},
                   {"by", entry.by},           {"action", entry.action},
                   {"version", entry.version}, {"file", entry.file},
                   {"digest", entry.digest}};
  if (!entry.why.empty()) out["why"] = entry.why;
  return out;
}

Result<HistoryEntry> history_from_json(const json::Object& object) {
  HistoryEntry out;
  out.seq = static_cast<uint64_t>(TRY(json::int_at(object, "seq")));
  out.time = TRY(protocol::time_from_text(TRY(json::string_at(object, "time"))));
  out.by = TRY(json::string_at(object, "by"));
  out.action = TRY(json::string_at(object, "action"));
  out.version = static_cast<uint64_t>(TRY(json::int_at(object, "version")));
  out.file = TRY(json::string_at(object, "file"));
  out.digest = TRY(json::string_at(object, "digest"));
  out.why = TRY(json::string_or(object, "why", ""));
  return out;
}

}  // namespace croft::engine
