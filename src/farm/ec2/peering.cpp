// VPC peering: two networks of this farm, of one account or two. Once it is active and a route
// table of each network has a route to it, their instances reach each other at private addresses.
#include "farm/ec2/peering.h"

#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Duration asked_for = Duration::hours(7 * 24);  ///< then a request expires

constexpr Param create_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"PeerVpcId", Kind::id, true, "vpc"},
    {"PeerOwnerId", Kind::text, false, "", 1, 64},
    {"PeerRegion", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_params[] = {{"VpcPeeringConnectionId", Kind::id, true, "pcx"}};
constexpr Param some_params[] = {{"VpcPeeringConnectionId.N", Kind::id, false, "pcx"}};

Result<> read_peering(Core& core, const Call& call, Plain& one) {
  const Params& p = call.params;
  Vpc* own = TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  std::string peer_id = p.text("PeerVpcId"), owner = p.text("PeerOwnerId", call.account());
  if (p.text("PeerRegion", core.context.region) != core.context.region)
    return fail(aws_error("UnsupportedOperation", 400,
                          fmt::format("This farm is the region {}: it has no peering with others",
                                      core.context.region)));
  core.ensure_defaults(owner);
  const Vpc* peer = core.state.vpcs.find(owner, peer_id);
  if (!peer) return fail(not_found(*id_kind("vpc"), {peer_id}));
  if (peer == own)
    return fail(aws_error("InvalidParameterValue", 400, "A network has no peering with itself"));
  one.values = {{"vpc", own->id}, {"peer", peer->id}, {"peerOwner", owner}};
  one.values["cidr"] = own->cidr;
  one.values["peerCidr"] = peer->cidr;
  bool overlap = parse_network(own->cidr)->overlaps(*parse_network(peer->cidr));
  one.state = overlap ? "failed" : "initiating-request";
  return {};
}

std::string message_of(const Plain& one, const std::string& state) {
  std::string owner = one.value("peerOwner");
  if (state == "initiating-request") return "Initiating Request to " + owner;
  if (state == "pending-acceptance") return "Pending Acceptance by " + owner;
  if (state == "active") return "Active";
  if (state == "rejected") return "Inactive";
  if (state == "deleted") return "Deleted by " + one.value("by");
  return "The ranges of the networks overlap";
}

void write_side(Xml& xml, Core& core, std::string_view name, const std::string& vpc,
                const std::string& cidr, const std::string& owner) {
  xml.in(name, [&] {
    xml.plain("vpcId", vpc).plain("ownerId", owner).plain("region", core.context.region);
    xml.plain("cidrBlock", cidr);
    xml.in("cidrBlockSet", [&] { xml.in("item", [&] { xml.plain("cidrBlock", cidr); }); });
    xml.in("peeringOptions", [&] {
      xml.flag("allowDnsResolutionFromRemoteVpc", false);
      xml.flag("allowEgressFromLocalClassicLinkToRemoteVpc", false);
      xml.flag("allowEgressFromLocalVpcToRemoteClassicLink", false);
    });
  });
}

void write_peering(Xml& xml, Core& core, const Plain& one) {
  xml.plain("vpcPeeringConnectionId", one.id);
  write_side(xml, core, "requesterVpcInfo", one.value("vpc"), one.value("cidr"), one.account);
  write_side(xml, core, "accepterVpcInfo", one.value("peer"), one.value("peerCidr"),
             one.value("peerOwner"));
  if (one.state == "initiating-request" || one.state == "pending-acceptance")
    xml.time("expirationTime", one.created + asked_for);
  xml.in("status",
         [&] { xml.plain("code", one.state).text("message", message_of(one, one.state)); });
}

/// What was asked for a moment ago waits now; what nobody answered within a week is gone.
void settle(Core& core) {
  for (auto& [id, one] : core.state.plains.all()) {
    if (one.kind != "pcx") continue;
    if (one.state == "initiating-request") one.state = "pending-acceptance";
    if (one.state == "pending-acceptance" && one.created + asked_for < core.now()) {
      one.state = "deleted";
      one.values["by"] = one.account;
      one.ended = core.now();
    }
  }
}

/// Of one of the two accounts.
Result<Plain*> named_peering(Core& core, const Call& call) {
  settle(core);
  std::string id = call.params.text("VpcPeeringConnectionId"), account = call.account();
  Plain* one = core.state.plains.find(id);
  if (!one || (one->account != account && one->value("peerOwner") != account))
    return fail(not_found(*id_kind("pcx"), {id}));
  return one;
}

Result<Plain*> asked_of_caller(Core& core, const Call& call, std::string_view verb) {
  Plain* one = TRY(named_peering(core, call));
  if (one->value("peerOwner") != call.account())
    return fail(
        aws_error("OperationNotPermitted", 400,
                  fmt::format("User ({}) cannot {} peering {}", call.account(), verb, one->id)));
  if (one->state != "pending-acceptance")
    return fail(
        aws_error("InvalidStateTransition", 400,
                  fmt::format("Invalid state transition for {}: it is {}", one->id, one->state)));
  return one;
}

aio::Task<Answer> commit(Core& core, Call call, Plain& one, std::string text) {
  std::vector<store::Change> changes{core.state.plains.put(one)};
  auto answer = co_await finish(core, call, "peering", std::move(changes), std::move(text));
  if (answer) CO_TRY(co_await core.tell_networks());
  co_return answer;
}

aio::Task<Answer> accept(Core& core, Call call) {
  Plain* one = CO_TRY(asked_of_caller(core, call, "accept"));
  CO_TRY(call.effect());
  one->state = "active";
  std::string text = plain_answer(core, *one);
  co_return co_await commit(core, std::move(call), *one, std::move(text));
}

aio::Task<Answer> reject(Core& core, Call call) {
  Plain* one = CO_TRY(asked_of_caller(core, call, "reject"));
  CO_TRY(call.effect());
  one->state = "rejected";
  one->ended = core.now();
  co_return co_await commit(core, std::move(call), *one, answer_true());
}

aio::Task<Answer> remove(Core& core, Call call) {
  Plain* one = CO_TRY(named_peering(core, call));
  if (one->state != "active" && one->state != "pending-acceptance")
    co_return fail(
        aws_error("InvalidStateTransition", 400,
                  fmt::format("Invalid state transition for {}: it is {}", one->id, one->state)));
  CO_TRY(call.effect());
  one->state = "deleted";
  one->values["by"] = call.account();
  one->ended = core.now();
  co_return co_await commit(core, std::move(call), *one, answer_true());
}

Answer describe(Core& core, const Call& call) {
  settle(core);
  return describe_plain(core, call);
}

constexpr char peer_name[] = "peer", peer_owner_name[] = "peerOwner", cidr_name[] = "cidr",
               peer_cidr_name[] = "peerCidr";

constexpr FilterField<Plain> fields[] = {
    {"vpc-peering-connection-id", id_value},
    {"status-code", state_value},
    {"requester-vpc-info.vpc-id", vpc_value},
    {"requester-vpc-info.owner-id", owner_value},
    {"requester-vpc-info.cidr-block", named_value<cidr_name>},
    {"accepter-vpc-info.vpc-id", named_value<peer_name>},
    {"accepter-vpc-info.owner-id", named_value<peer_owner_name>},
    {"accepter-vpc-info.cidr-block", named_value<peer_cidr_name>},
};

constexpr PlainKind kinds[] = {{.prefix = "pcx",
                                .create = "CreateVpcPeeringConnection",
                                .remove = "",
                                .describe = "DescribeVpcPeeringConnections",
                                .id = "VpcPeeringConnectionId",
                                .element = "vpcPeeringConnection",
                                .list = "vpcPeeringConnectionSet",
                                .read = read_peering,
                                .write = write_peering,
                                .fields = fields,
                                .deleted_state = "deleted"}};

constexpr Action table[] = {
    {"CreateVpcPeeringConnection", create_params, nullptr, create_plain},
    {"AcceptVpcPeeringConnection", one_params, nullptr, accept},
    {"RejectVpcPeeringConnection", one_params, nullptr, reject},
    {"DeleteVpcPeeringConnection", one_params, nullptr, remove},
    {"DescribeVpcPeeringConnections", some_params, describe, nullptr, true, 5,
     "VpcPeeringConnectionId"},
};

bool has_route(Core& core, const std::string& vpc, const std::string& peering) {
  for (const auto& [id, table] : core.state.routes.all())
    if (table.vpc == vpc &&
        std::ranges::find(table.routes, peering, &Route::target) != table.routes.end())
      return true;
  return false;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> peers_of(Core& core) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [id, one] : core.state.plains.all()) {
    if (one.kind != "pcx" || one.state != "active") continue;
    std::string a = one.value("vpc"), b = one.value("peer");
    if (has_route(core, a, id) && has_route(core, b, id)) out.emplace_back(a, b);
  }
  return out;
}

std::span<const PlainKind> peering_kinds() {
  return kinds;
}
std::span<const Action> peering_actions() {
  return table;
}

}  // namespace croft::farm::ec2
