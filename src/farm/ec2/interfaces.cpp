// Network interfaces: every instance has one; those that are made before keep their address and
// groups from launch to launch.
#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/metering.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_params[] = {
    {"SubnetId", Kind::id, true, "subnet"},
    {"Description", Kind::text, false, "", 0, 255},
    {"PrivateIpAddress", Kind::text, false, "", 7, 15},
    {"PrivateIpAddresses.N.PrivateIpAddress", Kind::text, false, "", 7, 15},
    {"PrivateIpAddresses.N.Primary", Kind::boolean},
    {"SecondaryPrivateIpAddressCount", Kind::unsupported},
    {"SecurityGroupId.N", Kind::id, false, "sg"},
    {"InterfaceType", Kind::unsupported},
    {"Ipv6AddressCount", Kind::unsupported},
    {"Ipv6Addresses.*", Kind::unsupported},
    {"Ipv4Prefix.*", Kind::unsupported},
    {"Ipv4PrefixCount", Kind::unsupported},
    {"Ipv6Prefix.*", Kind::unsupported},
    {"Ipv6PrefixCount", Kind::unsupported},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_params[] = {{"NetworkInterfaceId", Kind::id, true, "eni"}};
constexpr Param describe_params[] = {{"NetworkInterfaceId.N", Kind::id, false, "eni"}};
constexpr Param attribute_params[] = {
    {"NetworkInterfaceId", Kind::id, true, "eni"},
    {"Attribute", Kind::choice, true, "description|groupSet|sourceDestCheck|attachment"},
};
constexpr Param modify_params[] = {
    {"NetworkInterfaceId", Kind::id, true, "eni"},
    {"Description.Value", Kind::text, false, "", 0, 255},
    {"SecurityGroupId.N", Kind::id, false, "sg"},
    {"SourceDestCheck.Value", Kind::boolean},
    {"Attachment.*", Kind::unsupported},
    {"EnaSrdSpecification.*", Kind::unsupported},
};

/// What is made and what every instance has of its own, as one table.
Table<Interface> all_interfaces(Core& core, const std::string& account) {
  Table<Interface> all("interface");
  for (Interface* one : core.state.interfaces.of(account)) all.add(*one);
  for (Instance* instance : core.state.instances_of(account)) {
    if (instance->state == InstanceState::terminated) continue;
    Interface* made = all.find(core.interface_of(*instance));
    Interface& one = made ? *made : all.add({.id = core.interface_of(*instance)});
    if (!made) one.tags = instance->interface_tags;
    one.account = account;
    one.instance = instance->id;
    one.address = instance->private_address;
    one.subnet = instance->subnet;
    one.groups = instance->groups;
    one.source_dest_check = instance->source_dest_check;
  }
  return all;
}

void write_attachment(Xml& xml, const Instance& instance) {
  xml.plain("attachmentId", "eni-attach-" + instance.id.substr(2));
  xml.plain("instanceId", instance.id).plain("instanceOwnerId", instance.account);
  xml.number("deviceIndex", 0).text("status", "attached");
  xml.time("attachTime", instance.created).flag("deleteOnTermination", instance.interface.empty());
}

void write_interface(Xml& xml, Core& core, const Interface& one) {
  const SubnetRecord* subnet = core.state.subnets.find(one.subnet);
  const Instance* instance = core.state.find_instance(one.instance);
  std::string outside = instance ? core.public_of(*instance) : "";
  const ElasticAddress* elastic = nullptr;
  for (const auto& [id, address] : core.state.addresses.all())
    if (instance ? address.address == outside : address.holder == one.id) elastic = &address;
  if (elastic) outside = elastic->address;
  Instance named_like;
  named_like.private_address = one.address;
  std::string dns = core.private_dns(named_like);
  auto association = [&] {
    if (outside.empty()) return;
    xml.in("association", [&] {
      xml.plain("publicIp", outside).plain("publicDnsName", core.public_dns(outside));
      xml.plain("ipOwnerId", elastic ? one.account : "amazon");
      if (elastic)
        xml.plain("allocationId", elastic->id).plain("associationId", elastic->association);
    });
  };
  xml.plain("networkInterfaceId", one.id).plain("subnetId", one.subnet);
  if (subnet) xml.plain("vpcId", subnet->vpc).plain("availabilityZone", subnet->zone);
  xml.text("description", one.description).plain("ownerId", one.account);
  xml.flag("requesterManaged", false).text("status", instance ? "in-use" : "available");
  xml.plain("macAddress", named_like.mac()).plain("privateIpAddress", one.address);
  xml.plain("privateDnsName", dns).flag("sourceDestCheck", one.source_dest_check);
  xml.list("groupSet", one.groups, [&](const std::string& id) {
    xml.plain("groupId", id).text("groupName", core.group_name(id));
  });
  if (instance) xml.in("attachment", [&] { write_attachment(xml, *instance); });
  association();
  write_tag_set(xml, one.tags);
  xml.in("privateIpAddressesSet", [&] {
    xml.in("item", [&] {
      xml.plain("privateIpAddress", one.address).plain("privateDnsName", dns).flag("primary", true);
      association();
    });
  });
  xml.text("interfaceType", "interface");
}

