// Network ACLs: what may pass the border of a subnet, by the entries in order of their numbers,
// answers included. A change is durable first, then the packet filter gets it, before the answer.
#include "farm/ec2/network_acls.h"

#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr size_t most_entries = 40;  // one way: EC2's own limit with its quota raised

constexpr Param create_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_params[] = {{"NetworkAclId", Kind::id, true, "acl"}};
constexpr Param some_params[] = {{"NetworkAclId.N", Kind::id, false, "acl"}};
constexpr Param entry_params[] = {
    {"NetworkAclId", Kind::id, true, "acl"},
    {"RuleNumber", Kind::integer, true, "", 1, 32766},
    {"Egress", Kind::boolean, true},
    {"RuleAction", Kind::text, true, "", 4, 5},
    {"Protocol", Kind::text, true, "", 1, 16},
    {"CidrBlock", Kind::text, false, "", 1, 64},
    {"Ipv6CidrBlock", Kind::text, false, "", 1, 64},
    {"PortRange.From", Kind::integer, false, "", 0, 65535},
    {"PortRange.To", Kind::integer, false, "", 0, 65535},
    {"Icmp.Type", Kind::integer, false, "", -1, 255},
    {"Icmp.Code", Kind::integer, false, "", -1, 255},
};
constexpr Param delete_entry_params[] = {
    {"NetworkAclId", Kind::id, true, "acl"},
    {"RuleNumber", Kind::integer, true, "", 1, 32767},
    {"Egress", Kind::boolean, true},
};
constexpr Param replace_params[] = {
    {"AssociationId", Kind::id, true, "aclassoc"},
    {"NetworkAclId", Kind::id, true, "acl"},
};

Error invalid(std::string what) {
  return aws_error("InvalidParameterValue", 400, std::move(what));
}

AclEntry all(int64_t number, bool egress, bool allow) {
  AclEntry out;
  out.number = number;
  out.egress = egress;
  out.allow = allow;
  out.cidr = "0.0.0.0/0";
  return out;
}

std::string association_of(Core& core, const SubnetRecord& subnet) {
  return subnet.acl_association.empty() ? core.derived("aclassoc", subnet.account, subnet.id)
                                        : subnet.acl_association;
}

NetworkAcl& acl_of(Core& core, const SubnetRecord& subnet) {
  NetworkAcl* own = core.state.acls.find(subnet.acl);
  return own ? *own : default_acl(core, *core.state.vpcs.find(subnet.vpc));
}

std::vector<SubnetRecord*> subnets_of(Core& core, const NetworkAcl& acl) {
  auto out = core.state.subnets.of(acl.account);
  std::erase_if(out, [&](SubnetRecord* subnet) {
    return subnet->vpc != acl.vpc ||
           (subnet->acl.empty() ? !acl.is_default : subnet->acl != acl.id);
  });
  return out;
}

void write_entry(Xml& xml, const AclEntry& entry) {
  xml.number("ruleNumber", entry.number).plain("protocol", entry.protocol);
  xml.text("ruleAction", std::string_view(entry.allow ? "allow" : "deny"));
  xml.flag("egress", entry.egress);
  if (!entry.cidr.empty()) xml.plain("cidrBlock", entry.cidr);
  if (!entry.cidr6.empty()) xml.plain("ipv6CidrBlock", entry.cidr6);
  if (entry.icmp_type >= 0 || entry.icmp_code >= 0)
    xml.in("icmpTypeCode",
           [&] { xml.number("code", entry.icmp_code).number("type", entry.icmp_type); });
  if (entry.from >= 0)
    xml.in("portRange", [&] { xml.number("from", entry.from).number("to", entry.to); });
}

