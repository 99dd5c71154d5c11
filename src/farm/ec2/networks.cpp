// VPCs and their subnets. Instances of different VPCs reach each other at public addresses only.
// The default network of an account is there without being made (Core::ensure_defaults).
#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"
#include "farm/ec2/vpc_ranges.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_vpc_params[] = {
    {"CidrBlock", Kind::text, true, "", 1, 32},
    {"InstanceTenancy", Kind::choice, false, "default|dedicated|host"},
    {"AmazonProvidedIpv6CidrBlock", Kind::boolean},
    {"Ipv4IpamPoolId", Kind::unsupported},
    {"Ipv4NetmaskLength", Kind::unsupported},
    {"Ipv6Pool", Kind::unsupported},
    {"Ipv6CidrBlock", Kind::text, false, "", 0, 64},
    {"Ipv6IpamPoolId", Kind::unsupported},
    {"Ipv6NetmaskLength", Kind::unsupported},
    {"Ipv6CidrBlockNetworkBorderGroup", Kind::unsupported},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_vpc_params[] = {{"VpcId", Kind::id, true, "vpc"}};
constexpr Param vpcs_params[] = {{"VpcId.N", Kind::id, false, "vpc"}};
constexpr Param modify_vpc_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"EnableDnsSupport.Value", Kind::boolean},
    {"EnableDnsHostnames.Value", Kind::boolean},
    {"EnableNetworkAddressUsageMetrics.Value", Kind::boolean},
};
constexpr Param vpc_attribute_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"Attribute", Kind::choice, true,
     "enableDnsSupport|enableDnsHostnames|enableNetworkAddressUsageMetrics"},
};
constexpr Param create_subnet_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"CidrBlock", Kind::text, true, "", 1, 32},
    {"AvailabilityZone", Kind::text, false, "", 1, 64},
    {"AvailabilityZoneId", Kind::text, false, "", 1, 64},
    {"Ipv6CidrBlock", Kind::text, false, "", 0, 64},
    {"Ipv6Native", Kind::unsupported},
    {"OutpostArn", Kind::unsupported},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_subnet_params[] = {{"SubnetId", Kind::id, true, "subnet"}};
constexpr Param subnets_params[] = {{"SubnetId.N", Kind::id, false, "subnet"}};
constexpr Param modify_subnet_params[] = {
    {"SubnetId", Kind::id, true, "subnet"},
    {"MapPublicIpOnLaunch.Value", Kind::boolean},
    {"AssignIpv6AddressOnCreation.Value", Kind::unsupported},
    {"EnableDns64.Value", Kind::unsupported},
    {"PrivateDnsHostnameTypeOnLaunch", Kind::ignored},
    {"EnableResourceNameDnsARecordOnLaunch.Value", Kind::ignored},
    {"EnableResourceNameDnsAAAARecordOnLaunch.Value", Kind::ignored},
};

constexpr Param tenancy_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"InstanceTenancy", Kind::text, true, "", 1, 32},
};
constexpr Param default_subnet_params[] = {
    {"AvailabilityZone", Kind::text, true, "", 1, 64},
    {"Ipv6Native", Kind::unsupported},
};

Error violation(const std::string& id, std::string_view by) {
  return aws_error("DependencyViolation", 400,
                   fmt::format("The {} has dependencies and cannot be deleted: {}", id, by));
}

/// A network of EC2's sizes (a /16 to a /28).
Result<Subnet> read_network(const std::string& text, std::string_view range_code) {
  auto network = parse_network(TRY(canonical_network(text, "cidrBlock")));
  if (!network)
    return fail(aws_error(range_code, 400, fmt::format("The CIDR '{}' is invalid.", text)));
  if (network->prefix < 16 || network->prefix > 28)
    return fail(aws_error(range_code, 400, fmt::format("The CIDR '{}' is invalid.", text)));
  return *network;
}

// ---- VPCs

