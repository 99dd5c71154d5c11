// Route tables, as deployments make them. They are records but for routes to a peering: machines of
// one network always reach each other, public addresses always work, nothing leads to the Internet.
#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_table_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param table_params[] = {{"RouteTableId", Kind::id, true, "rtb"}};
constexpr Param tables_params[] = {{"RouteTableId.N", Kind::id, false, "rtb"}};
constexpr Param route_params[] = {
    {"RouteTableId", Kind::id, true, "rtb"},
    {"DestinationCidrBlock", Kind::text, false, "", 1, 32},
    {"DestinationIpv6CidrBlock", Kind::text, false, "", 1, 64},
    {"DestinationPrefixListId", Kind::id, false, "pl"},
    {"GatewayId", Kind::text, false, "", 1, 64},  // an internet or a VPN gateway
    {"InstanceId", Kind::id, false, "i"},
    {"NetworkInterfaceId", Kind::id, false, "eni"},
    {"LocalTarget", Kind::unsupported},
    {"NatGatewayId", Kind::id, false, "nat"},
    {"TransitGatewayId", Kind::unsupported},
    {"VpcPeeringConnectionId", Kind::id, false, "pcx"},
    {"VpcEndpointId", Kind::id, false, "vpce"},
    {"EgressOnlyInternetGatewayId", Kind::id, false, "eigw"},
    {"LocalGatewayId", Kind::unsupported},
    {"CarrierGatewayId", Kind::unsupported},
    {"CoreNetworkArn", Kind::unsupported},
};
constexpr Param delete_route_params[] = {
    {"RouteTableId", Kind::id, true, "rtb"},
    {"DestinationCidrBlock", Kind::text, false, "", 1, 32},
    {"DestinationIpv6CidrBlock", Kind::text, false, "", 1, 64},
    {"DestinationPrefixListId", Kind::id, false, "pl"},
};
constexpr Param associate_params[] = {
    {"RouteTableId", Kind::id, true, "rtb"},
    {"SubnetId", Kind::id, false, "subnet"},
    {"GatewayId", Kind::id, false, "igw"},
};
constexpr Param association_params[] = {{"AssociationId", Kind::id, true, "rtbassoc"}};
constexpr Param replace_params[] = {
    {"AssociationId", Kind::id, true, "rtbassoc"},
    {"RouteTableId", Kind::id, true, "rtb"},
};

// ---- route tables

/// Of a VPC; the one that stands for its subnets without their own.
RouteTable& main_table(Core& core, const Vpc& vpc, std::vector<store::Change>& changes) {
  for (RouteTable* table : core.state.routes.of(vpc.account))
    if (table->vpc == vpc.id && table->main) return *table;
  RouteTable table;
  table.id = core.derived("rtb", vpc.account, vpc.id);
  table.account = vpc.account;
  table.vpc = vpc.id;
  table.main = true;
  table.associations = {{core.derived("rtbassoc", vpc.account, vpc.id), ""}};
  RouteTable& kept = core.state.routes.add(std::move(table));
  changes.push_back(core.state.routes.put(kept));
  return kept;
}

/// Where a route leads is still there.
bool is_active(Core& core, const RouteTable& table, const Route& route) {
  const std::string& target = route.target;
  if (target.starts_with("igw-")) {
    const InternetGateway* gateway = core.state.gateways.find(target);
    return gateway && gateway->vpc == table.vpc;
  }
  if (target.starts_with("i-")) return core.state.find_instance(target) != nullptr;
  const IdKind* kind = id_kind_of(target);
  if (!kind || !plain_kind(kind->prefix)) return true;
  const Plain* plain = core.state.plains.find(target);
  return plain && plain->state != "deleted" && plain->state != "rejected";
}