void write_acl(Xml& xml, Core& core, const NetworkAcl& acl) {
  xml.plain("networkAclId", acl.id).plain("vpcId", acl.vpc).plain("ownerId", acl.account);
  xml.flag("default", acl.is_default);
  std::vector<AclEntry> entries = acl.entries;
  for (bool egress : {true, false}) entries.push_back(all(AclEntry::last, egress, false));
  std::ranges::stable_sort(entries, {},
                           [](const AclEntry& e) { return std::pair(!e.egress, e.number); });
  xml.list("entrySet", entries, [&](const AclEntry& entry) { write_entry(xml, entry); });
  xml.list("associationSet", subnets_of(core, acl), [&](const SubnetRecord* subnet) {
    xml.plain("networkAclAssociationId", association_of(core, *subnet));
    xml.plain("networkAclId", acl.id).plain("subnetId", subnet->id);
  });
  write_tag_set(xml, acl.tags);
}

aio::Task<Answer> create(Core& core, Call call) {
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  auto specs = CO_TRY(read_tag_specs(call.params, {"network-acl"}));
  CO_TRY(call.effect());
  NetworkAcl acl{new_id(core.context.world.random, "acl"),
                 call.account(),
                 vpc->id,
                 false,
                 {},
                 tags_for(specs, "network-acl")};
  std::vector<store::Change> changes{core.state.acls.put(core.state.acls.add(acl))};
  Xml xml;
  xml.in("networkAcl", [&] { write_acl(xml, core, acl); });
  auto answer = co_await finish(core, call, "create-acl", std::move(changes), xml.take());
  if (!answer) core.state.acls.erase(acl.id);
  co_return answer;
}

aio::Task<Answer> remove(Core& core, Call call) {
  NetworkAcl* acl = CO_TRY(named(call, core.state.acls, "NetworkAclId", "acl"));
  if (acl->is_default)
    co_return fail(invalid(fmt::format("cannot delete default network ACL {}", acl->id)));
  if (!subnets_of(core, *acl).empty())
    co_return fail(aws_error(
        "DependencyViolation", 400,
        fmt::format("The network ACL '{}' has dependencies and cannot be deleted.", acl->id)));
  CO_TRY(call.effect());
  std::vector<store::Change> changes{core.state.acls.remove(acl->id)};
  core.state.acls.erase(std::string(acl->id));
  co_return co_await finish(core, call, "delete-acl", std::move(changes), answer_true());
}

// ---- entries

/// "tcp" is "6"; all is "-1".
Result<std::string> read_protocol(const std::string& text) {
  std::string word = to_lower(text);
  for (auto [name, number] : {std::pair("all", "-1"), std::pair("icmp", "1"), std::pair("tcp", "6"),
                              std::pair("udp", "17"), std::pair("icmpv6", "58")})
    if (word == name) return std::string(number);
  auto number = parse_i64(word);
  if (number && *number >= -1 && *number <= 255) return std::to_string(*number);
  return fail(
      invalid(fmt::format("Invalid value '{}' for protocol. Expected a number or one of "
                          "tcp, udp, icmp, icmpv6",
                          printable(text))));
}

Result<AclEntry> read_entry(const Params& p) {
  AclEntry out;
  out.number = p.number("RuleNumber", 0);
  out.egress = p.flag("Egress");
  std::string action = to_lower(p.text("RuleAction"));
  if (action != "allow" && action != "deny")
    return fail(
        invalid(fmt::format("Value ({}) for parameter ruleAction is invalid. Expected allow "
                            "or deny",
                            printable(p.text("RuleAction")))));
  out.allow = action == "allow";
  out.protocol = TRY(read_protocol(p.text("Protocol")));
  if (p.has("CidrBlock")) out.cidr = TRY(canonical_network(p.text("CidrBlock"), "cidrBlock"));
  if (p.has("Ipv6CidrBlock"))
    out.cidr6 = TRY(canonical_ipv6(p.text("Ipv6CidrBlock"), "ipv6CidrBlock"));
  if (out.cidr.empty() == out.cidr6.empty())
    return fail(aws_error("InvalidParameterCombination", 400,
                          "An entry has exactly one of CidrBlock and Ipv6CidrBlock"));
  bool ports = out.protocol == "6" || out.protocol == "17";
  if (ports) {
    if (!p.has("PortRange.From") || !p.has("PortRange.To"))
      return fail(aws_error("MissingParameter", 400,
                            "The request must contain the parameter portRange for tcp and udp"));
    out.from = static_cast<int>(p.number("PortRange.From", 0));
    out.to = static_cast<int>(p.number("PortRange.To", 0));
    if (out.from > out.to)
      return fail(invalid(fmt::format("Invalid TCP/UDP port range ({}:{})", out.from, out.to)));
  }
  if (out.protocol == "1" || out.protocol == "58") {
    out.icmp_type = static_cast<int>(p.number("Icmp.Type", -1));
    out.icmp_code = static_cast<int>(p.number("Icmp.Code", -1));
  }
  return out;
}

