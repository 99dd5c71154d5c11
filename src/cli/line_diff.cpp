#include "cli/line_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace croft::cli {
namespace {

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    size_t end = text.find('\n');
    out.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

struct Step {
  char mark;  ///< ' ', '-' or '+'
  std::string_view line;
};

/// The middle parts that differ, by longest common subsequence; when they are too long for the
/// table, all of one against all of the other.
void middle(const Lines& a, const Lines& b, std::vector<Step>& out) {
  constexpr size_t most_cells = 20'000'000;
  if (a.size() * b.size() > most_cells) {
    for (auto line : a) out.push_back({'-', line});
    for (auto line : b) out.push_back({'+', line});
    return;
  }
  size_t width = b.size() + 1;
  std::vector<uint32_t> common((a.size() + 1) * width, 0);
  for (size_t i = a.size(); i-- > 0;)
    for (size_t j = b.size(); j-- > 0;)
      common[i * width + j] =
          a[i] == b[j] ? common[(i + 1) * width + j + 1] + 1
                       : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      out.push_back({' ', a[i]});
      ++i, ++j;
    } else if (i < a.size() &&
               (j == b.size() || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      out.push_back({'-', a[i++]});
    } else {
      out.push_back({'+', b[j++]});
    }
  }
}

std::vector<Step> steps_between(const Lines& a, const Lines& b) {
  size_t head = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  size_t tail = 0;
  while (tail + head < a.size() && tail + head < b.size() &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
    ++tail;
  std::vector<Step> out;
  for (size_t i = 0; i < head; ++i) out.push_back({' ', a[i]});
  auto part = [&](const Lines& of) {
    return Lines(of.begin() + static_cast<ptrdiff_t>(head),
                 of.end() - static_cast<ptrdiff_t>(tail));
  };
  middle(part(a), part(b), out);
  for (size_t i = a.size() - tail; i < a.size(); ++i) out.push_back({' ', a[i]});
  return out;
}

}  // namespace

std::string line_diff(std::string_view name, std::string_view before, std::string_view after) {
  if (before == after) return "";
  constexpr size_t context = 3;
  std::vector<Step> steps = steps_between(lines_of(before), lines_of(after));
  std::string out = fmt::format("--- {}\n+++ {}\n", name, name);
  size_t line_a = 1, line_b = 1;
  for (size_t at = 0; at < steps.size();) {
    size_t change = at;
    while (change < steps.size() && steps[change].mark == ' ') ++change;
    if (change == steps.size()) break;
    size_t begin = std::max(at, change > context ? change - context : 0);
    line_a += begin - at;
    line_b += begin - at;
    size_t end = change, quiet = 0;
    for (size_t i = change; i < steps.size() && quiet <= 2 * context; ++i) {
      quiet = steps[i].mark == ' ' ? quiet + 1 : 0;
      if (quiet == 0) end = i + 1;
    }
    end = std::min(steps.size(), end + context);
    size_t count_a = 0, count_b = 0;
    std::string body;
    for (size_t i = begin; i < end; ++i) {
      count_a += steps[i].mark != '+' ? 1 : 0;
      count_b += steps[i].mark != '-' ? 1 : 0;
      body += fmt::format("{}{}\n", steps[i].mark, steps[i].line);
    }
    out += fmt::format("@@ -{},{} +{},{} @@\n{}", line_a, count_a, line_b, count_b, body);
    line_a += count_a;
    line_b += count_b;
    at = end;
  }
  // A last line without its end makes texts differ whose lines are the same.
  if (out.find("@@") == std::string::npos) out += "\\ the last line has no end\n";
  return out;
}

}  // namespace croft::cli
