#include "model/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace croft::model {
namespace {

constexpr std::string_view reserved[] = {
    "APPLY",     "ASSERT",      "ATTRIB",  "CONSTANT", "DATA",     "ELSE",
    "ENDSWITCH", "ENVPROPERTY", "FI",      "HERE",     "HOST",     "IENVPROPERTY",
    "IF",        "IPROPERTY",   "LAZY",    "NULL",     "OPTIONAL", "PARENT",
    "PROCESS",   "PROPERTY",    "ROOT",    "SWITCH",   "TBD",      "THEN",
    "THIS",      "VAR",         "extends", "false",    "true"};

enum Mark : uint8_t { starts_word = 1, in_word = 2, in_string = 4 };

/// What a byte may be part of as it stands.
constexpr std::array<uint8_t, 256> make_marks() {
  std::array<uint8_t, 256> out{};
  for (int c = 0x20; c < 0x7F; ++c)
    if (c != '"' && c != '\\') out[static_cast<size_t>(c)] = in_string;
  for (int c = 'a'; c <= 'z'; ++c) out[static_cast<size_t>(c)] |= starts_word | in_word;
  for (int c = 'A'; c <= 'Z'; ++c) out[static_cast<size_t>(c)] |= starts_word | in_word;
  for (int c = '0'; c <= '9'; ++c) out[static_cast<size_t>(c)] |= in_word;
  for (char c : std::string_view("_$")) out[static_cast<unsigned char>(c)] |= starts_word | in_word;
  for (char c : std::string_view(".-+@#~%^&")) out[static_cast<unsigned char>(c)] |= in_word;
  return out;
}
constexpr std::array<uint8_t, 256> marks = make_marks();
bool has(char c, uint8_t mark) {
  return (marks[static_cast<unsigned char>(c)] & mark) != 0;
}

bool is_plain_word(std::string_view name) {
  if (name.empty() || !has(name[0], starts_word)) return false;
  for (char c : name)
    if (!has(c, in_word)) return false;
  return true;
}

/// The next code point of UTF-8 text; a stray byte stands for itself.
uint32_t next_code_point(std::string_view text, size_t& at) {
  auto byte = static_cast<unsigned char>(text[at++]);
  int more = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0;
  if (more == 0 || at + static_cast<size_t>(more) > text.size()) return byte;
  uint32_t point = byte & (0x3Fu >> more);
  for (int i = 0; i < more; ++i)
    point = (point << 6) | (static_cast<unsigned char>(text[at++]) & 0x3Fu);
  return point;
}

void write_utf16(uint32_t point, std::string& out) {
  if (point < 0x10000) {
    out += fmt::format("\\u{:04x}", point);
    return;
  }
  point -= 0x10000;
  out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (point >> 10), 0xDC00 + (point & 0x3FF));
}

template <class Number>
void write_shortest(Number value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  char buffer[64];
  double size = std::fabs(static_cast<double>(value));
  if (size == 0 || (size >= 1e-3 && size < 1e7)) {
    auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
    std::string_view text(buffer, static_cast<size_t>(end - buffer));
    out += text;
    if (text.find('.') == std::string_view::npos) out += ".0";
    return;
  }
  auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  size_t e = text.find('e');
  std::string_view mantissa = text.substr(0, e);
  out += mantissa;
  if (mantissa.find('.') == std::string_view::npos) out += ".0";
  out += 'E';
  std::string_view exponent = text.substr(e + 1);
  if (exponent.front() == '-') out += '-';
  exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent.front() == '0') exponent.remove_prefix(1);
  out += exponent;
}

std::string_view keyword_of(Part::Kind kind) {
  switch (kind) {
    case Part::Kind::here:
      return "HERE";
    case Part::Kind::attrib:
      return "ATTRIB";
    case Part::Kind::parent:
      return "PARENT";
    case Part::Kind::root:
      return "ROOT";
    case Part::Kind::self:
      return "THIS";
    case Part::Kind::process:
      return "PROCESS";
    case Part::Kind::host:
      return "HOST";
    case Part::Kind::property:
      return "PROPERTY";
    case Part::Kind::iproperty:
      return "IPROPERTY";
    case Part::Kind::env_property:
      return "ENVPROPERTY";
    case Part::Kind::ienv_property:
      return "IENVPROPERTY";
    case Part::Kind::constant:
      return "CONSTANT";
  }
  return "";
}

