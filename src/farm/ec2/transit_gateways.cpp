// Transit gateways and their route tables.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/transit.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr TransitOption options[] = {
    {"AutoAcceptSharedAttachments", "autoAcceptSharedAttachments", "disable"},
    {"DefaultRouteTableAssociation", "defaultRouteTableAssociation", "enable"},
    {"DefaultRouteTablePropagation", "defaultRouteTablePropagation", "enable"},
    {"VpnEcmpSupport", "vpnEcmpSupport", "enable"},
    {"DnsSupport", "dnsSupport", "enable"},
    {"MulticastSupport", "multicastSupport", "disable"},
};

constexpr Param create_params[] = {
    {"Description", Kind::text, false, "", 0, 255},
    {"Options.AmazonSideAsn", Kind::integer, false, "", 1, 4294967294},
    {"Options.AutoAcceptSharedAttachments", Kind::choice, false, transit_switch},
    {"Options.DefaultRouteTableAssociation", Kind::choice, false, transit_switch},
    {"Options.DefaultRouteTablePropagation", Kind::choice, false, transit_switch},
    {"Options.VpnEcmpSupport", Kind::choice, false, transit_switch},
    {"Options.DnsSupport", Kind::choice, false, transit_switch},
    {"Options.SecurityGroupReferencingSupport", Kind::choice, false, "disable"},
    {"Options.MulticastSupport", Kind::choice, false, transit_switch},
    {"Options.TransitGatewayCidrBlocks.N", Kind::text, false, "", 9, 43},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param modify_params[] = {
    {"TransitGatewayId", Kind::id, true, "tgw"},
    {"Description", Kind::text, false, "", 0, 255},
    {"Options.AutoAcceptSharedAttachments", Kind::choice, false, transit_switch},
    {"Options.DefaultRouteTableAssociation", Kind::choice, false, transit_switch},
    {"Options.DefaultRouteTablePropagation", Kind::choice, false, transit_switch},
    {"Options.AssociationDefaultRouteTableId", Kind::id, false, "tgw-rtb"},
    {"Options.PropagationDefaultRouteTableId", Kind::id, false, "tgw-rtb"},
    {"Options.VpnEcmpSupport", Kind::choice, false, transit_switch},
    {"Options.DnsSupport", Kind::choice, false, transit_switch},
    {"Options.SecurityGroupReferencingSupport", Kind::choice, false, "disable"},
    {"Options.*", Kind::unsupported},
};
constexpr Param one_params[] = {{"TransitGatewayId", Kind::id, true, "tgw"}};
constexpr Param some_params[] = {{"TransitGatewayIds.N", Kind::id, false, "tgw"}};
constexpr Param table_params[] = {
    {"TransitGatewayId", Kind::id, true, "tgw"},
    {"TagSpecifications.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecifications.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecifications.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_table_params[] = {{"TransitGatewayRouteTableId", Kind::id, true, "tgw-rtb"}};
constexpr Param tables_params[] = {{"TransitGatewayRouteTableIds.N", Kind::id, false, "tgw-rtb"}};

constexpr std::string_view association = "associationTable", propagation = "propagationTable";

Result<> read_gateway(Core&, const Call& call, Plain& one) {
  const Params& p = call.params;
  one.values["description"] = p.text("Description");
  one.values["asn"] = p.text("Options.AmazonSideAsn", "64512");
  read_options(options, p, one);
  one.set_list("cidr", p.list("Options.TransitGatewayCidrBlocks"));
  for (const std::string& cidr : one.list("cidr"))
    if (!masked_network(cidr))
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("'{}' is no IPv4 network", printable(cidr))));
  return {};
}

/// The table that new attachments are joined to, unless the gateway was told to have none.
void make_default_table(Core& core, Plain& gateway, std::vector<store::Change>& changes) {
  bool associates = gateway.value("defaultRouteTableAssociation") == "enable";
  bool propagates = gateway.value("defaultRouteTablePropagation") == "enable";
  if (!associates && !propagates) return;
  Plain table;
  table.kind = "tgw-rtb";
  table.id = new_id(core.context.world.random, table.kind);
  table.account = gateway.account;
  table.created = gateway.created;
  table.values["gateway"] = gateway.id;
  for (auto [on, key] : {std::pair(associates, association), std::pair(propagates, propagation)}) {
    if (!on) continue;
    gateway.values[std::string(key)] = table.id;
    table.values[std::string(key)] = "true";
  }
  changes.push_back(core.state.plains.put(core.state.plains.add(std::move(table))));
}

void write_gateway(Xml& xml, Core& core, const Plain& one) {
  xml.plain("transitGatewayId", one.id);
  xml.plain("transitGatewayArn", fmt::format("arn:aws:ec2:{}:{}:transit-gateway/{}",
                                             core.context.region, one.account, one.id));
  xml.plain("state", one.state).plain("ownerId", one.account);
  xml.text("description", one.value("description")).time("creationTime", one.created);
  xml.in("options", [&] {
    xml.plain("amazonSideAsn", one.value("asn"));
    xml.in("transitGatewayCidrBlocks", [&] {
      for (const std::string& cidr : one.list("cidr")) xml.text("item", cidr);
    });
    write_options(xml, options, one);
    for (auto [element, key] : {std::pair("associationDefaultRouteTableId", association),
                                std::pair("propagationDefaultRouteTableId", propagation)})
      if (std::string table = one.value(std::string(key)); !table.empty())
        xml.plain(element, table);
  });
}

Result<> gateway_may_go(Core& core, const Plain& one) {
  auto held = attachments_of(core, one);
  if (held.empty()) return {};
  return fail(aws_error(
      "IncorrectState", 400,
      fmt::format("{} has non-deleted Transit Gateway Attachments: {}", one.id, held.front()->id)));
}

std::vector<Plain*> tables_of(Core& core, const Plain& gateway) {
  auto out = plains_of(core, gateway.account, "tgw-rtb");
  std::erase_if(out, [&](Plain* table) { return table->value("gateway") != gateway.id; });
  return out;
}

void take_tables(Core& core, const Plain& gateway, std::vector<store::Change>& changes) {
  for (Plain* table : tables_of(core, gateway)) {
    changes.push_back(core.state.plains.remove(table->id));
    core.state.plains.erase(std::string(table->id));
  }
}

std::string gateway_gone(Core& core, const Plain& one) {
  Plain told = one;
  told.state = "deleting";
  return plain_answer(core, told);
}

aio::Task<Answer> modify(Core& core, Call call) {
  Plain* one = CO_TRY(named_transit(core, call, "TransitGatewayId"));
  const Params& p = call.params;
  Plain changed = *one;
  if (p.has("Description")) changed.values["description"] = p.text("Description");
  change_options(options, p, changed);
  for (auto [parameter, key] : {std::pair("Options.AssociationDefaultRouteTableId", association),
                                std::pair("Options.PropagationDefaultRouteTableId", propagation)}) {
    if (!p.has(parameter)) continue;
    Plain* table = CO_TRY(named_plain(core, call, parameter, "tgw-rtb"));
    if (table->value("gateway") != one->id)
      co_return fail(aws_error("InvalidParameterValue", 400,
                               fmt::format("{} is no table of {}", table->id, one->id)));
    changed.values[std::string(key)] = table->id;
  }
  CO_TRY(call.effect());
  *one = std::move(changed);
  std::vector<store::Change> changes{core.state.plains.put(*one)};
  for (Plain* table : tables_of(core, *one)) {
    for (std::string_view key : {association, propagation})
      table->values[std::string(key)] =
          one->value(std::string(key)) == table->id ? "true" : "false";
    changes.push_back(core.state.plains.put(*table));
  }
  std::string text = plain_answer(core, *one);
  co_return co_await finish(core, call, "modify-transit", std::move(changes), std::move(text));
}

// ---- route tables

bool is_default(const Plain& table, std::string_view key) {
  return table.value(std::string(key)) == "true";
}

Result<> read_table(Core& core, const Call& call, Plain& one) {
  one.values["gateway"] = TRY(named_transit(core, call, "TransitGatewayId"))->id;
  return {};
}

void write_table(Xml& xml, Core& core, const Plain& one) {
  xml.plain("transitGatewayRouteTableId", one.id).plain("transitGatewayId", one.value("gateway"));
  xml.plain("state", one.state);
  xml.flag("defaultAssociationRouteTable", is_default(one, association));
  xml.flag("defaultPropagationRouteTable", is_default(one, propagation));
  xml.time("creationTime", one.created);
}

Result<> table_may_go(Core& core, const Plain& one) {
  const Plain* gateway = core.state.plains.find(one.value("gateway"));
  if (!gateway) return {};
  for (const Plain* attachment : attachments_of(core, *gateway))
    if (attachment->value("association") == one.id)
      return fail(aws_error("IncorrectState", 400,
                            fmt::format("{} has the association of {}", one.id, attachment->id)));
  if (is_default(one, association) || is_default(one, propagation))
    return fail(aws_error("IncorrectState", 400,
                          fmt::format("{} is a default table of {}", one.id, gateway->id)));
  return {};
}

constexpr char gateway_name[] = "gateway", description_name[] = "description", asn_name[] = "asn";

template <size_t which>
void option_value(const Plain& p, Out out) {
  out.push_back(p.value(std::string(options[which].element)));
}

constexpr FilterField<Plain> gateway_fields[] = {
    {"transit-gateway-id", id_value},
    {"state", state_value},
    {"owner-id", owner_value},
    {"description", named_value<description_name>},
    {"options.amazon-side-asn", named_value<asn_name>},
    {"options.auto-accept-shared-attachments", option_value<0>},
    {"options.default-route-table-association", option_value<1>},
    {"options.default-route-table-propagation", option_value<2>},
    {"options.vpn-ecmp-support", option_value<3>},
    {"options.dns-support", option_value<4>},
    {"options.association-default-route-table-id",
     [](const Plain& p, Out out) { out.push_back(p.value(std::string(association))); }},
    {"options.propagation-default-route-table-id",
     [](const Plain& p, Out out) { out.push_back(p.value(std::string(propagation))); }},
};
constexpr FilterField<Plain> table_fields[] = {
    {"transit-gateway-route-table-id", id_value},
    {"transit-gateway-id", named_value<gateway_name>},
    {"state", state_value},
    {"default-association-route-table",
     [](const Plain& p, Out out) {
       out.emplace_back(is_default(p, association) ? "true" : "false");
     }},
    {"default-propagation-route-table",
     [](const Plain& p, Out out) {
       out.emplace_back(is_default(p, propagation) ? "true" : "false");
     }},
};

constexpr PlainKind kinds[] = {
    {.prefix = "tgw",
     .create = "CreateTransitGateway",
     .remove = "DeleteTransitGateway",
     .describe = "DescribeTransitGateways",
     .id = "TransitGatewayId",
     .element = "transitGateway",
     .list = "transitGatewaySet",
     .read = read_gateway,
     .write = write_gateway,
     .fields = gateway_fields,
     .may_go = gateway_may_go,
     .gone = gateway_gone,
     .release = take_tables,
     .ids = "TransitGatewayIds",
     .made = make_default_table},
    {.prefix = "tgw-rtb",
     .create = "CreateTransitGatewayRouteTable",
     .remove = "DeleteTransitGatewayRouteTable",
     .describe = "DescribeTransitGatewayRouteTables",
     .id = "TransitGatewayRouteTableId",
     .element = "transitGatewayRouteTable",
     .list = "transitGatewayRouteTables",
     .read = read_table,
     .write = write_table,
     .fields = table_fields,
     .may_go = table_may_go,
     .gone = plain_answer,
     .deleted_state = "deleted",
     .ids = "TransitGatewayRouteTableIds"},
};

constexpr Action table[] = {
    {"CreateTransitGateway", create_params, nullptr, create_plain},
    {"ModifyTransitGateway", modify_params, nullptr, modify},
    {"DeleteTransitGateway", one_params, nullptr, delete_plain},
    {"DescribeTransitGateways", some_params, describe_plain, nullptr, true, 5, ""},
    {"CreateTransitGatewayRouteTable", table_params, nullptr, create_plain},
    {"DeleteTransitGatewayRouteTable", one_table_params, nullptr, delete_plain},
    {"DescribeTransitGatewayRouteTables", tables_params, describe_plain, nullptr, true, 5, ""},
};

}  // namespace

