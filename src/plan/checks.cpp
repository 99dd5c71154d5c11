#include "plan/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace croft::plan {

Result<int64_t> instance_limit(const model::Component& config, std::optional<int64_t> given) {
  auto own = config.integer("maxInstances");
  if (own && *own < 0)
    return fail(Code::invalid_argument,
                fmt::format("maxInstances is {}: a number from 0 is needed", *own),
                config.find("maxInstances")->where);
  if (own && given) return std::min(*own, *given);
  return own ? *own : given.value_or(default_instance_limit);
}

Result<> check_limits(const Plan& plan, const Input& input) {
  const auto* attribute = input.config->find("maxInstances");
  auto given = input.limits.application_instances;
  int64_t limit = TRY(instance_limit(*input.config, given));
  if (plan.instances_min > limit) {
    Error error(Code::resource_exhausted,
                fmt::format("{} needs at least {} instances, more than its limit of {}",
                            plan.application, plan.instances_min, limit),
                attribute ? attribute->where : input.config->where);
    error.hint(given == limit ? fmt::format("--max-instances {} if you mean it", plan.instances_min)
                              : fmt::format("write `maxInstances {};` into sfConfig if you mean it",
                                            plan.instances_min));
    return fail(std::move(error));
  }
  if (input.limits.account_instances) {
    int64_t free = *input.limits.account_instances - input.limits.account_in_use;
    if (plan.instances_min > free)
      return fail(
          Error(Code::resource_exhausted,
                fmt::format(
                    "{} needs at least {} instances; the account may run {}, and {} run already",
                    plan.application, plan.instances_min, *input.limits.account_instances,
                    input.limits.account_in_use),
                input.config->where)
              .hint("lower minCount, end other applications, or raise the limit of the account"));
  }
  return {};
}

Result<> check_names(const Plan& plan) {
  std::map<std::pair<std::string_view, std::string_view>, const Item*> owners;
  for (const Item& item : plan.items)
    for (const Rent& rent : item.rents) {
      if (rent.id.empty()) continue;
      auto [first, fresh] = owners.try_emplace({rent.kind, rent.id}, &item);
      if (fresh) continue;
      Error error(Code::conflict,
                  fmt::format("{} and {} both make the {} '{}'", first->second->path, item.path,
                              rent.kind, rent.id),
                  item.component->where);
      error.frame(first->second->path + " makes it first", first->second->component->where);
      return fail(std::move(error).hint(
          "give one of them another name, or take its PUT away: then it only uses what is there"));
    }
  return {};
}

bool is_protected(const model::Component& component) {
  for (const auto* at = &component; at; at = at->parent())
    if (auto given = at->boolean("protect")) return *given;
  return false;
}

Result<> check_protected(const Plan& plan, const Input& input) {
  std::vector<Error> errors;
  for (const Recorded& old : input.recorded) {
    if (!old.holds || !old.description || !is_protected(*old.description)) continue;
    const Item* item = plan.find(old.path);
    if (!item || item->left_out) continue;
    if (item->change != Change::replace && item->change != Change::remove) continue;
    errors.push_back(
        Error(Code::conflict,
              fmt::format("{} is protected, and this would {} it: {}", old.path,
                          item->change == Change::replace ? "replace" : "remove", item->why),
              item->component ? item->component->where : old.description->where)
            .hint("an `up` with `protect false` in it comes first, if it is to go"));
  }
  if (errors.empty()) return {};
  Error first = std::move(errors.front());
  first.others.assign(std::make_move_iterator(errors.begin() + 1),
                      std::make_move_iterator(errors.end()));
  return fail(std::move(first));
}

namespace {

bool placed(const model::Component& component) {
  for (const auto* at = &component; at; at = at->parent())
    if (at->find("sfProcessHost")) return true;
  return false;
}

/// "old" of "shop:web:new" is its sibling "shop:web:old"; one with ':' is a whole path.
std::string former_path(const Item& item, const std::string& given) {
  if (given.find(':') != std::string::npos) return given;
  return fmt::format("{}:{}", parent_path(item.path), given);
}

}  // namespace

Result<> find_moved(Plan& plan, const Input& input) {
  std::set<std::string_view> recorded, described, in_use;
  for (const Recorded& old : input.recorded) {
    recorded.insert(old.path);
    bool over = old.state == model::State::terminated || old.state == model::State::described;
    if (!over || old.holds) in_use.insert(old.path);
  }
  for (const Item& item : plan.items) described.insert(item.path);
  std::map<std::string, std::string> renamed;  // path now, the path that its text names
  for (const Item& item : plan.items)
    if (auto given = item.component ? item.component->string("renamedFrom") : std::nullopt)
      renamed.emplace(item.path, former_path(item, *given));
  std::map<std::string_view, std::string> moved;  // path now, path before
  for (Item& item : plan.items) {
    if (auto above = moved.find(parent_path(item.path)); above != moved.end())
      item.moved_from = above->second + item.path.substr(item.path.rfind(':'));
    auto given = item.component->string("renamedFrom");
    if (given && !parent_path(item.path).empty()) {
      std::string former = former_path(item, *given);
      // Once it has moved the attribute may stay where it is.
      bool is_new = !in_use.contains(item.path);
      auto other = is_new ? renamed.end() : renamed.find(former);
      if (other != renamed.end() && other->second == item.path && in_use.contains(former))
        return fail(
            Error(Code::invalid_argument,
                  fmt::format("{} and {} cannot change names in one step", item.path, former),
                  item.component->find("renamedFrom")->where)
                .hint("one of them goes by a third name first, with an `up` of its own"));
      if (is_new && !recorded.contains(former) && !recorded.empty())
        item.why = fmt::format(
            "renamedFrom \"{}\" names nothing that is recorded: what lay in another "
            "component is named by its whole path, such as {}:old:name",
            *given, item.path.substr(0, item.path.find(':')));
      if (in_use.contains(former) && is_new) {
        if (described.contains(former))
          return fail(Error(Code::invalid_argument,
                            fmt::format("{} is renamedFrom {}, which is still described", item.path,
                                        former),
                            item.component->find("renamedFrom")->where)
                          .hint("a component moves when its old name is free"));
        item.moved_from = former;
      }
    }
    if (item.moved_from.empty()) continue;
    // Its agent knows its works by their path, and what it has started itself is recorded by it.
    if (item.actions || placed(*item.component)) {
      item.why = fmt::format(
          "was {}, and is made anew: {} its path", std::exchange(item.moved_from, ""),
          item.actions ? "what it has started is known by" : "hosts know what runs on them by");
      continue;
    }
    moved.emplace(item.path, item.moved_from);
  }
  return {};
}

}  // namespace croft::plan
