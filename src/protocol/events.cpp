#include "protocol/events.h"

#include <algorithm>

namespace croft::protocol {

const std::vector<std::string>& event::words() {
  static const std::vector<std::string> all = {
      deploying, deployed,    starting,   running,    waiting,        liveness_failed,
      failed,    terminating, terminated, rented,     returned,       kept,
      adopted,   replacing,   restarting, crash_loop, instances_gone, updated,
      detached,  message,     attention,  drifted,    repaired,       forgotten};
  return all;
}

bool event::known(std::string_view word) {
  return std::ranges::find(words(), word) != words().end();
}

wire::json::Object to_json(const Event& event) {
  wire::json::Object out;
  out["seq"] = static_cast<int64_t>(event.seq);
  out["time"] = time_text(event.time);
  out["component"] = event.component;
  out["event"] = event.event;
  if (event.record) out["record"] = to_json(*event.record);
  if (!event.why.empty()) out["why"] = event.why;
  return out;
}

Result<Event> event_from_json(const wire::json::Object& object) {
  Event out;
  out.seq = static_cast<uint64_t>(TRY(wire::json::int_at(object, "seq")));
  out.time = TRY(time_from_text(TRY(wire::json::string_at(object, "time"))));
  out.component = TRY(wire::json::string_at(object, "component"));
  out.event = TRY(wire::json::string_at(object, "event"));
  if (const auto* record = TRY(wire::json::object_if(object, "record")))
    out.record = TRY(record_from_json(*record));
  out.why = TRY(wire::json::string_or(object, "why", ""));
  return out;
}

std::string line_of(const Event& event) {
  return wire::json::compact(to_json(event));
}

Result<Event> event_from_line(std::string_view line) {
  return event_from_json(TRY(wire::json::parse_object(line, "an event")));
}

}  // namespace croft::protocol
