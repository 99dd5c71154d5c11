#include "farm/ec2/ids.h"

#include "base/digest.h"
#include "base/text.h"
#include "farm/api/error.h"

namespace croft::farm::ec2 {

namespace {

// EC2 has no Malformed code for networks, subnets and some of their parts: NotFound stands for
// both.
constexpr IdKind kinds[] = {
    {"i", "instance", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound", "instance ID"},
    {"ami", "image", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound", "image id"},
    {"key", "key-pair", "InvalidKeyPairId.Malformed", "InvalidKeyPair.NotFound", "key pair ID"},
    {"sg", "security-group", "InvalidGroupId.Malformed", "InvalidGroup.NotFound", "security group"},
    {"subnet", "subnet", "InvalidSubnetID.NotFound", "InvalidSubnetID.NotFound", "subnet ID"},
    {"vpc", "vpc", "InvalidVpcID.NotFound", "InvalidVpcID.NotFound", "vpc ID"},
    {"sgr", "security-group-rule", "InvalidSecurityGroupRuleId.Malformed",
     "InvalidSecurityGroupRuleId.NotFound", "security group rule ID"},
    {"eipalloc", "elastic-ip", "InvalidAllocationID.NotFound", "InvalidAllocationID.NotFound",
     "allocation ID"},
    {"eipassoc", "elastic-ip-association", "InvalidAssociationID.NotFound",
     "InvalidAssociationID.NotFound", "association ID"},
    {"eni", "network-interface", "InvalidNetworkInterfaceId.Malformed",
     "InvalidNetworkInterfaceID.NotFound", "networkInterface ID"},
    {"vol", "volume", "InvalidVolumeID.Malformed", "InvalidVolume.NotFound", "volume"},
    {"snap", "snapshot", "InvalidSnapshotID.Malformed", "InvalidSnapshot.NotFound", "snapshot"},
    {"lt", "launch-template", "InvalidLaunchTemplateId.Malformed",
     "InvalidLaunchTemplateId.NotFound", "launch template ID"},
    {"pg", "placement-group", "InvalidPlacementGroupId.Malformed",
     "InvalidPlacementGroupId.NotFound", "placement group ID"},
    {"sir", "spot-instances-request", "InvalidSpotInstanceRequestID.Malformed",
     "InvalidSpotInstanceRequestID.NotFound", "spot instance request ID"},
    {"igw", "internet-gateway", "InvalidInternetGatewayId.Malformed",
     "InvalidInternetGatewayID.NotFound", "internetGateway ID"},
    {"rtb", "route-table", "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound",
     "routeTable ID"},
    {"rtbassoc", "route-table-association", "InvalidAssociationID.NotFound",
     "InvalidAssociationID.NotFound", "association ID"},
    {"acl", "network-acl", "InvalidNetworkAclID.NotFound", "InvalidNetworkAclID.NotFound",
     "networkAcl ID"},
    {"aclassoc", "network-acl-association", "InvalidAssociationID.NotFound",
     "InvalidAssociationID.NotFound", "association ID"},
    {"dopt", "dhcp-options", "InvalidDhcpOptionsId.Malformed", "InvalidDhcpOptionID.NotFound",
     "dhcpOption ID"},
    {"eigw", "egress-only-internet-gateway", "InvalidGatewayID.NotFound",
     "InvalidGatewayID.NotFound", "eigw ID"},
    {"nat", "natgateway", "NatGatewayMalformed", "NatGatewayNotFound", "NatGateway"},
    {"cagw", "carrier-gateway", "InvalidCarrierGatewayID.NotFound",
     "InvalidCarrierGatewayID.NotFound", "CarrierGateway ID"},
    {"cgw", "customer-gateway", "InvalidCustomerGatewayId.Malformed",
     "InvalidCustomerGatewayID.NotFound", "customerGateway ID"},
    {"vgw", "vpn-gateway", "InvalidVpnGatewayID.NotFound", "InvalidVpnGatewayID.NotFound",
     "virtual private gateway ID"},
    {"vpn", "vpn-connection", "InvalidVpnConnectionID.NotFound", "InvalidVpnConnectionID.NotFound",
     "vpnConnection ID"},
    {"vpce", "vpc-endpoint", "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.NotFound",
     "Vpc Endpoint Id"},
    {"pcx", "vpc-peering-connection", "InvalidVpcPeeringConnectionId.Malformed",
     "InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection ID"},
    {"tgw", "transit-gateway", "InvalidTransitGatewayID.Malformed",
     "InvalidTransitGatewayID.NotFound", "transitGateway ID"},
    {"tgw-rtb", "transit-gateway-route-table", "InvalidRouteTableId.Malformed",
     "InvalidRouteTableID.NotFound", "TransitGatewayRouteTable"},
    {"tgw-attach", "transit-gateway-attachment", "InvalidTransitGatewayAttachmentID.Malformed",
     "InvalidTransitGatewayAttachmentID.NotFound", "transitGatewayAttachment ID"},
    {"h", "dedicated-host", "InvalidHostID.Malformed", "InvalidHostID.NotFound", "host ID"},
    {"scr", "subnet-cidr-reservation", "InvalidSubnetCidrReservationID.NotFound",
     "InvalidSubnetCidrReservationID.NotFound", "subnet-cidr-reservation ID"},
    {"fleet", "fleet", "InvalidFleetId.Malformed", "InvalidFleetId.NotFound", "fleet ID"},
    {"pl", "prefix-list", "InvalidPrefixListId.Malformed", "InvalidPrefixListID.NotFound",
     "prefix list ID"},
};

}  // namespace

const IdKind* id_kind(std::string_view prefix) {
  for (const IdKind& kind : kinds)
    if (kind.prefix == prefix) return &kind;
  return nullptr;
}

const IdKind* id_kind_of(std::string_view id) {
  // Prefixes may have dashes ("tgw-rtb"), and so may what follows ("fleet-" and a UUID).
  if (id.starts_with("fleet-")) return id_kind("fleet");
  size_t dash = id.rfind('-');
  return dash == std::string_view::npos ? nullptr : id_kind(id.substr(0, dash));
}

bool well_formed(const IdKind& kind, std::string_view id) {
  size_t start = kind.prefix.size() + 1;
  if (!id.starts_with(kind.prefix) || id.size() <= start || id[start - 1] != '-') return false;
  std::string_view digits = id.substr(start);
  if (kind.prefix == "fleet" && digits.size() == 36) {
    for (size_t dash : {8, 13, 18, 23})
      if (digits[dash] != '-') return false;
    return digits.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
  }
  if (digits.size() != 8 && digits.size() != 17) return false;
  return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<> check_id(const IdKind& kind, std::string_view id) {
  if (well_formed(kind, id)) return {};
  if (kind.malformed == kind.not_found) return fail(not_found(kind, {printable(id)}));
  return fail(aws_error(
      kind.malformed, 400,
      fmt::format("Invalid id: \"{}\" (expecting \"{}-...\")", printable(id), kind.prefix)));
}

Error not_found(const IdKind& kind, const std::vector<std::string>& ids) {
  bool one = ids.size() == 1;
  return aws_error(kind.not_found, 400,
                   fmt::format("The {}{} '{}' do{} not exist", kind.noun, one ? "" : "s",
                               join(ids, ", "), one ? "es" : ""));
}

std::string new_id(aio::Random& random, std::string_view prefix) {
  if (prefix != "fleet") return fmt::format("{}-{}", prefix, random.hex_id(17));
  std::string uuid = random.hex_id(32);
  for (size_t dash : {8, 13, 18, 23}) uuid.insert(dash, "-");
  return fmt::format("{}-{}", prefix, uuid);
}

std::string derived_id(std::string_view prefix, std::string_view account, std::string_view name) {
  return fmt::format("{}-{}", prefix,
                     sha256_hex(fmt::format("{}/{}/{}", prefix, account, name)).substr(0, 17));
}

}  // namespace croft::farm::ec2
