// What tokens stand for: names, strings with their escapes decoded, bytes.
#include <fmt/format.h>

#include "base/text.h"
#include "lang/syntax/characters.h"
#include "lang/syntax/lexer.h"

namespace croft::lang {
namespace {

void append_utf8(uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

/// A \uXXXX escape at `at`, a surrogate pair taken together; a lone half becomes U+FFFD.
size_t decode_unicode(std::string_view text, size_t at, std::string& out) {
  Escape first = unicode_escape(text, at);
  if (first.length == 0) return 0;
  size_t length = first.length;
  uint32_t point = first.point;
  if (point >= 0xD800 && point < 0xDC00) {
    Escape second = unicode_escape(text, at + length);
    if (second.length > 0 && second.point >= 0xDC00 && second.point < 0xE000) {
      point = 0x10000 + ((point - 0xD800) << 10) + (second.point - 0xDC00);
      length += second.length;
    } else {
      point = 0xFFFD;
    }
  } else if (point >= 0xDC00 && point < 0xE000) {
    point = 0xFFFD;
  }
  append_utf8(point, out);
  return length;
}

char simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'r':
      return '\r';
    case 'f':
      return '\f';
    default:
      return c;
  }
}

/// Replaces what is not UTF-8 by U+FFFD.
std::string repaired(std::string text) {
  if (valid_utf8(text)) return text;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    auto byte = static_cast<unsigned char>(text[i]);
    size_t size = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    std::string_view piece = std::string_view(text).substr(i, size);
    if (valid_utf8(piece)) {
      out += piece;
      i += size;
    } else {
      append_utf8(0xFFFD, out);
      ++i;
    }
  }
  return out;
}

}  // namespace

bool needs_decoding(std::string_view word_token) {
  return word_token.find('\\') != std::string_view::npos;
}

std::string word_text(std::string_view token) {
  std::string out;
  for (size_t at = 0; at < token.size();) {
    size_t taken = token[at] == '\\' ? decode_unicode(token, at, out) : 0;
    if (taken == 0) out += token[at++];
    at += taken;
  }
  return out;
}

std::string string_text(std::string_view token) {
  if (token.starts_with("##"))
    token.remove_prefix(2);
  else
    token.remove_prefix(1);
  token.remove_suffix(1);
  if (token.find('\\') == std::string_view::npos) return repaired(std::string(token));
  std::string out;
  out.reserve(token.size());
  for (size_t at = 0; at < token.size();) {
    if (token[at] != '\\') {
      out += token[at++];
      continue;
    }
    if (size_t taken = decode_unicode(token, at, out); taken > 0) {
      at += taken;
      continue;
    }
    char c = at + 1 < token.size() ? token[at + 1] : '\\';
    if (c >= '0' && c <= '3' && at + 3 < token.size()) {
      append_utf8(
          static_cast<uint32_t>((c - '0') * 64 + (token[at + 2] - '0') * 8 + (token[at + 3] - '0')),
          out);
      at += 4;
    } else {
      out += simple_escape(c);
      at += 2;
    }
  }
  return repaired(std::move(out));
}

Result<std::string> bytes_of_token(std::string_view token) {
  std::string_view form = token.substr(1, 3);
  std::string_view body = token.substr(5, token.size() - 6);
  int base = form == "HEX" ? 16 : form == "DEC" ? 10 : form == "OCT" ? 8 : form == "BIN" ? 2 : 0;
  size_t width = form == "HEX" ? 2 : form == "BIN" ? 8 : 3;
  if (base == 0)
    return fail(Error(Code::syntax, "#B64# byte arrays are not supported")
                    .hint("write the bytes as #HEX#..#"));
  std::string out;
  int value = 0;
  size_t digits = 0;
  for (char c : body) {
    if ((class_of(c) & blank) != 0) continue;
    int d = hex_value(c);
    if (d < 0 || d >= base)
      return fail(Code::syntax, fmt::format("'{}' is not a digit of a #{}# byte array",
                                            printable({&c, 1}), form));
    value = value * base + d;
    if (++digits < width) continue;
    if (value > 255) return fail(Code::syntax, fmt::format("{} does not fit into a byte", value));
    out += static_cast<char>(value);
    value = 0;
    digits = 0;
  }
  if (digits != 0)
    return fail(Code::syntax,
                fmt::format("a #{}# byte array has {} digits a byte; the last byte has {}", form,
                            width, digits));
  return out;
}

}  // namespace croft::lang
