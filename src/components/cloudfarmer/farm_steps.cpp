// Conditions and steps on a farmer: FarmIsAvailable, FarmSupportsRole, FarmHasDeployedInstances,
// DeleteByRole, DeleteAllNodes, ReleaseAllFarmResources, StartCluster, StopCluster, FarmCheckRoles.
#include <fmt/format.h>

#include "components/bounds.h"
#include "components/cloudfarmer/farmer.h"
#include "components/conditions/condition.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class FarmIsAvailable : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto link = CO_TRY(farmer_of(context));
    co_return co_await link.farmer->available(*link.own);
  }
};

class FarmSupportsRole : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto link = CO_TRY(farmer_of(context));
    co_return link.farmer->has_role(*link.own, CO_TRY(context.string("role")));
  }
};

class FarmHasDeployedInstances : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto link = CO_TRY(farmer_of(context));
    auto count = static_cast<int64_t>(
        link.farmer->list(*link.own, CO_TRY(context.string_or("role", ""))).size());
    int64_t least = CO_TRY(context.integer_or("min", 0)),
            most = CO_TRY(context.integer_or("max", -1));
    int64_t expected = CO_TRY(context.integer_or("expected", -1));
    if (expected >= 0) co_return count == expected;
    co_return count >= least && (most < 0 || count <= most);
  }
};

/// Gives back the machines of `role`, or all.
class Release : public engine::Component {
 public:
  explicit Release(bool by_role) : by_role_(by_role) {}
  aio::Task<Result<>> work(Context& context) override {
    auto link = CO_TRY(farmer_of(context));
    std::string role = by_role_ ? CO_TRY(context.string("role")) : "";
    if (by_role_ && !link.farmer->has_role(*link.own, role))
      co_return fail(Code::not_found, fmt::format("the farm has no role '{}'", role),
                     context.where("role"));
    std::vector<std::string> ids;
    for (const auto& node : link.farmer->list(*link.own, role)) ids.push_back(node.id);
    size_t count = ids.size();
    CO_TRY(co_await link.farmer->release(*link.own, std::move(ids)));
    co_return context.done(TerminationRecord::normal(
        context.path(), fmt::format("{} machines are given back", count)));
  }

 private:
  bool by_role_;
};

/// StartCluster waits for the farm; StopCluster gives all back.
class StartCluster : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto link = CO_TRY(farmer_of(context));
    if (!CO_TRY(co_await link.farmer->available(*link.own)))
      co_return fail(Code::unavailable, fmt::format("{} is not available", link.own->path()));
    co_return context.done(TerminationRecord::normal(context.path(), "the farm is available"));
  }
};

class FarmCheckRoles : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto link = CO_TRY(farmer_of(context));
    for (const auto& item : CO_TRY(context.vector_or_empty("roles"))) {
      const auto* role = item.get<std::string>();
      if (!role || !link.farmer->has_role(*link.own, *role))
        co_return fail(Code::not_found,
                       fmt::format("the farm has no role '{}'", role ? *role : "?"),
                       context.where("roles"));
    }
    co_return context.done(TerminationRecord::normal(context.path(), "all roles are there"));
  }
};

/// Unlike other conditions they are asked at once, unless told otherwise.
model::AttributeSchema at_start() {
  return with_default("checkOnStartup", Type::boolean, true,
                      "it must hold at start; then it ends as sfShouldTerminate says");
}
model::AttributeSchema farmer() {
  return required("farmer", Type::any, "LAZY link to the farmer");
}

engine::ComponentType step(std::string name, std::string doc,
                           std::function<std::unique_ptr<engine::Component>()> make,
                           std::vector<model::AttributeSchema> more = {}) {
  more.push_back(farmer());
  more.push_back(with_default("role", Type::string, "", "which machines"));
  return work_type(std::move(name), std::move(doc), std::move(more), std::move(make));
}

}  // namespace

engine::ComponentType farm_is_available_type() {
  return condition_type_of("FarmIsAvailable", "Holds when the farm gives out machines.",
                           {farmer(), at_start()},
                           [] { return std::make_unique<FarmIsAvailable>(); });
}
engine::ComponentType farm_supports_role_type() {
  return condition_type_of("FarmSupportsRole", "Holds when the farm has the role.",
                           {farmer(), at_start(), required("role", Type::string, "its name")},
                           [] { return std::make_unique<FarmSupportsRole>(); });
}
engine::ComponentType farm_has_deployed_instances_type() {
  auto number = [](const char* name, int32_t value, const char* doc) {
    return with_default(name, Type::integer, value, doc);
  };
  return condition_type_of(
      "FarmHasDeployedInstances", "Holds when so many machines are given out as is wanted.",
      {farmer(), at_start(), with_default("role", Type::string, "", "of it; empty: of all"),
       at_least(0, number("min", 0, "so many at least")),
       number("max", -1, "so many at most; negative: any number"),
       number("expected", -1, "exactly so many; negative: min and max count")},
      [] { return std::make_unique<FarmHasDeployedInstances>(); });
}
engine::ComponentType delete_by_role_type() {
  return step("DeleteByRole", "Gives all machines of a role back.",
              [] { return std::make_unique<Release>(true); });
}
engine::ComponentType delete_all_nodes_type() {
  return step("DeleteAllNodes", "Gives all machines of the farm back.",
              [] { return std::make_unique<Release>(false); });
}
engine::ComponentType release_all_farm_resources_type() {
  return step("ReleaseAllFarmResources", "Gives all that the farm has given out back.",
              [] { return std::make_unique<Release>(false); });
}
engine::ComponentType start_cluster_type() {
  return step("StartCluster", "Ends once the farm is available.",
              [] { return std::make_unique<StartCluster>(); });
}
engine::ComponentType stop_cluster_type() {
  return step("StopCluster", "Gives all machines of the farm back.",
              [] { return std::make_unique<Release>(false); });
}
engine::ComponentType farm_check_roles_type() {
  return step("FarmCheckRoles", "Ends abnormally unless the farm has all `roles`.",
              [] { return std::make_unique<FarmCheckRoles>(); },
              {required("roles", Type::vector, "their names")});
}

}  // namespace croft::components
