// Gateways, option sets, endpoints, prefix lists, peerings and network ACLs: their lives as
// records, and what the packet filter is told of them.
#include "farm/ec2/plain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

class PlainResources : public testing::Test {
 protected:
  BenchFarm farm;

  std::string vpc(std::string cidr = "10.0.0.0/16") {
    return farm.ask("CreateVpc", {{"CidrBlock", std::move(cidr)}})
        .root()
        .child("vpc")
        .child("vpcId")
        .text();
  }
  std::string subnet(std::string in, std::string cidr = "10.0.1.0/24") {
    return farm.ask("CreateSubnet", {{"VpcId", std::move(in)}, {"CidrBlock", std::move(cidr)}})
        .root()
        .child("subnet")
        .child("subnetId")
        .text();
  }
  std::string address() { return farm.ask("AllocateAddress").root().child("allocationId").text(); }
  std::string made(std::string action, std::string element, std::string id, Fields fields) {
    return farm.ask(std::move(action), std::move(fields)).root().child(element).child(id).text();
  }
  /// How many items a Describe shows.
  size_t count(std::string action, std::string list, Fields fields = {}) {
    return farm.ask(std::move(action), std::move(fields))
        .root()
        .child(list)
        .children("item")
        .size();
  }
};

TEST_F(PlainResources, option_sets_are_checked_used_by_networks_and_outlive_a_restart) {
  Fields wanted{{"DhcpConfiguration.1.Key", "domain-name"},
                {"DhcpConfiguration.1.Value.1", "example.com"},
                {"DhcpConfiguration.2.Key", "ntp-servers"},
                {"DhcpConfiguration.2.Value.1", "10.0.0.1"},
                {"DhcpConfiguration.2.Value.2", "10.0.0.2"},
                {"TagSpecification.1.ResourceType", "dhcp-options"},
                {"TagSpecification.1.Tag.1.Key", "a"},
                {"TagSpecification.1.Tag.1.Value", "b"}};
  Fields dry = wanted;
  dry.emplace_back("DryRun", "true");
  EXPECT_EQ(farm.refusal("CreateDhcpOptions", dry), "DryRunOperation");
  EXPECT_EQ(count("DescribeDhcpOptions", "dhcpOptionsSet"), 0u);
  std::string id = made("CreateDhcpOptions", "dhcpOptions", "dhcpOptionsId", wanted);
  std::string in = vpc();
  farm.ask("AssociateDhcpOptions", {{"DhcpOptionsId", id}, {"VpcId", in}});
  EXPECT_EQ(farm.refusal("DeleteDhcpOptions", {{"DhcpOptionsId", id}}), "DependencyViolation");
  farm.reopen();
  EXPECT_EQ(count("DescribeDhcpOptions", "dhcpOptionsSet",
                  {{"Filter.1.Name", "value"}, {"Filter.1.Value.1", "10.0.0.?"}}),
            1u);
  EXPECT_EQ(count("DescribeTags", "tagSet",
                  {{"Filter.1.Name", "resource-type"}, {"Filter.1.Value.1", "dhcp-options"}}),
            1u);
  EXPECT_EQ(count("DescribeVpcs", "vpcSet",
                  {{"Filter.1.Name", "dhcp-options-id"}, {"Filter.1.Value.1", id}}),
            1u);
  farm.ask("AssociateDhcpOptions", {{"DhcpOptionsId", "default"}, {"VpcId", in}});
  farm.ask("DeleteDhcpOptions", {{"DhcpOptionsId", id}});
  EXPECT_EQ(farm.refusal("DescribeDhcpOptions", {{"DhcpOptionsId.1", id}}),
            "InvalidDhcpOptionID.NotFound");
  EXPECT_EQ(farm.refusal("DescribeDhcpOptions", {{"DhcpOptionsId.1", "dopt-x"}}),
            "InvalidDhcpOptionsId.Malformed");
  EXPECT_EQ(farm.refusal("CreateDhcpOptions", {{"DhcpConfiguration.1.Key", "netbios-node-type"},
                                               {"DhcpConfiguration.1.Value.1", "0"}}),
            "InvalidParameterValue");
}