void write_vpc(Xml& xml, Core& core, const Vpc& vpc) {
  xml.plain("vpcId", vpc.id).plain("ownerId", vpc.account).text("state", "available");
  xml.plain("cidrBlock", vpc.cidr);
  std::vector<std::string> blocks{vpc.cidr};
  blocks.insert(blocks.end(), vpc.more_cidrs.begin(), vpc.more_cidrs.end());
  xml.list("cidrBlockAssociationSet", blocks, [&](const std::string& block) {
    xml.plain("cidrBlock", block)
        .plain("associationId", core.derived("vpc-cidr-assoc", vpc.id, block));
    xml.in("cidrBlockState", [&] { xml.text("state", "associated"); });
  });
  if (!vpc.cidrs6.empty())
    xml.list("ipv6CidrBlockAssociationSet", vpc.cidrs6, [&](const std::string& block) {
      xml.plain("ipv6CidrBlock", block).text("ipv6Pool", "Amazon");
      xml.plain("associationId", core.derived("vpc-cidr-assoc", vpc.id, block));
      xml.plain("networkBorderGroup", core.context.region);
      xml.in("ipv6CidrBlockState", [&] { xml.text("state", "associated"); });
    });
  xml.plain("dhcpOptionsId", vpc.dhcp_options).plain("instanceTenancy", vpc.tenancy);
  xml.flag("isDefault", vpc.is_default);
  write_tag_set(xml, vpc.tags);
}

aio::Task<Answer> create_vpc(Core& core, Call call) {
  std::string cidr = CO_TRY(read_network(call.params.text("CidrBlock"), "InvalidVpc.Range")).text();
  auto specs = CO_TRY(read_tag_specs(call.params, {"vpc"}));
  std::string cidr6 = call.params.text("Ipv6CidrBlock");
  if (!cidr6.empty()) cidr6 = CO_TRY(canonical_ipv6(cidr6, "ipv6CidrBlock"));
  CO_TRY(call.effect());
  aio::Random& random = core.context.world.random;
  Vpc vpc;
  vpc.id = new_id(random, "vpc");
  vpc.account = call.account();
  vpc.cidr = cidr;
  vpc.tenancy = call.params.text("InstanceTenancy", "default");
  vpc.tags = tags_for(specs, "vpc");
  if (call.params.flag("AmazonProvidedIpv6CidrBlock"))
    vpc.cidrs6 = {new_ipv6_range(core.context.world.random)};
  else if (!cidr6.empty())
    vpc.cidrs6 = {cidr6};
  SecurityGroup group;
  group.id = new_id(random, "sg");
  group.account = vpc.account;
  group.vpc = vpc.id;
  group.name = "default";
  group.description = "default VPC security group";
  GroupRule mates, all_out;
  mates.id = new_id(random, "sgr");
  mates.group = group.id;
  all_out.id = new_id(random, "sgr");
  all_out.egress = true;
  all_out.cidr = "0.0.0.0/0";
  group.rules = {mates, all_out};
  std::string group_id = group.id;
  std::vector<store::Change> changes{core.state.vpcs.put(core.state.vpcs.add(vpc)),
                                     core.state.groups.put(core.state.groups.add(group))};
  Xml xml;
  xml.in("vpc", [&] { write_vpc(xml, core, vpc); });
  auto answer = co_await finish(core, call, "create-vpc", std::move(changes), xml.take());
  if (!answer) {
    core.state.vpcs.erase(vpc.id);
    core.state.groups.erase(group_id);
    co_return answer;
  }
  CO_TRY(co_await core.tell_groups({group_id}));
  co_return answer;
}

