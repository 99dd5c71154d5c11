// Boost.JSON behind croft's manners: bounded parsing with line and column, typed getters that name
// the field, and two writers (compact, pretty) that print numbers as people do. Pure.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace croft::wire::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

struct Limits {
  Bytes size = Bytes::mib(8);
  int depth = 32;
};

/// Strict RFC 8259, UTF-8. Code::syntax with file `what` and line:column; a name twice in one
/// object is refused; Code::resource_exhausted above the limits.
Result<Value> parse(std::string_view text, std::string_view what = "JSON", Limits limits = {});
/// The same, and the top must be an object.
Result<Object> parse_object(std::string_view text, std::string_view what = "JSON",
                            Limits limits = {});

// Required members: Code::not_found (with the nearest name as hint) or Code::type_mismatch.
Result<std::string> string_at(const Object& object, std::string_view name);
Result<int64_t> int_at(const Object& object, std::string_view name);
Result<double> number_at(const Object& object, std::string_view name);
Result<bool> bool_at(const Object& object, std::string_view name);
Result<const Object*> object_at(const Object& object, std::string_view name);
Result<const Array*> array_at(const Object& object, std::string_view name);
Result<std::vector<std::string>> strings_at(const Object& object, std::string_view name);

// Members that may be absent or null: the fallback then; another type is Code::type_mismatch.
Result<std::string> string_or(const Object& object, std::string_view name,
                              std::string_view fallback);
Result<int64_t> int_or(const Object& object, std::string_view name, int64_t fallback);
Result<bool> bool_or(const Object& object, std::string_view name, bool fallback);
/// Null when absent or null.
Result<const Object*> object_if(const Object& object, std::string_view name);
Result<const Array*> array_if(const Object& object, std::string_view name);

/// "string", "object", ...: for messages.
std::string_view kind_of(const Value& value);

std::string compact(const Value& value);
/// Two spaces an indent, one member a line, newline at the end.
std::string pretty(const Value& value);
/// `text` as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
std::string quote(std::string_view text);

}  // namespace croft::wire::json
