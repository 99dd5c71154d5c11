#include "cloud/profile_file.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::cloud {
namespace {

std::string section_name(std::string_view inside) {
  std::string_view name = trim(inside);
  if (name.starts_with("profile") && name.size() > 7 && (name[7] == ' ' || name[7] == '\t'))
    name = trim(name.substr(7));
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
      name.back() == name.front())
    name = name.substr(1, name.size() - 2);
  return std::string(name);
}

/// A '#' or ';' after white space starts a comment.
std::string_view without_comment(std::string_view value) {
  for (size_t i = 1; i < value.size(); ++i)
    if ((value[i] == '#' || value[i] == ';') && (value[i - 1] == ' ' || value[i - 1] == '\t'))
      return trim(value.substr(0, i));
  return value;
}

}  // namespace

Result<Profiles> parse_profiles(std::string_view text, const std::string& file) {
  Profiles out;
  std::map<std::string, std::string>* section = nullptr;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  int number = 0;
  auto bad = [&](std::string what) {
    Where where;
    where.file = file;
    where.line = number;
    where.column = 1;
    // The line itself is not shown: it may hold a secret.
    return fail(Code::syntax, std::move(what), std::move(where));
  };
  for (const std::string& raw : split(text, '\n')) {
    ++number;
    bool indented = !raw.empty() && (raw[0] == ' ' || raw[0] == '\t');
    std::string_view line = trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      size_t end = line.find(']');
      if (end == std::string_view::npos) return bad("a section name lacks its ']'");
      section = &out[section_name(line.substr(1, end - 1))];
      continue;
    }
    if (indented && section) continue;  // part of a nested block such as "s3 ="
    auto parts = cut(line, '=');
    if (!parts) return bad("expected 'name = value' or '[section]'");
    if (!section) return bad("a value stands before the first [section]");
    (*section)[to_lower(trim(parts->first))] = std::string(without_comment(trim(parts->second)));
  }
  return out;
}

}  // namespace croft::cloud
