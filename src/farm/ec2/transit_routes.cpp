// Which attachments a transit gateway's route table serves, and what it says about ranges of
// addresses: told by hand, and by the networks that propagate their own.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/transit.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param pair_params[] = {
    {"TransitGatewayRouteTableId", Kind::id, true, "tgw-rtb"},
    {"TransitGatewayAttachmentId", Kind::id, true, "tgw-attach"},
};
constexpr Param of_table_params[] = {{"TransitGatewayRouteTableId", Kind::id, true, "tgw-rtb"}};
constexpr Param route_params[] = {
    {"DestinationCidrBlock", Kind::text, true, "", 1, 43},
    {"TransitGatewayRouteTableId", Kind::id, true, "tgw-rtb"},
    {"TransitGatewayAttachmentId", Kind::id, false, "tgw-attach"},
    {"Blackhole", Kind::boolean},
};
constexpr Param one_route_params[] = {
    {"DestinationCidrBlock", Kind::text, true, "", 1, 43},
    {"TransitGatewayRouteTableId", Kind::id, true, "tgw-rtb"},
};
constexpr Param search_params[] = {
    {"TransitGatewayRouteTableId", Kind::id, true, "tgw-rtb"},
};

struct Seen {
  std::string cidr, type, state;
  const Plain* attachment = nullptr;
};
const std::string blackhole = "blackhole";

const Plain* live_attachment(Core& core, const std::string& id) {
  const Plain* one = core.state.plains.find(id);
  return one && one->kind == "tgw-attach" && one->state == "available" ? one : nullptr;
}

void write_route(Xml& xml, const Seen& route) {
  xml.text("destinationCidrBlock", route.cidr);
  if (route.attachment)
    xml.in("transitGatewayAttachments", [&] {
      xml.in("item", [&] {
        xml.plain("resourceId", route.attachment->value("resource"));
        xml.plain("transitGatewayAttachmentId", route.attachment->id);
        xml.plain("resourceType", route.attachment->value("type"));
      });
    });
  xml.plain("type", route.type).plain("state", route.state);
}

std::string route_answer(const Seen& route) {
  Xml xml;
  xml.in("route", [&] { write_route(xml, route); });
  return xml.take();
}

/// Told by hand; a route whose attachment is gone leads nowhere.
Seen static_route(Core& core, const std::string& cidr, const std::string& to) {
  const Plain* attachment = to == blackhole ? nullptr : live_attachment(core, to);
  return {cidr, "static", attachment ? "active" : blackhole, attachment};
}

std::vector<Seen> routes_of(Core& core, const Plain& table) {
  std::vector<Seen> out;
  for (const auto& [key, to] : table.values)
    if (key.starts_with("route/")) out.push_back(static_route(core, key.substr(6), to));
  for (const auto& [id, one] : core.state.plains.all()) {
    auto tables = one.list("propagation");
    if (one.kind != "tgw-attach" || one.state != "available" ||
        std::ranges::find(tables, table.id) == tables.end())
      continue;
    const Vpc* vpc = core.state.vpcs.find(one.value("resource"));
    if (!vpc) continue;
    std::vector<std::string> ranges = vpc->more_cidrs;
    ranges.insert(ranges.begin(), vpc->cidr);
    for (const std::string& cidr : ranges)
      // What was told by hand counts more.
      if (std::ranges::find(out, cidr, &Seen::cidr) == out.end())
        out.push_back({cidr, "propagated", "active", &one});
  }
  std::ranges::sort(out, {}, &Seen::cidr);
  return out;
}

struct Wanted {
  Plain* table;
  std::string cidr, to;
};
Result<Wanted> wanted_route(Core& core, const Call& call) {
  const Params& p = call.params;
  Plain* table = TRY(named_plain(core, call, "TransitGatewayRouteTableId", "tgw-rtb"));
  auto cidr = masked_network(p.text("DestinationCidrBlock"));
  if (!cidr)
    return fail(aws_error(
        "InvalidParameterValue", 400,
        fmt::format("'{}' is no IPv4 network", printable(p.text("DestinationCidrBlock")))));
  bool nowhere = p.flag("Blackhole");
  const Plain* attachment = nullptr;
  if (p.has("TransitGatewayAttachmentId"))
    attachment = TRY(named_plain(core, call, "TransitGatewayAttachmentId", "tgw-attach"));
  if (nowhere == (attachment != nullptr))
    return fail(aws_error("InvalidParameterCombination", 400,
                          "A route has either a TransitGatewayAttachmentId or Blackhole"));
  return Wanted{table, *cidr, attachment ? attachment->id : blackhole};
}