auto entry_at(NetworkAcl& acl, int64_t number, bool egress) {
  return std::ranges::find_if(acl.entries, [&](const AclEntry& entry) {
    return entry.number == number && entry.egress == egress;
  });
}

Error no_entry(int64_t number) {
  return aws_error("InvalidNetworkAclEntry.NotFound", 400,
                   fmt::format("The network acl entry identified by {} does not exist", number));
}

/// Makes the change durable and true.
aio::Task<Answer> settle(Core& core, Call call, std::string point,
                         std::vector<store::Change> changes, std::string text) {
  auto answer = co_await finish(core, call, std::move(point), std::move(changes), std::move(text));
  if (answer) CO_TRY(co_await core.tell_networks());
  co_return answer;
}

aio::Task<Answer> put_entry(Core& core, Call call, bool must_be_there) {
  NetworkAcl* acl = CO_TRY(named(call, core.state.acls, "NetworkAclId", "acl"));
  AclEntry entry = CO_TRY(read_entry(call.params));
  auto at = entry_at(*acl, entry.number, entry.egress);
  bool there = at != acl->entries.end();
  if (there && !must_be_there)
    co_return fail(aws_error(
        "NetworkAclEntryAlreadyExists", 400,
        fmt::format("The network acl entry identified by {} already exists.", entry.number)));
  if (!there && must_be_there) co_return fail(no_entry(entry.number));
  auto count = std::ranges::count(acl->entries, entry.egress, &AclEntry::egress);
  if (!there && static_cast<size_t>(count) >= most_entries)
    co_return fail(aws_error("NetworkAclEntryLimitExceeded", 400,
                             fmt::format("More than {} entries one way", most_entries)));
  CO_TRY(call.effect());
  if (there)
    *at = entry;
  else
    acl->entries.push_back(entry);
  std::ranges::sort(acl->entries, {}, &AclEntry::number);
  std::vector<store::Change> changes{core.state.acls.put(*acl)};
  co_return co_await settle(core, call, "acl-entry", std::move(changes), answer_true());
}

aio::Task<Answer> create_entry(Core& core, Call call) {
  co_return co_await put_entry(core, std::move(call), false);
}
aio::Task<Answer> replace_entry(Core& core, Call call) {
  co_return co_await put_entry(core, std::move(call), true);
}

aio::Task<Answer> delete_entry(Core& core, Call call) {
  NetworkAcl* acl = CO_TRY(named(call, core.state.acls, "NetworkAclId", "acl"));
  int64_t number = call.params.number("RuleNumber", 0);
  auto at = entry_at(*acl, number, call.params.flag("Egress"));
  if (number == AclEntry::last)
    co_return fail(invalid("The last entry of a network ACL cannot be deleted"));
  if (at == acl->entries.end()) co_return fail(no_entry(number));
  CO_TRY(call.effect());
  acl->entries.erase(at);
  std::vector<store::Change> changes{core.state.acls.put(*acl)};
  co_return co_await settle(core, call, "acl-entry", std::move(changes), answer_true());
}

