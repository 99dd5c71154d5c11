#include "wire/json.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "wire/source_text.h"

namespace croft::wire::json {
namespace {

namespace bj = boost::json;

/// Builds the tree itself, since boost::json::parse keeps the last of two members with one name.
struct Builder {
  static constexpr size_t max_object_size = SIZE_MAX;
  static constexpr size_t max_array_size = SIZE_MAX;
  static constexpr size_t max_key_size = SIZE_MAX;
  static constexpr size_t max_string_size = SIZE_MAX;
  using error_code = boost::system::error_code;

  std::vector<Value> open;         // containers not yet closed; at the end the document
  std::vector<std::string> names;  // the name each open object's next value will have
  std::string part;
  std::string duplicate;

  bool put(Value value) {
    if (open.empty()) {
      open.push_back(std::move(value));
      return true;
    }
    if (Array* array = open.back().if_array())
      array->push_back(std::move(value));
    else
      open.back().get_object().emplace(names.back(), std::move(value));
    return true;
  }
  bool end_container() {
    if (open.size() == 1) return true;
    Value value = std::move(open.back());
    open.pop_back();
    return put(std::move(value));
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    open.emplace_back(Object());
    names.emplace_back();
    return true;
  }
  bool on_object_end(size_t, error_code&) {
    names.pop_back();
    return end_container();
  }
  bool on_array_begin(error_code&) {
    open.emplace_back(Array());
    names.emplace_back();
    return true;
  }
  bool on_array_end(size_t, error_code&) {
    names.pop_back();
    return end_container();
  }
  bool on_key_part(bj::string_view text, size_t, error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool on_key(bj::string_view text, size_t, error_code& ec) {
    part.append(text.data(), text.size());
    names.back() = std::exchange(part, {});
    if (!open.back().get_object().contains(names.back())) return true;
    duplicate = names.back();
    ec = bj::error::syntax;
    return false;
  }
  bool on_string_part(bj::string_view text, size_t, error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool on_string(bj::string_view text, size_t, error_code&) {
    part.append(text.data(), text.size());
    return put(Value(std::exchange(part, {})));
  }
  bool on_number_part(bj::string_view text, error_code&) {
    part.append(text.data(), text.size());
    return true;
  }
  bool on_int64(int64_t value, bj::string_view, error_code&) {
    part.clear();
    return put(value);
  }
  bool on_uint64(uint64_t value, bj::string_view, error_code&) {
    part.clear();
    return put(value);
  }
  bool on_double(double value, bj::string_view text, error_code&) {
    // Boost 1.81 rounds to a neighbour now and then; what was written must be what is read.
    part.append(text.data(), text.size());
    std::from_chars(part.data(), part.data() + part.size(), value);
    part.clear();
    return put(value);
  }
  bool on_bool(bool value, error_code&) { return put(value); }
  bool on_null(error_code&) { return put(nullptr); }
  bool on_comment_part(bj::string_view, error_code&) { return true; }
  bool on_comment(bj::string_view, error_code&) { return true; }
};

void print_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  // "-0" would be read back as the whole number 0.
  out += value == 0 && std::signbit(value) ? "-0.0" : fmt::format("{}", value);
}

void print_string(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
          out += c;
        } else {
          out += "\\u00";
          out += digits[static_cast<unsigned char>(c) >> 4];
          out += digits[c & 15];
        }
    }
  }
  out += '"';
}

struct Printer {
  std::string out;
  bool spaced = false;

  void line(int depth) {
    if (!spaced) return;
    out += '\n';
    out.append(static_cast<size_t>(depth) * 2, ' ');
  }
  void print(const Value& value, int depth) {
    switch (value.kind()) {
      case bj::kind::null:
        out += "null";
        break;
      case bj::kind::bool_:
        out += value.get_bool() ? "true" : "false";
        break;
      case bj::kind::int64:
        out += std::to_string(value.get_int64());
        break;
      case bj::kind::uint64:
        out += std::to_string(value.get_uint64());
        break;
      case bj::kind::double_:
        print_number(out, value.get_double());
        break;
      case bj::kind::string:
        out += quote({value.get_string().data(), value.get_string().size()});
        break;
      case bj::kind::array:
        print_array(value.get_array(), depth);
        break;
      case bj::kind::object:
        print_object(value.get_object(), depth);
        break;
    }
  }
  void print_array(const Array& array, int depth) {
    out += '[';
    for (size_t i = 0; i < array.size(); ++i) {
      if (i > 0) out += ',';
      line(depth + 1);
      print(array[i], depth + 1);
    }
    if (!array.empty()) line(depth);
    out += ']';
  }
  void print_object(const Object& object, int depth) {
    out += '{';
    bool first = true;
    for (const auto& member : object) {
      if (!std::exchange(first, false)) out += ',';
      line(depth + 1);
      out += quote({member.key().data(), member.key().size()});
      out += spaced ? ": " : ":";
      print(member.value(), depth + 1);
    }
    if (!object.empty()) line(depth);
    out += '}';
  }
};

const Value* find(const Object& object, std::string_view name) {
  auto found = object.find(bj::string_view(name.data(), name.size()));
  return found == object.end() ? nullptr : &found->value();
}

std::unexpected<Error> missing(const Object& object, std::string_view name) {
  Error error(Code::not_found, fmt::format("'{}' is missing", name));
  std::vector<std::string> names;
  for (const auto& member : object) names.emplace_back(member.key().data(), member.key().size());
  if (std::string hint = did_you_mean(name, names); !hint.empty()) error.hint(std::move(hint));
  return fail(std::move(error));
}

