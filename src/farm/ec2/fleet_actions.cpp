// CreateFleet and what belongs to it. What a fleet does: instance_fleets.h.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/instance_fleets.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

#define CROFT_FLEET_CONFIG(top)                                                                 \
  {top ".N.LaunchTemplateSpecification.LaunchTemplateId", Kind::id, false, "lt"},               \
      {top ".N.LaunchTemplateSpecification.LaunchTemplateName", Kind::text, false, "", 3, 128}, \
      {top ".N.LaunchTemplateSpecification.Version", Kind::text, false, "", 1, 32},             \
      {top ".N.Overrides.N.InstanceType", Kind::text, false, "", 1, 64},                        \
      {top ".N.Overrides.N.MaxPrice", Kind::text, false, "", 1, 32},                            \
      {top ".N.Overrides.N.SubnetId", Kind::id, false, "subnet"},                               \
      {top ".N.Overrides.N.AvailabilityZone", Kind::text, false, "", 1, 64},                    \
      {top ".N.Overrides.N.WeightedCapacity", Kind::integer, false, "", 1, 999},                \
      {top ".N.Overrides.N.Priority", Kind::text, false, "", 1, 16},                            \
      {top ".N.Overrides.N.ImageId", Kind::id, false, "ami"}, {                                 \
    top ".*", Kind::unsupported                                                                 \
  }

constexpr int64_t most_capacity = 1000;
constexpr Param create_params[] = {
    CROFT_FLEET_CONFIG("LaunchTemplateConfigs"),
    {"TargetCapacitySpecification.TotalTargetCapacity", Kind::integer, true, "", 0, most_capacity},
    {"TargetCapacitySpecification.OnDemandTargetCapacity", Kind::integer, false, "", 0,
     most_capacity},
    {"TargetCapacitySpecification.SpotTargetCapacity", Kind::integer, false, "", 0, most_capacity},
    {"TargetCapacitySpecification.DefaultTargetCapacityType", Kind::choice, false,
     "on-demand|spot"},
    {"TargetCapacitySpecification.TargetCapacityUnitType", Kind::choice, false, "units"},
    {"Type", Kind::choice, false, "instant|request|maintain"},
    {"ExcessCapacityTerminationPolicy", Kind::choice, false,
     "no-termination|termination|terminate"},
    {"SpotOptions.AllocationStrategy", Kind::choice, false,
     "lowest-price|lowestPrice|diversified|capacity-optimized|capacityOptimized|"
     "capacity-optimized-prioritized|price-capacity-optimized"},
    {"SpotOptions.InstanceInterruptionBehavior", Kind::choice, false, "terminate"},
    {"SpotOptions.*", Kind::unsupported},
    {"OnDemandOptions.AllocationStrategy", Kind::choice, false,
     "lowest-price|lowestPrice|prioritized"},
    {"OnDemandOptions.*", Kind::unsupported},
    {"TerminateInstancesWithExpiration", Kind::boolean},
    {"ReplaceUnhealthyInstances", Kind::boolean},
    {"ValidFrom", Kind::text, false, "", 1, 64},
    {"ValidUntil", Kind::text, false, "", 1, 64},
    {"Context", Kind::ignored},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param modify_params[] = {
    {"FleetId", Kind::id, true, "fleet"},
    CROFT_FLEET_CONFIG("LaunchTemplateConfig"),
    {"TargetCapacitySpecification.TotalTargetCapacity", Kind::integer, false, "", 0, most_capacity},
    {"TargetCapacitySpecification.OnDemandTargetCapacity", Kind::integer, false, "", 0,
     most_capacity},
    {"TargetCapacitySpecification.SpotTargetCapacity", Kind::integer, false, "", 0, most_capacity},
    {"TargetCapacitySpecification.DefaultTargetCapacityType", Kind::choice, false,
     "on-demand|spot"},
    {"ExcessCapacityTerminationPolicy", Kind::choice, false,
     "no-termination|termination|terminate"},
    {"Context", Kind::ignored},
};
#undef CROFT_FLEET_CONFIG
constexpr Param delete_params[] = {
    {"FleetId.N", Kind::id, true, "fleet"},
    {"TerminateInstances", Kind::boolean, true},
};
constexpr Param describe_params[] = {{"FleetId.N", Kind::id, false, "fleet"}};
constexpr Param one_params[] = {{"FleetId", Kind::id, true, "fleet"}};

/// The parameters below `fields`' names as elements: "Overrides.1.MaxPrice" is overrides, item,
/// maxPrice.
void echo(Xml& xml, const Fields& fields) {
  std::map<std::pair<int64_t, std::string>, Fields> groups;
  for (const auto& [name, value] : fields) {
    size_t dot = std::min(name.find('.'), name.size());
    std::string head = name.substr(0, dot);
    auto index = parse_i64(head);
    std::string rest = dot < name.size() ? name.substr(dot + 1) : "";
    groups[{index.value_or(0), index ? "" : head}].emplace_back(std::move(rest), value);
  }
  for (const auto& [key, inner] : groups) {
    std::string element = key.second.empty() ? "item" : key.second;
    if (element[0] >= 'A' && element[0] <= 'Z') element[0] += 'a' - 'A';
    if (inner.size() == 1 && inner.front().first.empty())
      xml.text(element, inner.front().second);
    else
      xml.in(element, [&] { echo(xml, inner); });
  }
}

void echo_under(Xml& xml, const Params& config, std::string_view top) {
  Fields out;
  for (const auto& field : config.fields())
    if (field.first.starts_with(std::string(top) + ".")) out.push_back(field);
  echo(xml, out);
}

Result<> check_times(const Params& p) {
  for (const char* name : {"ValidFrom", "ValidUntil"})
    if (p.has(name) && !WallTime::parse_iso8601(p.text(name)))
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("{} '{}' is no time", name, printable(p.text(name)))));
  return {};
}