void write_route(Xml& xml, Core& core, const RouteTable& table, const Route& route) {
  constexpr std::pair<std::string_view, std::string_view> elements[] = {
      {"i-", "instanceId"},
      {"eni-", "networkInterfaceId"},
      {"nat-", "natGatewayId"},
      {"pcx-", "vpcPeeringConnectionId"},
      {"eigw-", "egressOnlyInternetGatewayId"},
  };
  bool local = route.target == "local";
  xml.plain(route.destination.starts_with("pl-")               ? "destinationPrefixListId"
            : route.destination.find(':') != std::string::npos ? "destinationIpv6CidrBlock"
                                                               : "destinationCidrBlock",
            route.destination);
  std::string_view element = "gatewayId";
  for (auto [prefix, name] : elements)
    if (route.target.starts_with(prefix)) element = name;
  xml.plain(element, route.target);
  xml.text("state", std::string_view(is_active(core, table, route) ? "active" : "blackhole"));
  xml.text("origin", std::string_view(local ? "CreateRouteTable" : "CreateRoute"));
}

void write_table(Xml& xml, Core& core, const RouteTable& table) {
  xml.plain("routeTableId", table.id).plain("vpcId", table.vpc).plain("ownerId", table.account);
  const Vpc* vpc = core.state.vpcs.find(table.vpc);
  std::vector<Route> routes{{vpc ? vpc->cidr : "", "local"}};
  routes.insert(routes.end(), table.routes.begin(), table.routes.end());
  xml.list("routeSet", routes, [&](const Route& route) { write_route(xml, core, table, route); });
  xml.list("associationSet", table.associations, [&](const RouteAssociation& one) {
    xml.plain("routeTableAssociationId", one.id).plain("routeTableId", table.id);
    bool gateway = one.subnet.starts_with("igw-");
    if (!one.subnet.empty()) xml.plain(gateway ? "gatewayId" : "subnetId", one.subnet);
    xml.flag("main", one.subnet.empty());
    xml.in("associationState", [&] { xml.text("state", "associated"); });
  });
  xml.text("propagatingVgwSet", "");
  write_tag_set(xml, table.tags);
}

aio::Task<Answer> create_table(Core& core, Call call) {
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  auto specs = CO_TRY(read_tag_specs(call.params, {"route-table"}));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  main_table(core, *vpc, changes);
  RouteTable table;
  table.id = new_id(core.context.world.random, "rtb");
  table.account = call.account();
  table.vpc = vpc->id;
  table.tags = tags_for(specs, "route-table");
  changes.push_back(core.state.routes.put(core.state.routes.add(table)));
  Xml xml;
  xml.in("routeTable", [&] { write_table(xml, core, table); });
  auto answer = co_await finish(core, call, "create-routes", std::move(changes), xml.take());
  if (!answer) core.state.routes.erase(table.id);
  co_return answer;
}

aio::Task<Answer> delete_table(Core& core, Call call) {
  RouteTable* table = CO_TRY(named(call, core.state.routes, "RouteTableId", "rtb"));
  if (table->main || !table->associations.empty())
    co_return fail(aws_error(
        "DependencyViolation", 400,
        fmt::format("The routeTable '{}' has dependencies and cannot be deleted.", table->id)));
  CO_TRY(call.effect());
  std::vector<store::Change> changes{core.state.routes.remove(table->id)};
  core.state.routes.erase(table->id);
  co_return co_await finish(core, call, "delete-routes", std::move(changes), answer_true());
}

Result<std::string> read_destination(Core& core, const Call& call) {
  const Params& p = call.params;
  if (p.has("DestinationPrefixListId"))
    TRY(named_plain(core, call, "DestinationPrefixListId", "pl"));
  int count = p.has("DestinationCidrBlock") + p.has("DestinationIpv6CidrBlock") +
              p.has("DestinationPrefixListId");
  if (count != 1)
    return fail(aws_error(count == 0 ? "MissingParameter" : "InvalidParameterCombination", 400,
                          "The request must contain exactly one of the parameters "
                          "destinationCidrBlock, destinationIpv6CidrBlock, "
                          "destinationPrefixListId"));
  if (p.has("DestinationPrefixListId")) return p.text("DestinationPrefixListId");
  if (p.has("DestinationIpv6CidrBlock"))
    return canonical_ipv6(p.text("DestinationIpv6CidrBlock"), "destinationIpv6CidrBlock");
  return canonical_network(p.text("DestinationCidrBlock"), "destinationCidrBlock");
}

