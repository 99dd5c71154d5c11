// Both directions of a record in one list of fields, so that they cannot drift apart: a record type
// gives fields(io, record), and encode() and decode() follow. decode() refuses what it does not
// understand (Code::corrupt), but fields named with later() may be missing in records of before.
#pragma once
#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "base/units.h"
#include "farm/ec2/filter.h"

namespace croft::farm::ec2 {

class RecordWriter {
 public:
  void field(std::string_view name, const std::string& value) { object_[name] = value; }
  void field(std::string_view name, int64_t value) { object_[name] = value; }
  void field(std::string_view name, int value) { object_[name] = value; }
  void field(std::string_view name, bool value) { object_[name] = value; }
  void field(std::string_view name, WallTime value) { object_[name] = value.ns; }
  void field(std::string_view name, const Tags& tags) {
    boost::json::object out;
    for (const auto& [key, value] : tags) out[key] = value;
    object_[name] = std::move(out);
  }
  void field(std::string_view name, const std::vector<std::string>& values) {
    object_[name] = boost::json::array(values.begin(), values.end());
  }
  /// A list of records of their own.
  template <class T>
  void field(std::string_view name, const std::vector<T>& values) {
    boost::json::array out;
    for (const T& value : values) {
      RecordWriter inner;
      fields(inner, value);
      out.push_back(std::move(inner.object_));
    }
    object_[name] = std::move(out);
  }
  template <class T>
  void later(std::string_view name, const T& value) {
    field(name, value);
  }
  void raw(std::string_view name, const std::string& value) { object_[name] = base64(value); }
  std::string text() const { return boost::json::serialize(object_); }

 private:
  boost::json::object object_;
};

class RecordReader {
 public:
  explicit RecordReader(const boost::json::object& object) : object_(object) {}
  void field(std::string_view name, std::string& out) {
    if (auto* v = get(name); v && v->is_string())
      out = std::string(v->get_string());
    else
      bad(name);
  }
  void field(std::string_view name, int64_t& out) {
    if (auto* v = get(name); v && v->is_int64())
      out = v->get_int64();
    else
      bad(name);
  }
  void field(std::string_view name, int& out) {
    int64_t wide = 0;
    field(name, wide);
    out = static_cast<int>(wide);
  }
  void field(std::string_view name, bool& out) {
    if (auto* v = get(name); v && v->is_bool())
      out = v->get_bool();
    else
      bad(name);
  }
  void field(std::string_view name, WallTime& out) { field(name, out.ns); }
  void field(std::string_view name, Tags& out) {
    auto* v = get(name);
    if (!v || !v->is_object()) return bad(name);
    for (const auto& [key, value] : v->get_object())
      if (value.is_string()) out.emplace(std::string(key), std::string(value.get_string()));
  }
  void field(std::string_view name, std::vector<std::string>& out) {
    auto* v = get(name);
    if (!v || !v->is_array()) return bad(name);
    for (const auto& value : v->get_array()) {
      if (!value.is_string()) return bad(name);
      out.emplace_back(value.get_string());
    }
  }
  template <class T>
  void field(std::string_view name, std::vector<T>& out) {
    auto* v = get(name);
    if (!v || !v->is_array()) return bad(name);
    for (const auto& value : v->get_array()) {
      if (!value.is_object()) return bad(name);
      RecordReader inner(value.get_object());
      fields(inner, out.emplace_back());
      if (!inner.wrong().empty()) return bad(inner.wrong());
    }
  }
  template <class T>
  void later(std::string_view name, T& out) {
    if (get(name)) field(name, out);
  }
  void raw(std::string_view name, std::string& out) {
    field(name, out);
    auto plain = unbase64(out);
    if (plain)
      out = std::move(*plain);
    else
      bad(name);
  }
  void bad(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const boost::json::value* get(std::string_view name) const { return object_.if_contains(name); }
  const boost::json::object& object_;
  std::string wrong_;
};

template <class T>
std::string encode_record(const T& record) {
  RecordWriter writer;
  fields(writer, record);
  return writer.text();
}

template <class T>
Result<T> decode_record(std::string_view what, std::string_view text) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object())
    return fail(Code::corrupt, fmt::format("the {} record is not JSON", what));
  T out;
  RecordReader reader(value.get_object());
  fields(reader, out);
  if (!reader.wrong().empty())
    return fail(Code::corrupt, fmt::format("the {} record has no good '{}'", what, reader.wrong()));
  return out;
}

}  // namespace croft::farm::ec2