void read_options(std::span<const TransitOption> options, const Params& params, Plain& one) {
  for (const TransitOption& option : options)
    one.values[std::string(option.element)] =
        params.text(fmt::format("Options.{}", option.parameter), option.fallback);
}

void change_options(std::span<const TransitOption> options, const Params& params, Plain& one) {
  for (const TransitOption& option : options)
    if (std::string path = fmt::format("Options.{}", option.parameter); params.has(path))
      one.values[std::string(option.element)] = params.text(path);
}

void write_options(Xml& xml, std::span<const TransitOption> options, const Plain& one) {
  for (const TransitOption& option : options)
    xml.plain(option.element, one.value(std::string(option.element)));
}

Result<Plain*> named_transit(Core& core, const Call& call, std::string_view parameter) {
  std::string id = call.params.text(parameter);
  if (Plain* found = find_plain(core, call.account(), "tgw", id)) return found;
  return fail(aws_error("InvalidTransitGatewayID.NotFound", 400,
                        fmt::format("Transit Gateway {} was deleted or does not exist.", id)));
}

std::vector<Plain*> attachments_of(Core& core, const Plain& gateway) {
  std::vector<Plain*> out;
  for (auto& [id, one] : core.state.plains.all())
    if (one.kind == "tgw-attach" && one.state != "deleted" && one.state != "rejected" &&
        (one.value("gateway") == gateway.id || one.value("peer") == gateway.id))
      out.push_back(&one);
  return out;
}

void join_default_table(Core&, const Plain& gateway, Plain& attachment) {
  if (gateway.value("defaultRouteTableAssociation") == "enable")
    attachment.values["association"] = gateway.value(std::string(association));
  if (gateway.value("defaultRouteTablePropagation") == "enable")
    attachment.set_list("propagation", {gateway.value(std::string(propagation))});
}

std::span<const PlainKind> transit_kinds() {
  return kinds;
}
std::span<const Action> transit_actions() {
  return table;
}

}  // namespace croft::farm::ec2
