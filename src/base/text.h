// Small text helpers that every module uses. All pure; no locale.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft {

std::string_view trim(std::string_view s);
std::string to_lower(std::string_view s);  ///< ASCII only
std::string to_upper(std::string_view s);  ///< ASCII only
bool equals_ignore_case(std::string_view a, std::string_view b);
std::vector<std::string> split(std::string_view s, char separator);
/// The parts before and after the first separator; nullopt when it is absent.
std::optional<std::pair<std::string_view, std::string_view>> cut(std::string_view s,
                                                                 char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string replace_all(std::string_view s, std::string_view from, std::string_view to);
/// Whole-string decimal number; nullopt on anything else, sign and overflow included.
std::optional<uint64_t> parse_u64(std::string_view s);
std::optional<int64_t> parse_i64(std::string_view s);
/// `*` any run, `?` any one character, `\` escapes: the wildcard of EC2 filters.
bool wildcard_match(std::string_view pattern, std::string_view text);

std::string hex(std::span<const uint8_t> bytes);  ///< lower case
std::string hex(std::string_view bytes);
std::optional<std::string> unhex(std::string_view text);
std::string base64(std::string_view bytes);                  ///< RFC 4648 section 4, padded
std::optional<std::string> unbase64(std::string_view text);  ///< strict; white space refused
std::string base64url(std::string_view bytes);               ///< section 5, no padding
bool valid_utf8(std::string_view text);
/// Control characters as \xNN, so that text from outside cannot drive a terminal.
std::string printable(std::string_view text);

inline std::span<const uint8_t> bytes_of(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}

}  // namespace croft