aio::Task<Answer> set_route(Core& core, Call call, bool must_exist) {
  Wanted wanted = CO_TRY(wanted_route(core, call));
  const std::string key = "route/" + wanted.cidr;
  bool exists = wanted.table->values.contains(key);
  if (exists != must_exist)
    co_return fail(aws_error(exists ? "RouteAlreadyExists" : "InvalidRoute.NotFound", 400,
                             fmt::format("The table {} has {} route to {}", wanted.table->id,
                                         exists ? "a" : "no", wanted.cidr)));
  CO_TRY(call.effect());
  wanted.table->values[key] = wanted.to;
  std::vector<store::Change> changes{core.state.plains.put(*wanted.table)};
  std::string text = route_answer(static_route(core, wanted.cidr, wanted.to));
  co_return co_await finish(core, call, "transit-route", std::move(changes), std::move(text));
}
aio::Task<Answer> create_route(Core& core, Call call) {
  return set_route(core, std::move(call), false);
}
aio::Task<Answer> replace_route(Core& core, Call call) {
  return set_route(core, std::move(call), true);
}

aio::Task<Answer> delete_route(Core& core, Call call) {
  Plain* table = CO_TRY(named_plain(core, call, "TransitGatewayRouteTableId", "tgw-rtb"));
  std::string asked = call.params.text("DestinationCidrBlock");
  const std::string cidr = masked_network(asked).value_or(asked);
  auto at = table->values.find("route/" + cidr);
  if (at == table->values.end())
    co_return fail(
        aws_error("InvalidRoute.NotFound", 400,
                  fmt::format("The table {} has no route to {}", table->id, printable(cidr))));
  CO_TRY(call.effect());
  Seen gone = static_route(core, cidr, at->second);
  gone.state = "deleted";
  table->values.erase(at);
  std::vector<store::Change> changes{core.state.plains.put(*table)};
  std::string text = route_answer(gone);
  co_return co_await finish(core, call, "transit-route", std::move(changes), std::move(text));
}

template <std::string Seen::* member>
void text_value(const Seen& seen, Out out) {
  out.push_back(seen.*member);
}
constexpr FilterField<Seen> route_fields[] = {
    {"state", text_value<&Seen::state>},
    {"type", text_value<&Seen::type>},
    {"route-search.exact-match", text_value<&Seen::cidr>},
    {"attachment.transit-gateway-attachment-id",
     [](const Seen& s, Out out) {
       if (s.attachment) out.push_back(s.attachment->id);
     }},
    {"attachment.resource-id",
     [](const Seen& s, Out out) {
       if (s.attachment) out.push_back(s.attachment->value("resource"));
     }},
    {"attachment.resource-type",
     [](const Seen& s, Out out) {
       if (s.attachment) out.push_back(s.attachment->value("type"));
     }},
};

Answer search(Core& core, const Call& call) {
  Plain* table = TRY(named_plain(core, call, "TransitGatewayRouteTableId", "tgw-rtb"));
  auto matches = TRY(Matcher<Seen>::make(call.filters, route_fields, nullptr));
  auto routes = routes_of(core, *table);
  std::erase_if(routes, [&](const Seen& route) { return !matches(route); });
  Xml xml;
  bool more = routes.size() > call.page.limit;
  if (more) routes.resize(call.page.limit);
  xml.list("routeSet", routes, [&](const Seen& route) { write_route(xml, route); });
  xml.flag("additionalRoutesAvailable", more);
  return xml.take();
}

// ---- associations and propagations

struct Pair {
  Plain *table, *attachment;
};
Result<Pair> named_pair(Core& core, const Call& call) {
  Plain* table = TRY(named_plain(core, call, "TransitGatewayRouteTableId", "tgw-rtb"));
  Plain* attachment = TRY(named_plain(core, call, "TransitGatewayAttachmentId", "tgw-attach"));
  std::string gateway = table->value("gateway");
  if (attachment->value("gateway") != gateway && attachment->value("peer") != gateway)
    return fail(aws_error(
        "InvalidParameterValue", 400,
        fmt::format("{} is of another transit gateway than {}", attachment->id, table->id)));
  return Pair{table, attachment};
}

std::string pair_answer(const Pair& pair, std::string_view element, std::string_view state) {
  Xml xml;
  xml.in(element, [&] {
    xml.plain("transitGatewayAttachmentId", pair.attachment->id);
    xml.plain("resourceId", pair.attachment->value("resource"));
    xml.plain("resourceType", pair.attachment->value("type"));
    xml.plain("transitGatewayRouteTableId", pair.table->id).plain("state", state);
  });
  return xml.take();
}

aio::Task<Answer> associate(Core& core, Call call) {
  Pair pair = CO_TRY(named_pair(core, call));
  if (std::string held = pair.attachment->value("association"); !held.empty())
    co_return fail(aws_error(
        "Resource.AlreadyAssociated", 400,
        fmt::format("Transit Gateway Attachment {} is already associated to a route table",
                    pair.attachment->id)));
  CO_TRY(call.effect());
  pair.attachment->values["association"] = pair.table->id;
  std::vector<store::Change> changes{core.state.plains.put(*pair.attachment)};
  std::string text = pair_answer(pair, "association", "associated");
  co_return co_await finish(core, call, "associate-transit", std::move(changes), std::move(text));
}