aio::Task<Answer> delete_vpc(Core& core, Call call) {
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  if (vpc->is_default)
    co_return fail(aws_error("OperationNotPermitted", 400,
                             fmt::format("The default VPC '{}' of this farm stays", vpc->id)));
  std::string id = vpc->id, account = call.account();
  for (SubnetRecord* subnet : core.state.subnets.of(account))
    if (subnet->vpc == id) co_return fail(violation(id, subnet->id));
  std::vector<std::string> groups;
  for (SecurityGroup* group : core.state.groups.of(account)) {
    if (group->vpc != id) continue;
    if (group->name != "default") co_return fail(violation(id, group->id));
    groups.push_back(group->id);
  }
  for (InternetGateway* gateway : core.state.gateways.of(account))
    if (gateway->vpc == id) co_return fail(violation(id, gateway->id));
  std::vector<std::string> acls;
  for (NetworkAcl* acl : core.state.acls.of(account)) {
    if (acl->vpc != id) continue;
    if (!acl->is_default) co_return fail(violation(id, acl->id));
    acls.push_back(acl->id);
  }
  std::vector<std::string> tables;
  for (RouteTable* routes : core.state.routes.of(account)) {
    if (routes->vpc != id) continue;
    if (!routes->main) co_return fail(violation(id, routes->id));
    tables.push_back(routes->id);
  }
  CO_TRY(call.effect());
  std::vector<store::Change> changes{core.state.vpcs.remove(id)};
  core.state.vpcs.erase(id);
  for (const std::string& group : groups) {
    changes.push_back(core.state.groups.remove(group));
    core.state.groups.erase(group);
  }
  for (const std::string& one : tables) {
    changes.push_back(core.state.routes.remove(one));
    core.state.routes.erase(one);
  }
  for (const std::string& one : acls) {
    changes.push_back(core.state.acls.remove(one));
    core.state.acls.erase(one);
  }
  auto answer = co_await finish(core, call, "delete-vpc", std::move(changes), answer_true());
  if (answer)
    for (const std::string& group : groups)
      CO_TRY(co_await core.fleet.machines().forget_group(group));
  co_return answer;
}

constexpr FilterField<Vpc> vpc_fields[] = {
    {"vpc-id", [](const Vpc& v, Out out) { out.push_back(v.id); }},
    {"cidr", [](const Vpc& v, Out out) { out.push_back(v.cidr); }},
    {"cidr-block", [](const Vpc& v, Out out) { out.push_back(v.cidr); }},
    {"cidr-block-association.cidr-block",
     [](const Vpc& v, Out out) {
       out.push_back(v.cidr);
       out.insert(out.end(), v.more_cidrs.begin(), v.more_cidrs.end());
     }},
    {"ipv6-cidr-block-association.ipv6-cidr-block",
     [](const Vpc& v, Out out) { out.insert(out.end(), v.cidrs6.begin(), v.cidrs6.end()); }},
    {"ipv6-cidr-block-association.state",
     [](const Vpc& v, Out out) {
       if (!v.cidrs6.empty()) out.emplace_back("associated");
     }},
    {"cidr-block-association.association-id",
     [](const Vpc& v, Out out) {
       out.push_back(derived_id("vpc-cidr-assoc", v.id, v.cidr));
       for (const std::string& block : v.more_cidrs)
         out.push_back(derived_id("vpc-cidr-assoc", v.id, block));
     }},
    {"ipv6-cidr-block-association.association-id",
     [](const Vpc& v, Out out) {
       for (const std::string& block : v.cidrs6)
         out.push_back(derived_id("vpc-cidr-assoc", v.id, block));
     }},
    {"cidr-block-association.state", [](const Vpc&, Out out) { out.emplace_back("associated"); }},
    {"state", [](const Vpc&, Out out) { out.emplace_back("available"); }},
    {"is-default",
     [](const Vpc& v, Out out) { out.emplace_back(v.is_default ? "true" : "false"); }},
    {"isDefault", [](const Vpc& v, Out out) { out.emplace_back(v.is_default ? "true" : "false"); }},
    {"owner-id", [](const Vpc& v, Out out) { out.push_back(v.account); }},
    {"dhcp-options-id", [](const Vpc& v, Out out) { out.push_back(v.dhcp_options); }},
};

Answer describe_vpcs(Core& core, const Call& call) {
  return describe_table<Vpc>(call, core.state.vpcs, "VpcId", "vpc", vpc_fields, "vpcSet",
                             [&](Xml& xml, const Vpc& vpc) { write_vpc(xml, core, vpc); });
}

aio::Task<Answer> modify_vpc(Core& core, Call call) {
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  const Params& p = call.params;
  if (p.has("EnableDnsSupport.Value") + p.has("EnableDnsHostnames.Value") +
          p.has("EnableNetworkAddressUsageMetrics.Value") !=
      1)
    co_return fail(aws_error("InvalidParameterCombination", 400,
                             "Exactly one attribute can be modified in a call"));
  CO_TRY(call.effect());
  vpc->dns_support = p.flag("EnableDnsSupport.Value", vpc->dns_support);
  vpc->dns_hostnames = p.flag("EnableDnsHostnames.Value", vpc->dns_hostnames);
  vpc->usage_metrics = p.flag("EnableNetworkAddressUsageMetrics.Value", vpc->usage_metrics);
  std::vector<store::Change> changes{core.state.vpcs.put(*vpc)};
  co_return co_await finish(core, call, "modify-vpc", std::move(changes), answer_true());
}

