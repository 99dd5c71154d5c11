// Internet gateways and route tables, as deployments make them. They are records: machines of one
// network always reach each other, public addresses always work, and nothing leads to the Internet.
#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param tagged_params[] = {
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param create_table_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param gateway_params[] = {{"InternetGatewayId", Kind::id, true, "igw"}};
constexpr Param gateways_params[] = {{"InternetGatewayId.N", Kind::id, false, "igw"}};
constexpr Param attach_params[] = {
    {"InternetGatewayId", Kind::id, true, "igw"},
    {"VpcId", Kind::id, true, "vpc"},
};
constexpr Param table_params[] = {{"RouteTableId", Kind::id, true, "rtb"}};
constexpr Param tables_params[] = {{"RouteTableId.N", Kind::id, false, "rtb"}};
constexpr Param route_params[] = {
    {"RouteTableId", Kind::id, true, "rtb"},
    {"DestinationCidrBlock", Kind::text, false, "", 1, 32},
    {"DestinationIpv6CidrBlock", Kind::unsupported},
    {"DestinationPrefixListId", Kind::unsupported},
    {"GatewayId", Kind::id, false, "igw"},
    {"InstanceId", Kind::id, false, "i"},
    {"NetworkInterfaceId", Kind::id, false, "eni"},
    {"LocalTarget", Kind::unsupported},
    {"NatGatewayId", Kind::unsupported},
    {"TransitGatewayId", Kind::unsupported},
    {"VpcPeeringConnectionId", Kind::unsupported},
    {"VpcEndpointId", Kind::unsupported},
    {"EgressOnlyInternetGatewayId", Kind::unsupported},
    {"LocalGatewayId", Kind::unsupported},
    {"CarrierGatewayId", Kind::unsupported},
    {"CoreNetworkArn", Kind::unsupported},
};
constexpr Param delete_route_params[] = {
    {"RouteTableId", Kind::id, true, "rtb"},
    {"DestinationCidrBlock", Kind::text, false, "", 1, 32},
    {"DestinationIpv6CidrBlock", Kind::unsupported},
    {"DestinationPrefixListId", Kind::unsupported},
};
constexpr Param associate_params[] = {
    {"RouteTableId", Kind::id, true, "rtb"},
    {"SubnetId", Kind::id, true, "subnet"},
    {"GatewayId", Kind::unsupported},
};
constexpr Param association_params[] = {{"AssociationId", Kind::id, true, "rtbassoc"}};
constexpr Param replace_params[] = {
    {"AssociationId", Kind::id, true, "rtbassoc"},
    {"RouteTableId", Kind::id, true, "rtb"},
};

// ---- internet gateways

void write_gateway(Xml& xml, const InternetGateway& gateway) {
  xml.plain("internetGatewayId", gateway.id);
  xml.in("attachmentSet", [&] {
    if (gateway.vpc.empty()) return;
    xml.in("item", [&] { xml.plain("vpcId", gateway.vpc).text("state", "available"); });
  });
  xml.plain("ownerId", gateway.account);
  write_tags(xml, gateway.tags);
}

aio::Task<Answer> create_gateway(Core& core, Call call) {
  auto specs = CO_TRY(read_tag_specs(call.params, {"internet-gateway"}));
  CO_TRY(call.effect());
  InternetGateway gateway{new_id(core.context.world.random, "igw"), call.account(), "",
                          tags_for(specs, "internet-gateway")};
  std::vector<store::Change> changes{core.state.gateways.put(core.state.gateways.add(gateway))};
  Xml xml;
  xml.in("internetGateway", [&] { write_gateway(xml, gateway); });
  auto answer = co_await finish(core, call, "create-gateway", std::move(changes), xml.take());
  if (!answer) core.state.gateways.erase(gateway.id);
  co_return answer;
}

aio::Task<Answer> delete_gateway(Core& core, Call call) {
  auto* gateway = CO_TRY(named(call, core.state.gateways, "InternetGatewayId", "igw"));
  if (!gateway->vpc.empty())
    co_return fail(aws_error("DependencyViolation", 400,
                             fmt::format("The internetGateway '{}' has dependencies and cannot be "
                                         "deleted.",
                                         gateway->id)));
  CO_TRY(call.effect());
  std::vector<store::Change> changes{core.state.gateways.remove(gateway->id)};
  core.state.gateways.erase(gateway->id);
  co_return co_await finish(core, call, "delete-gateway", std::move(changes), answer_true());
}

aio::Task<Answer> attach_gateway(Core& core, Call call) {
  auto* gateway = CO_TRY(named(call, core.state.gateways, "InternetGatewayId", "igw"));
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  if (!gateway->vpc.empty())
    co_return fail(aws_error(
        "Resource.AlreadyAssociated", 400,
        fmt::format("resource {} is already attached to network {}", gateway->id, gateway->vpc)));
  for (InternetGateway* other : core.state.gateways.of(call.account()))
    if (other->vpc == vpc->id)
      co_return fail(
          aws_error("InvalidParameterValue", 400,
                    fmt::format("Network {} already has an internet gateway attached", vpc->id)));
  CO_TRY(call.effect());
  gateway->vpc = vpc->id;
  std::vector<store::Change> changes{core.state.gateways.put(*gateway)};
  co_return co_await finish(core, call, "attach-gateway", std::move(changes), answer_true());
}

aio::Task<Answer> detach_gateway(Core& core, Call call) {
  auto* gateway = CO_TRY(named(call, core.state.gateways, "InternetGatewayId", "igw"));
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  if (gateway->vpc != vpc->id)
    co_return fail(
        aws_error("Gateway.NotAttached", 400,
                  fmt::format("resource {} is not attached to network {}", gateway->id, vpc->id)));
  CO_TRY(call.effect());
  gateway->vpc.clear();
  std::vector<store::Change> changes{core.state.gateways.put(*gateway)};
  co_return co_await finish(core, call, "detach-gateway", std::move(changes), answer_true());
}

