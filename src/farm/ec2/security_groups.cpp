// CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups. The rules inside:
// group_rules.cpp.
#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/group_rules.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_params[] = {
    {"GroupName", Kind::text, true, "", 1, 255},
    {"GroupDescription", Kind::text, true, "", 1, 255},
    {"VpcId", Kind::id, false, "vpc"},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_group_params[] = {
    {"GroupId", Kind::id, false, "sg"},
    {"GroupName", Kind::text, false, "", 1, 255},
};
constexpr Param describe_params[] = {
    {"GroupId.N", Kind::id, false, "sg"},
    {"GroupName.N", Kind::text, false, "", 1, 255},
};

aio::Task<Answer> create_group(Core& core, Call call) {
  std::string account = call.account(), name = call.params.text("GroupName");
  std::string vpc = call.params.text("VpcId", core.vpc_of(account));
  if (!core.state.vpcs.find(account, vpc)) co_return fail(not_found(*id_kind("vpc"), {vpc}));
  if (name.starts_with("sg-"))
    co_return fail(
        aws_error("InvalidParameterValue", 400, "Group names may not be in the format sg-*"));
  for (SecurityGroup* group : core.state.groups.of(account))
    if (group->vpc == vpc && group->name == name)
      co_return fail(aws_error("InvalidGroup.Duplicate", 400,
                               fmt::format("The security group '{}' already exists for VPC '{}'",
                                           printable(name), vpc)));
  auto specs = CO_TRY(read_tag_specs(call.params, {"security-group"}));
  CO_TRY(call.effect());
  aio::Random& random = core.context.world.random;
  SecurityGroup group;
  group.id = new_id(random, "sg");
  group.account = account;
  group.vpc = vpc;
  group.name = name;
  group.description = call.params.text("GroupDescription");
  group.tags = tags_for(specs, "security-group");
  GroupRule all_out;
  all_out.id = new_id(random, "sgr");
  all_out.egress = true;
  all_out.cidr = "0.0.0.0/0";
  group.rules.push_back(all_out);
  SecurityGroup& kept = core.state.groups.add(std::move(group));
  std::string id = kept.id;
  Xml xml;
  xml.flag("return", true).plain("groupId", id);
  write_tags(xml, kept.tags);
  std::vector<store::Change> changes{core.state.groups.put(kept)};
  auto answer = co_await finish(core, call, "create-group", std::move(changes), xml.take());
  if (!answer) {
    core.state.groups.erase(id);
    co_return answer;
  }
  CO_TRY(co_await core.tell_groups({id}));
  co_return answer;
}

Result<> check_unused(Core& core, const SecurityGroup& group) {
  if (group.name == "default")
    return fail(aws_error("CannotDelete", 400,
                          fmt::format("the specified group: \"{}\" name: \"default\" cannot be "
                                      "deleted by a user",
                                      group.id)));
  auto violation = [&](std::string_view by) {
    return aws_error("DependencyViolation", 400,
                     fmt::format("resource {} has a dependent object: {}", group.id, by));
  };
  for (const Instance* instance : core.state.instances_of(group.account))
    if (instance->state != InstanceState::terminated &&
        std::ranges::find(instance->groups, group.id) != instance->groups.end())
      return fail(violation(instance->id));
  for (const SecurityGroup* other : core.state.groups.of(group.account))
    for (const GroupRule& rule : other->rules)
      if (other->id != group.id && rule.group == group.id) return fail(violation(rule.id));
  return {};
}

aio::Task<Answer> delete_group(Core& core, Call call) {
  SecurityGroup* group = CO_TRY(named_group(core, call));
  CO_TRY(check_unused(core, *group));
  CO_TRY(call.effect());
  std::string id = group->id;
  core.state.groups.erase(id);
  std::vector<store::Change> changes{core.state.groups.remove(id)};
  auto answer = co_await finish(core, call, "delete-group", std::move(changes), answer_true());
  if (answer) CO_TRY(co_await core.fleet.machines().forget_group(id));
  co_return answer;
}

template <bool egress>
void each_rule(const SecurityGroup& group, Out out, std::string (*value)(const GroupRule&)) {
  for (const GroupRule& rule : group.rules)
    if (rule.egress == egress)
      if (std::string text = value(rule); !text.empty()) out.push_back(std::move(text));
}

