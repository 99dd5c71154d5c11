// VPC endpoints, as descriptions of networks name them. Records: the farm's own services are inside
// every instance's network with and without them, and no other service stands behind one.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr std::string_view everything =
    "{\"Version\":\"2008-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
    "\"Action\":\"*\",\"Resource\":\"*\"}]}";

constexpr Param create_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"ServiceName", Kind::text, true, "", 1, 255},
    {"VpcEndpointType", Kind::text, false, "", 1, 32},
    {"PolicyDocument", Kind::text, false, "", 0, 20480},
    {"RouteTableId.N", Kind::id, false, "rtb"},
    {"SubnetId.N", Kind::id, false, "subnet"},
    {"SecurityGroupId.N", Kind::id, false, "sg"},
    {"PrivateDnsEnabled", Kind::boolean},
    {"IpAddressType", Kind::choice, false, "ipv4"},
    {"DnsOptions.*", Kind::unsupported},
    {"SubnetConfiguration.*", Kind::unsupported},
    {"ServiceNetworkArn", Kind::unsupported},
    {"ResourceConfigurationArn", Kind::unsupported},
    {"ServiceRegion", Kind::unsupported},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param modify_params[] = {
    {"VpcEndpointId", Kind::id, true, "vpce"},
    {"ResetPolicy", Kind::boolean},
    {"PolicyDocument", Kind::text, false, "", 0, 20480},
    {"AddRouteTableId.N", Kind::id, false, "rtb"},
    {"RemoveRouteTableId.N", Kind::id, false, "rtb"},
    {"AddSubnetId.N", Kind::id, false, "subnet"},
    {"RemoveSubnetId.N", Kind::id, false, "subnet"},
    {"AddSecurityGroupId.N", Kind::id, false, "sg"},
    {"RemoveSecurityGroupId.N", Kind::id, false, "sg"},
    {"PrivateDnsEnabled", Kind::boolean},
    {"IpAddressType", Kind::choice, false, "ipv4"},
    {"DnsOptions.*", Kind::unsupported},
    {"SubnetConfiguration.*", Kind::unsupported},
};
constexpr Param some_params[] = {{"VpcEndpointId.N", Kind::id, false, "vpce"}};
constexpr Param delete_params[] = {{"VpcEndpointId.N", Kind::text, true, "", 1, 64}};

/// The kind of endpoint as EC2 compares it: "gateway" is "Gateway"; as it was sent otherwise.
bool is_type(const Plain& one, std::string_view type) {
  return equals_ignore_case(one.value("type"), type);
}

/// The ids of one list, all of them of this network.
template <class T>
Result<> check_all(Table<T>& table, const Plain& one, const std::vector<std::string>& ids,
                   std::string_view prefix) {
  for (const std::string& id : ids) {
    const T* found = table.find(one.account, id);
    if (!found) return fail(not_found(*id_kind(prefix), {id}));
    if (found->vpc != one.value("vpc"))
      return fail(aws_error("InvalidParameter", 400,
                            fmt::format("{} is not of the network {}", id, one.value("vpc"))));
  }
  return {};
}

Result<> check_lists(Core& core, const Plain& one) {
  TRY(check_all(core.state.routes, one, one.list("routes"), "rtb"));
  TRY(check_all(core.state.subnets, one, one.list("subnets"), "subnet"));
  return check_all(core.state.groups, one, one.list("groups"), "sg");
}

Result<> read_endpoint(Core& core, const Call& call, Plain& one) {
  const Params& p = call.params;
  TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  std::string type = p.text("VpcEndpointType", "Gateway");
  if (!equals_ignore_case(type, "Gateway") && !equals_ignore_case(type, "Interface") &&
      !equals_ignore_case(type, "GatewayLoadBalancer"))
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Value ({}) for parameter vpcEndpointType is invalid. "
                                      "Expected Gateway, Interface or GatewayLoadBalancer",
                                      printable(type))));
  one.values = {{"vpc", p.text("VpcId")},
                {"service", p.text("ServiceName")},
                {"type", type},
                {"policy", p.text("PolicyDocument", everything)},
                {"privateDns", p.flag("PrivateDnsEnabled", true) ? "true" : "false"}};
  one.set_list("routes", p.list("RouteTableId"));
  one.set_list("subnets", p.list("SubnetId"));
  one.set_list("groups", p.list("SecurityGroupId"));
  return check_lists(core, one);
}

void write_texts(Xml& xml, std::string_view name, const std::vector<std::string>& texts) {
  xml.in(name, [&] {
    for (const std::string& text : texts) xml.plain("item", text);
  });
}