/// What a parameter of a route's target names is there.
Result<> check_target(Core& core, const std::string& account, std::string_view parameter,
                      const std::string& id) {
  bool there = false;
  if (parameter == "GatewayId")
    there = core.state.gateways.find(account, id) || find_plain(core, account, "vgw", id);
  else if (parameter == "InstanceId")
    there = core.state.find_instance(account, id) != nullptr;
  else if (parameter == "NetworkInterfaceId")
    there = core.state.interfaces.find(account, id) || core.instance_of_interface(account, id);
  else
    there = !plains_of(core, account, id_kind_of(id)->prefix, id).empty();
  if (there) return {};
  if (parameter == "GatewayId")
    return fail(aws_error("InvalidGatewayID.NotFound", 400,
                          fmt::format("The gateway ID '{}' does not exist", printable(id))));
  return fail(not_found(*id_kind_of(id), {id}));
}

/// The one thing that a route leads to; empty when none is named.
Result<std::string> read_target(Core& core, const Call& call) {
  std::string target;
  for (const char* name :
       {"GatewayId", "InstanceId", "NetworkInterfaceId", "NatGatewayId", "VpcPeeringConnectionId",
        "VpcEndpointId", "EgressOnlyInternetGatewayId"}) {
    std::string id = call.params.text(name);
    if (id.empty()) continue;
    TRY(check_target(core, call.account(), name, id));
    if (!target.empty())
      return fail(aws_error("InvalidParameterCombination", 400, "A route has one target"));
    target = id;
  }
  return target;
}

Result<Route> read_route(Core& core, const Call& call) {
  Route route{TRY(read_destination(core, call)), TRY(read_target(core, call))};
  const Plain* endpoint = core.state.plains.find(route.target);
  if (endpoint && endpoint->kind == "vpce" && endpoint->value("type") != "GatewayLoadBalancer")
    return fail(aws_error("RouteNotSupported", 400,
                          fmt::format("Route table contains unsupported route target: {}. VPC "
                                      "Endpoints of this type cannot be used as route targets.",
                                      route.target)));
  return route;
}

/// CreateRoute, ReplaceRoute and DeleteRoute: they differ in what must be there before and after.
aio::Task<Answer> change_route(Core& core, Call call, bool must_be_there, bool stays) {
  RouteTable* table = CO_TRY(named(call, core.state.routes, "RouteTableId", "rtb"));
  Route route = CO_TRY(read_route(core, call));
  if (stays && route.target.empty())
    co_return fail(aws_error("MissingParameter", 400,
                             "The request must contain one target: a gateway, an instance or a "
                             "network interface"));
  auto at = std::ranges::find(table->routes, route.destination, &Route::destination);
  if (must_be_there && at == table->routes.end())
    co_return fail(aws_error(
        stays ? "InvalidParameterValue" : "InvalidRoute.NotFound", 400,
        fmt::format("There is no route defined for '{}' in the route table. Use CreateRoute "
                    "instead.",
                    route.destination)));
  if (!must_be_there && at != table->routes.end() && at->target != route.target)
    co_return fail(
        aws_error("RouteAlreadyExists", 400,
                  fmt::format("The route identified by {} already exists.", route.destination)));
  CO_TRY(call.effect());
  if (at != table->routes.end()) table->routes.erase(at);
  if (stays) table->routes.push_back(route);
  std::vector<store::Change> changes{core.state.routes.put(*table)};
  auto answer = co_await finish(core, call, "change-route", std::move(changes), answer_true());
  if (answer) CO_TRY(co_await core.tell_networks());
  co_return answer;
}

aio::Task<Answer> create_route(Core& core, Call call) {
  co_return co_await change_route(core, std::move(call), false, true);
}
aio::Task<Answer> replace_route(Core& core, Call call) {
  co_return co_await change_route(core, std::move(call), true, true);
}
aio::Task<Answer> delete_route(Core& core, Call call) {
  co_return co_await change_route(core, std::move(call), true, false);
}