Answer describe_vpc_attribute(Core& core, const Call& call) {
  Vpc* vpc = TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  std::string attribute = call.params.text("Attribute");
  bool value = attribute == "enableDnsSupport"     ? vpc->dns_support
               : attribute == "enableDnsHostnames" ? vpc->dns_hostnames
                                                   : vpc->usage_metrics;
  Xml xml;
  xml.plain("vpcId", vpc->id).in(attribute, [&] { xml.flag("value", value); });
  return xml.take();
}

aio::Task<Answer> modify_tenancy(Core& core, Call call) {
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  std::string tenancy = call.params.text("InstanceTenancy");
  if (tenancy != "default")
    co_return fail(
        aws_error("UnsupportedTenancy", 400,
                  fmt::format("The tenancy value {} is not supported.", printable(tenancy))));
  CO_TRY(call.effect());
  vpc->tenancy = tenancy;
  std::vector<store::Change> changes{core.state.vpcs.put(*vpc)};
  co_return co_await finish(core, call, "modify-vpc", std::move(changes), answer_true());
}

/// An account of this farm always has its default network.
aio::Task<Answer> create_default_vpc(Core&, Call) {
  co_return fail(aws_error("DefaultVpcAlreadyExists", 400,
                           "A Default VPC already exists for this account in this region."));
}

aio::Task<Answer> create_default_subnet(Core& core, Call call) {
  std::string zone = call.params.text("AvailabilityZone");
  if (core.zone_index(zone) >= core.context.zones.size())
    co_return fail(
        aws_error("InvalidParameterValue", 400,
                  fmt::format("Value ({}) for parameter availabilityZone is invalid. The "
                              "zones are {}",
                              printable(zone), join(core.context.zones, ", "))));
  co_return fail(aws_error("DefaultSubnetAlreadyExistsInAvailabilityZone", 400,
                           fmt::format("'{}' is already the default subnet in {}.",
                                       core.subnet_of(call.account(), zone), zone)));
}

// ---- subnets

void write_subnet(Xml& xml, Core& core, const SubnetRecord& subnet) {
  xml.plain("subnetId", subnet.id).text("state", "available").plain("vpcId", subnet.vpc);
  xml.plain("ownerId", subnet.account).plain("cidrBlock", subnet.cidr);
  xml.number("availableIpAddressCount",
             static_cast<int64_t>(core.state.free_addresses(*parse_network(subnet.cidr))));
  xml.plain("availabilityZone", subnet.zone)
      .plain("availabilityZoneId", zone_id(core.context.region, core.zone_index(subnet.zone)));
  xml.flag("defaultForAz", subnet.is_default).flag("mapPublicIpOnLaunch", subnet.map_public);
  xml.flag("assignIpv6AddressOnCreation", false).flag("mapCustomerOwnedIpOnLaunch", false);
  xml.list("ipv6CidrBlockAssociationSet", subnet.cidrs6, [&](const std::string& block) {
    xml.plain("ipv6CidrBlock", block);
    xml.plain("associationId", core.derived("subnet-cidr-assoc", subnet.id, block));
    xml.in("ipv6CidrBlockState", [&] { xml.text("state", "associated"); });
  });
  xml.flag("enableDns64", false).flag("ipv6Native", false);
  xml.in("privateDnsNameOptionsOnLaunch", [&] {
    xml.text("hostnameType", "ip-name").flag("enableResourceNameDnsARecord", false);
    xml.flag("enableResourceNameDnsAAAARecord", false);
  });
  write_tag_set(xml, subnet.tags);
  xml.text("subnetArn", fmt::format("arn:aws:ec2:{}:{}:subnet/{}", core.context.region,
                                    subnet.account, subnet.id));
}