Result<> check_config(Core& core, const Call& call, std::string_view list) {
  auto configs = call.params.items(list);
  if (configs.empty())
    return fail(aws_error("MissingParameter", 400,
                          fmt::format("The request must contain the parameter {}", list)));
  for (const Params& one : configs) {
    std::string id = one.text("LaunchTemplateSpecification.LaunchTemplateId");
    std::string name = one.text("LaunchTemplateSpecification.LaunchTemplateName");
    if (id.empty() == name.empty())
      return fail(aws_error("InvalidFleetConfig", 400,
                            "A LaunchTemplateSpecification has either a LaunchTemplateId or a "
                            "LaunchTemplateName"));
    auto known = core.state.templates.of(call.account());
    bool found = std::ranges::any_of(known, [&](const LaunchTemplate* one_template) {
      return one_template->id == id || one_template->name == name;
    });
    if (!found && !id.empty()) return fail(not_found(*id_kind("lt"), {id}));
    if (!found)
      return fail(aws_error(
          "InvalidLaunchTemplateName.NotFoundException", 400,
          fmt::format("The specified launch template, with template name {}, does not exist",
                      printable(name))));
  }
  return {};
}

Result<> check_target(const Params& p) {
  Params target = p.under("TargetCapacitySpecification");
  int64_t parts =
      target.number("OnDemandTargetCapacity", 0) + target.number("SpotTargetCapacity", 0);
  if (parts <= target.number("TotalTargetCapacity", 0)) return {};
  return fail(aws_error("InvalidTargetCapacitySpecification", 400,
                        fmt::format("OnDemandTargetCapacity and SpotTargetCapacity are {}, more "
                                    "than TotalTargetCapacity",
                                    parts)));
}

Result<> read_fleet(Core& core, const Call& call, Plain& one) {
  const Params& p = call.params;
  TRY(check_config(core, call, "LaunchTemplateConfigs"));
  TRY(check_target(p));
  TRY(check_times(p));
  one.state = "active";
  one.values = {{"type", p.text("Type", "maintain")}, {"until", p.text("ValidUntil")}};
  for (const auto& [name, value] : p.fields())
    if (name != "ClientToken" && name != "DryRun") one.lists.push_back({name, value});
  return {};
}

void write_launched(Xml& xml, const Params& config, const Instance& instance) {
  auto configs = config.items("LaunchTemplateConfigs");
  if (!configs.empty())
    xml.in("launchTemplateAndOverrides", [&] {
      xml.in("launchTemplateSpecification",
             [&] { echo(xml, configs.front().under("LaunchTemplateSpecification").fields()); });
    });
  xml.text("lifecycle", std::string_view(instance.spot_request.empty() ? "on-demand" : "spot"));
  xml.in("instanceIds", [&] { xml.plain("item", instance.id); });
  xml.plain("instanceType", instance.type);
}