/// The subnet that a table is to be joined to, or the gateway.
Result<std::string> read_joined(Core& core, const Call& call, const RouteTable& table) {
  const Params& p = call.params;
  if (p.has("GatewayId")) TRY(named(call, core.state.gateways, "GatewayId", "igw"));
  SubnetRecord* subnet = nullptr;
  if (p.has("SubnetId")) subnet = TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  if (p.has("SubnetId") == p.has("GatewayId"))
    return fail(aws_error("InvalidParameterCombination", 400,
                          "The request must contain exactly one of the parameters subnetId and "
                          "gatewayId"));
  if (!subnet) return p.text("GatewayId");
  if (subnet->vpc != table.vpc)
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Route table {} and subnet {} belong to different networks",
                                      table.id, subnet->id)));
  return subnet->id;
}

aio::Task<Answer> associate_table(Core& core, Call call) {
  RouteTable* table = CO_TRY(named(call, core.state.routes, "RouteTableId", "rtb"));
  std::string joined = CO_TRY(read_joined(core, call, *table));
  std::string id;
  for (RouteTable* other : core.state.routes.of(call.account()))
    for (const RouteAssociation& one : other->associations) {
      if (one.subnet != joined) continue;
      if (other != table)
        co_return fail(aws_error(
            "Resource.AlreadyAssociated", 400,
            fmt::format("the specified association for route table {} conflicts with an existing "
                        "association",
                        table->id)));
      id = one.id;  // asked again: the same answer
    }
  CO_TRY(call.effect());
  if (id.empty()) {
    id = new_id(core.context.world.random, "rtbassoc");
    table->associations.push_back({id, joined});
  }
  Xml xml;
  xml.plain("associationId", id).in("associationState", [&] { xml.text("state", "associated"); });
  std::vector<store::Change> changes{core.state.routes.put(*table)};
  co_return co_await finish(core, call, "associate-routes", std::move(changes), xml.take());
}

struct Found {
  RouteTable* table = nullptr;
  size_t index = 0;
};
Result<Found> named_association(Core& core, const Call& call) {
  std::string id = call.params.text("AssociationId");
  for (RouteTable* table : core.state.routes.of(call.account()))
    for (size_t i = 0; i < table->associations.size(); ++i)
      if (table->associations[i].id == id) return Found{table, i};
  return fail(not_found(*id_kind("rtbassoc"), {id}));
}

aio::Task<Answer> disassociate_table(Core& core, Call call) {
  Found found = CO_TRY(named_association(core, call));
  auto at = found.table->associations.begin() + static_cast<ptrdiff_t>(found.index);
  if (at->subnet.empty())
    co_return fail(aws_error("InvalidParameterValue", 400,
                             "cannot disassociate the main route table association"));
  CO_TRY(call.effect());
  found.table->associations.erase(at);
  std::vector<store::Change> changes{core.state.routes.put(*found.table)};
  co_return co_await finish(core, call, "disassociate-routes", std::move(changes), answer_true());
}

aio::Task<Answer> replace_association(Core& core, Call call) {
  Found found = CO_TRY(named_association(core, call));
  RouteTable* table = CO_TRY(named(call, core.state.routes, "RouteTableId", "rtb"));
  if (table->vpc != found.table->vpc)
    co_return fail(
        aws_error("InvalidParameterValue", 400, "The route table belongs to a different network"));
  CO_TRY(call.effect());
  auto at = found.table->associations.begin() + static_cast<ptrdiff_t>(found.index);
  if (found.table == table) {
    Xml same;
    same.plain("newAssociationId", at->id).in("associationState", [&] {
      same.text("state", "associated");
    });
    co_return same.take();
  }
  RouteAssociation moved{new_id(core.context.world.random, "rtbassoc"), at->subnet};
  found.table->associations.erase(at);
  if (moved.subnet.empty()) {
    found.table->main = false;  // may be the same table, which then stays it
    table->main = true;
  }
  std::string id = moved.id;
  table->associations.push_back(std::move(moved));
  Xml xml;
  xml.plain("newAssociationId", id).in("associationState", [&] {
    xml.text("state", "associated");
  });
  std::vector<store::Change> changes{core.state.routes.put(*table)};
  if (found.table != table) changes.push_back(core.state.routes.put(*found.table));
  co_return co_await finish(core, call, "replace-routes", std::move(changes), xml.take());
}

