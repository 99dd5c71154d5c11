#include "components/cloudfarmer/farmer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/bounds.h"

namespace croft::components {

using engine::Context;
using model::Type;

std::vector<ClusterNode> ClusterFarmer::nodes_of(const Context& own) {
  std::vector<ClusterNode> out;
  auto found = own.record().published.find("nodes");
  const auto* list =
      found == own.record().published.end() ? nullptr : found->second.get<model::Vector>();
  if (!list) return out;
  for (const auto& item : *list) {
    const auto* parts = item.get<model::Vector>();
    if (!parts || parts->size() != 5) continue;
    auto text = [&](size_t i) {
      const auto* value = (*parts)[i].get<std::string>();
      return value ? *value : std::string();
    };
    out.push_back({text(0), text(1), text(2), text(3), text(4)});
  }
  return out;
}

aio::Task<Result<>> ClusterFarmer::unmake(Context& own, std::vector<ClusterNode> gone) {
  auto nodes = nodes_of(own);
  std::erase_if(nodes, [&](const ClusterNode& node) {
    return std::ranges::find(gone, node.id, &ClusterNode::id) != gone.end();
  });
  keep_nodes(own, nodes);
  co_return Result<>{};
}

void ClusterFarmer::keep_nodes(Context& own, const std::vector<ClusterNode>& nodes) {
  model::Vector list;
  for (const ClusterNode& node : nodes)
    list.emplace_back(
        model::Vector{node.id, node.role, node.hostname, node.external_hostname, node.owner});
  own.publish("nodes", model::Value(std::move(list)));
}

model::ComponentPtr ClusterFarmer::role_of(const Context& own, const std::string& role) const {
  auto roles = own.description() ? own.description()->component("roles") : nullptr;
  return roles ? roles->component(role) : nullptr;
}

bool ClusterFarmer::has_role(const Context& own, const std::string& role) const {
  return role_of(own, role) != nullptr;
}

aio::Task<Result<>> ClusterFarmer::deploy(Context& own) {
  CO_TRY(limit(own));
  co_return Result<>{};
}

Result<int64_t> ClusterFarmer::limit(Context& own) const {
  return own.integer_or("clusterLimit", default_limit());
}

aio::Task<Result<bool>> ClusterFarmer::available(Context& own) {
  co_return own.boolean_or("available", true);
}

aio::Task<Result<std::vector<ClusterNode>>> ClusterFarmer::create(Context& own, std::string owner,
                                                                  std::string role, int64_t least,
                                                                  int64_t most) {
  auto lock = CO_TRY(co_await one_at_a_time_.lock());
  auto given = [&] {
    std::vector<ClusterNode> out;
    for (ClusterNode& node : nodes_of(own))
      if (node.owner == owner && node.role == role) out.push_back(std::move(node));
    return out;
  };
  if (auto before = given(); !before.empty()) co_return before;
  if (!CO_TRY(co_await available(own)))
    co_return fail(Code::unavailable, fmt::format("the farm {} is not available", own.path()));
  Allocation wanted{role, std::nullopt, least, most};
  wanted.in_all = beside(own);
  if (auto limits = role_of(own, role))
    wanted.limits =
        RoleLimits{limits->integer("min").value_or(0), limits->integer("max").value_or(-1)};
  for (const ClusterNode& node : nodes_of(own)) {
    if (node.owner.empty()) continue;
    ++wanted.in_all;
    if (node.role == role) ++wanted.in_role;
  }
  wanted.farm_limit = CO_TRY(limit(own));
  auto count = allocate(wanted);
  if (!count) {
    Error error = std::move(count).error();
    std::vector<std::string> names;
    if (auto roles = own.description()->component("roles"))
      for (const auto& attribute : roles->attributes())
        if (attribute.value.as_component()) names.push_back(attribute.name);
    if (error.code == Code::not_found)
      if (auto hint = did_you_mean(role, names); !hint.empty()) error.hint(hint);
    if (int64_t idle = beside(own); idle > 0 && error.code == Code::resource_exhausted)
      error.hint(
          fmt::format("{} machines that an earlier life kept count: `croft down --kept` ends "
                      "them, recycle true uses them",
                      idle));
    co_return fail(error.frame("asking " + own.path()));
  }
  if (*count > 0) CO_TRY(co_await make(own, owner, role, least, *count));
  co_return given();
}

aio::Task<Result<>> ClusterFarmer::release(Context& own, std::vector<std::string> ids) {
  auto lock = CO_TRY(co_await one_at_a_time_.lock());
  std::vector<ClusterNode> gone;
  for (ClusterNode& node : nodes_of(own))
    if (!node.owner.empty() && std::ranges::find(ids, node.id) != ids.end())
      gone.push_back(std::move(node));
  if (!gone.empty()) CO_TRY(co_await unmake(own, std::move(gone)));
  co_return Result<>{};
}

std::vector<ClusterNode> ClusterFarmer::list(const Context& own, const std::string& role) const {
  auto out = nodes_of(own);
  std::erase_if(out, [&](const ClusterNode& node) {
    return node.owner.empty() || (!role.empty() && node.role != role);
  });
  return out;
}

aio::Task<Result<>> NodeDeployment::put(Context& own, std::string, std::string, std::string) {
  co_return fail(Code::unsupported, own.path() + " puts no descriptions on machines");
}
aio::Task<Result<>> NodeDeployment::take_back(Context&, std::string, std::string) {
  co_return Result<>{};
}

Result<std::optional<DeploymentLink>> deployment_of(const FarmerLink& farmer) {
  auto factory = TRY(farmer.own->component_or_null("deploymentFactory"));
  if (!factory) return std::nullopt;
  auto other = farmer.own->other(factory);
  if (!other) return std::nullopt;
  DeploymentLink out{other->object, dynamic_cast<NodeDeployment*>(other->object.get()),
                     other->context};
  if (!out.deployment || !out.deployment->puts()) return std::nullopt;
  return out;
}

Result<FarmerLink> farmer_of(const Context& context) {
  auto component = TRY(context.component_or_null("farmer"));
  auto other = context.other(component);
  if (!other) return fail(std::move(other).error().at(context.where("farmer")));
  FarmerLink out{other->object, dynamic_cast<ClusterFarmer*>(other->object.get()), other->context};
  if (!out.farmer)
    return fail(Error(Code::type_mismatch, fmt::format("{} is no farmer", other->context->path()),
                      context.where("farmer"))
                    .hint("EC2ClusterFarmer, MockClusterFarmer and ManualClusterFarmer are"));
  return out;
}

static std::vector<model::AttributeSchema> farmer_attributes(int32_t limit) {
  auto nodes =
      attribute("nodes", Type::vector, "[id, role, host name, external name, customer] each");
  nodes.published = true;
  return {with_default("clusterLimit", Type::integer, limit,
                       "machines of all roles together; negative: no limit"),
          attribute("roles", Type::component, "ClusterRoles, by their names"),
          attribute("deploymentFactory", Type::component, "how descriptions get onto the machines"),
          nodes};
}

engine::ComponentType cluster_role_type() {
  engine::ComponentType type;
  type.schema.sf_class = "croft.ClusterRole";
  type.schema.type = "ClusterRole";
  type.schema.base = "croft.Prim";
  type.schema.doc = "What machines of one kind are for, and how many there may be.";
  auto number = [](const char* name, int32_t value, const char* doc) {
    return with_default(name, Type::integer, value, doc);
  };
  type.schema.attributes = {with_default("description", Type::string, "", "for people"),
                            with_default("longDescription", Type::string, "", "for people"),
                            at_least(0, number("min", 0, "so many are wanted at least")),
                            number("max", -1, "so many there may be; negative: no limit"),
                            at_least(0, number("recommendedMin", 0, "for people")),
                            number("recommendedMax", -1, "for people; negative: no limit"),
                            attribute("options", Type::any, "for people"),
                            attribute("links", Type::any, "label [protocol, port, path] each")};
  type.schema.rule = [](const model::Component& component, std::vector<Error>& errors) {
    auto links = component.component("links");
    if (!links) return;
    for (const auto& link : links->attributes()) {
      const auto* parts = link.value.get<model::Vector>();
      if (!parts) continue;
      if (parts->size() == 3 && (*parts)[1].as_integer()) continue;
      errors.push_back(Error(Code::type_mismatch,
                             fmt::format("the link '{}' is not [protocol, port, path]", link.name),
                             link.where)
                           .hint("[\"http\", 8080, \"/status\"]"));
    }
  };
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}

namespace {
engine::ComponentType deployment(std::string name, std::string doc) {
  return type_of(std::move(name), std::move(doc), {},
                 [] { return std::make_unique<engine::Component>(); });
}
}  // namespace

engine::ComponentType mock_node_deployment_type() {
  return deployment("MockNodeDeployment", "Descriptions for machines that only seem to be there.");
}
engine::ComponentType unsupported_node_deployment_type() {
  return deployment("UnsupportedNodeDeployment", "Descriptions cannot be put on the machines.");
}

engine::ComponentType farmer_type(std::string name, std::string doc, int32_t limit,
                                  std::vector<model::AttributeSchema> more,
                                  std::function<std::unique_ptr<engine::Component>()> make) {
  auto attributes = farmer_attributes(limit);
  for (auto& each : more) attributes.push_back(std::move(each));
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make),
                      "croft.Compound");
  type.compound = type.coded = true;
  type.schema.container = true;
  return type;
}

}  // namespace croft::components
