// Customer gateways, virtual private gateways and VPN connections, as descriptions of networks name
// them. Records: nobody answers at the other end, and the tunnels say that they are down.
#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"
#include "farm/ec2/transit.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr int64_t most_asn = 4294967294;

constexpr Param customer_params[] = {
    {"Type", Kind::choice, true, "ipsec.1"},
    {"BgpAsn", Kind::integer, false, "", 1, 2147483647},
    {"BgpAsnExtended", Kind::integer, false, "", 2147483648, most_asn},
    {"PublicIp", Kind::text, false, "", 7, 15},
    {"IpAddress", Kind::text, false, "", 7, 15},
    {"CertificateArn", Kind::text, false, "", 0, 2048},
    {"DeviceName", Kind::text, false, "", 0, 255},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param gateway_params[] = {
    {"Type", Kind::choice, true, "ipsec.1"},
    {"AvailabilityZone", Kind::text, false, "", 0, 64},
    {"AmazonSideAsn", Kind::integer, false, "", 1, most_asn},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param connection_params[] = {
    {"Type", Kind::choice, true, "ipsec.1"},
    {"CustomerGatewayId", Kind::id, true, "cgw"},
    {"VpnGatewayId", Kind::id, false, "vgw"},
    {"TransitGatewayId", Kind::id, false, "tgw"},
    {"Options.StaticRoutesOnly", Kind::boolean},
    {"Options.*", Kind::unsupported},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_customer_params[] = {{"CustomerGatewayId", Kind::id, true, "cgw"}};
constexpr Param customers_params[] = {{"CustomerGatewayId.N", Kind::id, false, "cgw"}};
constexpr Param one_gateway_params[] = {{"VpnGatewayId", Kind::id, true, "vgw"}};
constexpr Param gateways_params[] = {{"VpnGatewayId.N", Kind::id, false, "vgw"}};
constexpr Param attach_params[] = {
    {"VpnGatewayId", Kind::id, true, "vgw"},
    {"VpcId", Kind::id, true, "vpc"},
};
constexpr Param one_connection_params[] = {{"VpnConnectionId", Kind::id, true, "vpn"}};
constexpr Param connections_params[] = {{"VpnConnectionId.N", Kind::id, false, "vpn"}};

Result<> read_customer(Core&, const Call& call, Plain& one) {
  const Params& p = call.params;
  std::string address = p.text("IpAddress", p.text("PublicIp"));
  if (address.empty() && !p.has("CertificateArn"))
    return fail(
        aws_error("MissingParameter", 400, "The request must contain the parameter ipAddress"));
  if (!address.empty() && !parse_ipv4(address))
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Value ({}) for parameter ipAddress is invalid. It is no "
                                      "IPv4 address",
                                      printable(address))));
  one.values = {{"address", address},
                {"asn", p.text("BgpAsnExtended", p.text("BgpAsn", "65000"))},
                {"certificate", p.text("CertificateArn")},
                {"device", p.text("DeviceName")}};
  return {};
}

void write_customer(Xml& xml, Core&, const Plain& one) {
  xml.plain("customerGatewayId", one.id).plain("state", one.state).text("type", "ipsec.1");
  xml.plain("ipAddress", one.value("address")).plain("bgpAsn", one.value("asn"));
  xml.optional("certificateArn", one.value("certificate"));
  xml.optional("deviceName", one.value("device"));
}

Result<> customer_may_go(Core& core, const Plain& one) {
  for (const Plain* line : plains_of(core, one.account, "vpn"))
    if (line->state != "deleted" && line->value("customer") == one.id)
      return fail(aws_error("IncorrectState", 400,
                            fmt::format("The customer gateway is in use: {}", line->id)));
  return {};
}

Result<> read_gateway(Core&, const Call& call, Plain& one) {
  one.values = {{"zone", call.params.text("AvailabilityZone")},
                {"asn", call.params.text("AmazonSideAsn", "64512")}};
  return {};
}

void write_attachment(Xml& xml, const Plain& one) {
  bool left = one.value("vpc").empty();
  xml.text("state", std::string_view(left ? "detached" : "attached"));
  xml.plain("vpcId", one.value(left ? "left" : "vpc"));
}