aio::Task<Answer> replace_association(Core& core, Call call) {
  std::string id = call.params.text("AssociationId");
  NetworkAcl* acl = CO_TRY(named(call, core.state.acls, "NetworkAclId", "acl"));
  SubnetRecord* found = nullptr;
  for (SubnetRecord* subnet : core.state.subnets.of(call.account()))
    if (association_of(core, *subnet) == id) found = subnet;
  if (!found) co_return fail(not_found(*id_kind("aclassoc"), {id}));
  if (found->vpc != acl->vpc)
    co_return fail(
        aws_error("InvalidParameterValue", 400,
                  fmt::format("Network ACL {} and subnet {} belong to different networks", acl->id,
                              found->id)));
  CO_TRY(call.effect());
  found->acl = acl->is_default ? "" : acl->id;
  found->acl_association = new_id(core.context.world.random, "aclassoc");
  Xml xml;
  xml.plain("newAssociationId", found->acl_association);
  std::vector<store::Change> changes{core.state.subnets.put(*found), core.state.acls.put(*acl)};
  co_return co_await settle(core, call, "associate-acl", std::move(changes), xml.take());
}

// ---- DescribeNetworkAcls

/// An ACL with its subnets, for the filters.
struct AclRow {
  const NetworkAcl* acl;
  std::vector<std::string> subnets, associations;
};
const Tags& tags_of(const AclRow& row) {
  return row.acl->tags;
}
template <class Value>
void each_entry(const AclRow& row, Out out, Value value) {
  for (const AclEntry& entry : row.acl->entries)
    if (std::string text = value(entry); !text.empty()) out.push_back(std::move(text));
}
void append(Out out, const std::vector<std::string>& more) {
  out.insert(out.end(), more.begin(), more.end());
}
constexpr FilterField<AclRow> acl_fields[] = {
    {"network-acl-id", [](const AclRow& r, Out out) { out.push_back(r.acl->id); }},
    {"id", [](const AclRow& r, Out out) { out.push_back(r.acl->id); }},
    {"vpc-id", [](const AclRow& r, Out out) { out.push_back(r.acl->vpc); }},
    {"owner-id", [](const AclRow& r, Out out) { out.push_back(r.acl->account); }},
    {"default",
     [](const AclRow& r, Out out) { out.emplace_back(r.acl->is_default ? "true" : "false"); }},
    {"association.subnet-id", [](const AclRow& r, Out out) { append(out, r.subnets); }},
    {"association.association-id", [](const AclRow& r, Out out) { append(out, r.associations); }},
    {"association.network-acl-id",
     [](const AclRow& r, Out out) {
       if (!r.subnets.empty()) out.push_back(r.acl->id);
     }},
    {"entry.cidr", [](const AclRow& r,
                      Out out) { each_entry(r, out, [](const AclEntry& e) { return e.cidr; }); }},
    {"entry.ipv6-cidr",
     [](const AclRow& r, Out out) {
       each_entry(r, out, [](const AclEntry& e) { return e.cidr6; });
     }},
    {"entry.protocol",
     [](const AclRow& r, Out out) {
       each_entry(r, out, [](const AclEntry& e) { return e.protocol; });
     }},
    {"entry.rule-number",
     [](const AclRow& r, Out out) {
       each_entry(r, out, [](const AclEntry& e) { return std::to_string(e.number); });
     }},
    {"entry.egress",
     [](const AclRow& r, Out out) {
       each_entry(r, out,
                  [](const AclEntry& e) { return std::string(e.egress ? "true" : "false"); });
     }},
    {"entry.rule-action",
     [](const AclRow& r, Out out) {
       each_entry(r, out,
                  [](const AclEntry& e) { return std::string(e.allow ? "allow" : "deny"); });
     }},
    {"entry.port-range.from",
     [](const AclRow& r, Out out) {
       each_entry(r, out,
                  [](const AclEntry& e) { return e.from < 0 ? "" : std::to_string(e.from); });
     }},
    {"entry.port-range.to",
     [](const AclRow& r, Out out) {
       each_entry(r, out, [](const AclEntry& e) { return e.to < 0 ? "" : std::to_string(e.to); });
     }},
};

