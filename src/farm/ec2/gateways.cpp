// Egress-only, NAT and carrier gateways. A NAT gateway holds its elastic address; since nothing of
// a farm leads to the Internet, a route to it changes no packet.
#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/metering.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param of_vpc_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param nat_params[] = {
    {"SubnetId", Kind::id, true, "subnet"},
    {"AllocationId", Kind::id, false, "eipalloc"},
    {"ConnectivityType", Kind::choice, false, "public|private"},
    {"PrivateIpAddress", Kind::text, false, "", 7, 15},
    {"SecondaryAllocationId.N", Kind::unsupported},
    {"SecondaryPrivateIpAddress.N", Kind::unsupported},
    {"SecondaryPrivateIpAddressCount", Kind::unsupported},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_egress_params[] = {{"EgressOnlyInternetGatewayId", Kind::id, true, "eigw"}};
constexpr Param egress_params[] = {{"EgressOnlyInternetGatewayId.N", Kind::id, false, "eigw"}};
constexpr Param one_nat_params[] = {{"NatGatewayId", Kind::id, true, "nat"}};
constexpr Param nats_params[] = {{"NatGatewayId.N", Kind::id, false, "nat"}};
constexpr Param one_carrier_params[] = {{"CarrierGatewayId", Kind::id, true, "cagw"}};
constexpr Param carrier_params[] = {{"CarrierGatewayId.N", Kind::id, false, "cagw"}};

Result<> read_vpc(Core& core, const Call& call, Plain& one) {
  TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  one.values["vpc"] = call.params.text("VpcId");
  return {};
}

void write_egress(Xml& xml, Core&, const Plain& one) {
  xml.plain("egressOnlyInternetGatewayId", one.id);
  xml.in("attachmentSet", [&] {
    xml.in("item", [&] { xml.text("state", "attached").plain("vpcId", one.value("vpc")); });
  });
}

std::string egress_gone(Core&, const Plain&) {
  return "<returnCode>true</returnCode>";
}

void write_carrier(Xml& xml, Core&, const Plain& one) {
  xml.plain("carrierGatewayId", one.id).plain("vpcId", one.value("vpc"));
  xml.plain("state", one.state).plain("ownerId", one.account);
}

// ---- NAT

ElasticAddress* address_of(Core& core, const Plain& nat) {
  return core.state.addresses.find(nat.account, nat.value("allocation"));
}

Result<> read_nat(Core& core, const Call& call, Plain& one) {
  const Params& p = call.params;
  SubnetRecord* subnet = TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  bool outside = p.text("ConnectivityType", "public") == "public";
  if (outside != p.has("AllocationId"))
    return fail(aws_error(outside ? "MissingParameter" : "InvalidParameterCombination", 400,
                          outside ? "The request must contain the parameter AllocationId"
                                  : "A private NAT gateway has no elastic address"));
  one.values = {{"subnet", subnet->id}, {"vpc", subnet->vpc}};
  one.values["connectivity"] = outside ? "public" : "private";
  if (outside) {
    ElasticAddress* address = TRY(named(call, core.state.addresses, "AllocationId", "eipalloc"));
    if (!address->association.empty())
      return fail(
          aws_error("Resource.AlreadyAssociated", 400,
                    fmt::format("Elastic IP address [{}] is already associated", address->id)));
    one.values["allocation"] = address->id;
    one.values["public"] = address->address;
  }
  Subnet range = *parse_network(subnet->cidr);
  std::string inside = p.text("PrivateIpAddress");
  auto number = parse_ipv4(inside);
  if (!inside.empty() && (!number || !range.contains(*number)))
    return fail(
        aws_error("InvalidParameterValue", 400,
                  fmt::format("{} is not an address of {}", printable(inside), subnet->id)));
  if (core.state.free_addresses(range) == 0)
    return fail(aws_error("InsufficientFreeAddressesInSubnet", 400,
                          fmt::format("The subnet {} has no free address", subnet->id)));
  one.values["private"] = inside;
  one.values["interface"] = new_id(core.context.world.random, "eni");
  return {};
}

void write_nat(Xml& xml, Core&, const Plain& one) {
  xml.plain("natGatewayId", one.id).plain("vpcId", one.value("vpc"));
  xml.plain("subnetId", one.value("subnet")).plain("state", one.state);
  xml.time("createTime", one.created);
  if (one.ended.ns > 0) xml.time("deleteTime", one.ended);
  xml.plain("connectivityType", one.value("connectivity"));
  xml.in("natGatewayAddressSet", [&] {
    xml.in("item", [&] {
      if (std::string id = one.value("allocation"); !id.empty())
        xml.plain("allocationId", id).plain("publicIp", one.value("public"));
      xml.plain("networkInterfaceId", one.value("interface"));
      xml.plain("privateIp", one.value("private"));
    });
  });
}