void write_part(const Part& part, bool first, std::string& out) {
  switch (part.kind) {
    case Part::Kind::parent:
    case Part::Kind::root:
    case Part::Kind::self:
    case Part::Kind::process:
      out += keyword_of(part.kind);
      return;
    case Part::Kind::here:
    case Part::Kind::attrib: {
      // The first word looks upward and the later ones only inside, so these need no keyword.
      bool implied = (part.kind == Part::Kind::attrib) == first && is_plain_word(part.name) &&
                     !is_reserved_word(part.name);
      if (!implied) {
        out += keyword_of(part.kind);
        out += ' ';
      }
      break;
    }
    case Part::Kind::host:
    case Part::Kind::property:
    case Part::Kind::iproperty:
    case Part::Kind::env_property:
    case Part::Kind::ienv_property:
    case Part::Kind::constant:
      out += keyword_of(part.kind);
      out += ' ';
      break;
  }
  write_name(part.name, out);
}

}  // namespace

bool is_reserved_word(std::string_view word) {
  // Most names are told apart by their first letter and their length.
  if (word.size() < 2 || word.size() > 12) return false;
  char first = word[0];
  if ((first < 'A' || first > 'V') && first != 'e' && first != 'f' && first != 't') return false;
  return std::binary_search(std::begin(reserved), std::end(reserved), word);
}

void write_name(std::string_view name, std::string& out) {
  if (is_plain_word(name) && !is_reserved_word(name))
    out += name;
  else
    write_string(name, out);
}

void write_string(std::string_view text, std::string& out) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    size_t plain = at;
    while (plain < text.size() && has(text[plain], in_string)) ++plain;
    out.append(text.substr(at, plain - at));
    at = plain;
    if (at == text.size()) break;
    char c = text[at];
    switch (c) {
      case '\n':
        out += "\\n";
        ++at;
        continue;
      case '\t':
        out += "\\t";
        ++at;
        continue;
      case '\b':
        out += "\\b";
        ++at;
        continue;
      case '\r':
        out += "\\r";
        ++at;
        continue;
      case '\f':
        out += "\\f";
        ++at;
        continue;
      case '\\':
        out += "\\\\";
        ++at;
        continue;
      case '"':
        out += "\\\"";
        ++at;
        continue;
      default:
        break;
    }
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\{:03o}", byte);
      ++at;
      continue;
    }
    size_t start = at;
    uint32_t point = next_code_point(text, at);
    if (point > 0xFF)
      write_utf16(point, out);
    else
      out += text.substr(start, at - start);
  }
  out += '"';
}

void write_number(double value, std::string& out) {
  write_shortest(value, out);
}
void write_number(float value, std::string& out) {
  write_shortest(value, out);
}

void write_parts(const Reference& reference, std::string& out) {
  for (size_t i = 0; i < reference.parts.size(); ++i) {
    if (i > 0) out += ':';
    write_part(reference.parts[i], i == 0, out);
  }
}

void write_reference(const Reference& reference, std::string& out) {
  if (reference.data) out += "DATA ";
  if (reference.lazy) out += "LAZY ";
  if (reference.optional) {
    out += "OPTIONAL";
    if (!reference.fallback.is(Value::Kind::null)) {
      out += '(';
      write_primitive(reference.fallback, out);
      out += ')';
    }
    out += ' ';
  }
  write_parts(reference, out);
}

void write_primitive(const Value& value, std::string& out) {
  switch (value.kind()) {
    case Value::Kind::null:
      out += "NULL";
      return;
    case Value::Kind::tbd:
      out += "TBD";
      return;
    case Value::Kind::boolean:
      out += *value.get<bool>() ? "true" : "false";
      return;
    case Value::Kind::integer:
      out += std::to_string(*value.get<int32_t>());
      return;
    case Value::Kind::long_integer:
      out += std::to_string(*value.get<int64_t>());
      out += 'L';
      return;
    case Value::Kind::single:
      write_number(*value.get<float>(), out);
      return;
    case Value::Kind::real:
      write_number(*value.get<double>(), out);
      if (!value.bare_decimal()) out += 'D';
      return;
    case Value::Kind::string:
      write_string(*value.get<std::string>(), out);
      return;
    case Value::Kind::bytes:
      out += "#HEX#" + to_upper(hex(value.get<ByteArray>()->bytes)) + "#";
      return;
    case Value::Kind::reference:
      if (const auto& link = *value.get<std::shared_ptr<const Reference>>())
        write_reference(*link, out);
      return;
    case Value::Kind::vector: {
      out += "[|";
      bool first = true;
      for (const auto& item : *value.get<Vector>()) {
        if (!first) out += ", ";
        first = false;
        write_primitive(item, out);
      }
      out += "|]";
      return;
    }
    case Value::Kind::call:
      out += "LAZY APPLY {}";
      return;
    case Value::Kind::component:
      out += "extends {}";
      return;
  }
}

std::string Reference::text() const {
  std::string out;
  write_reference(*this, out);
  return out;
}

}  // namespace croft::model