Answer describe(Core& core, const Call& call) {
  for (Vpc* vpc : core.state.vpcs.of(call.account())) default_acl(core, *vpc);
  auto matches = TRY(Matcher<AclRow>::make(call.filters, acl_fields, tags_of));
  Call wanted = call;
  wanted.filters.clear();
  wanted.page = {};
  auto chosen = TRY(choose<NetworkAcl>(wanted, core.state.acls, "NetworkAclId", "acl", {}));
  std::erase_if(chosen.items, [&](const auto& item) {
    AclRow row{item.second, {}, {}};
    for (const SubnetRecord* subnet : subnets_of(core, *item.second)) {
      row.subnets.push_back(subnet->id);
      row.associations.push_back(association_of(core, *subnet));
    }
    return !matches(row);
  });
  std::string next = cut_page(call.action, call.page, chosen.items);
  Xml xml;
  xml.list("networkAclSet", chosen.items,
           [&](const auto& item) { write_acl(xml, core, *item.second); });
  xml.optional("nextToken", next);
  return xml.take();
}

constexpr Action table[] = {
    {"CreateNetworkAcl", create_params, nullptr, create},
    {"DeleteNetworkAcl", one_params, nullptr, remove},
    {"DescribeNetworkAcls", some_params, describe, nullptr, true, 5, "NetworkAclId"},
    {"CreateNetworkAclEntry", entry_params, nullptr, create_entry},
    {"ReplaceNetworkAclEntry", entry_params, nullptr, replace_entry},
    {"DeleteNetworkAclEntry", delete_entry_params, nullptr, delete_entry},
    {"ReplaceNetworkAclAssociation", replace_params, nullptr, replace_association},
};

/// Lets everything through: the filter need not know of it.
bool is_open(const NetworkAcl& acl) {
  auto open = [&](bool egress) {
    auto first = std::ranges::find(acl.entries, egress, &AclEntry::egress);
    return first != acl.entries.end() && first->allow && first->protocol == "-1" &&
           first->cidr == "0.0.0.0/0";
  };
  return open(true) && open(false);
}

}  // namespace

NetworkAcl& default_acl(Core& core, const Vpc& vpc) {
  std::string id = core.derived("acl", vpc.account, vpc.id);
  if (NetworkAcl* found = core.state.acls.find(id)) return *found;
  return core.state.acls.add(
      {id, vpc.account, vpc.id, true, {all(100, true, true), all(100, false, true)}, {}});
}

std::vector<sandbox::PacketBorder> borders_of(Core& core) {
  std::map<std::string, std::vector<std::string>, std::less<>> members;
  for (const auto& [id, instance] : core.state.instances())
    if (instance.state != InstanceState::terminated)
      members[instance.subnet].push_back(instance.private_address);
  std::vector<sandbox::PacketBorder> out;
  for (auto& [id, subnet] : core.state.subnets.all()) {
    if (!members.contains(id) || !core.state.vpcs.find(subnet.vpc)) continue;
    const NetworkAcl& acl = acl_of(core, subnet);
    if (is_open(acl)) continue;
    sandbox::PacketBorder border{subnet.cidr, members[id], {}, {}};
    for (const AclEntry& entry : acl.entries) {
      if (entry.cidr.empty()) continue;  // there is no IPv6 between machines
      sandbox::BorderRule rule;
      rule.allow = entry.allow;
      rule.packets.protocol = static_cast<int>(parse_i64(entry.protocol).value_or(-1));
      rule.packets.from = rule.packets.protocol == 1 ? entry.icmp_type : entry.from;
      rule.packets.to = rule.packets.protocol == 1 ? entry.icmp_code : entry.to;
      rule.packets.network = entry.cidr;
      (entry.egress ? border.out : border.in).push_back(std::move(rule));
    }
    out.push_back(std::move(border));
  }
  return out;
}

std::span<const Action> acl_actions() {
  return table;
}

}  // namespace croft::farm::ec2