std::unexpected<Error> mismatch(std::string_view name, std::string_view wanted,
                                const Value& found) {
  return fail(Code::type_mismatch,
              fmt::format("'{}' must be {}, not {}", name, wanted, kind_of(found)));
}

Result<std::string> as_string(const Value& value, std::string_view name) {
  if (!value.is_string()) return mismatch(name, "a string", value);
  return std::string(value.get_string().data(), value.get_string().size());
}
Result<int64_t> as_int(const Value& value, std::string_view name) {
  if (value.is_int64()) return value.get_int64();
  return mismatch(name, "a whole number of 64 bits", value);
}
Result<bool> as_bool(const Value& value, std::string_view name) {
  if (!value.is_bool()) return mismatch(name, "true or false", value);
  return value.get_bool();
}

}  // namespace

Result<Value> parse(std::string_view text, std::string_view what, Limits limits) {
  if (text.size() > static_cast<size_t>(limits.size.count()))
    return fail(Code::resource_exhausted, fmt::format("{} of {} bytes is more than the limit of {}",
                                                      what, text.size(), limits.size.text()));
  bj::parse_options options;
  options.max_depth = static_cast<size_t>(limits.depth);
  bj::basic_parser<Builder> parser(options);
  boost::system::error_code ec;
  size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && used < text.size()) ec = bj::error::extra_data;
  if (!ec) return std::move(parser.handler().open.front());

  Where where = place_in(text, used, what);
  if (!parser.handler().duplicate.empty() || ec == bj::error::syntax) {
    if (!parser.handler().duplicate.empty())
      return fail(Code::syntax,
                  "'" + printable(parser.handler().duplicate) + "' stands twice in one object",
                  where);
    return fail(Code::syntax, "this is not JSON", where);
  }
  if (ec == bj::error::too_deep)
    return fail(Code::resource_exhausted, fmt::format("nested deeper than {}", limits.depth),
                where);
  if (ec == bj::error::incomplete) return fail(Code::syntax, "the JSON text ends too early", where);
  return fail(Code::syntax, "not JSON: " + ec.message(), where);
}

Result<Object> parse_object(std::string_view text, std::string_view what, Limits limits) {
  Value value = TRY(parse(text, what, limits));
  if (!value.is_object())
    return fail(Code::type_mismatch,
                fmt::format("{} must be an object, not {}", what, kind_of(value)));
  return std::move(value.get_object());
}

Result<std::string> string_at(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (!value) return missing(object, name);
  return as_string(*value, name);
}

Result<int64_t> int_at(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (!value) return missing(object, name);
  return as_int(*value, name);
}

Result<double> number_at(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (!value) return missing(object, name);
  if (value->is_double()) return value->get_double();
  if (value->is_int64()) return static_cast<double>(value->get_int64());
  if (value->is_uint64()) return static_cast<double>(value->get_uint64());
  return mismatch(name, "a number", *value);
}

Result<bool> bool_at(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (!value) return missing(object, name);
  return as_bool(*value, name);
}

Result<const Object*> object_at(const Object& object, std::string_view name) {
  if (!find(object, name)) return missing(object, name);
  const Object* found = TRY(object_if(object, name));
  if (!found) return mismatch(name, "an object", nullptr);
  return found;
}

Result<const Array*> array_at(const Object& object, std::string_view name) {
  if (!find(object, name)) return missing(object, name);
  const Array* found = TRY(array_if(object, name));
  if (!found) return mismatch(name, "an array", nullptr);
  return found;
}

Result<std::vector<std::string>> strings_at(const Object& object, std::string_view name) {
  const Array* array = TRY(array_at(object, name));
  std::vector<std::string> out;
  for (const Value& value : *array)
    out.push_back(TRY(as_string(value, fmt::format("{}[{}]", name, out.size()))));
  return out;
}

Result<std::string> string_or(const Object& object, std::string_view name,
                              std::string_view fallback) {
  const Value* value = find(object, name);
  if (!value || value->is_null()) return std::string(fallback);
  return as_string(*value, name);
}

Result<int64_t> int_or(const Object& object, std::string_view name, int64_t fallback) {
  const Value* value = find(object, name);
  if (!value || value->is_null()) return fallback;
  return as_int(*value, name);
}

Result<bool> bool_or(const Object& object, std::string_view name, bool fallback) {
  const Value* value = find(object, name);
  if (!value || value->is_null()) return fallback;
  return as_bool(*value, name);
}

Result<const Object*> object_if(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (!value || value->is_null()) return static_cast<const Object*>(nullptr);
  if (!value->is_object()) return mismatch(name, "an object", *value);
  return &value->get_object();
}

Result<const Array*> array_if(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (!value || value->is_null()) return static_cast<const Array*>(nullptr);
  if (!value->is_array()) return mismatch(name, "an array", *value);
  return &value->get_array();
}

std::string_view kind_of(const Value& value) {
  switch (value.kind()) {
    case bj::kind::null:
      return "null";
    case bj::kind::bool_:
      return "a boolean";
    case bj::kind::int64:
    case bj::kind::uint64:
    case bj::kind::double_:
      return "a number";
    case bj::kind::string:
      return "a string";
    case bj::kind::array:
      return "an array";
    case bj::kind::object:
      return "an object";
  }
  return "nothing";
}

std::string compact(const Value& value) {
  Printer printer;
  printer.print(value, 0);
  return std::move(printer.out);
}

std::string pretty(const Value& value) {
  Printer printer;
  printer.spaced = true;
  printer.print(value, 0);
  printer.out += '\n';
  return std::move(printer.out);
}

std::string quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  if (valid_utf8(text))
    print_string(out, text);
  else
    print_string(out, repair_utf8(text));
  return out;
}

}  // namespace croft::wire::json
