#include "base/error.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace croft {

Error::Error(const Error&) = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;
namespace {

struct CodeName {
  Code code;
  std::string_view name;
};
constexpr CodeName code_names[] = {
    {Code::invalid_argument, "invalid_argument"},
    {Code::syntax, "syntax"},
    {Code::unresolved, "unresolved"},
    {Code::type_mismatch, "type_mismatch"},
    {Code::not_found, "not_found"},
    {Code::already_exists, "already_exists"},
    {Code::conflict, "conflict"},
    {Code::permission_denied, "permission_denied"},
    {Code::unauthenticated, "unauthenticated"},
    {Code::resource_exhausted, "resource_exhausted"},
    {Code::throttled, "throttled"},
    {Code::unavailable, "unavailable"},
    {Code::timeout, "timeout"},
    {Code::cancelled, "cancelled"},
    {Code::io, "io"},
    {Code::corrupt, "corrupt"},
    {Code::unsupported, "unsupported"},
    {Code::internal, "internal"},
};

void render_source(const Where& where, std::string& out) {
  if (where.source.empty() || where.line == 0) return;
  std::string number = std::to_string(where.line);
  out += fmt::format("  {} | {}\n", number, where.source);
  out += fmt::format("  {} | ", std::string(number.size(), ' '));
  int column = 1;
  for (char c : where.source) {
    if (column >= where.column) break;
    // Continuation bytes of UTF-8 take no column; a tab keeps its width.
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;
    out += c == '\t' ? '\t' : ' ';
    ++column;
  }
  out += std::string(static_cast<size_t>(std::max(1, where.length)), '^');
  out += '\n';
}

/// Damerau-Levenshtein distance with adjacent swaps, case counted half by the caller.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

std::string_view name_of(Code code) {
  for (const auto& entry : code_names)
    if (entry.code == code) return entry.name;
  return "internal";
}

Code code_from_name(std::string_view name) {
  for (const auto& entry : code_names)
    if (entry.name == name) return entry.code;
  return Code::internal;
}

std::string Where::text() const {
  if (file.empty()) return path;
  if (line == 0) return file;
  return fmt::format("{}:{}:{}", file, line, column);
}

std::string_view Error::fact(std::string_view key) const {
  for (const auto& [k, v] : facts)
    if (k == key) return v;
  return {};
}

std::string Error::line() const {
  std::string at = where.text();
  std::string out = at.empty() ? what : fmt::format("{}: {}", at, what);
  if (!where.file.empty() && !where.path.empty()) out += fmt::format(" (in {})", where.path);
  return out;
}

std::string Error::render() const {
  std::string at = where.text();
  std::string out = at.empty() ? "" : at + ": ";
  out += "error: " + what;
  if (!where.file.empty() && !where.path.empty()) out += fmt::format(" (in {})", where.path);
  out += '\n';
  render_source(where, out);
  for (const auto& step : trace) {
    std::string place = step.where.text();
    out += place.empty() ? fmt::format("  {}\n", step.what)
                         : fmt::format("  {} at {}\n", step.what, place);
    // A step that marks something of its line shows it.
    if (step.where.length > 0) render_source(step.where, out);
  }
  for (const auto& text : hints) out += fmt::format("  hint: {}\n", text);
  for (const auto& other : others) out += other.render();
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = word.size() / 3 + 2;
  std::string low = lower(word);
  for (const auto& candidate : candidates) {
    if (candidate == word) continue;
    size_t longer = std::max(candidate.size(), word.size());
    size_t shorter = std::min(candidate.size(), word.size());
    if (longer - shorter >= best_distance) continue;
    size_t distance = edit_distance(low, lower(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best = nearest(word, candidates);
  return best.empty() ? "" : fmt::format("did you mean '{}'?", best);
}

void check_failed(const char* condition, std::string_view why, std::source_location where) {
  std::fprintf(stderr, "croft: internal defect: %.*s (%s) at %s:%u\n", static_cast<int>(why.size()),
               why.data(), condition, where.file_name(), where.line());
  std::abort();
}

}  // namespace croft