void write_gateway(Xml& xml, Core&, const Plain& one) {
  xml.plain("vpnGatewayId", one.id).plain("state", one.state).text("type", "ipsec.1");
  if (std::string zone = one.value("zone"); !zone.empty()) xml.text("availabilityZone", zone);
  xml.in("attachments", [&] {
    if (!one.value("vpc").empty() || !one.value("left").empty())
      xml.in("item", [&] { write_attachment(xml, one); });
  });
  xml.plain("amazonSideAsn", one.value("asn"));
}

Result<> gateway_may_go(Core&, const Plain& one) {
  if (one.value("vpc").empty()) return {};
  return fail(
      aws_error("VpnGatewayInUse", 400,
                fmt::format("The vpnGateway '{}' is attached to {}", one.id, one.value("vpc"))));
}

aio::Task<Answer> attach(Core& core, Call call) {
  Plain* gateway = CO_TRY(named_plain(core, call, "VpnGatewayId", "vgw"));
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  std::string held = gateway->value("vpc");
  if (!held.empty() && held != vpc->id)
    co_return fail(aws_error("VpnGatewayAttachmentLimitExceeded", 400,
                             fmt::format("{} is attached to {}", gateway->id, held)));
  for (const Plain* other : plains_of(core, call.account(), "vgw"))
    if (other != gateway && other->value("vpc") == vpc->id)
      co_return fail(
          aws_error("InvalidVpcState", 400,
                    fmt::format("{} has the virtual private gateway {}", vpc->id, other->id)));
  CO_TRY(call.effect());
  gateway->values["vpc"] = vpc->id;
  Xml xml;
  xml.in("attachment", [&] { write_attachment(xml, *gateway); });
  std::vector<store::Change> changes{core.state.plains.put(*gateway)};
  co_return co_await finish(core, call, "attach-vpn", std::move(changes), xml.take());
}

aio::Task<Answer> detach(Core& core, Call call) {
  Plain* gateway = CO_TRY(named_plain(core, call, "VpnGatewayId", "vgw"));
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  if (gateway->value("vpc") != vpc->id)
    co_return fail(aws_error("InvalidVpnGatewayAttachment.NotFound", 400,
                             fmt::format("The attachment with vpn gateway ID '{}' and vpc ID '{}' "
                                         "does not exist",
                                         gateway->id, vpc->id)));
  CO_TRY(call.effect());
  gateway->values["left"] = vpc->id;
  gateway->values.erase("vpc");
  std::vector<store::Change> changes{core.state.plains.put(*gateway)};
  co_return co_await finish(core, call, "detach-vpn", std::move(changes), answer_true());
}

Result<> read_connection(Core& core, const Call& call, Plain& one) {
  const Params& p = call.params;
  TRY(named_plain(core, call, "CustomerGatewayId", "cgw"));
  if (p.has("TransitGatewayId")) TRY(named_transit(core, call, "TransitGatewayId"));
  if (p.has("VpnGatewayId") && p.has("TransitGatewayId"))
    return fail(aws_error("InvalidParameterValue", 400,
                          "The request must not contain both parameter vpnGatewayId and "
                          "transitGatewayId"));
  if (p.has("VpnGatewayId"))
    TRY(named_plain(core, call, "VpnGatewayId", "vgw"));
  else if (!p.has("TransitGatewayId"))
    return fail(
        aws_error("MissingParameter", 400, "The request must contain the parameter vpnGatewayId"));
  one.values = {{"customer", p.text("CustomerGatewayId")},
                {"gateway", p.text("VpnGatewayId")},
                {"transit", p.text("TransitGatewayId")},
                {"static", p.flag("Options.StaticRoutesOnly") ? "true" : "false"}};
  return {};
}

void write_connection(Xml& xml, Core&, const Plain& one) {
  xml.plain("vpnConnectionId", one.id).plain("state", one.state).text("type", "ipsec.1");
  xml.text("customerGatewayConfiguration", "");
  xml.plain("customerGatewayId", one.value("customer"));
  for (auto [element, key] :
       {std::pair("vpnGatewayId", "gateway"), std::pair("transitGatewayId", "transit")})
    if (std::string id = one.value(key); !id.empty()) xml.plain(element, id);
  xml.text("category", "VPN");
  xml.in("options", [&] { xml.plain("staticRoutesOnly", one.value("static")); });
  xml.text("routes", "");
  xml.in("vgwTelemetry", [&] {
    if (one.state != "available") return;
    xml.in("item", [&] {
      xml.number("acceptedRouteCount", 0).time("lastStatusChange", one.created);
      xml.text("status", "DOWN").text("statusMessage", "This farm has no way to other sites");
    });
  });
}

