// Further ranges: a VPC may have more IPv4 networks for its subnets; IPv6 ones are records.
#include "farm/ec2/vpc_ranges.h"

#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"

namespace croft::farm::ec2 {

namespace {

constexpr size_t most_ranges = 5;   // with the first
constexpr size_t most_ranges6 = 1;  // EC2's own quotas

constexpr Param associate_params[] = {
    {"VpcId", Kind::id, true, "vpc"},
    {"CidrBlock", Kind::text, false, "", 1, 64},
    {"AmazonProvidedIpv6CidrBlock", Kind::boolean},
    {"Ipv6CidrBlockNetworkBorderGroup", Kind::ignored},
    {"Ipv6CidrBlock", Kind::unsupported},
    {"Ipv6Pool", Kind::unsupported},
    {"Ipv4IpamPoolId", Kind::unsupported},
    {"Ipv4NetmaskLength", Kind::unsupported},
    {"Ipv6IpamPoolId", Kind::unsupported},
    {"Ipv6NetmaskLength", Kind::unsupported},
};
constexpr Param association_params[] = {{"AssociationId", Kind::text, true, "", 1, 64}};
constexpr Param associate_subnet_params[] = {
    {"SubnetId", Kind::id, true, "subnet"},
    {"Ipv6CidrBlock", Kind::text, true, "", 1, 64},
    {"Ipv6IpamPoolId", Kind::unsupported},
    {"Ipv6NetmaskLength", Kind::unsupported},
};

Error full(const std::string& vpc, size_t most) {
  return aws_error(
      "CidrLimitExceeded", 400,
      fmt::format("This network {} has met its maximum number of allowed CIDRs: {}", vpc, most));
}

/// One range as both kinds of answers tell it.
void write_range(Xml& xml, std::string_view kind, const std::string& id, const std::string& block,
                 std::string_view state) {
  std::string name(kind);
  xml.in(name + "Association", [&] {
    xml.plain("associationId", id).plain(name, block);
    xml.in(name + "State", [&] { xml.text("state", state); });
  });
}

Result<std::string> read_range(const Vpc& vpc, const Params& p) {
  if (1 + vpc.more_cidrs.size() >= most_ranges) return fail(full(vpc.id, most_ranges));
  std::string block = TRY(canonical_network(p.text("CidrBlock"), "cidrBlock"));
  auto range = parse_network(block);
  if (!range || range->prefix < 16 || range->prefix > 28)
    return fail(
        aws_error("InvalidVpc.Range", 400, fmt::format("The CIDR '{}' is invalid.", block)));
  auto known = vpc.more_cidrs;
  known.push_back(vpc.cidr);
  for (const std::string& other : known)
    if (parse_network(other)->overlaps(*range))
      return fail(aws_error(
          "InvalidVpc.Range", 400,
          fmt::format("The CIDR '{}' conflicts with another CIDR of the VPC: {}", block, other)));
  return block;
}

aio::Task<Answer> associate(Core& core, Call call) {
  const Params& p = call.params;
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  bool six = p.flag("AmazonProvidedIpv6CidrBlock");
  if (six == p.has("CidrBlock"))
    co_return fail(aws_error(six ? "InvalidParameterCombination" : "MissingParameter", 400,
                             "The request must contain exactly one of the parameters cidrBlock and "
                             "amazonProvidedIpv6CidrBlock"));
  if (six && vpc->cidrs6.size() >= most_ranges6) co_return fail(full(vpc->id, most_ranges6));
  std::string block;
  if (!six) block = CO_TRY(read_range(*vpc, p));
  CO_TRY(call.effect());
  if (six) block = new_ipv6_range(core.context.world.random);
  (six ? vpc->cidrs6 : vpc->more_cidrs).push_back(block);
  Xml xml;
  xml.plain("vpcId", vpc->id);
  write_range(xml, six ? "ipv6CidrBlock" : "cidrBlock",
              core.derived("vpc-cidr-assoc", vpc->id, block), block, "associating");
  std::vector<store::Change> changes{core.state.vpcs.put(*vpc)};
  co_return co_await finish(core, call, "associate-range", std::move(changes), xml.take());
}

Result<> check_unused(Core& core, const Vpc& vpc, const std::string& block) {
  auto range = parse_network(block);
  for (const SubnetRecord* subnet : core.state.subnets.of(vpc.account))
    if (range && subnet->vpc == vpc.id && range->holds(*parse_network(subnet->cidr)))
      return fail(aws_error("OperationNotPermitted", 400,
                            fmt::format("The range {} has the subnet {}", block, subnet->id)));
  return {};
}

aio::Task<Answer> disassociate(Core& core, Call call) {
  std::string id = call.params.text("AssociationId");
  auto is = [&](const Vpc* vpc, const std::string& block) {
    return core.derived("vpc-cidr-assoc", vpc->id, block) == id;
  };
  for (Vpc* vpc : core.state.vpcs.of(call.account())) {
    if (is(vpc, vpc->cidr))
      co_return fail(aws_error("OperationNotPermitted", 400,
                               fmt::format("The vpc CIDR block with association ID {} may not be "
                                           "disassociated. It is the primary IPv4 CIDR block of "
                                           "the VPC",
                                           id)));
    for (auto* list : {&vpc->more_cidrs, &vpc->cidrs6}) {
      auto at =
          std::ranges::find_if(*list, [&](const std::string& block) { return is(vpc, block); });
      if (at == list->end()) continue;
      std::string block = *at;
      CO_TRY(check_unused(core, *vpc, block));
      CO_TRY(call.effect());
      list->erase(at);
      Xml xml;
      xml.plain("vpcId", vpc->id);
      write_range(xml, list == &vpc->cidrs6 ? "ipv6CidrBlock" : "cidrBlock", id, block,
                  "disassociating");
      std::vector<store::Change> changes{core.state.vpcs.put(*vpc)};
      co_return co_await finish(core, call, "disassociate-range", std::move(changes), xml.take());
    }
  }
  co_return fail(aws_error(
      "InvalidVpcCidrBlockAssociationIdError.NotFound", 400,
      fmt::format("The vpc CIDR block association ID '{}' does not exist", printable(id))));
}

aio::Task<Answer> associate_subnet(Core& core, Call call) {
  SubnetRecord* subnet = CO_TRY(named(call, core.state.subnets, "SubnetId", "subnet"));
  std::string block = CO_TRY(canonical_ipv6(call.params.text("Ipv6CidrBlock"), "ipv6CidrBlock"));
  if (std::ranges::find(subnet->cidrs6, block) != subnet->cidrs6.end())
    co_return fail(aws_error("InvalidSubnet.Conflict", 400,
                             fmt::format("The CIDR '{}' conflicts with another subnet", block)));
  CO_TRY(call.effect());
  subnet->cidrs6.push_back(block);
  Xml xml;
  xml.plain("subnetId", subnet->id);
  write_range(xml, "ipv6CidrBlock", core.derived("subnet-cidr-assoc", subnet->id, block), block,
              "associated");
  std::vector<store::Change> changes{core.state.subnets.put(*subnet)};
  co_return co_await finish(core, call, "associate-range", std::move(changes), xml.take());
}

aio::Task<Answer> disassociate_subnet(Core& core, Call call) {
  std::string id = call.params.text("AssociationId");
  for (SubnetRecord* subnet : core.state.subnets.of(call.account())) {
    auto at = std::ranges::find_if(subnet->cidrs6, [&](const std::string& block) {
      return core.derived("subnet-cidr-assoc", subnet->id, block) == id;
    });
    if (at == subnet->cidrs6.end()) continue;
    CO_TRY(call.effect());
    std::string block = *at;
    subnet->cidrs6.erase(at);
    Xml xml;
    xml.plain("subnetId", subnet->id);
    write_range(xml, "ipv6CidrBlock", id, block, "disassociating");
    std::vector<store::Change> changes{core.state.subnets.put(*subnet)};
    co_return co_await finish(core, call, "disassociate-range", std::move(changes), xml.take());
  }
  co_return fail(aws_error(
      "InvalidSubnetCidrBlockAssociationID.NotFound", 400,
      fmt::format("The subnet CIDR block with association ID '{}' does not exist", printable(id))));
}

constexpr Action table[] = {
    {"AssociateVpcCidrBlock", associate_params, nullptr, associate},
    {"DisassociateVpcCidrBlock", association_params, nullptr, disassociate},
    {"AssociateSubnetCidrBlock", associate_subnet_params, nullptr, associate_subnet},
    {"DisassociateSubnetCidrBlock", association_params, nullptr, disassociate_subnet},
};

}  // namespace

std::string new_ipv6_range(aio::Random& random) {
  std::string digits = random.hex_id(12);
  return fmt::format("fd{}:{}:{}:{}00::/56", digits.substr(0, 2), digits.substr(2, 4),
                     digits.substr(6, 4), digits.substr(10, 2));
}

std::span<const Action> range_actions() {
  return table;
}

}  // namespace croft::farm::ec2
