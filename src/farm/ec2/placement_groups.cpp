// Placement groups: how instances keep apart (spread, partition) or together (cluster) on the hosts
// of the farm's topology. Without a topology they are records: there is one host.
#include "base/text.h"
#include "farm/ec2/describe.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_params[] = {
    {"GroupName", Kind::text, true, "", 1, 255},
    {"Strategy", Kind::choice, false, "cluster|spread|partition"},
    {"SpreadLevel", Kind::choice, false, "host|rack"},
    {"PartitionCount", Kind::integer, false, "", 1, 7},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param delete_params[] = {{"GroupName", Kind::text, true, "", 1, 255}};
constexpr Param describe_params[] = {
    {"GroupName.N", Kind::text, false, "", 1, 255},
    {"GroupId.N", Kind::id, false, "pg"},
};

PlacementGroup* by_name(Core& core, const std::string& account, const std::string& name) {
  for (PlacementGroup* group : core.state.placement_groups.of(account))
    if (group->name == name) return group;
  return nullptr;
}

Error unknown_group(const std::string& name) {
  return aws_error("InvalidPlacementGroup.Unknown", 400,
                   fmt::format("The Placement Group '{}' is unknown.", printable(name)));
}

void write_group(Xml& xml, const Core& core, const PlacementGroup& group) {
  xml.text("groupName", group.name).text("strategy", group.strategy).text("state", "available");
  if (group.strategy == "partition") xml.number("partitionCount", group.partitions);
  if (group.strategy == "spread") xml.text("spreadLevel", group.spread_level);
  xml.plain("groupId", group.id);
  xml.text("groupArn", fmt::format("arn:aws:ec2:{}:{}:placement-group/{}", core.context.region,
                                   group.account, group.name));
  write_tags(xml, group.tags);
}

aio::Task<Answer> create_group(Core& core, Call call) {
  const Params& p = call.params;
  std::string name = p.text("GroupName");
  if (by_name(core, call.account(), name))
    co_return fail(
        aws_error("InvalidPlacementGroup.Duplicate", 400,
                  fmt::format("The Placement Group '{}' already exists.", printable(name))));
  std::string strategy = p.text("Strategy", "cluster");
  if (p.has("PartitionCount") && strategy != "partition")
    co_return fail(aws_error("InvalidParameterCombination", 400,
                             "PartitionCount is of the strategy 'partition'"));
  auto specs = CO_TRY(read_tag_specs(p, {"placement-group"}));
  CO_TRY(call.effect());
  PlacementGroup group;
  group.id = new_id(core.context.world.random, "pg");
  group.account = call.account();
  group.name = name;
  group.strategy = strategy;
  group.spread_level = p.text("SpreadLevel", "rack");
  group.partitions = p.number("PartitionCount", 2);
  group.tags = tags_for(specs, "placement-group");
  Xml xml;
  xml.flag("return", true);
  xml.in("placementGroup", [&] { write_group(xml, core, group); });
  std::vector<store::Change> changes{
      core.state.placement_groups.put(core.state.placement_groups.add(group))};
  co_return co_await finish(core, call, "create-placement-group", std::move(changes), xml.take());
}

aio::Task<Answer> delete_group(Core& core, Call call) {
  std::string name = call.params.text("GroupName");
  PlacementGroup* group = by_name(core, call.account(), name);
  if (!group) co_return fail(unknown_group(name));
  for (const Instance* instance : core.state.instances_of(call.account()))
    if (instance->placement_group == name && instance->state != InstanceState::terminated)
      co_return fail(
          aws_error("InvalidPlacementGroup.InUse", 400,
                    fmt::format("The placement group {} is in use by {}", name, instance->id)));
  CO_TRY(call.effect());
  std::string id = group->id;
  core.state.placement_groups.erase(id);
  std::vector<store::Change> changes{core.state.placement_groups.remove(id)};
  co_return co_await finish(core, call, "delete-placement-group", std::move(changes),
                            answer_true());
}

constexpr FilterField<PlacementGroup> group_fields[] = {
    {"group-name", [](const PlacementGroup& g, Out out) { out.push_back(g.name); }},
    {"strategy", [](const PlacementGroup& g, Out out) { out.push_back(g.strategy); }},
    {"spread-level", [](const PlacementGroup& g, Out out) { out.push_back(g.spread_level); }},
    {"state", [](const PlacementGroup&, Out out) { out.emplace_back("available"); }},
};

Answer describe_groups(Core& core, const Call& call) {
  Call wanted = call;
  auto names = call.params.list("GroupName");
  for (const std::string& name : names)
    if (!by_name(core, call.account(), name)) return fail(unknown_group(name));
  if (!names.empty()) wanted.filters.push_back({"group-name", names});
  return describe_table<PlacementGroup>(
      wanted, core.state.placement_groups, "GroupId", "pg", group_fields, "placementGroupSet",
      [&](Xml& xml, const PlacementGroup& group) { write_group(xml, core, group); });
}

constexpr Action table[] = {
    {"CreatePlacementGroup", create_params, nullptr, create_group},
    {"DeletePlacementGroup", delete_params, nullptr, delete_group},
    {"DescribePlacementGroups", describe_params, describe_groups, nullptr, true},
};

}  // namespace

std::span<const Action> placement_actions() {
  return table;
}

}  // namespace croft::farm::ec2
