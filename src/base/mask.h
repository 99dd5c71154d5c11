// Secrets that must not be seen in a text. Pure.
#pragma once
#include <set>
#include <string>

namespace croft {

/// Secrets below so many characters stay: masking "a" everywhere would hide nothing.
inline constexpr size_t shortest_masked = 4;

/// Each of them becomes "***" wherever the text holds it: a length would tell something of it.
void mask(std::string& text, const std::set<std::string>& secrets);

/// What a text is masked by where `secret` may be told in part: the whole of it and, of several
/// lines, each that is long enough to be told from others.
void add_masked(std::set<std::string>& secrets, const std::string& secret);

}  // namespace croft