void write_endpoint(Xml& xml, Core& core, const Plain& one) {
  xml.plain("vpcEndpointId", one.id).text("vpcEndpointType", one.value("type"));
  xml.plain("vpcId", one.value("vpc")).text("serviceName", one.value("service"));
  xml.plain("state", one.state).text("policyDocument", one.value("policy"));
  write_texts(xml, "routeTableIdSet", one.list("routes"));
  write_texts(xml, "subnetIdSet", one.list("subnets"));
  xml.list("groupSet", one.list("groups"), [&](const std::string& id) {
    xml.plain("groupId", id).text("groupName", core.group_name(id));
  });
  xml.text("ipAddressType", "ipv4").plain("privateDnsEnabled", one.value("privateDns"));
  xml.flag("requesterManaged", false).text("networkInterfaceIdSet", "");
  xml.in("dnsEntrySet", [&] {
    if (!is_type(one, "Interface")) return;
    xml.in("item", [&] {
      xml.text("dnsName", fmt::format("{}.{}.vpce.amazonaws.com", one.id, one.value("service")));
      xml.plain("hostedZoneId", "Z" + to_upper(one.id.substr(5, 13)));
    });
  });
  xml.time("creationTimestamp", one.created).plain("ownerId", one.account);
}

/// `list` with some more and some less; what goes must be there.
Result<> change_list(Plain& one, const std::string& list, std::string_view prefix,
                     const std::vector<std::string>& more, const std::vector<std::string>& less) {
  auto texts = one.list(list);
  for (const std::string& id : less) {
    auto at = std::ranges::find(texts, id);
    if (at == texts.end()) return fail(not_found(*id_kind(prefix), {id}));
    texts.erase(at);
  }
  for (const std::string& id : more)
    if (std::ranges::find(texts, id) == texts.end()) texts.push_back(id);
  one.set_list(list, texts);
  return {};
}

aio::Task<Answer> modify(Core& core, Call call) {
  const Params& p = call.params;
  Plain* kept = CO_TRY(named_plain(core, call, "VpcEndpointId", "vpce"));
  Plain one = *kept;
  CO_TRY(
      change_list(one, "routes", "rtb", p.list("AddRouteTableId"), p.list("RemoveRouteTableId")));
  CO_TRY(change_list(one, "subnets", "subnet", p.list("AddSubnetId"), p.list("RemoveSubnetId")));
  CO_TRY(change_list(one, "groups", "sg", p.list("AddSecurityGroupId"),
                     p.list("RemoveSecurityGroupId")));
  CO_TRY(check_lists(core, one));
  if (p.flag("ResetPolicy")) one.values["policy"] = std::string(everything);
  if (p.has("PolicyDocument")) one.values["policy"] = p.text("PolicyDocument");
  if (p.has("PrivateDnsEnabled"))
    one.values["privateDns"] = p.flag("PrivateDnsEnabled") ? "true" : "false";
  CO_TRY(call.effect());
  *kept = std::move(one);
  std::vector<store::Change> changes{core.state.plains.put(*kept)};
  co_return co_await finish(core, call, "modify-endpoint", std::move(changes), answer_true());
}

/// Each for itself: what is not there is told, the others go.
aio::Task<Answer> remove(Core& core, Call call) {
  auto ids = call.params.list("VpcEndpointId");
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  std::vector<std::string> missing;
  for (const std::string& id : ids) {
    Plain* one = find_plain(core, call.account(), "vpce", id);
    if (!one) {
      missing.push_back(id);
      continue;
    }
    one->state = "deleted";
    one->ended = core.now();
    changes.push_back(core.state.plains.put(*one));
  }
  Xml xml;
  xml.list("unsuccessful", missing, [&](const std::string& id) {
    xml.in("error", [&] {
      xml.text("code", "InvalidVpcEndpointId.NotFound");
      xml.text("message", fmt::format("The Vpc Endpoint Id '{}' does not exist", id));
    });
    xml.text("resourceId", id);
  });
  co_return co_await finish(core, call, "delete-endpoints", std::move(changes), xml.take());
}

constexpr char service_name[] = "service", type_name[] = "type";

constexpr FilterField<Plain> fields[] = {
    {"vpc-endpoint-id", id_value},
    {"vpc-endpoint-state", state_value},
    {"vpc-id", vpc_value},
    {"service-name", named_value<service_name>},
    {"vpc-endpoint-type", named_value<type_name>},
};

constexpr PlainKind kinds[] = {{.prefix = "vpce",
                                .create = "CreateVpcEndpoint",
                                .remove = "",
                                .describe = "DescribeVpcEndpoints",
                                .id = "VpcEndpointId",
                                .element = "vpcEndpoint",
                                .list = "vpcEndpointSet",
                                .read = read_endpoint,
                                .write = write_endpoint,
                                .fields = fields,
                                .deleted_state = "deleted"}};

constexpr Action table[] = {
    {"CreateVpcEndpoint", create_params, nullptr, create_plain},
    {"ModifyVpcEndpoint", modify_params, nullptr, modify},
    {"DeleteVpcEndpoints", delete_params, nullptr, remove},
    {"DescribeVpcEndpoints", some_params, describe_plain, nullptr, true, 1, "VpcEndpointId"},
};

}  // namespace

std::span<const PlainKind> endpoint_kinds() {
  return kinds;
}
std::span<const Action> endpoint_actions() {
  return table;
}

}  // namespace croft::farm::ec2