aio::Task<Answer> disassociate(Core& core, Call call) {
  Pair pair = CO_TRY(named_pair(core, call));
  if (pair.attachment->value("association") != pair.table->id)
    co_return fail(aws_error(
        "InvalidAssociation.NotFound", 400,
        fmt::format("{} is not associated with {}", pair.attachment->id, pair.table->id)));
  CO_TRY(call.effect());
  pair.attachment->values.erase("association");
  std::vector<store::Change> changes{core.state.plains.put(*pair.attachment)};
  std::string text = pair_answer(pair, "association", "disassociated");
  co_return co_await finish(core, call, "associate-transit", std::move(changes), std::move(text));
}

aio::Task<Answer> propagate(Core& core, Call call, bool on) {
  Pair pair = CO_TRY(named_pair(core, call));
  auto tables = pair.attachment->list("propagation");
  bool is_on = std::ranges::find(tables, pair.table->id) != tables.end();
  if (is_on == on)
    co_return fail(
        aws_error(on ? "TransitGatewayRouteTablePropagation.Duplicate"
                     : "TransitGatewayRouteTablePropagation.NotFound",
                  400,
                  fmt::format("Propagation of {} in {} is {} already", pair.attachment->id,
                              pair.table->id, on ? "enabled" : "disabled")));
  CO_TRY(call.effect());
  if (on)
    tables.push_back(pair.table->id);
  else
    std::erase(tables, pair.table->id);
  pair.attachment->set_list("propagation", tables);
  std::vector<store::Change> changes{core.state.plains.put(*pair.attachment)};
  std::string text = pair_answer(pair, "propagation", on ? "enabled" : "disabled");
  co_return co_await finish(core, call, "propagate-transit", std::move(changes), std::move(text));
}
aio::Task<Answer> enable(Core& core, Call call) {
  return propagate(core, std::move(call), true);
}
aio::Task<Answer> disable(Core& core, Call call) {
  return propagate(core, std::move(call), false);
}

constexpr char resource_name[] = "resource", type_name[] = "type";
constexpr FilterField<Plain> attachment_fields[] = {
    {"transit-gateway-attachment-id", id_value},
    {"resource-id", named_value<resource_name>},
    {"resource-type", named_value<type_name>},
};

/// In the order in which they were made, those that `which` picks.
template <class Which>
Answer list_attachments(Core& core, const Call& call, std::string_view list, std::string_view state,
                        Which&& which) {
  Plain* table = TRY(named_plain(core, call, "TransitGatewayRouteTableId", "tgw-rtb"));
  auto matches = TRY(Matcher<Plain>::make(call.filters, attachment_fields, nullptr));
  std::vector<std::pair<std::string, Plain*>> rows;
  for (Plain* one : plains_of(core, call.account(), "tgw-attach"))
    if (one->state == "available" && which(*table, *one) && matches(*one))
      rows.emplace_back(fmt::format("{:020}{}", one->created.ns, one->id), one);
  std::ranges::sort(rows);
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list(list, rows, [&](const auto& row) {
    xml.plain("transitGatewayAttachmentId", row.second->id);
    xml.plain("resourceId", row.second->value("resource"));
    xml.plain("resourceType", row.second->value("type")).plain("state", state);
  });
  xml.optional("nextToken", next);
  return xml.take();
}

Answer associations(Core& core, const Call& call) {
  return list_attachments(
      core, call, "associations", "associated",
      [](const Plain& table, const Plain& one) { return one.value("association") == table.id; });
}
Answer propagations(Core& core, const Call& call) {
  return list_attachments(core, call, "transitGatewayRouteTablePropagations", "enabled",
                          [](const Plain& table, const Plain& one) {
                            auto tables = one.list("propagation");
                            return std::ranges::find(tables, table.id) != tables.end();
                          });
}

constexpr Action table[] = {
    {"AssociateTransitGatewayRouteTable", pair_params, nullptr, associate},
    {"DisassociateTransitGatewayRouteTable", pair_params, nullptr, disassociate},
    {"GetTransitGatewayRouteTableAssociations", of_table_params, associations, nullptr, true, 5,
     ""},
    {"EnableTransitGatewayRouteTablePropagation", pair_params, nullptr, enable},
    {"DisableTransitGatewayRouteTablePropagation", pair_params, nullptr, disable},
    {"GetTransitGatewayRouteTablePropagations", of_table_params, propagations, nullptr, true, 5,
     ""},
    {"CreateTransitGatewayRoute", route_params, nullptr, create_route},
    {"ReplaceTransitGatewayRoute", route_params, nullptr, replace_route},
    {"DeleteTransitGatewayRoute", one_route_params, nullptr, delete_route},
    {"SearchTransitGatewayRoutes", search_params, search, nullptr, true, 5, ""},
};

}  // namespace

std::span<const Action> transit_route_actions() {
  return table;
}

}  // namespace croft::farm::ec2