void write_fleet(Xml& xml, Core& core, const Plain& one) {
  const Params config = config_of(one);
  int64_t on_demand = 0, all = 0;
  auto instances = instances_of_fleet(core, one);
  for (const Instance* instance : instances) {
    int64_t weight = weight_of(config, *instance);
    all += weight;
    if (instance->spot_request.empty()) on_demand += weight;
  }
  FleetTarget target = target_of(config);
  bool full = all >= target.on_demand + target.spot;
  xml.plain("fleetId", one.id).text("fleetState", one.state).time("createTime", one.created);
  if (one.state == "active")
    xml.text("activityStatus", std::string_view(full ? "fulfilled" : "pending_fulfillment"));
  xml.text("excessCapacityTerminationPolicy",
           config.text("ExcessCapacityTerminationPolicy", "termination"));
  xml.number("fulfilledCapacity", all).number("fulfilledOnDemandCapacity", on_demand);
  echo_under(xml, config, "LaunchTemplateConfigs");
  xml.in("targetCapacitySpecification", [&] {
    xml.number("totalTargetCapacity", target.on_demand + target.spot);
    xml.number("onDemandTargetCapacity", target.on_demand);
    xml.number("spotTargetCapacity", target.spot);
    xml.text("defaultTargetCapacityType",
             config.text("TargetCapacitySpecification.DefaultTargetCapacityType", "on-demand"));
  });
  echo_under(xml, config, "SpotOptions");
  echo_under(xml, config, "OnDemandOptions");
  xml.flag("terminateInstancesWithExpiration", config.flag("TerminateInstancesWithExpiration"));
  xml.flag("replaceUnhealthyInstances", config.flag("ReplaceUnhealthyInstances"));
  xml.plain("type", one.value("type"));
  for (auto [parameter, element] :
       {std::pair("ValidFrom", "validFrom"), std::pair("ValidUntil", "validUntil")})
    xml.optional(element, config.text(parameter));
  if (one.value("type") == "instant")
    xml.list("fleetInstanceSet", instances,
             [&](const Instance* instance) { write_launched(xml, config, *instance); });
}

aio::Task<Answer> create(Core& core, Call call) {
  Plain one;
  CO_TRY(read_fleet(core, call, one));
  auto specs = CO_TRY(read_tag_specs(call.params, {"fleet", "instance"}));
  CO_TRY(call.effect());
  one.kind = "fleet";
  one.id = new_id(core.context.world.random, "fleet");
  one.account = call.account();
  one.created = core.now();
  one.tags = tags_for(specs, "fleet");
  const std::string id = one.id;
  // Its record first: what a crash cuts off is launched by the fleet itself.
  CO_TRY(co_await core.state.commit(
      "create-fleet", {core.state.plains.put(core.state.plains.add(std::move(one)))}));
  auto failures = CO_TRY(co_await fill_fleet(core, id));
  if (core.fleets) core.fleets->kick();
  const Plain* kept = core.state.plains.find(id);
  Xml xml;
  xml.plain("fleetId", id);
  if (kept && kept->value("type") == "instant") {
    const Params config = config_of(*kept);
    xml.list("fleetInstanceSet", instances_of_fleet(core, *kept),
             [&](const Instance* instance) { write_launched(xml, config, *instance); });
    xml.list("errorSet", failures, [&](const FleetFailure& failure) {
      xml.text("lifecycle", std::string_view(failure.spot ? "spot" : "on-demand"));
      xml.text("errorCode", failure.code).text("errorMessage", failure.message);
    });
  }
  if (call.params.text("ClientToken").empty()) co_return xml.take();
  co_return co_await finish(core, call, "create-fleet", {}, xml.take());
}

/// Ends what is above the target, the newest first.
aio::Task<Result<>> trim(Core& core, const Plain& fleet) {
  const Params config = config_of(fleet);
  FleetTarget left = target_of(config);
  std::vector<std::string> surplus;
  for (const Instance* instance : instances_of_fleet(core, fleet)) {
    int64_t& room = instance->spot_request.empty() ? left.on_demand : left.spot;
    if (room > 0)
      room -= weight_of(config, *instance);
    else
      surplus.push_back(instance->id);
  }
  co_return co_await end_instances(core, std::move(surplus));
}

