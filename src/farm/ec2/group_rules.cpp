// Authorize, Revoke and Modify the rules of security groups, and DescribeSecurityGroupRules. A
// change is durable first, then the packet filter gets the whole group, before the answer.
#include "farm/ec2/group_rules.h"

#include <array>
#include <tuple>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr size_t most_rules = 60;  // one way, of one group: EC2's own limit

constexpr Param rules_params[] = {
    {"GroupId", Kind::id, false, "sg"},
    {"GroupName", Kind::text, false, "", 1, 255},
    {"IpPermissions.N.IpProtocol", Kind::text, false, "", 1, 16},
    {"IpPermissions.N.FromPort", Kind::integer, false, "", -1, 65535},
    {"IpPermissions.N.ToPort", Kind::integer, false, "", -1, 65535},
    {"IpPermissions.N.IpRanges.N.CidrIp", Kind::text, false, "", 1, 64},
    {"IpPermissions.N.IpRanges.N.Description", Kind::text, false, "", 0, 255},
    {"IpPermissions.N.Ipv6Ranges.N.CidrIpv6", Kind::text, false, "", 1, 64},
    {"IpPermissions.N.Ipv6Ranges.N.Description", Kind::text, false, "", 0, 255},
    {"IpPermissions.N.PrefixListIds.N.PrefixListId", Kind::id, false, "pl"},
    {"IpPermissions.N.PrefixListIds.N.Description", Kind::text, false, "", 0, 255},
    {"IpPermissions.N.Groups.N.GroupId", Kind::id, false, "sg"},
    {"IpPermissions.N.Groups.N.GroupName", Kind::text, false, "", 1, 255},
    {"IpPermissions.N.Groups.N.UserId", Kind::text, false, "", 0, 64},
    {"IpPermissions.N.Groups.N.VpcId", Kind::ignored},
    {"IpPermissions.N.Groups.N.PeeringStatus", Kind::ignored},
    {"IpPermissions.N.Groups.N.VpcPeeringConnectionId", Kind::ignored},
    {"IpPermissions.N.Groups.N.Description", Kind::text, false, "", 0, 255},
    {"IpProtocol", Kind::text, false, "", 1, 16},
    {"FromPort", Kind::integer, false, "", -1, 65535},
    {"ToPort", Kind::integer, false, "", -1, 65535},
    {"CidrIp", Kind::text, false, "", 1, 64},
    {"SourceSecurityGroupName", Kind::text, false, "", 1, 255},
    {"SourceSecurityGroupOwnerId", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
/// The same with the ids of rules.
constexpr auto revoke_params = [] {
  std::array<Param, std::size(rules_params) + 1> out;
  std::ranges::copy(rules_params, out.begin());
  out.back() = {"SecurityGroupRuleId.N", Kind::id, false, "sgr"};
  return out;
}();
/// The same with what the rules are to be called, by their ids.
constexpr auto texts_params = [] {
  std::array<Param, std::size(rules_params) + 2> out;
  std::ranges::copy(rules_params, out.begin());
  out[out.size() - 2] = {"SecurityGroupRuleDescription.N.SecurityGroupRuleId", Kind::id, false,
                         "sgr"};
  out.back() = {"SecurityGroupRuleDescription.N.Description", Kind::text, false, "", 0, 255};
  return out;
}();
constexpr Param modify_params[] = {
    {"GroupId", Kind::id, true, "sg"},
    {"SecurityGroupRule.N.SecurityGroupRuleId", Kind::id, true, "sgr"},
    {"SecurityGroupRule.N.SecurityGroupRule.IpProtocol", Kind::text, false, "", 1, 16},
    {"SecurityGroupRule.N.SecurityGroupRule.FromPort", Kind::integer, false, "", -1, 65535},
    {"SecurityGroupRule.N.SecurityGroupRule.ToPort", Kind::integer, false, "", -1, 65535},
    {"SecurityGroupRule.N.SecurityGroupRule.CidrIpv4", Kind::text, false, "", 1, 64},
    {"SecurityGroupRule.N.SecurityGroupRule.CidrIpv6", Kind::text, false, "", 1, 64},
    {"SecurityGroupRule.N.SecurityGroupRule.PrefixListId", Kind::id, false, "pl"},
    {"SecurityGroupRule.N.SecurityGroupRule.ReferencedGroupId", Kind::id, false, "sg"},
    {"SecurityGroupRule.N.SecurityGroupRule.Description", Kind::text, false, "", 0, 255},
};
constexpr Param describe_params[] = {{"SecurityGroupRuleId.N", Kind::id, false, "sgr"}};

Error invalid(std::string what) {
  return aws_error("InvalidParameterValue", 400, std::move(what));
}

/// "6" and "TCP" are "tcp"; "all" is "-1".
Result<std::string> read_protocol(std::string_view text) {
  std::string word = to_lower(text);
  if (word == "all") return std::string("-1");
  for (auto [number, name] : {std::pair("1", "icmp"), std::pair("6", "tcp"), std::pair("17", "udp"),
                              std::pair("58", "icmpv6")})
    if (word == number || word == name) return std::string(name);
  auto number = parse_i64(word);
  if (number && *number >= -1 && *number <= 255) return std::to_string(*number);
  return fail(invalid(
      fmt::format("Invalid value '{}' for IP protocol. Unknown protocol.", printable(text))));
}

/// Ports only where the protocol has some.
Result<> read_ports(GroupRule& rule, bool given) {
  if (rule.protocol == "tcp" || rule.protocol == "udp") {
    if (!given)
      return fail(
          invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for "
                  "portRange."));
    if (rule.from == -1 && rule.to == -1) rule.from = 0, rule.to = 65535;
    if (rule.from < 0 || rule.from > rule.to)
      return fail(invalid(fmt::format("Invalid TCP/UDP port range ({}:{})", rule.from, rule.to)));
  } else if (rule.protocol == "icmp" || rule.protocol == "icmpv6") {
    if (rule.from > 255 || rule.to > 255)
      return fail(invalid(fmt::format("Invalid ICMP type and code ({}:{})", rule.from, rule.to)));
  } else {
    rule.from = rule.to = -1;
  }
  return {};
}

/// EC2 takes host bits that are set and clears them.
Result<std::string> read_cidr(const std::string& text) {
  auto masked = masked_network(text);
  if (!masked) return fail(invalid(fmt::format("CIDR block {} is malformed", printable(text))));
  return std::move(*masked);
}

Result<std::string> read_cidr6(const std::string& text) {
  auto block = canonical_ipv6(text, "cidrIpv6");
  if (!block) return fail(invalid(fmt::format("CIDR block {} is malformed", printable(text))));
  return block;
}

Result<std::string> read_peer(Core& core, const SecurityGroup& group, const Params& pair) {
  std::string id = pair.text("GroupId"), name = pair.text("GroupName");
  if (id.empty() && name.empty())
    return fail(aws_error("MissingParameter", 400, "Missing source group"));
  if (!id.empty()) {
    SecurityGroup* peer = core.state.groups.find(group.account, id);
    if (!peer || peer->vpc != group.vpc) return fail(not_found(*id_kind("sg"), {id}));
    return id;
  }
  for (const SecurityGroup* peer : core.state.groups.of(group.account))
    if (peer->vpc == group.vpc && peer->name == name) return peer->id;
  return fail(aws_error("InvalidGroup.NotFound", 400,
                        fmt::format("The security group '{}' does not exist", printable(name))));
}

Result<std::string> read_prefix_list(Core& core, const SecurityGroup& group,
                                     const std::string& id) {
  if (find_plain(core, group.account, "pl", id)) return id;
  return fail(not_found(*id_kind("pl"), {id}));
}

/// One permission may stand for several rules.
Result<> read_permission(Core& core, const SecurityGroup& group, bool egress, const Params& p,
                         std::vector<GroupRule>& out) {
  GroupRule model;
  model.egress = egress;
  if (!p.has("IpProtocol"))
    return fail(aws_error("MissingParameter", 400, "Missing parameter: ipProtocol"));
  model.protocol = TRY(read_protocol(p.text("IpProtocol")));
  model.from = static_cast<int>(p.number("FromPort", -1));
  model.to = static_cast<int>(p.number("ToPort", -1));
  TRY(read_ports(model, p.has("FromPort") && p.has("ToPort")));
  size_t before = out.size();
  auto add = [&](auto&& set, const Params& item) {
    GroupRule rule = model;
    set(rule);
    rule.description = item.text("Description");
    out.push_back(std::move(rule));
  };
  for (const Params& item : p.items("IpRanges")) {
    std::string cidr = TRY(read_cidr(item.text("CidrIp")));
    add([&](GroupRule& r) { r.cidr = cidr; }, item);
  }
  for (const Params& item : p.items("Ipv6Ranges")) {
    std::string cidr = TRY(read_cidr6(item.text("CidrIpv6")));
    add([&](GroupRule& r) { r.cidr6 = cidr; }, item);
  }
  for (const Params& item : p.items("PrefixListIds")) {
    std::string list = TRY(read_prefix_list(core, group, item.text("PrefixListId")));
    add([&](GroupRule& r) { r.prefix_list = list; }, item);
  }
  for (const Params& item : p.items("Groups")) {
    std::string peer = TRY(read_peer(core, group, item));
    add([&](GroupRule& r) { r.group = peer; }, item);
  }
  if (out.size() == before)
    return fail(aws_error("MissingParameter", 400,
                          "A permission needs at least one of IpRanges, Ipv6Ranges, PrefixListIds "
                          "and Groups"));
  return {};
}

/// The permissions of a call; the flat parameters of old clients are one more.
Result<std::vector<GroupRule>> read_rules(Core& core, const Call& call, const SecurityGroup& group,
                                          bool egress) {
  std::vector<GroupRule> out;
  for (const Params& p : call.params.items("IpPermissions"))
    TRY(read_permission(core, group, egress, p, out));
  const Params& p = call.params;
  if (p.has("CidrIp") || p.has("SourceSecurityGroupName")) {
    GroupRule rule;
    rule.egress = egress;
    rule.protocol = TRY(read_protocol(p.text("IpProtocol", "-1")));
    rule.from = static_cast<int>(p.number("FromPort", -1));
    rule.to = static_cast<int>(p.number("ToPort", -1));
    bool named = p.has("SourceSecurityGroupName");
    // A group without ports means all of it.
    TRY(read_ports(rule, named || (p.has("FromPort") && p.has("ToPort"))));
    if (named)
      rule.group = TRY(group_by_name(core, call.account(), p.text("SourceSecurityGroupName")))->id;
    else
      rule.cidr = TRY(read_cidr(p.text("CidrIp")));
    out.push_back(std::move(rule));
  }
  return out;
}

auto key_of(const GroupRule& r) {
  return std::tie(r.egress, r.protocol, r.from, r.to, r.cidr, r.cidr6, r.group, r.prefix_list);
}

std::string peer_of(const GroupRule& r) {
  for (const std::string* one : {&r.cidr, &r.cidr6, &r.prefix_list})
    if (!one->empty()) return *one;
  return r.group;
}

void write_rule(Xml& xml, const SecurityGroup& group, const GroupRule& rule) {
  xml.plain("securityGroupRuleId", rule.id).plain("groupId", group.id);
  xml.plain("groupOwnerId", group.account).flag("isEgress", rule.egress);
  xml.plain("ipProtocol", rule.protocol).number("fromPort", rule.from).number("toPort", rule.to);
  if (!rule.cidr.empty()) xml.plain("cidrIpv4", rule.cidr);
  if (!rule.cidr6.empty()) xml.plain("cidrIpv6", rule.cidr6);
  if (!rule.prefix_list.empty()) xml.plain("prefixListId", rule.prefix_list);
  if (!rule.group.empty())
    xml.in("referencedGroupInfo",
           [&] { xml.plain("groupId", rule.group).plain("userId", group.account); });
  xml.optional("description", rule.description);
  write_tags(xml, rule.tags);
}

/// Makes the change durable and true.
aio::Task<Answer> settle(Core& core, Call call, std::string id, std::string point,
                         std::string answer) {
  std::vector<store::Change> changes{core.state.groups.put(*core.state.groups.find(id))};
  auto done = co_await finish(core, call, std::move(point), std::move(changes), std::move(answer));
  if (done) CO_TRY(co_await core.tell_groups({id}));
  co_return done;
}

aio::Task<Answer> authorize(Core& core, Call call, bool egress) {
  SecurityGroup* group = CO_TRY(named_group(core, call));
  auto rules = CO_TRY(read_rules(core, call, *group, egress));
  if (rules.empty())
    co_return fail(
        aws_error("MissingParameter", 400, "The request must contain the parameter ipPermissions"));
  auto specs = CO_TRY(read_tag_specs(call.params, {"security-group-rule"}));
  size_t count = rules.size() +
                 static_cast<size_t>(std::ranges::count(group->rules, egress, &GroupRule::egress));
  if (count > most_rules)
    co_return fail(aws_error("RulesPerSecurityGroupLimitExceeded", 400,
                             fmt::format("More than {} rules one way", most_rules)));
  for (const GroupRule& known : group->rules) {
    for (const GroupRule& rule : rules)
      if (key_of(rule) == key_of(known))
        co_return fail(aws_error(
            "InvalidPermission.Duplicate", 400,
            fmt::format("the specified rule \"peer: {}, {}, from port: {}, to port: {}, ALLOW\" "
                        "already exists",
                        peer_of(rule), rule.protocol, rule.from, rule.to)));
  }
  for (size_t i = 0; i < rules.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (key_of(rules[i]) == key_of(rules[j]))
        co_return fail(invalid("The same permission must not appear multiple times"));
  CO_TRY(call.effect());
  Xml xml;
  xml.flag("return", true);
  for (GroupRule& rule : rules) {
    rule.id = new_id(core.context.world.random, "sgr");
    rule.tags = tags_for(specs, "security-group-rule");
  }
  xml.list("securityGroupRuleSet", rules,
           [&](const GroupRule& rule) { write_rule(xml, *group, rule); });
  group->rules.insert(group->rules.end(), rules.begin(), rules.end());
  co_return co_await settle(core, call, group->id, "authorize", xml.take());
}

aio::Task<Answer> authorize_ingress(Core& core, Call call) {
  co_return co_await authorize(core, std::move(call), false);
}
aio::Task<Answer> authorize_egress(Core& core, Call call) {
  co_return co_await authorize(core, std::move(call), true);
}

aio::Task<Answer> revoke(Core& core, Call call, bool egress) {
  SecurityGroup* group = CO_TRY(named_group(core, call));
  std::vector<std::string> going;
  for (const std::string& id : call.params.list("SecurityGroupRuleId")) {
    bool there = std::ranges::any_of(
        group->rules, [&](const GroupRule& r) { return r.id == id && r.egress == egress; });
    if (!there) co_return fail(not_found(*id_kind("sgr"), {id}));
    going.push_back(id);
  }
  for (const GroupRule& rule : CO_TRY(read_rules(core, call, *group, egress))) {
    auto at = std::ranges::find_if(
        group->rules, [&](const GroupRule& known) { return key_of(known) == key_of(rule); });
    if (at == group->rules.end())
      co_return fail(aws_error(
          "InvalidPermission.NotFound", 400,
          fmt::format("The specified rule does not exist in this security group: peer {}, {}, "
                      "ports {} to {}",
                      peer_of(rule), rule.protocol, rule.from, rule.to)));
    going.push_back(at->id);
  }
  if (going.empty())
    co_return fail(
        aws_error("MissingParameter", 400, "The request must contain the parameter ipPermissions"));
  CO_TRY(call.effect());
  std::erase_if(group->rules, [&](const GroupRule& rule) {
    return std::ranges::find(going, rule.id) != going.end();
  });
  co_return co_await settle(core, call, group->id, "revoke", answer_true());
}

aio::Task<Answer> revoke_ingress(Core& core, Call call) {
  co_return co_await revoke(core, std::move(call), false);
}
aio::Task<Answer> revoke_egress(Core& core, Call call) {
  co_return co_await revoke(core, std::move(call), true);
}

Result<GroupRule> read_new_rule(Core& core, const SecurityGroup& group, const GroupRule& old,
                                const Params& p) {
  GroupRule rule;
  rule.id = old.id;
  rule.egress = old.egress;
  rule.tags = old.tags;
  rule.protocol = TRY(read_protocol(p.text("IpProtocol", old.protocol)));
  rule.from = static_cast<int>(p.number("FromPort", -1));
  rule.to = static_cast<int>(p.number("ToPort", -1));
  TRY(read_ports(rule, p.has("FromPort") && p.has("ToPort")));
  rule.description = p.text("Description");
  if (p.has("CidrIpv4")) rule.cidr = TRY(read_cidr(p.text("CidrIpv4")));
  if (p.has("CidrIpv6")) rule.cidr6 = TRY(read_cidr6(p.text("CidrIpv6")));
  rule.group = p.text("ReferencedGroupId");
  if (!rule.group.empty()) {
    SecurityGroup* peer = core.state.groups.find(group.account, rule.group);
    if (!peer || peer->vpc != group.vpc) return fail(not_found(*id_kind("sg"), {rule.group}));
  }
  if (p.has("PrefixListId"))
    rule.prefix_list = TRY(read_prefix_list(core, group, p.text("PrefixListId")));
  int peers =
      !rule.cidr.empty() + !rule.cidr6.empty() + !rule.group.empty() + !rule.prefix_list.empty();
  if (peers != 1)
    return fail(aws_error("InvalidParameterCombination", 400,
                          "A rule has exactly one of CidrIpv4, CidrIpv6, PrefixListId and "
                          "ReferencedGroupId"));
  return rule;
}

aio::Task<Answer> modify_rules(Core& core, Call call) {
  SecurityGroup* group = CO_TRY(named(call, core.state.groups, "GroupId", "sg"));
  std::vector<std::pair<size_t, GroupRule>> fresh;
  for (const Params& item : call.params.items("SecurityGroupRule")) {
    std::string id = item.text("SecurityGroupRuleId");
    auto at = std::ranges::find(group->rules, id, &GroupRule::id);
    if (at == group->rules.end()) co_return fail(not_found(*id_kind("sgr"), {id}));
    auto rule = CO_TRY(read_new_rule(core, *group, *at, item.under("SecurityGroupRule")));
    fresh.emplace_back(static_cast<size_t>(at - group->rules.begin()), std::move(rule));
  }
  CO_TRY(call.effect());
  for (auto& [index, rule] : fresh) group->rules[index] = std::move(rule);
  co_return co_await settle(core, call, group->id, "modify-rules", answer_true());
}

aio::Task<Answer> describe_anew(Core& core, Call call, bool egress) {
  SecurityGroup* group = CO_TRY(named_group(core, call));
  auto rules = CO_TRY(read_rules(core, call, *group, egress));
  std::vector<std::pair<GroupRule*, std::string>> texts;
  for (const GroupRule& rule : rules) {
    auto at = std::ranges::find_if(
        group->rules, [&](const GroupRule& known) { return key_of(known) == key_of(rule); });
    if (at == group->rules.end())
      co_return fail(aws_error("InvalidPermission.NotFound", 400,
                               "The specified rule does not exist in this security group"));
    texts.emplace_back(&*at, rule.description);
  }
  for (const Params& item : call.params.items("SecurityGroupRuleDescription")) {
    std::string id = item.text("SecurityGroupRuleId");
    auto at = std::ranges::find(group->rules, id, &GroupRule::id);
    if (at == group->rules.end()) co_return fail(not_found(*id_kind("sgr"), {id}));
    texts.emplace_back(&*at, item.text("Description"));
  }
  CO_TRY(call.effect());
  for (auto& [rule, text] : texts) rule->description = text;
  co_return co_await settle(core, call, group->id, "describe-rules", answer_true());
}

aio::Task<Answer> update_ingress_texts(Core& core, Call call) {
  co_return co_await describe_anew(core, std::move(call), false);
}
aio::Task<Answer> update_egress_texts(Core& core, Call call) {
  co_return co_await describe_anew(core, std::move(call), true);
}

struct RuleRow {
  const SecurityGroup* group;
  const GroupRule* rule;
};
const Tags& tags_of(const RuleRow& row) {
  return row.rule->tags;
}
constexpr FilterField<RuleRow> rule_fields[] = {
    {"group-id", [](const RuleRow& r, Out out) { out.push_back(r.group->id); }},
    {"security-group-rule-id", [](const RuleRow& r, Out out) { out.push_back(r.rule->id); }},
};

Answer describe_rules(Core& core, const Call& call) {
  auto matches = TRY(Matcher<RuleRow>::make(call.filters, rule_fields, tags_of));
  auto ids = call.params.list("SecurityGroupRuleId");
  std::vector<std::pair<std::string, RuleRow>> rows;
  for (const SecurityGroup* group : core.state.groups.of(call.account()))
    for (const GroupRule& rule : group->rules) rows.emplace_back(rule.id, RuleRow{group, &rule});
  std::vector<std::string> missing;
  for (const std::string& id : ids)
    if (std::ranges::none_of(rows, [&](const auto& row) { return row.first == id; }))
      missing.push_back(id);
  if (!missing.empty()) return fail(not_found(*id_kind("sgr"), missing));
  std::erase_if(rows, [&](const auto& row) {
    bool wanted = ids.empty() || std::ranges::find(ids, row.first) != ids.end();
    return !wanted || !matches(row.second);
  });
  std::ranges::sort(rows, {}, [](const auto& row) { return row.first; });
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("securityGroupRuleSet", rows,
           [&](const auto& row) { write_rule(xml, *row.second.group, *row.second.rule); });
  xml.optional("nextToken", next);
  return xml.take();
}

constexpr Action table[] = {
    {"AuthorizeSecurityGroupIngress", rules_params, nullptr, authorize_ingress},
    {"AuthorizeSecurityGroupEgress", rules_params, nullptr, authorize_egress},
    {"RevokeSecurityGroupIngress", revoke_params, nullptr, revoke_ingress},
    {"RevokeSecurityGroupEgress", revoke_params, nullptr, revoke_egress},
    {"ModifySecurityGroupRules", modify_params, nullptr, modify_rules},
    {"UpdateSecurityGroupRuleDescriptionsIngress", texts_params, nullptr, update_ingress_texts},
    {"UpdateSecurityGroupRuleDescriptionsEgress", texts_params, nullptr, update_egress_texts},
    {"DescribeSecurityGroupRules", describe_params, describe_rules, nullptr, true, 5,
     "SecurityGroupRuleId"},
};

}  // namespace

std::span<const Action> rule_actions() {
  return table;
}

}  // namespace croft::farm::ec2
