#include "farm/ec2/params.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "farm/api/error.h"
#include "farm/ec2/ids.h"

namespace croft::farm::ec2 {

namespace {

bool all_digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "Filter.12.Value.3" -> "Filter.N.Value.N".
std::string pattern_of(std::string_view name) {
  std::string out;
  for (size_t start = 0; start <= name.size();) {
    size_t dot = std::min(name.find('.', start), name.size());
    std::string_view part = name.substr(start, dot - start);
    if (start > 0) out += '.';
    out.append(start > 0 && all_digits(part) ? std::string_view("N") : part);
    start = dot + 1;
  }
  return out;
}

/// A number in it that no list could have: what nobody would read is refused.
bool counts_too_far(std::string_view name) {
  return std::ranges::any_of(split(name, '.'), [](const std::string& part) {
    return all_digits(part) && part.size() > 1 && !parse_i64(part);
  });
}

const Param* lookup(Schema schema, std::string_view pattern) {
  for (const Param& param : schema)
    if (param.path == pattern) return &param;
  for (const Param& param : schema)
    if (param.path.ends_with(".*") &&
        pattern.starts_with(param.path.substr(0, param.path.size() - 1)))
      return &param;
  return nullptr;
}

Error bad_value(std::string_view name, std::string_view value, std::string_view why) {
  return aws_error("InvalidParameterValue", 400,
                   fmt::format("Value ({}) for parameter {} is invalid. {}",
                               printable(value.substr(0, 200)), printable(name), why));
}

Error unknown(Schema schema, std::string_view name) {
  std::vector<std::string> known;
  for (const Param& param : schema) known.emplace_back(param.path);
  std::string hint = did_you_mean(pattern_of(name), known);
  return aws_error("UnknownParameter", 400,
                   fmt::format("The parameter {} is not recognized{}",
                               printable(name.substr(0, 200)), hint.empty() ? "" : "; " + hint));
}

Result<> check_value(const Param& param, std::string_view name, std::string_view value) {
  auto range = fmt::format("{} to {}", param.low, param.high);
  switch (param.kind) {
    case Kind::text:
      if (!valid_utf8(value)) return fail(bad_value(name, value, "It is not UTF-8"));
      // No answer could tell it again: XML has no such characters.
      if (std::ranges::any_of(value, [](char c) {
            return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
          }))
        return fail(bad_value(name, value, "It holds a control character"));
      if (static_cast<int64_t>(value.size()) < param.low ||
          static_cast<int64_t>(value.size()) > param.high)
        return fail(bad_value(name, value, fmt::format("Expected {} characters", range)));
      return {};
    case Kind::integer: {
      auto number = parse_i64(value);
      if (!number) return fail(bad_value(name, value, "Expected an integer"));
      if (*number < param.low || *number > param.high)
        return fail(bad_value(name, value, fmt::format("Expected {}", range)));
      return {};
    }
    case Kind::boolean:
      if (equals_ignore_case(value, "true") || equals_ignore_case(value, "false")) return {};
      return fail(bad_value(name, value, "Expected true or false"));
    case Kind::id:
      return check_id(*id_kind(param.detail), value);
    case Kind::choice: {
      auto words = split(param.detail, '|');
      if (std::ranges::find(words, value) != words.end()) return {};
      return fail(bad_value(name, value, fmt::format("Expected one of {}", join(words, ", "))));
    }
    case Kind::unsupported:
      return fail(aws_error(
          "UnsupportedOperation", 400,
          fmt::format("The parameter {} is not supported by this farm", printable(name))));
    case Kind::ignored:
      return {};
  }
  return {};
}

}  // namespace

Result<Params> Params::check(Schema schema, Schema common, const Fields& fields) {
  if (fields.size() > max_parameters)
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("More than {} parameters in one request", max_parameters)));
  Params out;
  std::set<std::string_view> seen;
  std::set<std::string_view> present;
  auto missing = [](const Param& param) {
    std::string_view name = param.path.substr(0, param.path.find(".N"));
    return aws_error("MissingParameter", 400,
                     fmt::format("The request must contain the parameter {}", name));
  };
  for (const auto& [name, value] : fields) {
    if (name.size() > max_name) return fail(unknown(schema, name));
    std::string pattern = pattern_of(name);
    const Param* param = lookup(schema, pattern);
    if (!param) param = lookup(common, pattern);
    if (!param || counts_too_far(name)) return fail(unknown(schema, name));
    if (!seen.insert(name).second)
      return fail(aws_error("InvalidParameterCombination", 400,
                            fmt::format("The parameter {} is given twice", printable(name))));
    if (param->kind == Kind::text && param->required && param->low > 0 && value.empty())
      return fail(missing(*param));
    if (auto ok = check_value(*param, name, value); !ok) return fail(std::move(ok).error());
    present.insert(param->path);
    if (param->kind != Kind::ignored) out.fields_.emplace_back(name, value);
  }
  for (const Param& param : schema) {
    if (!param.required || present.contains(param.path)) continue;
    return fail(missing(param));
  }
  return out;
}

