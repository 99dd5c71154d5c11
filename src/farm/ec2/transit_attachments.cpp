// What hangs on a transit gateway: networks, VPN connections, and other gateways of the region.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/transit.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr TransitOption options[] = {
    {"DnsSupport", "dnsSupport", "enable"},
    {"Ipv6Support", "ipv6Support", "disable"},
    {"ApplianceModeSupport", "applianceModeSupport", "disable"},
};

constexpr Param create_params[] = {
    {"TransitGatewayId", Kind::id, true, "tgw"},
    {"VpcId", Kind::id, true, "vpc"},
    {"SubnetIds.N", Kind::id, true, "subnet"},
    {"Options.DnsSupport", Kind::choice, false, transit_switch},
    {"Options.SecurityGroupReferencingSupport", Kind::choice, false, "disable"},
    {"Options.Ipv6Support", Kind::choice, false, transit_switch},
    {"Options.ApplianceModeSupport", Kind::choice, false, transit_switch},
    {"TagSpecifications.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecifications.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecifications.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param modify_params[] = {
    {"TransitGatewayAttachmentId", Kind::id, true, "tgw-attach"},
    {"AddSubnetIds.N", Kind::id, false, "subnet"},
    {"RemoveSubnetIds.N", Kind::id, false, "subnet"},
    {"Options.DnsSupport", Kind::choice, false, transit_switch},
    {"Options.SecurityGroupReferencingSupport", Kind::choice, false, "disable"},
    {"Options.Ipv6Support", Kind::choice, false, transit_switch},
    {"Options.ApplianceModeSupport", Kind::choice, false, transit_switch},
};
constexpr Param one_params[] = {{"TransitGatewayAttachmentId", Kind::id, true, "tgw-attach"}};
constexpr Param some_params[] = {{"TransitGatewayAttachmentIds.N", Kind::id, false, "tgw-attach"}};
constexpr Param peering_params[] = {
    {"TransitGatewayId", Kind::id, true, "tgw"},
    {"PeerTransitGatewayId", Kind::id, true, "tgw"},
    {"PeerAccountId", Kind::text, true, "", 1, 64},
    {"PeerRegion", Kind::text, true, "", 1, 64},
    {"Options.DynamicRouting", Kind::choice, false, transit_switch},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};

// ---- networks

Result<std::vector<std::string>> subnets_of_call(Core& core, const Call& call,
                                                 std::string_view parameter,
                                                 const std::string& vpc) {
  auto ids = call.params.list(parameter);
  for (const std::string& id : ids) {
    SubnetRecord* subnet = core.state.subnets.find(call.account(), id);
    if (!subnet || subnet->vpc != vpc) return fail(not_found(*id_kind("subnet"), {id}));
  }
  return ids;
}

Result<> read_network(Core& core, const Call& call, Plain& one) {
  Plain* gateway = TRY(named_transit(core, call, "TransitGatewayId"));
  Vpc* vpc = TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  auto subnets = TRY(subnets_of_call(core, call, "SubnetIds", vpc->id));
  for (const Plain* other : attachments_of(core, *gateway))
    if (other->value("resource") == vpc->id)
      return fail(
          aws_error("DuplicateTransitGatewayAttachment", 400,
                    fmt::format("{} has non-deleted Transit Gateway Attachments with same VPC ID.",
                                gateway->id)));
  one.values = {{"gateway", gateway->id}, {"resource", vpc->id}, {"type", "vpc"}};
  read_options(options, call.params, one);
  one.set_list("subnet", subnets);
  join_default_table(core, *gateway, one);
  return {};
}

void write_network(Xml& xml, Core&, const Plain& one) {
  xml.plain("transitGatewayAttachmentId", one.id).plain("transitGatewayId", one.value("gateway"));
  xml.plain("vpcId", one.value("resource")).plain("vpcOwnerId", one.account);
  xml.plain("state", one.state);
  xml.in("subnetIds", [&] {
    for (const std::string& subnet : one.list("subnet")) xml.plain("item", subnet);
  });
  xml.time("creationTime", one.created);
  xml.in("options", [&] { write_options(xml, options, one); });
}

void write_peering(Xml& xml, Core& core, const Plain& one) {
  xml.plain("transitGatewayAttachmentId", one.id);
  for (auto [name, gateway] : {std::pair("requesterTgwInfo", one.value("gateway")),
                               std::pair("accepterTgwInfo", one.value("peer"))})
    xml.in(name, [&] {
      xml.plain("transitGatewayId", gateway).plain("ownerId", one.account);
      xml.plain("region", core.context.region);
    });
  xml.in("options", [&] { xml.plain("dynamicRouting", one.value("dynamicRouting")); });
  xml.in("status", [&] { xml.plain("code", one.state); });
  xml.plain("state", one.state).time("creationTime", one.created);
}

void write_any(Xml& xml, Core&, const Plain& one) {
  xml.plain("transitGatewayAttachmentId", one.id).plain("transitGatewayId", one.value("gateway"));
  xml.plain("transitGatewayOwnerId", one.account).plain("resourceOwnerId", one.account);
  xml.plain("resourceType", one.value("type")).plain("resourceId", one.value("resource"));
  xml.plain("state", one.state);
  if (std::string table = one.value("association"); !table.empty())
    xml.in("association",
           [&] { xml.plain("transitGatewayRouteTableId", table).text("state", "associated"); });
  xml.time("creationTime", one.created);
}

Result<Plain*> named_of_type(Core& core, const Call& call, std::string_view type) {
  Plain* one = TRY(named_plain(core, call, "TransitGatewayAttachmentId", "tgw-attach"));
  if (one->value("type") == type) return one;
  return fail(aws_error(
      "InvalidTransitGatewayAttachmentID.NotFound", 400,
      fmt::format("{} is the attachment of a {}, not of a {}", one->id, one->value("type"), type)));
}

aio::Task<Answer> modify(Core& core, Call call) {
  Plain* one = CO_TRY(named_of_type(core, call, "vpc"));
  const std::string vpc = one->value("resource");
  auto added = CO_TRY(subnets_of_call(core, call, "AddSubnetIds", vpc));
  auto removed = call.params.list("RemoveSubnetIds");
  auto subnets = one->list("subnet");
  for (const std::string& id : removed)
    if (std::erase(subnets, id) == 0) co_return fail(not_found(*id_kind("subnet"), {id}));
  for (const std::string& id : added)
    if (std::ranges::find(subnets, id) == subnets.end()) subnets.push_back(id);
  if (subnets.empty())
    co_return fail(aws_error("InsufficientSubnetsException", 400,
                             fmt::format("{} must keep one subnet at least", one->id)));
  CO_TRY(call.effect());
  one->set_list("subnet", subnets);
  change_options(options, call.params, *one);
  std::vector<store::Change> changes{core.state.plains.put(*one)};
  std::string text = plain_answer(core, *one);
  co_return co_await finish(core, call, "modify-attachment", std::move(changes), std::move(text));
}

// ---- gateways

std::string peering_answer(Core& core, const Plain& one) {
  Xml xml;
  xml.in("transitGatewayPeeringAttachment", [&] {
    write_peering(xml, core, one);
    write_tag_set(xml, one.tags);
  });
  return xml.take();
}

aio::Task<Answer> peer(Core& core, Call call) {
  const Params& p = call.params;
  Plain* mine = CO_TRY(named_transit(core, call, "TransitGatewayId"));
  if (p.text("PeerRegion") != core.context.region || p.text("PeerAccountId") != call.account())
    co_return fail(aws_error(
        "UnsupportedOperation", 400,
        fmt::format("This farm is {} alone: it reaches no gateway of {} in {}", core.context.region,
                    printable(p.text("PeerAccountId")), printable(p.text("PeerRegion")))));
  Plain* other = CO_TRY(named_transit(core, call, "PeerTransitGatewayId"));
  if (mine == other)
    co_return fail(aws_error("InvalidParameterValue", 400,
                             fmt::format("{} cannot be peered with itself", mine->id)));
  auto specs = CO_TRY(read_tag_specs(p, {"transit-gateway-attachment"}));
  CO_TRY(call.effect());
  Plain one;
  one.kind = "tgw-attach";
  one.id = new_id(core.context.world.random, one.kind);
  one.account = call.account();
  one.created = core.now();
  one.state = "pendingAcceptance";
  one.values = {{"gateway", mine->id},
                {"peer", other->id},
                {"resource", other->id},
                {"type", "peering"},
                {"dynamicRouting", p.text("Options.DynamicRouting", "disable")}};
  one.tags = tags_for(specs, "transit-gateway-attachment");
  const Plain& kept = core.state.plains.add(std::move(one));
  std::vector<store::Change> changes{core.state.plains.put(kept)};
  std::string text = peering_answer(core, kept);
  co_return co_await finish(core, call, "peer-transit", std::move(changes), std::move(text));
}

/// Accepted, rejected or deleted.
aio::Task<Answer> move_peering(Core& core, Call call, std::string_view state, bool must_wait) {
  Plain* one = CO_TRY(named_of_type(core, call, "peering"));
  bool waits = one->state == "pendingAcceptance";
  if (must_wait != waits && (must_wait || one->state == "rejected"))
    co_return fail(aws_error("IncorrectState", 400,
                             fmt::format("{} is in invalid state {}", one->id, one->state)));
  CO_TRY(call.effect());
  one->state = std::string(state);
  if (state != "available") one->ended = core.now();
  std::vector<store::Change> changes{core.state.plains.put(*one)};
  std::string text = peering_answer(core, *one);
  co_return co_await finish(core, call, "move-peering", std::move(changes), std::move(text));
}
aio::Task<Answer> accept(Core& core, Call call) {
  return move_peering(core, std::move(call), "available", true);
}
aio::Task<Answer> reject(Core& core, Call call) {
  return move_peering(core, std::move(call), "rejected", true);
}
aio::Task<Answer> remove_peering(Core& core, Call call) {
  return move_peering(core, std::move(call), "deleted", false);
}

aio::Task<Answer> remove_network(Core& core, Call call) {
  CO_TRY(named_of_type(core, call, "vpc"));
  co_return co_await delete_plain(core, std::move(call));
}

// ---- what is shown

constexpr char gateway_name[] = "gateway", resource_name[] = "resource", type_name[] = "type",
               peer_name[] = "peer", table_name[] = "association";

constexpr FilterField<Plain> network_fields[] = {
    {"transit-gateway-attachment-id", id_value},
    {"transit-gateway-id", named_value<gateway_name>},
    {"vpc-id", named_value<resource_name>},
    {"state", state_value},
};
constexpr FilterField<Plain> peering_fields[] = {
    {"transit-gateway-attachment-id", id_value},
    {"transit-gateway-id", named_value<gateway_name>},
    {"local-owner-id", owner_value},
    {"remote-owner-id", owner_value},
    {"peer-transit-gateway-id", named_value<peer_name>},
    {"state", state_value},
};
constexpr FilterField<Plain> any_fields[] = {
    {"transit-gateway-attachment-id", id_value},
    {"transit-gateway-id", named_value<gateway_name>},
    {"transit-gateway-owner-id", owner_value},
    {"resource-owner-id", owner_value},
    {"resource-id", named_value<resource_name>},
    {"resource-type", named_value<type_name>},
    {"state", state_value},
    {"association.state",
     [](const Plain& p, Out out) {
       if (!p.value("association").empty()) out.emplace_back("associated");
     }},
    {"association.transit-gateway-route-table-id", named_value<table_name>},
};

bool is_network(const Plain& one) {
  return one.value("type") == "vpc";
}
bool is_peering(const Plain& one) {
  return one.value("type") == "peering";
}
constexpr PlainView network_view{"tgw-attach",
                                 "TransitGatewayAttachmentIds",
                                 "transitGatewayVpcAttachments",
                                 network_fields,
                                 write_network,
                                 is_network,
                                 true};
constexpr PlainView peering_view{"tgw-attach",
                                 "TransitGatewayAttachmentIds",
                                 "transitGatewayPeeringAttachments",
                                 peering_fields,
                                 write_peering,
                                 is_peering};
constexpr PlainView any_view{"tgw-attach", "TransitGatewayAttachmentIds",
                             "transitGatewayAttachments", any_fields, write_any};

Answer networks(Core& core, const Call& call) {
  return describe_view(core, call, network_view);
}
Answer peerings(Core& core, const Call& call) {
  return describe_view(core, call, peering_view);
}
Answer all(Core& core, const Call& call) {
  return describe_view(core, call, any_view);
}

constexpr PlainKind kinds[] = {{.prefix = "tgw-attach",
                                .create = "CreateTransitGatewayVpcAttachment",
                                .remove = "DeleteTransitGatewayVpcAttachment",
                                .describe = "",
                                .id = "TransitGatewayAttachmentId",
                                .element = "transitGatewayVpcAttachment",
                                .list = "",
                                .read = read_network,
                                .write = write_network,
                                .fields = network_fields,
                                .gone = plain_answer,
                                .deleted_state = "deleted",
                                .bare = true}};

constexpr Action table[] = {
    {"CreateTransitGatewayVpcAttachment", create_params, nullptr, create_plain},
    {"ModifyTransitGatewayVpcAttachment", modify_params, nullptr, modify},
    {"DeleteTransitGatewayVpcAttachment", one_params, nullptr, remove_network},
    {"DescribeTransitGatewayVpcAttachments", some_params, networks, nullptr, true, 5, ""},
    {"DescribeTransitGatewayAttachments", some_params, all, nullptr, true, 5, ""},
    {"CreateTransitGatewayPeeringAttachment", peering_params, nullptr, peer},
    {"AcceptTransitGatewayPeeringAttachment", one_params, nullptr, accept},
    {"RejectTransitGatewayPeeringAttachment", one_params, nullptr, reject},
    {"DeleteTransitGatewayPeeringAttachment", one_params, nullptr, remove_peering},
    {"DescribeTransitGatewayPeeringAttachments", some_params, peerings, nullptr, true, 5, ""},
};

}  // namespace

void attach_connection(Core& core, const Plain& connection, std::vector<store::Change>& changes) {
  const Plain* gateway = core.state.plains.find(connection.value("transit"));
  if (!gateway) return;
  Plain one;
  one.kind = "tgw-attach";
  one.id = new_id(core.context.world.random, one.kind);
  one.account = connection.account;
  one.created = connection.created;
  one.values = {{"gateway", gateway->id}, {"resource", connection.id}, {"type", "vpn"}};
  join_default_table(core, *gateway, one);
  changes.push_back(core.state.plains.put(core.state.plains.add(std::move(one))));
}

void detach_connection(Core& core, const Plain& connection, std::vector<store::Change>& changes) {
  const Plain* gateway = core.state.plains.find(connection.value("transit"));
  if (!gateway) return;
  for (Plain* one : attachments_of(core, *gateway)) {
    if (one->value("resource") != connection.id) continue;
    changes.push_back(core.state.plains.remove(one->id));
    core.state.plains.erase(std::string(one->id));
  }
}

std::span<const PlainKind> attachment_kinds() {
  return kinds;
}
std::span<const Action> attachment_actions() {
  return table;
}

}  // namespace croft::farm::ec2