Result<std::vector<std::string>> read_groups(Core& core, const Call& call, const std::string& vpc) {
  std::vector<std::string> out;
  for (const std::string& id : call.params.list("SecurityGroupId")) {
    SecurityGroup* group = core.state.groups.find(call.account(), id);
    if (!group || group->vpc != vpc) return fail(not_found(*id_kind("sg"), {id}));
    out.push_back(id);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

aio::Task<Answer> create_interface(Core& core, Call call) {
  SubnetRecord* subnet = CO_TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  Subnet range = *parse_network(subnet->cidr);
  Interface one;
  one.groups = CO_TRY(read_groups(core, call, subnet->vpc));
  if (one.groups.empty())
    for (SecurityGroup* group : core.state.groups.of(call.account()))
      if (group->vpc == subnet->vpc && group->name == "default") one.groups = {group->id};
  std::string address = CO_TRY(one_address(call.params));
  auto number = parse_ipv4(address);
  if (!address.empty() && (!number || !range.contains(*number)))
    co_return fail(aws_error("InvalidParameterValue", 400,
                             fmt::format("Address {} does not fall within the subnet's address "
                                         "range",
                                         printable(address))));
  if (core.state.free_addresses(range) == 0)
    co_return fail(aws_error("InsufficientFreeAddressesInSubnet", 400,
                             fmt::format("The subnet {} has no free address", subnet->id)));
  auto specs = CO_TRY(read_tag_specs(call.params, {"network-interface"}));
  CO_TRY(call.effect());
  if (address.empty())
    address = *core.state.take_address(range);
  else if (!core.state.take_address(address))
    co_return fail(
        aws_error("InvalidIPAddress.InUse", 400, fmt::format("Address {} is in use", address)));
  one.id = new_id(core.context.world.random, "eni");
  one.account = call.account();
  one.subnet = subnet->id;
  one.address = address;
  one.description = call.params.text("Description");
  one.tags = tags_for(specs, "network-interface");
  Xml xml;
  xml.in("networkInterface", [&] { write_interface(xml, core, one); });
  std::vector<store::Change> changes{core.state.interfaces.put(core.state.interfaces.add(one))};
  auto answer = co_await finish(core, call, "create-interface", std::move(changes), xml.take());
  if (!answer) {
    core.state.interfaces.erase(one.id);
    core.state.free_address(address);
  }
  co_return answer;
}

aio::Task<Answer> delete_interface(Core& core, Call call) {
  std::string id = call.params.text("NetworkInterfaceId");
  if (Instance* holder = core.instance_of_interface(call.account(), id))
    co_return fail(
        aws_error("InvalidParameterValue", 400,
                  fmt::format("Network interface '{}' is currently in use by {}", id, holder->id)));
  Interface* one = CO_TRY(named(call, core.state.interfaces, "NetworkInterfaceId", "eni"));
  CO_TRY(call.effect());
  core.state.free_address(one->address);
  core.state.interfaces.erase(id);
  std::vector<store::Change> changes{core.state.interfaces.remove(id)};
  std::string outside;  // its elastic address is free again
  for (ElasticAddress* address : core.state.addresses.of(call.account())) {
    if (address->holder != id) continue;
    outside = address->address;
    address->holder.clear();
    address->association.clear();
    changes.push_back(core.state.addresses.put(*address));
    changes.push_back(metered(*address, true, core.now()));
  }
  auto answer = co_await finish(core, call, "delete-interface", std::move(changes), answer_true());
  if (answer && !outside.empty()) CO_TRY(co_await core.fleet.machines().set_public(outside, ""));
  co_return answer;
}

aio::Task<Answer> modify_interface(Core& core, Call call) {
  std::string account = call.account(), id = call.params.text("NetworkInterfaceId");
  Table<Interface> all = all_interfaces(core, account);
  Interface* seen = all.find(id);
  if (!seen) co_return fail(not_found(*id_kind("eni"), {id}));
  SubnetRecord* subnet = core.state.subnets.find(seen->subnet);
  auto groups = CO_TRY(read_groups(core, call, subnet ? subnet->vpc : ""));
  const Params& p = call.params;
  int count = p.has("Description.Value") + !p.list("SecurityGroupId").empty() +
              p.has("SourceDestCheck.Value");
  if (count != 1)
    co_return fail(aws_error("InvalidParameterCombination", 400,
                             "Exactly one attribute can be modified in a call"));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  Interface* made = core.state.interfaces.find(account, id);
  Instance* holder = core.state.find_instance(seen->instance);
  if (made) {
    if (!groups.empty()) made->groups = groups;
    made->description = p.text("Description.Value", made->description);
    made->source_dest_check = p.flag("SourceDestCheck.Value", made->source_dest_check);
    changes.push_back(core.state.interfaces.put(*made));
  }
  if (holder && p.has("SourceDestCheck.Value")) {
    holder->source_dest_check = p.flag("SourceDestCheck.Value");
    changes.push_back(State::put(*holder));
  }
  std::string instance = seen->instance;
  auto answer = co_await finish(core, call, "modify-interface", std::move(changes), answer_true());
  if (answer && !instance.empty() && !groups.empty())
    co_return co_await change_groups(core, call, instance, std::move(groups));
  co_return answer;
}

Answer describe_attribute(Core& core, const Call& call) {
  Table<Interface> all = all_interfaces(core, call.account());
  std::string id = call.params.text("NetworkInterfaceId");
  std::string attribute = call.params.text("Attribute");
  const Interface* one = all.find(id);
  if (!one) return fail(not_found(*id_kind("eni"), {id}));
  Xml xml;
  xml.plain("networkInterfaceId", id);
  if (attribute == "description")
    xml.in("description", [&] { xml.text("value", one->description); });
  if (attribute == "sourceDestCheck")
    xml.in("sourceDestCheck", [&] { xml.flag("value", one->source_dest_check); });
  if (attribute == "groupSet")
    xml.list("groupSet", one->groups, [&](const std::string& group) {
      xml.plain("groupId", group).text("groupName", core.group_name(group));
    });
  if (const Instance* holder = core.state.find_instance(one->instance);
      holder && attribute == "attachment")
    xml.in("attachment", [&] { write_attachment(xml, *holder); });
  return xml.take();
}

constexpr FilterField<Interface> interface_fields[] = {
    {"network-interface-id", [](const Interface& i, Out out) { out.push_back(i.id); }},
    {"subnet-id", [](const Interface& i, Out out) { out.push_back(i.subnet); }},
    {"private-ip-address", [](const Interface& i, Out out) { out.push_back(i.address); }},
    {"addresses.private-ip-address", [](const Interface& i, Out out) { out.push_back(i.address); }},
    {"description", [](const Interface& i, Out out) { out.push_back(i.description); }},
    {"owner-id", [](const Interface& i, Out out) { out.push_back(i.account); }},
    {"group-id",
     [](const Interface& i, Out out) { out.insert(out.end(), i.groups.begin(), i.groups.end()); }},
    {"status", [](const Interface& i,
                  Out out) { out.emplace_back(i.instance.empty() ? "available" : "in-use"); }},
    {"attachment.instance-id",
     [](const Interface& i, Out out) {
       if (!i.instance.empty()) out.push_back(i.instance);
     }},
    {"attachment.status",
     [](const Interface& i, Out out) {
       if (!i.instance.empty()) out.emplace_back("attached");
     }},
    {"requester-managed", [](const Interface&, Out out) { out.emplace_back("false"); }},
    {"interface-type", [](const Interface&, Out out) { out.emplace_back("interface"); }},
};

Answer describe_interfaces(Core& core, const Call& call) {
  // Networks, zones and names are known to the farm, not to the record.
  Call wanted = call;
  std::vector<Filter> outer;
  std::erase_if(wanted.filters, [&](const Filter& filter) {
    bool ours = filter.name == "vpc-id" || filter.name == "availability-zone" ||
                filter.name == "group-name";
    if (ours) outer.push_back(filter);
    return ours;
  });
  Table<Interface> all = all_interfaces(core, call.account());
  std::erase_if(all.all(), [&](const auto& item) {
    const SubnetRecord* subnet = core.state.subnets.find(item.second.subnet);
    for (const Filter& filter : outer) {
      bool good = false;
      if (filter.name == "group-name")
        for (const std::string& id : item.second.groups)
          good = good || filter_value_matches(filter, core.group_name(id));
      else if (subnet)
        good = filter_value_matches(filter, filter.name == "vpc-id" ? subnet->vpc : subnet->zone);
      if (!good) return true;
    }
    return false;
  });
  return describe_table<Interface>(
      wanted, all, "NetworkInterfaceId", "eni", interface_fields, "networkInterfaceSet",
      [&](Xml& xml, const Interface& one) { write_interface(xml, core, one); });
}

constexpr Action table[] = {
    {"CreateNetworkInterface", create_params, nullptr, create_interface},
    {"DeleteNetworkInterface", one_params, nullptr, delete_interface},
    {"DescribeNetworkInterfaceAttribute", attribute_params, describe_attribute},
    {"ModifyNetworkInterfaceAttribute", modify_params, nullptr, modify_interface},
    {"DescribeNetworkInterfaces", describe_params, describe_interfaces, nullptr, true, 5,
     "NetworkInterfaceId"},
};

}  // namespace

Result<std::string> one_address(const Params& params) {
  auto listed = params.items("PrivateIpAddresses");
  if (listed.size() > 1)
    return fail(aws_error("UnsupportedOperation", 400,
                          "This farm gives a network interface one private address"));
  std::string single = params.text("PrivateIpAddress");
  if (listed.empty()) return single;
  if (!single.empty())
    return fail(aws_error("InvalidParameterCombination", 400,
                          "PrivateIpAddress and PrivateIpAddresses may not be given together"));
  return listed[0].text("PrivateIpAddress");
}

std::span<const Action> interface_actions() {
  return table;
}

}  // namespace croft::farm::ec2