/// The zone that is asked for by name or id; the first without.
Result<std::string> read_zone(Core& core, const Params& p) {
  const auto& zones = core.context.zones;
  std::string name = p.text("AvailabilityZone"), id = p.text("AvailabilityZoneId");
  for (size_t i = 0; i < zones.size(); ++i)
    if ((name.empty() || zones[i] == name) && (id.empty() || zone_id(core.context.region, i) == id))
      return zones[i];
  return fail(aws_error("InvalidParameterValue", 400,
                        fmt::format("Value ({}) for parameter availabilityZone is invalid. Subnets "
                                    "can currently only be created in the following availability "
                                    "zones: {}.",
                                    printable(name.empty() ? id : name), join(zones, ", "))));
}

aio::Task<Answer> create_subnet(Core& core, Call call) {
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  Subnet range = CO_TRY(read_network(call.params.text("CidrBlock"), "InvalidSubnet.Range"));
  std::string cidr = range.text();
  bool inside = parse_network(vpc->cidr)->holds(range);
  for (const std::string& more : vpc->more_cidrs)
    inside = inside || parse_network(more)->holds(range);
  if (!inside)
    co_return fail(
        aws_error("InvalidSubnet.Range", 400, fmt::format("The CIDR '{}' is invalid.", cidr)));
  for (SubnetRecord* other : core.state.subnets.of(call.account()))
    if (other->vpc == vpc->id && parse_network(other->cidr)->overlaps(range))
      co_return fail(aws_error("InvalidSubnet.Conflict", 400,
                               fmt::format("The CIDR '{}' conflicts with another subnet", cidr)));
  std::string zone = CO_TRY(read_zone(core, call.params));
  std::string cidr6 = call.params.text("Ipv6CidrBlock");
  if (!cidr6.empty()) cidr6 = CO_TRY(canonical_ipv6(cidr6, "ipv6CidrBlock"));
  auto specs = CO_TRY(read_tag_specs(call.params, {"subnet"}));
  CO_TRY(call.effect());
  SubnetRecord subnet;
  subnet.id = new_id(core.context.world.random, "subnet");
  subnet.account = call.account();
  subnet.vpc = vpc->id;
  subnet.zone = zone;
  subnet.cidr = cidr;
  subnet.tags = tags_for(specs, "subnet");
  if (!cidr6.empty()) subnet.cidrs6 = {cidr6};
  std::vector<store::Change> changes{core.state.subnets.put(core.state.subnets.add(subnet))};
  Xml xml;
  xml.in("subnet", [&] { write_subnet(xml, core, subnet); });
  auto answer = co_await finish(core, call, "create-subnet", std::move(changes), xml.take());
  if (!answer) core.state.subnets.erase(subnet.id);
  co_return answer;
}

aio::Task<Answer> delete_subnet(Core& core, Call call) {
  SubnetRecord* subnet = CO_TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  if (subnet->is_default)
    co_return fail(
        aws_error("OperationNotPermitted", 400,
                  fmt::format("The default subnet '{}' of this farm stays", subnet->id)));
  std::string id = subnet->id;
  for (Instance* instance : core.state.instances_of(call.account()))
    if (instance->subnet == id && instance->state != InstanceState::terminated)
      co_return fail(violation(id, instance->id));
  for (const Interface* one : core.state.interfaces.of(call.account()))
    if (one->subnet == id) co_return fail(violation(id, one->id));
  for (const Plain* nat : plains_of(core, call.account(), "nat"))
    if (nat->state != "deleted" && nat->value("subnet") == id)
      co_return fail(violation(id, nat->id));
  CO_TRY(call.effect());
  std::vector<store::Change> changes{core.state.subnets.remove(id)};
  core.state.subnets.erase(id);
  for (RouteTable* routes : core.state.routes.of(call.account()))
    if (std::erase_if(routes->associations, [&](const auto& one) { return one.subnet == id; }) > 0)
      changes.push_back(core.state.routes.put(*routes));
  co_return co_await finish(core, call, "delete-subnet", std::move(changes), answer_true());
}

