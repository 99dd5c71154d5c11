#include "protocol/fields.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/text.h"

namespace croft::protocol {

std::string Writer::base64_of(const Secret& value) {
  return base64(value.reveal());
}

wire::json::Value Writer::json(const std::string& value) {
  if (valid_utf8(value)) return wire::json::Value(value);
  wire::json::Object out;
  out["$bytes"] = base64(value);
  return out;
}

wire::json::Value Writer::json(const std::map<std::string, double>& values) {
  wire::json::Object out;
  for (const auto& [name, value] : values) out[name] = fmt::format("{}", value);
  return out;
}

Result<int64_t> Reader::whole(const wire::json::Value& found, int64_t least, int64_t most) {
  if (!found.is_int64()) return wrong(found, "a whole number");
  int64_t value = found.get_int64();
  if (value < least || value > most)
    return fail(Code::invalid_argument,
                fmt::format("{} is not between {} and {}", value, least, most));
  return value;
}

Result<> Reader::take(const wire::json::Value& found, std::string& value) {
  if (found.is_object()) {
    auto bytes = unbase64(TRY(wire::json::string_at(found.get_object(), "$bytes")));
    if (!bytes) return fail(Code::syntax, "it is not base64");
    value = *std::move(bytes);
    return {};
  }
  if (!found.is_string()) return wrong(found, "a string");
  value = found.get_string();
  return {};
}

Result<> Reader::take(const wire::json::Value& found, bool& value) {
  if (!found.is_bool()) return wrong(found, "true or false");
  value = found.get_bool();
  return {};
}

Result<> Reader::take(const wire::json::Value& found, Duration& value) {
  value = Duration::nanoseconds(TRY(whole(found, 0, Duration::forever().ns())));
  return {};
}

Result<> Reader::take(const wire::json::Value& found, Bytes& value) {
  value = Bytes(TRY(whole(found, 0, INT64_MAX)));
  return {};
}

Result<> Reader::take(const wire::json::Value& found, WallTime& value) {
  value.ns = TRY(whole(found, INT64_MIN, INT64_MAX));
  return {};
}

Result<> Reader::take(const wire::json::Value& found, Secret& value) {
  if (!found.is_string()) return wrong(found, "base64");
  auto bytes = unbase64(std::string_view(found.get_string()));
  if (!bytes) return fail(Code::syntax, "it is not base64");
  value = Secret(std::move(*bytes));
  return {};
}

Result<> Reader::take(const wire::json::Value& found, Error& value) {
  if (!found.is_object()) return wrong(found, "an object");
  value = error_from_json(found.get_object());
  return {};
}

Result<> Reader::take(const wire::json::Value& found, wire::json::Object& value) {
  if (!found.is_object()) return wrong(found, "an object");
  value = found.get_object();
  return {};
}

Result<> Reader::take(const wire::json::Value& found, std::map<std::string, std::string>& value) {
  if (!found.is_object()) return wrong(found, "an object");
  for (const auto& [name, item] : found.get_object()) {
    if (!item.is_string()) return wrong(item, "a string");
    value[std::string(name)] = item.get_string();
  }
  return {};
}

Result<> Reader::take(const wire::json::Value& found, std::map<std::string, double>& value) {
  std::map<std::string, std::string> texts;
  TRY(take(found, texts));
  for (const auto& [name, text] : texts) {
    double number = 0;
    auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !std::isfinite(number))
      return fail(Code::syntax, fmt::format("'{}' is no number", printable(text)));
    value[name] = number;
  }
  return {};
}

}  // namespace croft::protocol
