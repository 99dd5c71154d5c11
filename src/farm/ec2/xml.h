// Writes the elements of an EC2 answer straight into one string: lists of a thousand instances must
// not cost a tree. Names are literals of this module; values are escaped. Thread-compatible.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

#include "base/units.h"
#include "wire/xml.h"

namespace croft::farm::ec2 {

class Xml {
 public:
  /// <name>value</name>; an empty value as <name/>, as EC2 writes it.
  Xml& text(std::string_view name, std::string_view value) {
    if (value.empty()) {
      out_.append("<").append(name).append("/>");
      return *this;
    }
    out_.append("<").append(name).append(">");
    wire::xml::escape_into(out_, value);
    return end(name);
  }
  /// A literal of this module: nothing in it needs escaping.
  template <size_t size>
  Xml& text(std::string_view name, const char (&literal)[size]) {
    return plain(name, std::string_view(literal, size - 1));
  }
  /// The same for ids and whatever else holds no character that needs escaping.
  Xml& plain(std::string_view name, std::string_view value) {
    if (value.empty()) {
      out_.append("<").append(name).append("/>");
      return *this;
    }
    put(name, value);
    return *this;
  }
  /// The same, left out when empty.
  Xml& optional(std::string_view name, std::string_view value) {
    return value.empty() ? *this : text(name, value);
  }
  Xml& number(std::string_view name, int64_t value) {
    out_.append("<").append(name).append(">").append(std::to_string(value));
    return end(name);
  }
  Xml& flag(std::string_view name, bool value) { return plain(name, value ? "true" : "false"); }
  Xml& time(std::string_view name, WallTime value) { return plain(name, value.iso8601()); }
  /// <name>...</name> around what `body` writes.
  template <class Body>
  Xml& in(std::string_view name, Body&& body) {
    out_.append("<").append(name).append(">");
    body();
    return end(name);
  }
  /// <name><item>...</item>...</name>: `each` writes the inside of one item.
  template <class List, class Each>
  Xml& list(std::string_view name, const List& list, Each&& each) {
    return in(name, [&] {
      for (const auto& one : list) in("item", [&] { each(one); });
    });
  }
  std::string take() { return std::move(out_); }
  /// Room for so many bytes: growing by doubling copies a long list as often as it is written.
  void reserve(size_t bytes) { out_.reserve(bytes); }

 private:
  /// <name>value</name> at once: most of an answer is this.
  void put(std::string_view name, std::string_view value) {
    constexpr size_t marks = 5;
    const size_t begin = out_.size();
    const size_t whole = begin + 2 * name.size() + value.size() + marks;
    // Not what it is told of the size: that may be all the room there is.
    out_.resize_and_overwrite(whole, [&](char* data, size_t) {
      char* at = data + begin;
      *at++ = '<';
      at = std::copy(name.begin(), name.end(), at);
      *at++ = '>';
      at = std::copy(value.begin(), value.end(), at);
      *at++ = '<';
      *at++ = '/';
      at = std::copy(name.begin(), name.end(), at);
      *at = '>';
      return whole;
    });
  }
  Xml& end(std::string_view name) {
    out_.append("</").append(name).append(">");
    return *this;
  }
  std::string out_;
};

/// The whole answer of actions that only succeed.
inline std::string answer_true() {
  return "<return>true</return>";
}

}  // namespace croft::farm::ec2