void targets(const RouteTable& table, Out out, std::string_view prefix) {
  for (const Route& route : table.routes)
    if (route.target.starts_with(prefix)) out.push_back(route.target);
}

constexpr FilterField<RouteTable> table_fields[] = {
    {"route-table-id", [](const RouteTable& t, Out out) { out.push_back(t.id); }},
    {"vpc-id", [](const RouteTable& t, Out out) { out.push_back(t.vpc); }},
    {"owner-id", [](const RouteTable& t, Out out) { out.push_back(t.account); }},
    {"association.main",
     [](const RouteTable& t, Out out) { out.emplace_back(t.main ? "true" : "false"); }},
    {"association.route-table-id", [](const RouteTable& t, Out out) { out.push_back(t.id); }},
    {"association.subnet-id",
     [](const RouteTable& t, Out out) {
       for (const auto& one : t.associations)
         if (one.subnet.starts_with("subnet-")) out.push_back(one.subnet);
     }},
    {"association.route-table-association-id",
     [](const RouteTable& t, Out out) {
       for (const auto& one : t.associations) out.push_back(one.id);
     }},
    {"route.destination-cidr-block",
     [](const RouteTable& t, Out out) {
       for (const Route& route : t.routes) out.push_back(route.destination);
     }},
    {"association.gateway-id",
     [](const RouteTable& t, Out out) {
       for (const auto& one : t.associations)
         if (one.subnet.starts_with("igw-")) out.push_back(one.subnet);
     }},
    {"route.gateway-id",
     [](const RouteTable& t, Out out) { targets(t, out, "igw-"), targets(t, out, "vgw-"); }},
    {"route.nat-gateway-id", [](const RouteTable& t, Out out) { targets(t, out, "nat-"); }},
    {"route.vpc-peering-connection-id",
     [](const RouteTable& t, Out out) { targets(t, out, "pcx-"); }},
    {"route.instance-id", [](const RouteTable& t, Out out) { targets(t, out, "i-"); }},
    {"route.egress-only-internet-gateway-id",
     [](const RouteTable& t, Out out) { targets(t, out, "eigw-"); }},
    {"route.transit-gateway-id", [](const RouteTable& t, Out out) { targets(t, out, "tgw-"); }},
};

Answer describe_tables(Core& core, const Call& call) {
  // Main tables are there without being made; they reach the store with their first change.
  std::vector<store::Change> not_needed;
  for (Vpc* vpc : core.state.vpcs.of(call.account())) main_table(core, *vpc, not_needed);
  return describe_table<RouteTable>(
      call, core.state.routes, "RouteTableId", "rtb", table_fields, "routeTableSet",
      [&](Xml& xml, const RouteTable& table) { write_table(xml, core, table); });
}

constexpr Action table[] = {
    {"CreateRouteTable", create_table_params, nullptr, create_table},
    {"DeleteRouteTable", table_params, nullptr, delete_table},
    {"DescribeRouteTables", tables_params, describe_tables, nullptr, true, 5, "RouteTableId"},
    {"CreateRoute", route_params, nullptr, create_route},
    {"ReplaceRoute", route_params, nullptr, replace_route},
    {"DeleteRoute", delete_route_params, nullptr, delete_route},
    {"AssociateRouteTable", associate_params, nullptr, associate_table},
    {"DisassociateRouteTable", association_params, nullptr, disassociate_table},
    {"ReplaceRouteTableAssociation", replace_params, nullptr, replace_association},
};

}  // namespace

std::span<const Action> route_actions() {
  return table;
}

}  // namespace croft::farm::ec2
