#include "plan/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

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

}  // namespace croft::plan
