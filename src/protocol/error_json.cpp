// Errors, termination records and times as JSON.
#include "base/text.h"
#include "protocol/json_model.h"

namespace croft::protocol {
namespace {

using wire::json::Array;
using wire::json::Object;

constexpr int others_depth_max = 8;

Object where_json(const Where& where) {
  Object out;
  if (!where.file.empty()) out["file"] = where.file;
  if (where.line > 0) out["line"] = where.line;
  if (where.column > 0) out["column"] = where.column;
  if (where.length > 0) out["length"] = where.length;
  if (!where.path.empty()) out["path"] = where.path;
  if (!where.source.empty()) out["source"] = where.source;
  return out;
}

Result<Where> where_from(const Object& object) {
  Where out;
  out.file = TRY(wire::json::string_or(object, "file", ""));
  out.line = static_cast<int>(TRY(wire::json::int_or(object, "line", 0)));
  out.column = static_cast<int>(TRY(wire::json::int_or(object, "column", 0)));
  out.length = static_cast<int>(TRY(wire::json::int_or(object, "length", 0)));
  out.path = TRY(wire::json::string_or(object, "path", ""));
  out.source = TRY(wire::json::string_or(object, "source", ""));
  return out;
}

Result<Error> read_error(const Object& object, int depth) {
  Error out;
  out.code = code_from_name(TRY(wire::json::string_at(object, "code")));
  out.what = TRY(wire::json::string_at(object, "what"));
  if (const Object* where = TRY(wire::json::object_if(object, "where")))
    out.where = TRY(where_from(*where));
  if (object.contains("hints")) out.hints = TRY(wire::json::strings_at(object, "hints"));
  if (const Object* facts = TRY(wire::json::object_if(object, "facts")))
    for (const auto& [name, value] : *facts)
      out.fact(std::string(name), TRY(wire::json::string_at(*facts, name)));
  if (const Array* trace = TRY(wire::json::array_if(object, "trace")))
    for (const auto& item : *trace) {
      if (!item.is_object()) return fail(Code::type_mismatch, "a frame is not an object");
      Where where;
      if (const Object* at = TRY(wire::json::object_if(item.get_object(), "where")))
        where = TRY(where_from(*at));
      out.frame(TRY(wire::json::string_at(item.get_object(), "what")), std::move(where));
    }
  const Array* others = TRY(wire::json::array_if(object, "others"));
  if (others && depth < others_depth_max)
    for (const auto& item : *others) {
      if (!item.is_object()) return fail(Code::type_mismatch, "an error is not an object");
      out.others.push_back(TRY(read_error(item.get_object(), depth + 1)));
    }
  return out;
}

}  // namespace

Object to_json(const Error& error) {
  Object out;
  out["code"] = name_of(error.code);
  out["what"] = error.what;
  if (Object where = where_json(error.where); !where.empty()) out["where"] = std::move(where);
  if (!error.hints.empty()) {
    Array hints;
    for (const std::string& hint : error.hints) hints.emplace_back(hint);
    out["hints"] = std::move(hints);
  }
  if (!error.facts.empty()) {
    Object facts;
    for (const auto& [name, value] : error.facts) facts[name] = value;
    out["facts"] = std::move(facts);
  }
  if (!error.trace.empty()) {
    Array trace;
    for (const Frame& frame : error.trace) {
      Object entry;
      entry["what"] = frame.what;
      if (Object where = where_json(frame.where); !where.empty()) entry["where"] = std::move(where);
      trace.push_back(std::move(entry));
    }
    out["trace"] = std::move(trace);
  }
  if (!error.others.empty()) {
    Array others;
    for (const Error& other : error.others) others.push_back(to_json(other));
    out["others"] = std::move(others);
  }
  return out;
}

Error error_from_json(const Object& object) {
  Result<Error> read = read_error(object, 0);
  if (read) return std::move(*read);
  return Error(Code::internal, "an error that cannot be read: " + read.error().line());
}

Object to_json(const model::TerminationRecord& record) {
  Object out;
  out["type"] = record.type;
  if (!record.description.empty()) out["description"] = record.description;
  if (!record.culprit.empty()) out["culprit"] = record.culprit;
  if (!record.cause.empty()) out["cause"] = record.cause;
  return out;
}

Result<model::TerminationRecord> record_from_json(const Object& object) {
  model::TerminationRecord out;
  out.type = TRY(wire::json::string_at(object, "type"));
  out.description = TRY(wire::json::string_or(object, "description", ""));
  out.culprit = TRY(wire::json::string_or(object, "culprit", ""));
  out.cause = TRY(wire::json::string_or(object, "cause", ""));
  return out;
}

std::string time_text(WallTime time) {
  return time.iso8601();
}

Result<WallTime> time_from_text(std::string_view text) {
  return WallTime::parse_iso8601(text);
}

}  // namespace croft::protocol
