#include "engine/redact.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/mask.h"

namespace croft::engine {
namespace {

constexpr int depth_limit = 300;

void collect(const model::Component& component, int depth, std::set<std::string>& into,
             std::set<const model::Component*>& seen) {
  if (depth > depth_limit || !seen.insert(&component).second) return;
  for (const auto& attribute : component.attributes()) {
    if (auto child = attribute.value.as_component()) collect(*child, depth + 1, into, seen);
    if (!attribute.secret) continue;
    if (auto* text = attribute.value.get<std::string>(); text && text->size() >= shortest_masked)
      into.insert(*text);
  }
}

using croft::mask;  // beside those for what holds texts

/// The caret goes on pointing at the same word.
void mask(Where& where, const std::set<std::string>& secrets) {
  auto column = static_cast<size_t>(std::max(where.column, 1));
  if (column > where.source.size()) return mask(where.source, secrets);
  std::string before = where.source.substr(0, column - 1), rest = where.source.substr(column - 1);
  mask(before, secrets);
  mask(rest, secrets);
  where.column = static_cast<int>(before.size()) + 1;
  where.source = before + rest;
}

void mask(Error& error, const std::set<std::string>& secrets) {
  mask(error.what, secrets);
  mask(error.where, secrets);
  for (auto& frame : error.trace) {
    mask(frame.what, secrets);
    mask(frame.where, secrets);
  }
  for (auto& hint : error.hints) mask(hint, secrets);
  for (auto& [name, value] : error.facts) mask(value, secrets);
  for (auto& other : error.others) mask(other, secrets);
}

}  // namespace

namespace {

bool word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}

/// The literal that begins at `open`, up to the same character. Where it ends.
size_t mask_literal(std::string& line, size_t open) {
  size_t i = open + 1;
  for (; i < line.size() && line[i] != line[open]; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) line[i++] = '*';
    line[i] = '*';
  }
  return i;
}

/// Masks all strings between each attribute called `name` in a line of source and the end of its
/// value: it may be an expression.
void mask_after(std::string& line, std::string_view name) {
  for (size_t at = line.find(name); at != std::string::npos; at = line.find(name, at + 1)) {
    size_t end = at + name.size();
    bool whole = (at == 0 || !word_character(line[at - 1])) &&
                 (end == line.size() || !word_character(line[end]));
    size_t from = line.find_first_not_of(" \t", end);
    if (!whole || from == std::string::npos || line[from] == ';') continue;
    for (size_t i = from; i < line.size() && line[i] != ';'; ++i)
      if (line[i] == '"' || line[i] == '#') i = mask_literal(line, i);
  }
}

void mask_sources(Error& error, const std::set<std::string, std::less<>>& names) {
  for (const std::string& name : names) {
    mask_after(error.where.source, name);
    for (auto& frame : error.trace) mask_after(frame.where.source, name);
  }
  for (auto& other : error.others) mask_sources(other, names);
}

}  // namespace

void redact_sources(Error& error, const model::SchemaSet& schemas) {
  std::set<std::string, std::less<>> names;
  for (const std::string& type : schemas.classes())
    for (const auto& attribute : schemas.find(type)->attributes)
      if (attribute.secret) names.insert(attribute.name);
  mask_sources(error, names);
}

std::set<std::string> secrets_of(const model::Component& root) {
  std::set<std::string> secrets;
  std::set<const model::Component*> seen;
  collect(root, 0, secrets, seen);
  return secrets;
}

void redact(Error& error, const model::Component& root) {
  auto secrets = secrets_of(root);
  if (!secrets.empty()) mask(error, secrets);
}

}  // namespace croft::engine
