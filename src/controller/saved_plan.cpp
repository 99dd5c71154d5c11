#include "controller/saved_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>

#include "base/text.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

constexpr size_t most_told = 20;

std::string change_in_words(std::string_view step) {
  if (step.empty()) return "be kept as it is";
  auto parts = cut(step, ' ');
  std::string_view change = parts ? parts->first : step;
  if (change == "create") return "be created";
  if (change == "repair") return "be repaired";
  if (change == "update") return "change in place";
  if (change == "move") return "take over what ran under its former name";
  if (change == "adopt") return "be taken over";
  return fmt::format("be {}d", change);
}

std::string_view step_at(const json::Object& steps, std::string_view path) {
  const json::Value* found = steps.if_contains(path);
  return found && found->is_string() ? std::string_view(found->get_string()) : "";
}

/// The component of the plan that `path` is, or is inside of.
const plan::Item* item_around(const std::map<std::string_view, const plan::Item*>& items,
                              std::string_view path) {
  for (; !path.empty(); path = plan::parent_path(path))
    if (auto found = items.find(path); found != items.end()) return found->second;
  return nullptr;
}

std::set<std::string> names_at(const json::Object& things, std::string_view path) {
  std::set<std::string> out;
  const json::Value* found = things.if_contains(path);
  if (found && found->is_array())
    for (const json::Value& name : found->get_array())
      if (name.is_string()) out.emplace(name.get_string());
  return out;
}

/// "instance i-1 is there no longer; instance i-2 is there now"; empty: nothing has changed.
std::string moved_things(const std::set<std::string>& then, const std::set<std::string>& now) {
  std::vector<std::string> out;
  auto is_drift = [](const std::string& name) { return std::ranges::count(name, ' ') > 1; };
  for (const std::string& name : then)
    if (!now.contains(name))
      out.push_back(is_drift(name) ? fmt::format("no longer: {}", name)
                                   : fmt::format("{} is there no longer", name));
  for (const std::string& name : now)
    if (!then.contains(name)) out.push_back(is_drift(name) ? name : name + " is there now");
  return fmt::format("{}", fmt::join(out, "; "));
}

}  // namespace

json::Object steps_of(const plan::Plan& plan) {
  json::Object out;
  for (const plan::Item& item : plan.items) {
    bool moves = !item.moved_from.empty();
    if (item.left_out || (!item.touched() && !moves)) continue;
    std::string_view change = item.updates   ? "update"
                              : item.repairs ? "repair"
                              : moves        ? "move"
                                             : name_of(item.change);
    out[item.path] = fmt::format("{} {} {}", change, item.type, item.identity);
  }
  return out;
}

json::Object things_of(const plan::Plan& plan, const engine::Application* runs) {
  json::Object out;
  if (!runs) return out;
  std::map<std::string_view, const plan::Item*> items;
  for (const plan::Item& item : plan.items)
    items.emplace(item.moved_from.empty() ? item.path : item.moved_from, &item);
  for (const auto& [path, node] : runs->all_nodes()) {
    const plan::Item* item = item_around(items, path);
    if (!item || item->left_out) continue;
    json::Array names;
    if (const json::Value* before = out.if_contains(item->path)) names = before->get_array();
    for (const engine::Rented& thing : node->record.rented)
      if (thing.open()) names.emplace_back(fmt::format("{} {}", thing.kind, thing.id));
    for (const engine::Drift& drift : node->drift) names.emplace_back(drift.text());
    if (!names.empty()) out[item->path] = std::move(names);
  }
  return out;
}

Result<std::string> seal_plan(const SavedPlan& plan, const protocol::SecretSealer& sealer) {
  json::Object whole{{"request", plan.request}, {"steps", plan.steps}, {"things", plan.things}};
  return sealer.seal(Secret(json::compact(whole)));
}

Result<SavedPlan> open_plan(std::string_view sealed, const protocol::SecretSealer& sealer) {
  auto opened = sealer.open(sealed);
  if (!opened)
    return fail(Error(Code::permission_denied, "this plan cannot be opened here")
                    .hint("a saved plan is carried out by the controller that made it, "
                          "under the same --home, and may not be edited"));
  auto whole = TRY(json::parse_object(opened->reveal(), "the plan", protocol::packed_limits));
  SavedPlan out;
  out.request = TRY(json::string_at(whole, "request"));
  out.steps = *TRY(json::object_at(whole, "steps"));
  out.things = *TRY(json::object_at(whole, "things"));
  return out;
}

Result<> still_the_same(const SavedPlan& then, const plan::Plan& now,
                        const engine::Application* runs) {
  json::Object steps = steps_of(now), things = things_of(now, runs);
  std::vector<std::string> moved;
  auto compare = [&](std::string_view path) {
    std::string_view before = step_at(then.steps, path), after = step_at(steps, path);
    std::string seen = moved_things(names_at(then.things, path), names_at(things, path));
    if (before == after && seen.empty()) return;
    const plan::Item* item = now.find(path);
    std::string why = !seen.empty() ? seen : item ? item->why : "";
    if (!why.empty()) why = ": " + why;
    moved.push_back(before == after
                        ? fmt::format("{} was to {}, but what it holds has changed{}", path,
                                      change_in_words(before), why)
                        : fmt::format("{} was to {}, and now would {}{}", path,
                                      change_in_words(before), change_in_words(after), why));
  };
  for (const auto& item : steps) compare(item.key());
  for (const auto& item : then.steps)
    if (!steps.contains(item.key())) compare(item.key());
  if (moved.empty()) return {};
  Error error(Code::conflict, "the plan is out of date: the world has moved since it was made");
  for (size_t i = 0; i < std::min(moved.size(), most_told); ++i) error.hint(moved[i]);
  if (moved.size() > most_told) error.hint(fmt::format("and {} more", moved.size() - most_told));
  error.hint("croft plan FILE -o PLAN makes a new one; nothing was changed");
  return fail(std::move(error));
}

}  // namespace croft::controller