TEST_F(PlainResources, others_neither_see_nor_delete_them) {
  std::string id = made("CreateEgressOnlyInternetGateway", "egressOnlyInternetGateway",
                        "egressOnlyInternetGatewayId", {{"VpcId", vpc()}});
  auto theirs = farm.call_as(farm.bob, "DeleteEgressOnlyInternetGateway",
                             {{"EgressOnlyInternetGatewayId", id}});
  ASSERT_FALSE(theirs);
  EXPECT_EQ(theirs.error().fact("aws_code"), "InvalidGatewayID.NotFound");
  EXPECT_EQ(farm.refusal("CreateEgressOnlyInternetGateway", {{"VpcId", "vpc-0123456789abcdef0"}}),
            "InvalidVpcID.NotFound");
  farm.ask("DeleteEgressOnlyInternetGateway", {{"EgressOnlyInternetGatewayId", id}});
}

TEST_F(PlainResources, a_nat_gateway_holds_its_addresses_until_it_is_deleted) {
  std::string in = subnet(vpc()), elastic = address();
  EXPECT_EQ(farm.refusal("CreateNatGateway", {{"SubnetId", in}}), "MissingParameter");
  size_t free = farm.state->free_addresses(*parse_network("10.0.1.0/24"));
  std::string id = made("CreateNatGateway", "natGateway", "natGatewayId",
                        {{"SubnetId", in}, {"AllocationId", elastic}});
  EXPECT_EQ(farm.state->free_addresses(*parse_network("10.0.1.0/24")), free - 1);
  EXPECT_EQ(farm.refusal("CreateNatGateway", {{"SubnetId", in}, {"AllocationId", elastic}}),
            "Resource.AlreadyAssociated");
  EXPECT_EQ(farm.refusal("ReleaseAddress", {{"AllocationId", elastic}}), "InvalidIPAddress.InUse");
  EXPECT_EQ(farm.refusal("DeleteSubnet", {{"SubnetId", in}}), "DependencyViolation");
  farm.reopen();
  EXPECT_EQ(farm.state->free_addresses(*parse_network("10.0.1.0/24")), free - 1);
  farm.ask("DeleteNatGateway", {{"NatGatewayId", id}});
  EXPECT_EQ(farm.state->free_addresses(*parse_network("10.0.1.0/24")), free);
  farm.ask("ReleaseAddress", {{"AllocationId", elastic}});
  farm.ask("DeleteSubnet", {{"SubnetId", in}});
  // Shown as deleted for an hour.
  EXPECT_EQ(count("DescribeNatGateways", "natGatewaySet",
                  {{"Filter.1.Name", "state"}, {"Filter.1.Value.1", "deleted"}}),
            1u);
  farm.settle(Duration::hours(1) + Duration::seconds(1));
  EXPECT_EQ(count("DescribeNatGateways", "natGatewaySet"), 0u);
}

TEST_F(PlainResources, an_elastic_address_may_wait_at_an_interface_for_an_instance) {
  std::string elastic = address();
  std::string eni = made("CreateNetworkInterface", "networkInterface", "networkInterfaceId",
                         {{"SubnetId", farm.core->subnet_of("111122223333", "us-east-1a")}});
  farm.ask("AssociateAddress", {{"AllocationId", elastic}, {"NetworkInterfaceId", eni}});
  const std::string text = farm.state->addresses.find(elastic)->address;
  EXPECT_EQ(farm.machines.publics[text], farm.state->interfaces.find(eni)->address);
  std::string id = farm.run(1, 1,
                            {{"NetworkInterface.1.DeviceIndex", "0"},
                             {"NetworkInterface.1.NetworkInterfaceId", eni}})
                       .front();
  EXPECT_EQ(farm.core->public_of(*farm.state->find_instance(id)), text);
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle(Duration::seconds(30));
  farm.ask("DeleteNetworkInterface", {{"NetworkInterfaceId", eni}});
  EXPECT_FALSE(farm.machines.publics.contains(text) && !farm.machines.publics[text].empty());
  farm.ask("ReleaseAddress", {{"AllocationId", elastic}});
}