constexpr char address_name[] = "address", asn_name[] = "asn", zone_name[] = "zone",
               customer_name[] = "customer", gateway_name[] = "gateway", transit_name[] = "transit";
void type_value(const Plain&, Out out) {
  out.emplace_back("ipsec.1");
}

constexpr FilterField<Plain> customer_fields[] = {
    {"customer-gateway-id", id_value},
    {"state", state_value},
    {"ip-address", named_value<address_name>},
    {"bgp-asn", named_value<asn_name>},
    {"type", type_value},
};
constexpr FilterField<Plain> gateway_fields[] = {
    {"vpn-gateway-id", id_value},
    {"state", state_value},
    {"type", type_value},
    {"availability-zone", named_value<zone_name>},
    {"amazon-side-asn", named_value<asn_name>},
    {"attachment.vpc-id", vpc_value},
    {"attachment.state",
     [](const Plain& p, Out out) {
       if (!p.value("vpc").empty()) out.emplace_back("attached");
     }},
};
constexpr FilterField<Plain> connection_fields[] = {
    {"vpn-connection-id", id_value},
    {"state", state_value},
    {"type", type_value},
    {"customer-gateway-id", named_value<customer_name>},
    {"vpn-gateway-id", named_value<gateway_name>},
    {"transit-gateway-id", named_value<transit_name>},
};

constexpr PlainKind kinds[] = {
    {.prefix = "cgw",
     .create = "CreateCustomerGateway",
     .remove = "DeleteCustomerGateway",
     .describe = "DescribeCustomerGateways",
     .id = "CustomerGatewayId",
     .element = "customerGateway",
     .list = "customerGatewaySet",
     .read = read_customer,
     .write = write_customer,
     .fields = customer_fields,
     .may_go = customer_may_go,
     .deleted_state = "deleted"},
    {.prefix = "vgw",
     .create = "CreateVpnGateway",
     .remove = "DeleteVpnGateway",
     .describe = "DescribeVpnGateways",
     .id = "VpnGatewayId",
     .element = "vpnGateway",
     .list = "vpnGatewaySet",
     .read = read_gateway,
     .write = write_gateway,
     .fields = gateway_fields,
     .may_go = gateway_may_go,
     .deleted_state = "deleted"},
    {.prefix = "vpn",
     .create = "CreateVpnConnection",
     .remove = "DeleteVpnConnection",
     .describe = "DescribeVpnConnections",
     .id = "VpnConnectionId",
     .element = "vpnConnection",
     .list = "vpnConnectionSet",
     .read = read_connection,
     .write = write_connection,
     .fields = connection_fields,
     .release = detach_connection,
     .deleted_state = "deleted",
     .made = [](Core& core, Plain& one,
                std::vector<store::Change>& changes) { attach_connection(core, one, changes); }},
};

constexpr Action table[] = {
    {"CreateCustomerGateway", customer_params, nullptr, create_plain},
    {"DeleteCustomerGateway", one_customer_params, nullptr, delete_plain},
    {"DescribeCustomerGateways", customers_params, describe_plain, nullptr, true},
    {"CreateVpnGateway", gateway_params, nullptr, create_plain},
    {"DeleteVpnGateway", one_gateway_params, nullptr, delete_plain},
    {"DescribeVpnGateways", gateways_params, describe_plain, nullptr, true},
    {"AttachVpnGateway", attach_params, nullptr, attach},
    {"DetachVpnGateway", attach_params, nullptr, detach},
    {"CreateVpnConnection", connection_params, nullptr, create_plain},
    {"DeleteVpnConnection", one_connection_params, nullptr, delete_plain},
    {"DescribeVpnConnections", connections_params, describe_plain, nullptr, true},
};

}  // namespace

std::span<const PlainKind> vpn_kinds() {
  return kinds;
}
std::span<const Action> vpn_actions() {
  return table;
}

}  // namespace croft::farm::ec2
