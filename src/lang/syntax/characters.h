// Characters as the lexer sees them, and the \uXXXX escape, which may stand anywhere.
// Source: the language reference, 1.1. Pure.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace croft::lang {

enum CharClass : uint8_t { other = 0, blank = 1, digit = 2, word_start = 4, word_rest = 8 };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> out{};
  for (char c : std::string_view(" \t\n\r\f")) out[static_cast<unsigned char>(c)] = blank;
  for (int c = '0'; c <= '9'; ++c) out[static_cast<size_t>(c)] = digit | word_rest;
  for (int c = 'a'; c <= 'z'; ++c) out[static_cast<size_t>(c)] = word_start | word_rest;
  for (int c = 'A'; c <= 'Z'; ++c) out[static_cast<size_t>(c)] = word_start | word_rest;
  for (char c : std::string_view("_$")) out[static_cast<unsigned char>(c)] = word_start | word_rest;
  for (char c : std::string_view(".-+@#~%^&")) out[static_cast<unsigned char>(c)] |= word_rest;
  return out;
}
constexpr std::array<uint8_t, 256> classes = make_classes();

inline uint8_t class_of(char c) {
  return classes[static_cast<unsigned char>(c)];
}
inline bool is_digit(char c) {
  return (class_of(c) & digit) != 0;
}

inline int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The letters beyond ASCII that a name may have.
inline bool is_latin_letter(uint32_t point) {
  return (point >= 0xA2 && point <= 0xA5) || point == 0xAA || point == 0xB5 || point == 0xBA ||
         (point >= 0xC0 && point <= 0xD6) || (point >= 0xD8 && point <= 0xF6) ||
         (point >= 0xF8 && point <= 0xFF);
}

inline bool is_word_point(uint32_t point, bool first) {
  if (point < 0x80) return (classes[point] & (first ? word_start : word_rest)) != 0;
  return is_latin_letter(point);
}

struct Escape {
  uint32_t point = 0;
  size_t length = 0;  ///< 0: no \uXXXX here
};

inline Escape unicode_escape(std::string_view text, size_t at) {
  if (at + 1 >= text.size() || text[at] != '\\' || text[at + 1] != 'u') return {};
  size_t digits = at + 2;
  while (digits < text.size() && text[digits] == 'u') ++digits;
  if (digits + 4 > text.size()) return {};
  uint32_t point = 0;
  for (size_t i = digits; i < digits + 4; ++i) {
    int value = hex_value(text[i]);
    if (value < 0) return {};
    point = point * 16 + static_cast<uint32_t>(value);
  }
  return {point, digits + 4 - at};
}

}  // namespace croft::lang
