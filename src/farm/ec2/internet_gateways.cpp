// Internet gateways, as deployments make them. They are records: public addresses always work, and
// nothing leads to the Internet.
#include "base/text.h"
#include "farm/ec2/describe.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param tagged_params[] = {
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

constexpr Action table[] = {
    {"CreateInternetGateway", tagged_params, nullptr, create_gateway},
    {"DeleteInternetGateway", gateway_params, nullptr, delete_gateway},
    {"AttachInternetGateway", attach_params, nullptr, attach_gateway},
    {"DetachInternetGateway", attach_params, nullptr, detach_gateway},
    {"DescribeInternetGateways", gateways_params, describe_gateways, nullptr, true, 5,
     "InternetGatewayId"},
};

}  // namespace

std::span<const Action> internet_gateway_actions() {
  return table;
}

}  // namespace croft::farm::ec2