TEST_F(PlainResources, peers_are_joined_once_both_networks_have_a_route) {
  std::string a = vpc("10.1.0.0/16"), b = vpc("10.2.0.0/16");
  std::string pcx = made("CreateVpcPeeringConnection", "vpcPeeringConnection",
                         "vpcPeeringConnectionId", {{"VpcId", a}, {"PeerVpcId", b}});
  farm.ask("AcceptVpcPeeringConnection", {{"VpcPeeringConnectionId", pcx}});
  EXPECT_TRUE(farm.machines.networks.peers.empty());
  for (auto [in, to] : {std::pair(a, "10.2.0.0/16"), std::pair(b, "10.1.0.0/16")}) {
    std::string table = made("CreateRouteTable", "routeTable", "routeTableId", {{"VpcId", in}});
    farm.ask(
        "CreateRoute",
        {{"RouteTableId", table}, {"DestinationCidrBlock", to}, {"VpcPeeringConnectionId", pcx}});
  }
  EXPECT_THAT(farm.machines.networks.peers, testing::ElementsAre(std::pair(a, b)));
  farm.machines.networks = {};
  farm.reopen();
  EXPECT_EQ(farm.machines.networks.peers.size(), 1u);
  farm.ask("DeleteVpcPeeringConnection", {{"VpcPeeringConnectionId", pcx}});
  EXPECT_TRUE(farm.machines.networks.peers.empty());
  EXPECT_EQ(farm.refusal("AcceptVpcPeeringConnection", {{"VpcPeeringConnectionId", pcx}}),
            "InvalidStateTransition");
}

TEST_F(PlainResources, another_account_decides_about_a_peering_with_its_network) {
  std::string own = vpc("10.1.0.0/16");
  auto theirs = *wire::xml::Document::parse(
      "<a>" + *farm.call_as(farm.bob, "CreateVpc", {{"CidrBlock", "10.2.0.0/16"}}) + "</a>");
  std::string peer = theirs.root().child("vpc").child("vpcId").text();
  std::string pcx =
      made("CreateVpcPeeringConnection", "vpcPeeringConnection", "vpcPeeringConnectionId",
           {{"VpcId", own}, {"PeerVpcId", peer}, {"PeerOwnerId", "444455556666"}});
  EXPECT_EQ(farm.refusal("AcceptVpcPeeringConnection", {{"VpcPeeringConnectionId", pcx}}),
            "OperationNotPermitted");
  EXPECT_TRUE(
      farm.call_as(farm.bob, "RejectVpcPeeringConnection", {{"VpcPeeringConnectionId", pcx}}));
  EXPECT_EQ(count("DescribeVpcPeeringConnections", "vpcPeeringConnectionSet",
                  {{"Filter.1.Name", "status-code"}, {"Filter.1.Value.1", "rejected"}}),
            1u);
}

TEST_F(PlainResources, prefix_lists_stand_for_their_networks_in_rules) {
  std::string pl = made("CreateManagedPrefixList", "prefixList", "prefixListId",
                        {{"PrefixListName", "offices"},
                         {"MaxEntries", "2"},
                         {"AddressFamily", "IPv4"},
                         {"Entry.1.Cidr", "10.1.2.3/8"}});
  std::string group = farm.core->default_group_of("111122223333");
  farm.ask("AuthorizeSecurityGroupIngress", {{"GroupId", group},
                                             {"IpPermissions.1.IpProtocol", "tcp"},
                                             {"IpPermissions.1.FromPort", "80"},
                                             {"IpPermissions.1.ToPort", "80"},
                                             {"IpPermissions.1.PrefixListIds.1.PrefixListId", pl}});
  auto networks = [&] {
    std::vector<std::string> out;
    for (const auto& rule : farm.machines.groups[group].in)
      if (!rule.network.empty()) out.push_back(rule.network);
    return out;
  };
  EXPECT_THAT(networks(), testing::ElementsAre("10.0.0.0/8"));
  farm.ask("ModifyManagedPrefixList",
           {{"PrefixListId", pl}, {"CurrentVersion", "1"}, {"AddEntry.1.Cidr", "192.0.2.0/24"}});
  EXPECT_THAT(networks(), testing::ElementsAre("10.0.0.0/8", "192.0.2.0/24"));
  EXPECT_EQ(
      farm.refusal("ModifyManagedPrefixList", {{"PrefixListId", pl}, {"CurrentVersion", "1"}}),
      "PrefixListVersionMismatch");
  EXPECT_EQ(farm.refusal("ModifyManagedPrefixList",
                         {{"PrefixListId", pl}, {"AddEntry.1.Cidr", "198.51.100.0/24"}}),
            "PrefixListMaxEntriesExceeded");
  EXPECT_EQ(farm.refusal("DeleteManagedPrefixList", {{"PrefixListId", pl}}), "DependencyViolation");
  EXPECT_EQ(count("GetManagedPrefixListEntries", "entrySet", {{"PrefixListId", pl}}), 2u);
}

