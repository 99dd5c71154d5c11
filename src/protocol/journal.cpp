#include "protocol/journal.h"

namespace croft::protocol {

std::string_view name_of(JournalKind kind) {
  switch (kind) {
    case JournalKind::intent:
      return "intent";
    case JournalKind::result:
      return "result";
  }
  return "intent";
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return "done";
    case Outcome::failed:
      return "failed";
    case Outcome::unknown:
      return "unknown";
  }
  return "unknown";
}

namespace {

Result<JournalKind> kind_from(std::string_view name) {
  for (JournalKind kind : {JournalKind::intent, JournalKind::result})
    if (name == name_of(kind)) return kind;
  return fail(Code::corrupt, fmt::format("a journal record of unknown kind '{}'", name));
}

Result<Outcome> outcome_from(std::string_view name) {
  for (Outcome outcome : {Outcome::done, Outcome::failed, Outcome::unknown})
    if (name == name_of(outcome)) return outcome;
  return fail(Code::corrupt, fmt::format("a journal record with unknown outcome '{}'", name));
}

}  // namespace

wire::json::Object to_json(const JournalRecord& record) {
  wire::json::Object out;
  out["seq"] = static_cast<int64_t>(record.seq);
  out["time"] = time_text(record.time);
  out["kind"] = name_of(record.kind);
  out["component"] = record.component;
  out["action"] = record.action;
  if (!record.token.empty()) out["token"] = record.token;
  if (record.generation) out["generation"] = static_cast<int64_t>(record.generation);
  if (!record.request.empty()) out["request"] = record.request;
  if (record.kind == JournalKind::result) {
    out["intent"] = static_cast<int64_t>(record.intent);
    out["outcome"] = name_of(record.outcome);
  }
  if (record.error) out["error"] = to_json(*record.error);
  if (!record.ids.empty()) {
    wire::json::Array ids;
    for (const OutsideId& id : record.ids) {
      wire::json::Object entry;
      entry["kind"] = id.kind;
      entry["id"] = id.id;
      ids.push_back(std::move(entry));
    }
    out["ids"] = std::move(ids);
  }
  return out;
}

Result<JournalRecord> journal_from_json(const wire::json::Object& object) {
  JournalRecord out;
  out.seq = static_cast<uint64_t>(TRY(wire::json::int_at(object, "seq")));
  out.time = TRY(time_from_text(TRY(wire::json::string_at(object, "time"))));
  out.kind = TRY(kind_from(TRY(wire::json::string_at(object, "kind"))));
  out.component = TRY(wire::json::string_at(object, "component"));
  out.action = TRY(wire::json::string_at(object, "action"));
  out.token = TRY(wire::json::string_or(object, "token", ""));
  out.generation = static_cast<uint64_t>(TRY(wire::json::int_or(object, "generation", 0)));
  if (const auto* request = TRY(wire::json::object_if(object, "request"))) out.request = *request;
  if (out.kind == JournalKind::result) {
    out.intent = static_cast<uint64_t>(TRY(wire::json::int_at(object, "intent")));
    out.outcome = TRY(outcome_from(TRY(wire::json::string_at(object, "outcome"))));
  }
  if (const auto* error = TRY(wire::json::object_if(object, "error")))
    out.error = error_from_json(*error);
  if (const auto* ids = TRY(wire::json::array_if(object, "ids")))
    for (const auto& item : *ids) {
      if (!item.is_object())
        return fail(Code::corrupt, "an id in a journal record is not an object");
      out.ids.push_back({TRY(wire::json::string_at(item.get_object(), "kind")),
                         TRY(wire::json::string_at(item.get_object(), "id"))});
    }
  return out;
}

std::string text_of(const JournalRecord& record) {
  return wire::json::compact(to_json(record));
}

Result<JournalRecord> journal_from_text(std::string_view text) {
  return journal_from_json(TRY(wire::json::parse_object(text, "a journal record")));
}

std::string sequence_key(std::string_view prefix, uint64_t seq) {
  return fmt::format("{}{:020}", prefix, seq);
}

}  // namespace croft::protocol