constexpr FilterField<SubnetRecord> subnet_fields[] = {
    {"subnet-id", [](const SubnetRecord& s, Out out) { out.push_back(s.id); }},
    {"vpc-id", [](const SubnetRecord& s, Out out) { out.push_back(s.vpc); }},
    {"availability-zone", [](const SubnetRecord& s, Out out) { out.push_back(s.zone); }},
    {"availabilityZone", [](const SubnetRecord& s, Out out) { out.push_back(s.zone); }},
    {"cidr-block", [](const SubnetRecord& s, Out out) { out.push_back(s.cidr); }},
    {"cidrBlock", [](const SubnetRecord& s, Out out) { out.push_back(s.cidr); }},
    {"cidr", [](const SubnetRecord& s, Out out) { out.push_back(s.cidr); }},
    {"default-for-az",
     [](const SubnetRecord& s, Out out) { out.emplace_back(s.is_default ? "true" : "false"); }},
    {"defaultForAz",
     [](const SubnetRecord& s, Out out) { out.emplace_back(s.is_default ? "true" : "false"); }},
    {"state", [](const SubnetRecord&, Out out) { out.emplace_back("available"); }},
    {"owner-id", [](const SubnetRecord& s, Out out) { out.push_back(s.account); }},
    {"map-public-ip-on-launch",
     [](const SubnetRecord& s, Out out) { out.emplace_back(s.map_public ? "true" : "false"); }},
};

Answer describe_subnets(Core& core, const Call& call) {
  // How many addresses are free is known to the farm, not to the record.
  Call plain = call;
  std::vector<Filter> counts;
  std::erase_if(plain.filters, [&](const Filter& filter) {
    bool count = filter.name == "available-ip-address-count";
    if (count) counts.push_back(filter);
    return count;
  });
  if (counts.empty())
    return describe_table<SubnetRecord>(
        plain, core.state.subnets, "SubnetId", "subnet", subnet_fields, "subnetSet",
        [&](Xml& xml, const SubnetRecord& subnet) { write_subnet(xml, core, subnet); });
  Call all = plain;
  all.page = {};
  auto chosen =
      TRY(choose<SubnetRecord>(all, core.state.subnets, "SubnetId", "subnet", subnet_fields));
  std::erase_if(chosen.items, [&](const auto& item) {
    std::string free = std::to_string(core.state.free_addresses(*parse_network(item.second->cidr)));
    return !std::ranges::all_of(
        counts, [&](const Filter& filter) { return filter_value_matches(filter, free); });
  });
  std::string next = cut_page(call.action, call.page, chosen.items);
  Xml xml;
  xml.list("subnetSet", chosen.items,
           [&](const auto& item) { write_subnet(xml, core, *item.second); });
  xml.optional("nextToken", next);
  return xml.take();
}

aio::Task<Answer> modify_subnet(Core& core, Call call) {
  SubnetRecord* subnet = CO_TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  CO_TRY(call.effect());
  subnet->map_public = call.params.flag("MapPublicIpOnLaunch.Value", subnet->map_public);
  std::vector<store::Change> changes{core.state.subnets.put(*subnet)};
  co_return co_await finish(core, call, "modify-subnet", std::move(changes), answer_true());
}

constexpr Action table[] = {
    {"CreateVpc", create_vpc_params, nullptr, create_vpc},
    {"DeleteVpc", one_vpc_params, nullptr, delete_vpc},
    {"DescribeVpcs", vpcs_params, describe_vpcs, nullptr, true, 5, "VpcId"},
    {"CreateDefaultVpc", {}, nullptr, create_default_vpc},
    {"CreateDefaultSubnet", default_subnet_params, nullptr, create_default_subnet},
    {"ModifyVpcTenancy", tenancy_params, nullptr, modify_tenancy},
    {"ModifyVpcAttribute", modify_vpc_params, nullptr, modify_vpc},
    {"DescribeVpcAttribute", vpc_attribute_params, describe_vpc_attribute},
    {"CreateSubnet", create_subnet_params, nullptr, create_subnet},
    {"DeleteSubnet", one_subnet_params, nullptr, delete_subnet},
    {"DescribeSubnets", subnets_params, describe_subnets, nullptr, true, 5, "SubnetId"},
    {"ModifySubnetAttribute", modify_subnet_params, nullptr, modify_subnet},
};

}  // namespace

std::span<const Action> network_actions() {
  return table;
}

}  // namespace croft::farm::ec2