std::optional<std::string_view> Params::find(std::string_view path) const {
  for (const auto& [name, value] : fields_)
    if (name == path) return std::string_view(value);
  return std::nullopt;
}

std::string Params::text(std::string_view path, std::string_view fallback) const {
  return std::string(find(path).value_or(fallback));
}

int64_t Params::number(std::string_view path, int64_t fallback) const {
  auto value = find(path);
  return value ? parse_i64(*value).value_or(fallback) : fallback;
}

bool Params::flag(std::string_view path, bool fallback) const {
  auto value = find(path);
  return value ? equals_ignore_case(*value, "true") : fallback;
}

namespace {

/// The index and the rest after it, of a name below `path`: "Tag.3.Key" gives {3, "Key"}.
std::optional<std::pair<uint64_t, std::string_view>> below(std::string_view path,
                                                           std::string_view name) {
  if (name.size() <= path.size() + 1 || !name.starts_with(path) || name[path.size()] != '.')
    return {};
  name.remove_prefix(path.size() + 1);
  std::string_view digits = name.substr(0, name.find('.'));
  auto index = parse_u64(digits);
  if (!index) return {};
  name.remove_prefix(std::min(digits.size() + 1, name.size()));
  return std::pair(*index, name);
}

}  // namespace

std::vector<std::string> Params::list(std::string_view path) const {
  std::map<uint64_t, std::string_view> sorted;
  for (const auto& [name, value] : fields_)
    if (auto found = below(path, name); found && found->second.empty())
      sorted.emplace(found->first, value);
  std::vector<std::string> out;
  for (const auto& [index, value] : sorted) out.emplace_back(value);
  return out;
}

std::vector<Params> Params::items(std::string_view path) const {
  std::map<uint64_t, Params> sorted;
  for (const auto& [name, value] : fields_)
    if (auto found = below(path, name); found && !found->second.empty())
      sorted[found->first].fields_.emplace_back(std::string(found->second), value);
  std::vector<Params> out;
  for (auto& [index, group] : sorted) out.push_back(std::move(group));
  return out;
}

Params Params::under(std::string_view path) const {
  Params out;
  for (const auto& [name, value] : fields_)
    if (name.size() > path.size() + 1 && name.starts_with(path) && name[path.size()] == '.')
      out.fields_.emplace_back(name.substr(path.size() + 1), value);
  return out;
}

Params Params::over(const Fields& base) const {
  auto top = [](std::string_view name) { return name.substr(0, name.find('.')); };
  Params out = *this;
  for (const auto& field : base)
    if (std::ranges::none_of(fields_,
                             [&](const auto& own) { return top(own.first) == top(field.first); }))
      out.fields_.push_back(field);
  return out;
}

std::string Params::fingerprint(std::string_view except) const {
  Fields sorted;
  for (const auto& field : fields_)
    if (field.first != except) sorted.push_back(field);
  std::ranges::sort(sorted);
  std::string text;
  for (const auto& [name, value] : sorted)
    text += fmt::format("{}:{}={}:{}\n", name.size(), name, value.size(), value);
  return sha256_hex(text);
}

}  // namespace croft::farm::ec2