constexpr FilterField<InternetGateway> gateway_fields[] = {
    {"internet-gateway-id", [](const InternetGateway& g, Out out) { out.push_back(g.id); }},
    {"owner-id", [](const InternetGateway& g, Out out) { out.push_back(g.account); }},
    {"attachment.vpc-id",
     [](const InternetGateway& g, Out out) {
       if (!g.vpc.empty()) out.push_back(g.vpc);
     }},
    {"attachment.state",
     [](const InternetGateway& g, Out out) {
       if (!g.vpc.empty()) out.emplace_back("available");
     }},
};

Answer describe_gateways(Core& core, const Call& call) {
  return describe_table<InternetGateway>(call, core.state.gateways, "InternetGatewayId", "igw",
                                         gateway_fields, "internetGatewaySet", write_gateway);
}

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

void write_table(Xml& xml, Core& core, const RouteTable& table) {
  xml.plain("routeTableId", table.id).plain("vpcId", table.vpc).plain("ownerId", table.account);
  const Vpc* vpc = core.state.vpcs.find(table.vpc);
  std::vector<Route> routes{{vpc ? vpc->cidr : "", "local"}};
  routes.insert(routes.end(), table.routes.begin(), table.routes.end());
  xml.list("routeSet", routes, [&](const Route& route) {
    bool local = route.target == "local";
    xml.plain("destinationCidrBlock", route.destination);
    if (route.target.starts_with("i-"))
      xml.plain("instanceId", route.target);
    else if (route.target.starts_with("eni-"))
      xml.plain("networkInterfaceId", route.target);
    else
      xml.plain("gatewayId", route.target);
    xml.text("state", "active").text("origin", local ? "CreateRouteTable" : "CreateRoute");
  });
  xml.list("associationSet", table.associations, [&](const RouteAssociation& one) {
    xml.plain("routeTableAssociationId", one.id).plain("routeTableId", table.id);
    if (!one.subnet.empty()) xml.plain("subnetId", one.subnet);
    xml.flag("main", one.subnet.empty());
    xml.in("associationState", [&] { xml.text("state", "associated"); });
  });
  xml.text("propagatingVgwSet", "");
  write_tags(xml, table.tags);
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

Result<Route> read_route(Core& core, const Call& call) {
  const Params& p = call.params;
  Route route{p.text("DestinationCidrBlock"), ""};
  if (route.destination.empty())
    return fail(aws_error("MissingParameter", 400,
                          "The request must contain the parameter destinationCidrBlock"));
  if (route.destination != "0.0.0.0/0" && !parse_network(route.destination))
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Value ({}) for parameter destinationCidrBlock is invalid. "
                                      "This is not a valid CIDR block.",
                                      printable(route.destination))));
  std::string gateway = p.text("GatewayId"), instance = p.text("InstanceId"),
              interface = p.text("NetworkInterfaceId");
  if (!gateway.empty() && !core.state.gateways.find(call.account(), gateway))
    return fail(not_found(*id_kind("igw"), {gateway}));
  if (!instance.empty() && !core.state.find_instance(call.account(), instance))
    return fail(not_found(*id_kind("i"), {instance}));
  if (!interface.empty() && !core.instance_of_interface(call.account(), interface))
    return fail(not_found(*id_kind("eni"), {interface}));
  for (const std::string& target : {gateway, instance, interface}) {
    if (target.empty()) continue;
    if (!route.target.empty())
      return fail(aws_error("InvalidParameterCombination", 400, "A route has one target"));
    route.target = target;
  }
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
  co_return co_await finish(core, call, "change-route", std::move(changes), answer_true());
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

aio::Task<Answer> associate_table(Core& core, Call call) {
  RouteTable* table = CO_TRY(named(call, core.state.routes, "RouteTableId", "rtb"));
  SubnetRecord* subnet = CO_TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  if (subnet->vpc != table->vpc)
    co_return fail(
        aws_error("InvalidParameterValue", 400,
                  fmt::format("Route table {} and subnet {} belong to different networks",
                              table->id, subnet->id)));
  for (RouteTable* other : core.state.routes.of(call.account()))
    for (const RouteAssociation& one : other->associations)
      if (one.subnet == subnet->id)
        co_return fail(aws_error(
            "Resource.AlreadyAssociated", 400,
            fmt::format("the specified association for route table {} conflicts with an existing "
                        "association",
                        table->id)));
  CO_TRY(call.effect());
  std::string id = new_id(core.context.world.random, "rtbassoc");
  table->associations.push_back({id, subnet->id});
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
         if (!one.subnet.empty()) out.push_back(one.subnet);
     }},
    {"association.route-table-association-id",
     [](const RouteTable& t, Out out) {
       for (const auto& one : t.associations) out.push_back(one.id);
     }},
    {"route.destination-cidr-block",
     [](const RouteTable& t, Out out) {
       for (const Route& route : t.routes) out.push_back(route.destination);
     }},
    {"route.gateway-id",
     [](const RouteTable& t, Out out) {
       for (const Route& route : t.routes)
         if (route.target.starts_with("igw-")) out.push_back(route.target);
     }},
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
    {"CreateInternetGateway", tagged_params, nullptr, create_gateway},
    {"DeleteInternetGateway", gateway_params, nullptr, delete_gateway},
    {"AttachInternetGateway", attach_params, nullptr, attach_gateway},
    {"DetachInternetGateway", attach_params, nullptr, detach_gateway},
    {"DescribeInternetGateways", gateways_params, describe_gateways, nullptr, true, 5,
     "InternetGatewayId"},
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
