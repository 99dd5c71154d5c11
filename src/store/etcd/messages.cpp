#include "store/etcd/messages.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::store::etcd {
namespace {

constexpr Bytes line_max = Bytes::mib(512);

std::string text(uint64_t number) {
  return std::to_string(number);
}

/// Of the numbers that gRPC has for failures.
Code code_of(int64_t grpc, std::string_view message) {
  if (message.find("too many requests") != message.npos) return Code::throttled;
  switch (grpc) {
    case 1:
      return Code::cancelled;
    case 3:
      return Code::invalid_argument;
    case 5:
      return Code::not_found;
    case 6:
      return Code::already_exists;
    case 7:
      return Code::permission_denied;
    case 8:
      return Code::resource_exhausted;
    case 9:
      return Code::conflict;
    case 11:
      return Code::corrupt;
    case 12:
      return Code::unsupported;
    case 16:
      return Code::unauthenticated;
    default:
      return Code::unavailable;
  }
}

Error refused(int64_t grpc, std::string message) {
  Error error(code_of(grpc, message), printable(message));
  auto says = [&](std::string_view what) { return message.find(what) != message.npos; };
  if (says("too many operations"))
    error.hint(
        "start the members of etcd with a larger --max-txn-ops (16500 takes all croft does)");
  if (says("request is too large"))
    error.hint("start the members of etcd with a larger --max-request-bytes");
  if (says("database space exceeded"))
    error.hint(
        "compact and defragment etcd, then disarm its alarm; or a larger --quota-backend-bytes");
  // Of a put that is to leave the value as it is.
  if (says("key not found")) error.code = Code::not_found;
  if (says("lease already exists")) error.code = Code::already_exists;
  // A token that ended, or one from before the users were changed.
  if (says("invalid auth token") || says("revision of auth store is old") ||
      says("user name is empty"))
    error.code = Code::unauthenticated;
  if (says("authentication failed")) error.code = Code::permission_denied;
  return error;
}

Result<Entry> entry_of(const Object& kv, size_t strip) {
  Entry entry;
  auto key = unbase64(TRY(wire::json::string_at(kv, "key")));
  auto value = unbase64(TRY(wire::json::string_or(kv, "value", "")));
  if (!key || !value || key->size() < strip)
    return fail(Code::corrupt, "etcd answered with a key that was not asked for");
  entry.key = key->substr(strip);
  entry.value = std::move(*value);
  entry.created = TRY(number(kv, "create_revision"));
  entry.modified = TRY(number(kv, "mod_revision"));
  entry.lease = TRY(number(kv, "lease"));
  return entry;
}

}  // namespace

Object unchanged(std::string_view key, uint64_t modified) {
  return {{"key", base64(key)},
          {"target", "MOD"},
          {"result", "EQUAL"},
          {"mod_revision", text(modified)}};
}

Object put(std::string_view key, std::string_view value, uint64_t lease) {
  Object request{{"key", base64(key)}, {"value", base64(value)}};
  if (lease) request["lease"] = text(lease);
  return {{"request_put", std::move(request)}};
}

Object untie(std::string_view key) {
  return {{"request_put", Object{{"key", base64(key)}, {"ignore_value", true}}}};
}

Object remove(std::string_view key) {
  return {{"request_delete_range", Object{{"key", base64(key)}}}};
}

Object remove_all(const Range& range) {
  return {{"request_delete_range",
           Object{{"key", base64(range.from)}, {"range_end", base64(range.to)}}}};
}

Object get(std::string_view key, bool keys_only) {
  Object request{{"key", base64(key)}};
  if (keys_only) request["keys_only"] = true;
  return {{"request_range", std::move(request)}};
}

Object Txn::object() && {
  return {{"compare", std::move(compare)},
          {"success", std::move(success)},
          {"failure", std::move(failure)}};
}

Object Txn::part() && {
  return {{"request_txn", std::move(*this).object()}};
}

Object range_request(const Range& range, size_t limit, uint64_t revision) {
  Object request{{"key", base64(range.from)}, {"limit", text(limit)}};
  if (!range.to.empty()) request["range_end"] = base64(range.to);
  if (range.keys_only) request["keys_only"] = true;
  if (revision) request["revision"] = text(revision);
  return request;
}