TEST_F(PlainResources, endpoints_name_parts_of_their_own_network_only) {
  std::string in = vpc(), other = subnet(vpc());
  EXPECT_EQ(farm.refusal("CreateVpcEndpoint", {{"VpcId", in},
                                               {"ServiceName", "com.amazonaws.us-east-1.s3"},
                                               {"VpcEndpointType", "Interface"},
                                               {"SubnetId.1", other}}),
            "InvalidParameter");
  std::string id = made("CreateVpcEndpoint", "vpcEndpoint", "vpcEndpointId",
                        {{"VpcId", in}, {"ServiceName", "com.amazonaws.us-east-1.s3"}});
  std::string table = made("CreateRouteTable", "routeTable", "routeTableId", {{"VpcId", in}});
  farm.ask("ModifyVpcEndpoint", {{"VpcEndpointId", id}, {"AddRouteTableId.1", table}});
  EXPECT_THAT(farm.state->plains.find(id)->list("routes"), testing::ElementsAre(table));
  auto gone =
      farm.ask("DeleteVpcEndpoints", {{"VpcEndpointId.1", id}, {"VpcEndpointId.2", "vpce-1"}});
  EXPECT_EQ(gone.root().child("unsuccessful").children("item").size(), 1u);
  EXPECT_EQ(find_plain(*farm.core, "111122223333", "vpce", id), nullptr);
}

TEST_F(PlainResources, acls_reach_the_packet_filter_before_an_instance_boots) {
  std::string in = vpc(), place = subnet(in);
  std::string id = farm.run(1, 1, {{"SubnetId", place}}).front();
  EXPECT_TRUE(farm.machines.networks.borders.empty());  // the default ACL lets everything through
  std::string acl = made("CreateNetworkAcl", "networkAcl", "networkAclId", {{"VpcId", in}});
  farm.ask("CreateNetworkAclEntry", {{"NetworkAclId", acl},
                                     {"RuleNumber", "100"},
                                     {"Egress", "false"},
                                     {"RuleAction", "allow"},
                                     {"Protocol", "tcp"},
                                     {"CidrBlock", "10.0.0.1/8"},
                                     {"PortRange.From", "80"},
                                     {"PortRange.To", "81"}});
  auto seen = farm.ask("DescribeNetworkAcls",
                       {{"Filter.1.Name", "association.subnet-id"}, {"Filter.1.Value.1", place}});
  std::string association = seen.root()
                                .child("networkAclSet")
                                .child("item")
                                .child("associationSet")
                                .child("item")
                                .child("networkAclAssociationId")
                                .text();
  farm.ask("ReplaceNetworkAclAssociation", {{"AssociationId", association}, {"NetworkAclId", acl}});
  auto check = [&](size_t members) {
    ASSERT_EQ(farm.machines.networks.borders.size(), 1u);
    const auto& border = farm.machines.networks.borders[0];
    EXPECT_EQ(border.network, "10.0.1.0/24");
    EXPECT_EQ(border.members.size(), members);
    EXPECT_TRUE(border.out.empty());
    ASSERT_EQ(border.in.size(), 1u);
    EXPECT_TRUE(border.in[0].allow);
    EXPECT_EQ(border.in[0].packets.protocol, 6);
    EXPECT_EQ(border.in[0].packets.to, 81);
    EXPECT_EQ(border.in[0].packets.network, "10.0.0.0/8");
  };
  check(1);
  farm.run(1, 1, {{"SubnetId", place}});  // nothing has booted yet
  check(2);
  farm.machines.networks = {};
  farm.reopen();
  check(2);
  EXPECT_EQ(farm.refusal("DeleteNetworkAcl", {{"NetworkAclId", acl}}), "DependencyViolation");
  EXPECT_EQ(farm.refusal("CreateNetworkAclEntry", {{"NetworkAclId", acl},
                                                   {"RuleNumber", "100"},
                                                   {"Egress", "false"},
                                                   {"RuleAction", "deny"},
                                                   {"Protocol", "-1"},
                                                   {"CidrBlock", "0.0.0.0/0"}}),
            "NetworkAclEntryAlreadyExists");
  farm.ask("DeleteNetworkAclEntry",
           {{"NetworkAclId", acl}, {"RuleNumber", "100"}, {"Egress", "false"}});
  EXPECT_TRUE(farm.machines.networks.borders[0].in.empty());
  farm.settle();
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
}