aio::Task<Answer> modify(Core& core, Call call) {
  Plain* one = CO_TRY(named_plain(core, call, "FleetId", "fleet"));
  if (one->state != "active" || one->value("type") != "maintain")
    co_return fail(aws_error("InvalidFleetState", 400,
                             fmt::format("Fleet {} of type {} is {} and cannot be modified",
                                         one->id, one->value("type"), one->state)));
  const Params& p = call.params;
  Plain changed = *one;
  auto replace = [&](std::string_view from, std::string_view to) {
    if (p.under(from).empty()) return;
    std::erase_if(changed.lists, [&](const TemplateField& field) {
      return field.name.starts_with(std::string(to) + ".");
    });
    for (const auto& [name, value] : p.fields())
      if (name.starts_with(std::string(from) + "."))
        changed.lists.push_back({std::string(to) + name.substr(from.size()), value});
  };
  if (!p.under("LaunchTemplateConfig").empty())
    CO_TRY(check_config(core, call, "LaunchTemplateConfig"));
  replace("LaunchTemplateConfig", "LaunchTemplateConfigs");
  replace("TargetCapacitySpecification", "TargetCapacitySpecification");
  if (p.has("ExcessCapacityTerminationPolicy")) {
    changed.set_list("ExcessCapacityTerminationPolicy",
                     {p.text("ExcessCapacityTerminationPolicy")});
  }
  CO_TRY(check_target(config_of(changed)));
  CO_TRY(call.effect());
  *one = changed;
  const std::string id = one->id;
  auto answer =
      co_await finish(core, call, "modify-fleet", {core.state.plains.put(*one)}, answer_true());
  if (!answer) co_return answer;
  if (config_of(changed).text("ExcessCapacityTerminationPolicy") != "no-termination")
    CO_TRY(co_await trim(core, changed));
  CO_TRY(co_await fill_fleet(core, id));
  co_return answer;
}

aio::Task<Answer> remove(Core& core, Call call) {
  bool terminate = call.params.flag("TerminateInstances");
  auto ids = call.params.list("FleetId");
  std::vector<std::string> unknown;
  for (const std::string& id : ids)
    if (!find_plain(core, call.account(), "fleet", id)) unknown.push_back(id);
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  std::vector<std::string> over;
  Xml xml;
  xml.in("successfulFleetDeletionSet", [&] {
    for (const std::string& id : ids) {
      Plain* one = find_plain(core, call.account(), "fleet", id);
      if (!one) continue;
      xml.in("item", [&] {
        xml.text("previousFleetState", one->state);
        one->state = terminate ? "deleted_terminating" : "deleted_running";
        xml.text("currentFleetState", one->state).plain("fleetId", id);
      });
      one->ended = core.now();
      changes.push_back(core.state.plains.put(*one));
      if (terminate)
        for (const Instance* instance : instances_of_fleet(core, *one))
          over.push_back(instance->id);
    }
  });
  xml.list("unsuccessfulFleetDeletionSet", unknown, [&](const std::string& id) {
    xml.in("error", [&] {
      xml.text("code", "fleetIdDoesNotExist");
      xml.text("message", fmt::format("The fleet ID '{}' does not exist", id));
    });
    xml.plain("fleetId", id);
  });
  auto answer = co_await finish(core, call, "delete-fleets", std::move(changes), xml.take());
  if (answer) CO_TRY(co_await end_instances(core, std::move(over)));
  co_return answer;
}

Answer instances(Core& core, const Call& call) {
  Plain* one = TRY(named_plain(core, call, "FleetId", "fleet"));
  std::vector<std::pair<std::string, Instance*>> rows;
  for (Instance* instance : instances_of_fleet(core, *one))
    rows.emplace_back(fmt::format("{:016}", instance->sequence), instance);
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("activeInstanceSet", rows, [&](const auto& row) {
    xml.plain("instanceId", row.second->id).plain("instanceType", row.second->type);
    if (!row.second->spot_request.empty())
      xml.plain("spotInstanceRequestId", row.second->spot_request);
    xml.text("instanceHealth", "healthy");
  });
  xml.plain("fleetId", one->id).optional("nextToken", next);
  return xml.take();
}

constexpr char type_name[] = "type";
constexpr FilterField<Plain> fields[] = {
    {"fleet-state", state_value},
    {"type", named_value<type_name>},
};

constexpr PlainKind kinds[] = {{.prefix = "fleet",
                                .create = "",
                                .remove = "",
                                .describe = "DescribeFleets",
                                .id = "FleetId",
                                .element = "fleet",
                                .list = "fleetSet",
                                .read = read_fleet,
                                .write = write_fleet,
                                .fields = fields}};

constexpr Action table[] = {
    {"CreateFleet", create_params, nullptr, create},
    {"ModifyFleet", modify_params, nullptr, modify},
    {"DeleteFleets", delete_params, nullptr, remove},
    {"DescribeFleets", describe_params, describe_plain, nullptr, true, 1, ""},
    {"DescribeFleetInstances", one_params, instances, nullptr, false, 1, ""},
};

}  // namespace

std::span<const PlainKind> fleet_kinds() {
  return kinds;
}
std::span<const Action> fleet_actions() {
  return table;
}

}  // namespace croft::farm::ec2
