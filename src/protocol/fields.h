// A shape's members named once, for writing and reading: `template <class F> void members(F& f, T&
// t) { f("name", t.name); ... }`. A Writer leaves out what has its default; a Reader takes absent
// members as their defaults and keeps the first error. Pure.
#pragma once
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "base/secret.h"
#include "base/units.h"
#include "protocol/json_model.h"

namespace croft::protocol {

/// Words of an enumeration: its values from 0 on, in order.
template <class E>
struct Words;

class Writer {
 public:
  explicit Writer(wire::json::Object& into) : into_(into) {}

  template <class T>
  void operator()(const char* name, const T& value) {
    if constexpr (requires { value.empty(); }) {
      if (value.empty()) return;
    } else if constexpr (requires { value == T{}; }) {
      if (value == T{}) return;
    }
    into_[name] = json(value);
  }
  void operator()(const char* name, const Secret& value) {
    if (!value.empty()) into_[name] = base64_of(value);
  }
  /// Written although it may be the default.
  template <class T>
  void always(const char* name, const T& value) {
    into_[name] = json(value);
  }

 private:
  static std::string base64_of(const Secret& value);
  /// Bytes that are no UTF-8 become {"$bytes": base64}: files and outputs hold anything.
  static wire::json::Value json(const std::string& value);
  static wire::json::Value json(bool value) { return value; }
  static wire::json::Value json(Duration value) { return value.ns(); }
  static wire::json::Value json(Bytes value) { return value.count(); }
  static wire::json::Value json(WallTime value) { return value.ns; }
  static wire::json::Value json(const wire::json::Object& value) { return value; }
  static wire::json::Value json(const Error& value) { return to_json(value); }
  template <class T>
    requires std::is_integral_v<T>
  static wire::json::Value json(T value) {
    return static_cast<int64_t>(value);
  }
  template <class T>
    requires std::is_enum_v<T>
  static wire::json::Value json(T value) {
    return wire::json::Value(std::string(Words<T>::all[static_cast<size_t>(value)]));
  }
  template <class T>
  static wire::json::Value json(const std::optional<T>& value) {
    return value ? json(*value) : wire::json::Value(nullptr);
  }
  template <class T>
  static wire::json::Value json(const std::vector<T>& values) {
    wire::json::Array out;
    for (const T& value : values) out.push_back(json(value));
    return out;
  }
  static wire::json::Value json(const std::map<std::string, std::string>& values) {
    wire::json::Object out;
    for (const auto& [name, value] : values) out[name] = value;
    return out;
  }
  /// As text: what is read back is the same number.
  static wire::json::Value json(const std::map<std::string, double>& values);
  template <class T>
    requires requires(Writer& f, T& t) { members(f, t); }
  static wire::json::Value json(const T& value) {
    wire::json::Object out;
    Writer writer(out);
    members(writer, const_cast<T&>(value));
    return out;
  }

  wire::json::Object& into_;
};

class Reader {
 public:
  explicit Reader(const wire::json::Object& from) : from_(from) {}
  Result<> done() && { return error_ ? Result<>(fail(std::move(*error_))) : Result<>(); }

  template <class T>
  void operator()(const char* name, T& value) {
    const wire::json::Value* found = from_.if_contains(name);
    if (error_ || !found || found->is_null()) return;
    auto read = take(*found, value);
    if (!read) error_ = std::move(read).error().frame(std::string("in '") + name + "'");
  }
  template <class T>
  void always(const char* name, T& value) {
    if (!error_ && !from_.contains(name))
      error_ = Error(Code::not_found, std::string("'") + name + "' is missing");
    (*this)(name, value);
  }

 private:
  static std::unexpected<Error> wrong(const wire::json::Value& found, const char* wanted) {
    return fail(Code::type_mismatch,
                std::string(wanted) + " is wanted, not " + std::string(wire::json::kind_of(found)));
  }
  static Result<> take(const wire::json::Value& found, std::string& value);
  static Result<> take(const wire::json::Value& found, bool& value);
  static Result<> take(const wire::json::Value& found, Duration& value);
  static Result<> take(const wire::json::Value& found, Bytes& value);
  static Result<> take(const wire::json::Value& found, WallTime& value);
  static Result<> take(const wire::json::Value& found, Secret& value);
  static Result<> take(const wire::json::Value& found, Error& value);
  static Result<> take(const wire::json::Value& found, wire::json::Object& value);
  static Result<> take(const wire::json::Value& found, std::map<std::string, std::string>& value);
  static Result<> take(const wire::json::Value& found, std::map<std::string, double>& value);
  static Result<int64_t> whole(const wire::json::Value& found, int64_t least, int64_t most);
  template <class T>
    requires(std::is_integral_v<T>)
  static Result<> take(const wire::json::Value& found, T& value) {
    constexpr int64_t least = std::is_signed_v<T> && sizeof(T) < 8
                                  ? int64_t{std::numeric_limits<T>::min()}
                              : std::is_signed_v<T> ? INT64_MIN
                                                    : 0;
    constexpr int64_t most =
        sizeof(T) < 8 ? static_cast<int64_t>(std::numeric_limits<T>::max()) : INT64_MAX;
    value = static_cast<T>(TRY(whole(found, least, most)));
    return {};
  }
  template <class T>
    requires std::is_enum_v<T>
  static Result<> take(const wire::json::Value& found, T& value) {
    std::string word;
    TRY(take(found, word));
    for (size_t i = 0; i < std::size(Words<T>::all); ++i)
      if (Words<T>::all[i] == word) {
        value = static_cast<T>(i);
        return {};
      }
    return fail(Code::invalid_argument, "'" + printable(word) + "' is not a known word");
  }
  template <class T>
  static Result<> take(const wire::json::Value& found, std::optional<T>& value) {
    value.emplace();
    return take(found, *value);
  }
  template <class T>
  static Result<> take(const wire::json::Value& found, std::vector<T>& values) {
    if (!found.is_array()) return wrong(found, "an array");
    for (const auto& item : found.get_array()) {
      T value;
      TRY(take(item, value));
      values.push_back(std::move(value));
    }
    return {};
  }
  template <class T>
    requires requires(Reader& f, T& t) { members(f, t); }
  static Result<> take(const wire::json::Value& found, T& value) {
    if (!found.is_object()) return wrong(found, "an object");
    Reader reader(found.get_object());
    members(reader, value);
    return std::move(reader).done();
  }

  const wire::json::Object& from_;
  std::optional<Error> error_;
};

/// A shape whose members() are told, behind what `out` holds already.
template <class T>
wire::json::Object written(const T& value, wire::json::Object out = {}) {
  Writer writer(out);
  members(writer, const_cast<T&>(value));
  return out;
}

template <class T>
Result<T> read(const wire::json::Object& object) {
  T out{};
  Reader reader(object);
  members(reader, out);
  TRY(std::move(reader).done());
  return out;
}

}  // namespace croft::protocol
