#include "components/java/property_file.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"

namespace croft::components {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}

/// The next line with those that it goes on with; `text` is what is left.
std::string logical_line(std::string_view& text, size_t& number) {
  std::string out;
  for (bool first = true;; first = false) {
    size_t end = text.find_first_of("\r\n");
    std::string_view line = text.substr(0, end);
    size_t next = end == std::string_view::npos ? text.size() : end + 1;
    if (end != std::string_view::npos && text.substr(end).starts_with("\r\n")) ++next;
    text.remove_prefix(next);
    ++number;
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    bool comment = first && (line.starts_with('#') || line.starts_with('!'));
    size_t slashes = 0;
    while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
    bool goes_on = !comment && slashes % 2 == 1;
    if (goes_on) line.remove_suffix(1);
    if (!comment) out += line;
    if (!goes_on || text.empty()) return out;
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void add_utf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Four hexadecimal digits; halves of a pair become the replacement character.
std::optional<uint32_t> unicode(std::string_view digits) {
  uint32_t code = 0;
  if (digits.size() < 4) return std::nullopt;
  for (char c : digits.substr(0, 4)) {
    if (hex_value(c) < 0) return std::nullopt;
    code = code * 16 + static_cast<uint32_t>(hex_value(c));
  }
  constexpr uint32_t first_half = 0xD800, after_halves = 0xE000, replacement = 0xFFFD;
  return code >= first_half && code < after_halves ? replacement : code;
}

Result<std::string> unescaped(std::string_view text, size_t line) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      if (text[i] != '\\') out += text[i];
      continue;
    }
    char c = text[++i];
    if (c == 'u') {
      auto code = unicode(text.substr(i + 1));
      if (!code)
        return fail(Code::syntax,
                    fmt::format("line {}: four hexadecimal digits are expected after \\u", line));
      add_utf8(*code, out);
      i += 4;
      continue;
    }
    constexpr std::string_view letters = "tnrf", values = "\t\n\r\f";
    size_t known = letters.find(c);
    out += known == std::string_view::npos ? c : values[known];
  }
  return out;
}

/// Where the name ends: at the first separator that no backslash precedes.
size_t end_of_name(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
      continue;
    }
    if (line[i] == '=' || line[i] == ':' || is_blank(line[i])) return i;
  }
  return line.size();
}

}  // namespace

Result<Properties> parse_properties(std::string_view text) {
  std::map<std::string, std::string> found;
  for (size_t number = 0; !text.empty();) {
    size_t began = number + 1;
    std::string line = logical_line(text, number);
    if (line.empty()) continue;
    size_t end = end_of_name(line);
    std::string_view rest = std::string_view(line).substr(end);
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    if (rest.starts_with('=') || rest.starts_with(':')) rest.remove_prefix(1);
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    std::string name = TRY(unescaped(std::string_view(line).substr(0, end), began));
    found[std::move(name)] = TRY(unescaped(rest, began));
  }
  return Properties(found.begin(), found.end());
}

}  // namespace croft::components