aio::Task<Answer> create_nat(Core& core, Call call) {
  // The address that it takes of its subnet and the elastic one are its own from here on.
  Plain wanted;
  CO_TRY(read_nat(core, call, wanted));
  auto specs = CO_TRY(read_tag_specs(call.params, {"natgateway"}));
  CO_TRY(call.effect());
  std::string inside = wanted.value("private");
  Subnet range = *parse_network(core.state.subnets.find(wanted.value("subnet"))->cidr);
  if (inside.empty())
    inside = *core.state.take_address(range);
  else if (!core.state.take_address(inside))
    co_return fail(
        aws_error("InvalidIPAddress.InUse", 400, fmt::format("Address {} is in use", inside)));
  wanted.kind = "nat";
  wanted.id = new_id(core.context.world.random, "nat");
  wanted.account = call.account();
  wanted.created = core.now();
  wanted.values["private"] = inside;
  wanted.tags = tags_for(specs, "natgateway");
  std::vector<store::Change> changes{core.state.plains.put(core.state.plains.add(wanted))};
  if (ElasticAddress* address = address_of(core, wanted)) {
    address->association = new_id(core.context.world.random, "eipassoc");
    address->holder = wanted.id;
    changes.push_back(core.state.addresses.put(*address));
    changes.push_back(metered(*address, false, core.now()));
  }
  std::string text = plain_answer(core, wanted);
  auto answer = co_await finish(core, call, "create-nat", std::move(changes), std::move(text));
  if (answer) co_return answer;
  core.state.plains.erase(wanted.id);
  core.state.free_address(inside);
  if (ElasticAddress* address = address_of(core, wanted)) {
    address->association.clear();
    address->holder.clear();
  }
  co_return answer;
}

void release_nat(Core& core, const Plain& one, std::vector<store::Change>& changes) {
  core.state.free_address(one.value("private"));
  ElasticAddress* address = address_of(core, one);
  if (!address || address->holder != one.id) return;
  address->association.clear();
  address->holder.clear();
  changes.push_back(core.state.addresses.put(*address));
  changes.push_back(metered(*address, true, core.now()));
}

std::string nat_gone(Core&, const Plain& one) {
  Xml xml;
  xml.plain("natGatewayId", one.id);
  return xml.take();
}

constexpr char subnet_name[] = "subnet", connectivity_name[] = "connectivity";

constexpr FilterField<Plain> egress_fields[] = {
    {"egress-only-internet-gateway-id", id_value},
    {"attachment.vpc-id", vpc_value},
};
constexpr FilterField<Plain> nat_fields[] = {
    {"nat-gateway-id", id_value},
    {"state", state_value},
    {"vpc-id", vpc_value},
    {"subnet-id", named_value<subnet_name>},
    {"connectivity-type", named_value<connectivity_name>},
};
constexpr FilterField<Plain> carrier_fields[] = {
    {"carrier-gateway-id", id_value},
    {"state", state_value},
    {"vpc-id", vpc_value},
    {"owner-id", owner_value},
};

constexpr PlainKind kinds[] = {
    {.prefix = "eigw",
     .create = "CreateEgressOnlyInternetGateway",
     .remove = "DeleteEgressOnlyInternetGateway",
     .describe = "DescribeEgressOnlyInternetGateways",
     .id = "EgressOnlyInternetGatewayId",
     .element = "egressOnlyInternetGateway",
     .list = "egressOnlyInternetGatewaySet",
     .read = read_vpc,
     .write = write_egress,
     .fields = egress_fields,
     .gone = egress_gone},
    {.prefix = "nat",
     .create = "CreateNatGateway",
     .remove = "DeleteNatGateway",
     .describe = "DescribeNatGateways",
     .id = "NatGatewayId",
     .element = "natGateway",
     .list = "natGatewaySet",
     .read = read_nat,
     .write = write_nat,
     .fields = nat_fields,
     .gone = nat_gone,
     .release = release_nat,
     .deleted_state = "deleted"},
    {.prefix = "cagw",
     .create = "CreateCarrierGateway",
     .remove = "DeleteCarrierGateway",
     .describe = "DescribeCarrierGateways",
     .id = "CarrierGatewayId",
     .element = "carrierGateway",
     .list = "carrierGatewaySet",
     .read = read_vpc,
     .write = write_carrier,
     .fields = carrier_fields,
     .gone = plain_answer},
};

constexpr Action table[] = {
    {"CreateEgressOnlyInternetGateway", of_vpc_params, nullptr, create_plain},
    {"DeleteEgressOnlyInternetGateway", one_egress_params, nullptr, delete_plain},
    {"DescribeEgressOnlyInternetGateways", egress_params, describe_plain, nullptr, true, 5,
     "EgressOnlyInternetGatewayId"},
    {"CreateNatGateway", nat_params, nullptr, create_nat},
    {"DeleteNatGateway", one_nat_params, nullptr, delete_plain},
    {"DescribeNatGateways", nats_params, describe_plain, nullptr, true, 5, "NatGatewayId"},
    {"CreateCarrierGateway", of_vpc_params, nullptr, create_plain},
    {"DeleteCarrierGateway", one_carrier_params, nullptr, delete_plain},
    {"DescribeCarrierGateways", carrier_params, describe_plain, nullptr, true, 5,
     "CarrierGatewayId"},
};

}  // namespace

std::span<const PlainKind> gateway_kinds() {
  return kinds;
}
std::span<const Action> gateway_actions() {
  return table;
}

}  // namespace croft::farm::ec2
