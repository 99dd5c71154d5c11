// --target and --exclude: which items of a plan are acted upon.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "plan/checks.h"

namespace croft::plan {
namespace {

/// The whole path of one that was given below its application; as it is known.
Result<std::string> known_path(const Plan& plan, const std::string& given) {
  std::string whole = fmt::format("{}:{}", plan.application, given);
  for (const std::string& path : {given, whole})
    if (plan.find(path)) return path;
  std::vector<std::string> paths;
  for (const Item& item : plan.items) paths.push_back(item.path);
  Error error(Code::not_found, fmt::format("{} has no component '{}'", plan.application, given));
  auto near = nearest(whole, paths);
  if (!near.empty()) error.hint(fmt::format("did you mean {}?", near));
  return fail(std::move(error));
}

/// A component, with all that is in it (true) or by itself.
using Part = std::pair<std::string, bool>;

/// The parts, and what `next` adds to each of them, to the end.
template <class Next>
std::set<Part> closed(std::vector<Part> open, Next next) {
  std::set<Part> out;
  while (!open.empty()) {
    Part part = std::move(open.back());
    open.pop_back();
    if (out.insert(part).second) next(part, open);
  }
  return out;
}

std::vector<Part> parts(const Plan& plan, const std::string& path) {
  std::vector<Part> out;
  for (const Item& item : plan.items)
    if (item.path != path && inside(item.path, path)) out.emplace_back(item.path, false);
  return out;
}

/// What has to run so that these do: what is in them, what they need, what encloses them.
std::set<Part> with_what_they_need(const Plan& plan, std::vector<Part> targets) {
  return closed(std::move(targets), [&](const Part& part, std::vector<Part>& open) {
    if (part.second)
      for (auto& inner : parts(plan, part.first)) open.push_back(std::move(inner));
    if (const Item* item = plan.find(part.first))
      for (const std::string& need : item->needs) open.emplace_back(need, true);
    if (auto above = parent_path(part.first); !above.empty()) open.emplace_back(above, false);
  });
}

/// What cannot start without these.
std::set<Part> with_who_needs_them(const Plan& plan, std::vector<Part> excludes) {
  return closed(std::move(excludes), [&](const Part& part, std::vector<Part>& open) {
    if (part.second)
      for (auto& inner : parts(plan, part.first)) open.push_back(std::move(inner));
    for (const Item& item : plan.items)
      if (std::ranges::any_of(item.needs,
                              [&](const auto& need) { return inside(part.first, need); }))
        open.emplace_back(item.path, true);
  });
}

}  // namespace

Result<> narrow(Plan& plan, const Input& input) {
  if (input.scope.everything()) return {};
  std::vector<Part> targets, excludes;
  for (const std::string& given : input.scope.targets)
    targets.emplace_back(TRY(known_path(plan, given)), true);
  for (const std::string& given : input.scope.excludes)
    excludes.emplace_back(TRY(known_path(plan, given)), true);
  bool all = targets.empty();
  auto wanted = with_what_they_need(plan, std::move(targets));
  auto unwanted = with_who_needs_them(plan, std::move(excludes));
  auto has = [](const std::set<Part>& set, const std::string& path) {
    return set.contains({path, true}) || set.contains({path, false});
  };
  for (Item& item : plan.items)
    item.left_out = (!all && !has(wanted, item.path)) || has(unwanted, item.path);
  for (const std::string& given : input.scope.targets)
    if (std::string path = TRY(known_path(plan, given)); has(unwanted, path))
      return fail(Error(Code::invalid_argument,
                        fmt::format("--target {} and --exclude leave nothing of {}", given, path))
                      .hint("--exclude leaves out what needs the excluded, too"));
  return {};
}

}  // namespace croft::plan
