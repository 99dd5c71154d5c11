// Calls that succeed, of the actions about networks and what lies around them (action_samples.h).
#pragma once
#include <span>

#include "farm/ec2/action_samples.h"

namespace croft::farm::ec2 {

inline Fields acl_entry(std::string acl) {
  return {{"NetworkAclId", std::move(acl)}, {"RuleNumber", "100"}, {"Egress", "true"},
          {"RuleAction", "allow"},          {"Protocol", "-1"},    {"CidrBlock", "0.0.0.0/0"}};
}

inline Fields asked_peering(Maker& make, const std::string&) {
  return {{"VpcPeeringConnectionId",
           make.made("CreateVpcPeeringConnection", "vpcPeeringConnection/vpcPeeringConnectionId",
                     {{"VpcId", make.vpc()},
                      {"PeerVpcId",
                       make.at("CreateVpc", {{"CidrBlock", "10.4.0.0/16"}}, "vpc/vpcId")}})}};
}

inline std::span<const Special> network_specials() {
  static constexpr Special table[] = {
      {"CreateDhcpOptions",
       [](Maker&, const std::string&) -> Fields {
         return {{"DhcpConfiguration.1.Key", "domain-name"},
                 {"DhcpConfiguration.1.Value.1", "a.example"}};
       }},
      {"DeleteDhcpOptions",
       [](Maker& make, const std::string&) -> Fields {
         return {{"DhcpOptionsId", make.made("CreateDhcpOptions", "dhcpOptions/dhcpOptionsId",
                                             {{"DhcpConfiguration.1.Key", "domain-name"},
                                              {"DhcpConfiguration.1.Value.1", "a.example"}})}};
       }},
      {"AssociateDhcpOptions",
       [](Maker& make, const std::string&) -> Fields {
         return {{"DhcpOptionsId", "default"}, {"VpcId", make.vpc()}};
       }},
      {"CreateEgressOnlyInternetGateway",
       [](Maker& make, const std::string&) -> Fields { return {{"VpcId", make.vpc()}}; }},
      {"DeleteEgressOnlyInternetGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"EgressOnlyInternetGatewayId",
                  make.made("CreateEgressOnlyInternetGateway",
                            "egressOnlyInternetGateway/egressOnlyInternetGatewayId",
                            {{"VpcId", make.vpc()}})}};
       }},
      {"CreateCarrierGateway",
       [](Maker& make, const std::string&) -> Fields { return {{"VpcId", make.vpc()}}; }},
      {"DeleteCarrierGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"CarrierGatewayId",
                  make.made("CreateCarrierGateway", "carrierGateway/carrierGatewayId",
                            {{"VpcId", make.vpc()}})}};
       }},
      {"CreateNatGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SubnetId", make.subnet(make.vpc())}, {"AllocationId", make.address()}};
       }},
      {"DeleteNatGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"NatGatewayId", make.made("CreateNatGateway", "natGateway/natGatewayId",
                                            {{"SubnetId", make.subnet(make.vpc())},
                                             {"AllocationId", make.address()}})}};
       }},
      {"CreateCustomerGateway",
       [](Maker&, const std::string&) -> Fields {
         return {{"Type", "ipsec.1"}, {"PublicIp", "192.0.2.1"}};
       }},
      {"DeleteCustomerGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"CustomerGatewayId",
                  make.made("CreateCustomerGateway", "customerGateway/customerGatewayId",
                            {{"Type", "ipsec.1"}, {"PublicIp", "192.0.2.1"}})}};
       }},
      {"CreateVpnGateway",
       [](Maker&, const std::string&) -> Fields { return {{"Type", "ipsec.1"}}; }},
      {"DeleteVpnGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpnGatewayId",
                  make.made("CreateVpnGateway", "vpnGateway/vpnGatewayId", {{"Type", "ipsec.1"}})}};
       }},
      {"AttachVpnGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpnGatewayId",
                  make.made("CreateVpnGateway", "vpnGateway/vpnGatewayId", {{"Type", "ipsec.1"}})},
                 {"VpcId", make.vpc()}};
       }},
      {"DetachVpnGateway",
       [](Maker& make, const std::string&) -> Fields {
         Fields fields{{"VpnGatewayId", make.made("CreateVpnGateway", "vpnGateway/vpnGatewayId",
                                                  {{"Type", "ipsec.1"}})},
                       {"VpcId", make.vpc()}};
         make.farm.ask("AttachVpnGateway", fields);
         return fields;
       }},
      {"CreateVpnConnection",
       [](Maker& make, const std::string&) -> Fields {
         return {{"Type", "ipsec.1"},
                 {"VpnGatewayId",
                  make.made("CreateVpnGateway", "vpnGateway/vpnGatewayId", {{"Type", "ipsec.1"}})},
                 {"CustomerGatewayId",
                  make.made("CreateCustomerGateway", "customerGateway/customerGatewayId",
                            {{"Type", "ipsec.1"}, {"PublicIp", "192.0.2.1"}})}};
       }},
      {"DeleteVpnConnection",
       [](Maker& make, const std::string&) -> Fields {
         return {
             {"VpnConnectionId",
              make.made("CreateVpnConnection", "vpnConnection/vpnConnectionId",
                        {{"Type", "ipsec.1"},
                         {"VpnGatewayId", make.made("CreateVpnGateway", "vpnGateway/vpnGatewayId",
                                                    {{"Type", "ipsec.1"}})},
                         {"CustomerGatewayId",
                          make.made("CreateCustomerGateway", "customerGateway/customerGatewayId",
                                    {{"Type", "ipsec.1"}, {"PublicIp", "192.0.2.1"}})}})}};
       }},
      {"CreateVpcEndpoint",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpcId", make.vpc()}, {"ServiceName", "com.amazonaws.us-east-1.s3"}};
       }},
      {"ModifyVpcEndpoint",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpcEndpointId", make.made("CreateVpcEndpoint", "vpcEndpoint/vpcEndpointId",
                                             {{"VpcId", make.vpc()},
                                              {"ServiceName", "com.amazonaws.us-east-1.s3"}})},
                 {"ResetPolicy", "true"}};
       }},
      {"DeleteVpcEndpoints",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpcEndpointId.1", make.made("CreateVpcEndpoint", "vpcEndpoint/vpcEndpointId",
                                               {{"VpcId", make.vpc()},
                                                {"ServiceName", "com.amazonaws.us-east-1.s3"}})}};
       }},
      {"CreateVpcPeeringConnection",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpcId", make.vpc()},
                 {"PeerVpcId", make.at("CreateVpc", {{"CidrBlock", "10.4.0.0/16"}}, "vpc/vpcId")}};
       }},
      {"AcceptVpcPeeringConnection", asked_peering},
      {"RejectVpcPeeringConnection", asked_peering},
      {"DeleteVpcPeeringConnection", asked_peering},
      {"CreateManagedPrefixList",
       [](Maker&, const std::string&) -> Fields {
         return {{"PrefixListName", "offices"}, {"MaxEntries", "2"}, {"AddressFamily", "IPv4"}};
       }},
      {"ModifyManagedPrefixList",
       [](Maker& make, const std::string&) -> Fields {
         return {{"PrefixListId", make.made("CreateManagedPrefixList", "prefixList/prefixListId",
                                            {{"PrefixListName", "offices"},
                                             {"MaxEntries", "2"},
                                             {"AddressFamily", "IPv4"}})}};
       }},
      {"DeleteManagedPrefixList",
       [](Maker& make, const std::string&) -> Fields {
         return {{"PrefixListId", make.made("CreateManagedPrefixList", "prefixList/prefixListId",
                                            {{"PrefixListName", "offices"},
                                             {"MaxEntries", "2"},
                                             {"AddressFamily", "IPv4"}})}};
       }},
      {"GetManagedPrefixListEntries",
       [](Maker& make, const std::string&) -> Fields {
         return {{"PrefixListId", make.made("CreateManagedPrefixList", "prefixList/prefixListId",
                                            {{"PrefixListName", "offices"},
                                             {"MaxEntries", "2"},
                                             {"AddressFamily", "IPv4"}})}};
       }},
      {"CreateNetworkAcl",
       [](Maker& make, const std::string&) -> Fields { return {{"VpcId", make.vpc()}}; }},
      {"DeleteNetworkAcl",
       [](Maker& make, const std::string&) -> Fields {
         return {{"NetworkAclId", make.made("CreateNetworkAcl", "networkAcl/networkAclId",
                                            {{"VpcId", make.vpc()}})}};
       }},
      {"CreateNetworkAclEntry",
       [](Maker& make, const std::string&) -> Fields {
         return acl_entry(
             make.made("CreateNetworkAcl", "networkAcl/networkAclId", {{"VpcId", make.vpc()}}));
       }},
      {"ReplaceNetworkAclEntry",
       [](Maker& make, const std::string&) -> Fields {
         Fields fields = acl_entry(
             make.made("CreateNetworkAcl", "networkAcl/networkAclId", {{"VpcId", make.vpc()}}));
         make.farm.ask("CreateNetworkAclEntry", fields);
         return fields;
       }},
      {"DeleteNetworkAclEntry",
       [](Maker& make, const std::string&) -> Fields {
         Fields fields = acl_entry(
             make.made("CreateNetworkAcl", "networkAcl/networkAclId", {{"VpcId", make.vpc()}}));
         make.farm.ask("CreateNetworkAclEntry", fields);
         fields.resize(3);
         return fields;
       }},
      {"ReplaceNetworkAclAssociation",
       [](Maker& make, const std::string&) -> Fields {
         std::string in = make.vpc(), place = make.subnet(in);
         std::string acl =
             make.made("CreateNetworkAcl", "networkAcl/networkAclId", {{"VpcId", in}});
         std::string association =
             make.at("DescribeNetworkAcls",
                     {{"Filter.1.Name", "association.subnet-id"}, {"Filter.1.Value.1", place}},
                     "networkAclSet/item/associationSet/item/networkAclAssociationId");
         return {{"AssociationId", association}, {"NetworkAclId", acl}};
       }},
      {"AssociateVpcCidrBlock",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpcId", make.vpc()}, {"CidrBlock", "10.5.0.0/16"}};
       }},
      {"DisassociateVpcCidrBlock",
       [](Maker& make, const std::string&) -> Fields {
         return {{"AssociationId", make.at("AssociateVpcCidrBlock",
                                           {{"VpcId", make.vpc()}, {"CidrBlock", "10.5.0.0/16"}},
                                           "cidrBlockAssociation/associationId")}};
       }},
      {"AssociateSubnetCidrBlock",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SubnetId", make.subnet(make.vpc())}, {"Ipv6CidrBlock", "fd00::/64"}};
       }},
      {"DisassociateSubnetCidrBlock",
       [](Maker& make, const std::string&) -> Fields {
         return {{"AssociationId",
                  make.at("AssociateSubnetCidrBlock",
                          {{"SubnetId", make.subnet(make.vpc())}, {"Ipv6CidrBlock", "fd00::/64"}},
                          "ipv6CidrBlockAssociation/associationId")}};
       }},
      {"ModifyVpcTenancy",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VpcId", make.vpc()}, {"InstanceTenancy", "default"}};
       }},
      {"CreateDefaultSubnet",
       [](Maker&, const std::string&) -> Fields { return {{"AvailabilityZone", "us-east-1a"}}; }},
      {"ModifyInstanceMetadataOptions",
       [](Maker&, const std::string& id) -> Fields { return {{"InstanceId", id}}; }},
      {"GetPasswordData",
       [](Maker&, const std::string& id) -> Fields { return {{"InstanceId", id}}; }},
      {"GetLaunchTemplateData",
       [](Maker&, const std::string& id) -> Fields { return {{"InstanceId", id}}; }},
      {"CreateSnapshots",
       [](Maker&, const std::string& id) -> Fields {
         return {{"InstanceSpecification.InstanceId", id}};
       }},
      {"DescribeSnapshotAttribute",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SnapshotId", make.snapshot(make.volume())}, {"Attribute", "productCodes"}};
       }},
      {"ResetSnapshotAttribute",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SnapshotId", make.snapshot(make.volume())},
                 {"Attribute", "createVolumePermission"}};
       }},
      {"ModifySnapshotAttribute",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SnapshotId", make.snapshot(make.volume())},
                 {"CreateVolumePermission.Add.1.Group", "all"}};
       }},
      {"DescribeNetworkInterfaceAttribute",
       [](Maker& make, const std::string&) -> Fields {
         return {{"NetworkInterfaceId", make.interface()}, {"Attribute", "groupSet"}};
       }},
  };
  return table;
}

}  // namespace croft::farm::ec2