Object watch_request(const Range& range, uint64_t from) {
  return {{"create_request", Object{{"key", base64(range.from)},
                                    {"range_end", base64(range.to)},
                                    {"start_revision", text(from)}}}};
}

Result<uint64_t> number(const Object& object, std::string_view name) {
  auto it = object.find(name);
  if (it == object.end()) return 0;
  if (it->value().is_string()) {
    // Leases are signed there and never negative here, but for "-1: there is none".
    std::string_view digits(it->value().as_string());
    if (digits.starts_with('-')) return 0;
    if (auto parsed = parse_u64(digits)) return *parsed;
  }
  if (it->value().is_int64() && it->value().as_int64() >= 0)
    return static_cast<uint64_t>(it->value().as_int64());
  return fail(Code::corrupt, fmt::format("etcd answered with a '{}' that is no number", name));
}

Result<uint64_t> revision_of(const Object& answer) {
  const Object* header = TRY(wire::json::object_if(answer, "header"));
  if (!header) return 0;
  return number(*header, "revision");
}

Result<std::vector<Entry>> entries(const Object& answer, size_t strip) {
  std::vector<Entry> out;
  const Array* kvs = TRY(wire::json::array_if(answer, "kvs"));
  if (!kvs) return out;
  out.reserve(kvs->size());
  for (const auto& kv : *kvs) {
    if (!kv.is_object())
      return fail(Code::corrupt, "etcd answered with an entry that is no object");
    out.push_back(TRY(entry_of(kv.as_object(), strip)));
  }
  return out;
}

Result<const Object*> part_at(const Object& answer, size_t index, std::string_view kind) {
  const Array* parts = TRY(wire::json::array_if(answer, "responses"));
  if (!parts || index >= parts->size() || !(*parts)[index].is_object())
    return fail(Code::corrupt, fmt::format("etcd's answer has no part {} ({})", index, kind));
  return wire::json::object_at((*parts)[index].as_object(), kind);
}

Result<WatchNews> watch_news(std::string_view line, size_t strip) {
  wire::json::Limits limits;
  limits.size = line_max;
  Object message = TRY(wire::json::parse_object(line, "etcd's watch", limits));
  if (const Object* error = TRY(wire::json::object_if(message, "error")))
    return fail(refusal_in_stream(*error));
  const Object* result = TRY(wire::json::object_at(message, "result"));
  WatchNews news;
  news.cancelled = TRY(wire::json::bool_or(*result, "canceled", false));
  news.compacted = TRY(number(*result, "compact_revision"));
  news.reason = printable(TRY(wire::json::string_or(*result, "cancel_reason", "")));
  const Array* events = TRY(wire::json::array_if(*result, "events"));
  if (!events) return news;
  for (const auto& event : *events) {
    if (!event.is_object()) return fail(Code::corrupt, "etcd told an event that is no object");
    Watched change;
    change.deleted = TRY(wire::json::string_or(event.as_object(), "type", "PUT")) == "DELETE";
    const Object* kv = TRY(wire::json::object_at(event.as_object(), "kv"));
    change.entry = TRY(entry_of(*kv, strip));
    news.changes.push_back(std::move(change));
  }
  return news;
}

Error refusal(int status, std::string_view body) {
  auto object = wire::json::parse_object(body, "etcd's answer");
  if (object) {
    auto code = wire::json::int_or(*object, "code", 0);
    auto message = wire::json::string_or(*object, "error", "");
    if (code && message && *code != 0) return refused(*code, std::move(*message));
  }
  return {status >= 500 ? Code::unavailable : Code::corrupt,
          fmt::format("etcd's gateway answered HTTP {}: {}", status,
                      printable(body.substr(0, std::min<size_t>(body.size(), 200))))};
}

Error refusal_in_stream(const Object& error) {
  auto code = wire::json::int_or(error, "grpc_code", 0);
  auto message = wire::json::string_or(error, "message", "");
  if (!code || !message) return {Code::corrupt, "etcd told an error that cannot be read"};
  return refused(*code, std::move(*message));
}

}  // namespace croft::store::etcd