constexpr FilterField<SecurityGroup> group_fields[] = {
    {"group-id", [](const SecurityGroup& g, Out out) { out.push_back(g.id); }},
    {"group-name", [](const SecurityGroup& g, Out out) { out.push_back(g.name); }},
    {"description", [](const SecurityGroup& g, Out out) { out.push_back(g.description); }},
    {"vpc-id", [](const SecurityGroup& g, Out out) { out.push_back(g.vpc); }},
    {"owner-id", [](const SecurityGroup& g, Out out) { out.push_back(g.account); }},
    {"ip-permission.cidr",
     [](const SecurityGroup& g, Out out) {
       each_rule<false>(g, out, [](const GroupRule& r) { return r.cidr; });
     }},
    {"ip-permission.ipv6-cidr",
     [](const SecurityGroup& g, Out out) {
       each_rule<false>(g, out, [](const GroupRule& r) { return r.cidr6; });
     }},
    {"ip-permission.protocol",
     [](const SecurityGroup& g, Out out) {
       each_rule<false>(g, out, [](const GroupRule& r) { return r.protocol; });
     }},
    {"ip-permission.from-port",
     [](const SecurityGroup& g, Out out) {
       each_rule<false>(g, out, [](const GroupRule& r) { return std::to_string(r.from); });
     }},
    {"ip-permission.to-port",
     [](const SecurityGroup& g, Out out) {
       each_rule<false>(g, out, [](const GroupRule& r) { return std::to_string(r.to); });
     }},
    {"ip-permission.group-id",
     [](const SecurityGroup& g, Out out) {
       each_rule<false>(g, out, [](const GroupRule& r) { return r.group; });
     }},
    {"ip-permission.user-id",
     [](const SecurityGroup& g, Out out) {
       for (const GroupRule& r : g.rules)
         if (!r.egress && !r.group.empty()) out.push_back(g.account);
     }},
    {"egress.ip-permission.cidr",
     [](const SecurityGroup& g, Out out) {
       each_rule<true>(g, out, [](const GroupRule& r) { return r.cidr; });
     }},
    {"egress.ip-permission.protocol",
     [](const SecurityGroup& g, Out out) {
       each_rule<true>(g, out, [](const GroupRule& r) { return r.protocol; });
     }},
    {"egress.ip-permission.from-port",
     [](const SecurityGroup& g, Out out) {
       each_rule<true>(g, out, [](const GroupRule& r) { return std::to_string(r.from); });
     }},
    {"egress.ip-permission.to-port",
     [](const SecurityGroup& g, Out out) {
       each_rule<true>(g, out, [](const GroupRule& r) { return std::to_string(r.to); });
     }},
    {"egress.ip-permission.ipv6-cidr",
     [](const SecurityGroup& g, Out out) {
       each_rule<true>(g, out, [](const GroupRule& r) { return r.cidr6; });
     }},
    {"ip-permission.prefix-list-id",
     [](const SecurityGroup& g, Out out) {
       each_rule<false>(g, out, [](const GroupRule& r) { return r.prefix_list; });
     }},
    {"egress.ip-permission.prefix-list-id",
     [](const SecurityGroup& g, Out out) {
       each_rule<true>(g, out, [](const GroupRule& r) { return r.prefix_list; });
     }},
    {"egress.ip-permission.group-id",
     [](const SecurityGroup& g, Out out) {
       each_rule<true>(g, out, [](const GroupRule& r) { return r.group; });
     }},
};

Answer describe_groups(Core& core, const Call& call) {
  Call by_id = call;
  auto names = call.params.list("GroupName");
  if (!names.empty()) {
    // Names stand for groups of the default network, as they always did.
    for (const std::string& name : names) TRY(group_by_name(core, call.account(), name));
    by_id.filters.push_back({"group-name", names});
    by_id.filters.push_back({"vpc-id", {core.vpc_of(call.account())}});
  }
  return describe_table<SecurityGroup>(
      by_id, core.state.groups, "GroupId", "sg", group_fields, "securityGroupInfo",
      [](Xml& xml, const SecurityGroup& group) {
        xml.plain("ownerId", group.account)
            .plain("groupId", group.id)
            .text("groupName", group.name);
        xml.text("groupDescription", group.description).plain("vpcId", group.vpc);
        write_permissions(xml, group, false);
        write_permissions(xml, group, true);
        write_tags(xml, group.tags);
      });
}

constexpr Action table[] = {
    {"CreateSecurityGroup", create_params, nullptr, create_group},
    {"DeleteSecurityGroup", one_group_params, nullptr, delete_group},
    {"DescribeSecurityGroups", describe_params, describe_groups, nullptr, true, 5, "GroupId"},
};

}  // namespace

Result<SecurityGroup*> group_by_name(Core& core, const std::string& account,
                                     const std::string& name) {
  const std::string& vpc = core.vpc_of(account);
  for (SecurityGroup* group : core.state.groups.of(account))
    if (group->name == name && group->vpc == vpc) return group;
  return fail(aws_error("InvalidGroup.NotFound", 400,
                        fmt::format("The security group '{}' does not exist", printable(name))));
}

Result<SecurityGroup*> named_group(Core& core, const Call& call) {
  if (call.params.has("GroupId")) return named(call, core.state.groups, "GroupId", "sg");
  if (!call.params.has("GroupName"))
    return fail(aws_error("MissingParameter", 400,
                          "The request must contain the parameter groupName or groupId"));
  return group_by_name(core, call.account(), call.params.text("GroupName"));
}

std::span<const Action> group_actions() {
  return table;
}

}  // namespace croft::farm::ec2
