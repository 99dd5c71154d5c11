#include "controller/saved_plan.h"

#include <fmt/format.h>

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

Result<std::string> seal_plan(const SavedPlan& plan, const protocol::SecretSealer& sealer) {
  json::Object whole{{"request", plan.request}, {"steps", plan.steps}};
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
  return out;
}

Result<> still_the_same(const json::Object& then, const plan::Plan& now) {
  json::Object steps = steps_of(now);
  std::vector<std::string> moved;
  auto compare = [&](std::string_view path) {
    std::string_view before = step_at(then, path), after = step_at(steps, path);
    if (before == after) return;
    const plan::Item* item = now.find(path);
    std::string why = item && !item->why.empty() ? fmt::format(": {}", item->why) : "";
    moved.push_back(fmt::format("{} was to {}, and now would {}{}", path, change_in_words(before),
                                change_in_words(after), why));
  };
  for (const auto& item : steps) compare(item.key());
  for (const auto& item : then)
    if (!steps.contains(item.key())) compare(item.key());
  if (moved.empty()) return {};
  Error error(Code::conflict, "the plan is out of date: the world has moved since it was made");
  for (size_t i = 0; i < std::min(moved.size(), most_told); ++i) error.hint(moved[i]);
  if (moved.size() > most_told) error.hint(fmt::format("and {} more", moved.size() - most_told));
  error.hint("croft plan FILE -o PLAN makes a new one; nothing was changed");
  return fail(std::move(error));
}

}  // namespace croft::controller
