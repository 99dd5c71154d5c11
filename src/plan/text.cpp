// A plan in words, and what it says of itself.
#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/plan.h"

namespace croft::plan {

std::string_view name_of(Change change) {
  switch (change) {
    case Change::create:
      return "create";
    case Change::adopt:
      return "adopt";
    case Change::keep:
      return "keep";
    case Change::replace:
      return "replace";
    case Change::remove:
      return "remove";
  }
  return "?";
}

std::string_view parent_path(std::string_view path) {
  size_t colon = path.rfind(':');
  return colon == std::string_view::npos ? std::string_view{} : path.substr(0, colon);
}

bool inside(std::string_view path, std::string_view ancestor) {
  return path.starts_with(ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == ':');
}

const Item* Plan::find(std::string_view path) const {
  auto found = index.find(path);
  return found == index.end() ? nullptr : &items[found->second];
}

size_t Plan::count(Change change) const {
  return static_cast<size_t>(std::ranges::count_if(
      items, [&](const Item& item) { return item.change == change && !item.left_out; }));
}

bool Plan::empty() const {
  return std::ranges::all_of(items, [](const Item& item) {
    return item.left_out || (!item.touched() && item.moved_from.empty());
  });
}

std::string Plan::text(const std::map<std::string_view, std::vector<std::string>>& more) const {
  std::string out;
  size_t repairs = 0, left_out = 0;
  for (const Item& item : items) {
    if (item.left_out) {
      ++left_out;
      continue;
    }
    if (item.repairs) ++repairs;
    const char* mark = "?";
    switch (item.change) {
      case Change::create:
        mark = "+";
        break;
      case Change::adopt:
        mark = ">";
        break;
      case Change::keep:
        mark = item.updates ? "*" : item.drift.empty() ? "=" : "!";
        break;
      case Change::replace:
        mark = "~";
        break;
      case Change::remove:
        mark = "-";
        break;
    }
    size_t depth = static_cast<size_t>(std::ranges::count(item.path, ':'));
    size_t colon = item.path.rfind(':');
    std::string name = item.change == Change::remove || colon == std::string::npos
                           ? item.path
                           : item.path.substr(colon + 1);
    out += fmt::format("{} {}{}  {}", mark,
                       std::string(item.change == Change::remove ? 0 : depth * 2, ' '), name,
                       item.type);
    for (const Rent& rent : item.rents)
      out += rent.min == rent.max
                 ? fmt::format("  {} {}{}", rent.min, rent.kind, rent.min == 1 ? "" : "s")
                 : fmt::format("  {} to {} {}s", rent.min, rent.max, rent.kind);
    if (!item.needs.empty()) out += "  after " + join(item.needs, ", ");
    if (!item.moved_from.empty()) out += "  was " + item.moved_from;
    if (!item.why.empty()) out += "  (" + item.why + ")";
    out += "\n";
    for (const std::string& line : item.drift)
      out += fmt::format("  {}    {}\n", std::string(depth * 2, ' '), line);
    if (auto lines = more.find(item.path); lines != more.end())
      for (const std::string& line : lines->second)
        out += fmt::format("  {}    {}\n", std::string(depth * 2, ' '), line);
  }
  out += fmt::format("{} to create, {} to replace, {} to remove, {} kept", count(Change::create),
                     count(Change::replace), count(Change::remove), count(Change::keep));
  size_t updates = 0, moves = 0;
  for (const Item& item : items) {
    if (item.left_out) continue;
    updates += item.updates ? 1 : 0;
    moves += item.moved_from.empty() ? 0 : 1;
  }
  if (size_t taken = count(Change::adopt); taken > 0)
    out += fmt::format("; {} to take over", taken);
  if (updates > 0) out += fmt::format("; {} to change in place", updates);
  if (moves > 0) out += fmt::format("; {} to move", moves);
  if (instances_max > 0)
    out += instances_min == instances_max
               ? fmt::format("; {} instances", instances_min)
               : fmt::format("; {} to {} instances", instances_min, instances_max);
  if (repairs > 0) out += fmt::format("; {} to repair", repairs);
  if (left_out > 0) out += fmt::format("; {} left out", left_out);
  return out + "\n";
}

}  // namespace croft::plan
