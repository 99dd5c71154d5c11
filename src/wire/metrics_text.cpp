#include "wire/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace croft::wire {

namespace {

struct Sample {
  std::string_view name;
  bool quantile = false;
  double value = 0;
};

bool of_name(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         (!first && c >= '0' && c <= '9');
}

/// Takes a name from the front; empty: there is none.
std::string_view take_name(std::string_view& rest) {
  size_t end = 0;
  while (end < rest.size() && of_name(rest[end], end == 0)) ++end;
  std::string_view out = rest.substr(0, end);
  rest.remove_prefix(end);
  return out;
}

void skip_blanks(std::string_view& rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
}

/// {name="value",...} from the front; false: it is none. In a value \ goes with the next character.
bool take_labels(std::string_view& rest, bool& quantile) {
  if (!rest.starts_with('{')) return true;
  rest.remove_prefix(1);
  for (;;) {
    skip_blanks(rest);
    if (rest.starts_with('}')) break;
    std::string_view name = take_name(rest);
    skip_blanks(rest);
    if (name.empty() || !rest.starts_with('=')) return false;
    rest.remove_prefix(1);
    skip_blanks(rest);
    if (!rest.starts_with('"')) return false;
    size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) return false;
    rest.remove_prefix(end + 1);
    quantile = quantile || name == "quantile";
    skip_blanks(rest);
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  rest.remove_prefix(1);
  return true;
}

std::optional<double> number(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double out = 0;
  auto read = std::from_chars(word.data(), word.data() + word.size(), out);
  if (read.ptr != word.data() + word.size() || word.empty()) return std::nullopt;
  // Too large, or too small, for a double.
  if (read.ec != std::errc()) return std::nan("");
  return out;
}

/// "NAME{labels} VALUE", perhaps with a time behind it.
std::optional<Sample> sample_of(std::string_view line) {
  Sample out;
  std::string_view rest = line;
  out.name = take_name(rest);
  skip_blanks(rest);
  if (out.name.empty() || !take_labels(rest, out.quantile)) return std::nullopt;
  skip_blanks(rest);
  auto value = number(rest.substr(0, rest.find_first_of(" \t")));
  if (!value) return std::nullopt;
  out.value = *value;
  return out;
}

}  // namespace

Result<std::map<std::string, double>> metrics_in(std::string_view page,
                                                 const std::vector<std::string>& names,
                                                 size_t most) {
  std::map<std::string, double> out;
  for (size_t begin = 0, number = 1; begin < page.size(); ++number) {
    size_t end = std::min(page.find('\n', begin), page.size());
    std::string_view line = trim(page.substr(begin, end - begin));
    begin = end + 1;
    if (line.empty() || line.starts_with('#')) continue;
    auto sample = sample_of(line);
    if (!sample)
      return fail(Error(Code::syntax, fmt::format("line {} is no sample: '{}'", number,
                                                  printable(line.substr(0, 80))))
                      .hint("a line is NAME VALUE, or NAME{label=\"text\"} VALUE"));
    std::string name(sample->name);
    auto before = out.find(name);
    bool wanted = names.empty() ? before != out.end() || out.size() < most
                                : std::ranges::find(names, name) != names.end();
    double sum = sample->value + (before == out.end() ? 0 : before->second);
    if (wanted && !sample->quantile && !name.ends_with("_bucket") && std::isfinite(sum))
      out[std::move(name)] = sum;
  }
  return out;
}

}  // namespace croft::wire