TEST_F(PlainResources, further_ranges_of_a_network_take_subnets) {
  std::string in = vpc("10.1.0.0/24");
  EXPECT_EQ(farm.refusal("CreateSubnet", {{"VpcId", in}, {"CidrBlock", "10.2.0.0/24"}}),
            "InvalidSubnet.Range");
  std::string range = made("AssociateVpcCidrBlock", "cidrBlockAssociation", "associationId",
                           {{"VpcId", in}, {"CidrBlock", "10.2.0.0/16"}});
  EXPECT_EQ(farm.refusal("AssociateVpcCidrBlock", {{"VpcId", in}, {"CidrBlock", "10.2.9.0/24"}}),
            "InvalidVpc.Range");
  std::string place = subnet(in, "10.2.0.0/24");
  EXPECT_EQ(farm.refusal("DisassociateVpcCidrBlock", {{"AssociationId", range}}),
            "OperationNotPermitted");
  farm.ask("DeleteSubnet", {{"SubnetId", place}});
  farm.ask("DisassociateVpcCidrBlock", {{"AssociationId", range}});
  farm.ask("AssociateVpcCidrBlock", {{"VpcId", in}, {"AmazonProvidedIpv6CidrBlock", "true"}});
  EXPECT_EQ(farm.refusal("AssociateVpcCidrBlock",
                         {{"VpcId", in}, {"AmazonProvidedIpv6CidrBlock", "true"}}),
            "CidrLimitExceeded");
}

TEST_F(PlainResources, a_shared_snapshot_is_seen_and_used_by_whom_it_is_open_to) {
  std::string volume = farm.ask("CreateVolume", {{"AvailabilityZone", "us-east-1a"}, {"Size", "1"}})
                           .root()
                           .child("volumeId")
                           .text();
  std::string id =
      farm.ask("CreateSnapshot", {{"VolumeId", volume}}).root().child("snapshotId").text();
  Fields use{{"AvailabilityZone", "us-east-1a"}, {"SnapshotId", id}};
  EXPECT_FALSE(farm.call_as(farm.bob, "CreateVolume", use));
  farm.ask("ModifySnapshotAttribute",
           {{"SnapshotId", id}, {"CreateVolumePermission.Add.1.Group", "all"}});
  EXPECT_TRUE(farm.call_as(farm.bob, "CreateVolume", use));
  EXPECT_FALSE(farm.call_as(farm.bob, "DeleteSnapshot", {{"SnapshotId", id}}));
  EXPECT_EQ(count("DescribeSnapshotAttribute", "createVolumePermission",
                  {{"SnapshotId", id}, {"Attribute", "createVolumePermission"}}),
            1u);
  farm.ask("ResetSnapshotAttribute", {{"SnapshotId", id}, {"Attribute", "createVolumePermission"}});
  EXPECT_FALSE(farm.call_as(farm.bob, "CreateVolume", use));
}

TEST_F(PlainResources, every_kind_has_its_actions_in_the_table) {
  for (auto topic : {option_kinds(), gateway_kinds(), vpn_kinds(), endpoint_kinds(),
                     peering_kinds(), prefix_kinds()})
    for (const PlainKind& kind : topic) {
      ASSERT_NE(id_kind(kind.prefix), nullptr) << kind.prefix;
      EXPECT_EQ(plain_kind(kind.prefix), &kind);
      EXPECT_NE(find_action(kind.create), nullptr) << kind.create;
      EXPECT_NE(find_action(kind.describe), nullptr) << kind.describe;
      if (!kind.remove.empty()) EXPECT_NE(find_action(kind.remove), nullptr) << kind.remove;
    }
}

}  // namespace
}  // namespace croft::farm::ec2
