// Security groups, networks and addresses: what the records say, and what the packet filter is
// told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

class Networks : public testing::Test {
 protected:
  BenchFarm farm;

  std::string create(std::string name, Fields more = {}) {
    Fields fields{{"GroupName", std::move(name)}, {"GroupDescription", "a group"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return farm.ask("CreateSecurityGroup", fields).root().child("groupId").text();
  }
  static Fields tcp(std::string group, std::string port, std::string cidr = "0.0.0.0/0") {
    return {{"GroupId", std::move(group)},
            {"IpPermissions.1.IpProtocol", "tcp"},
            {"IpPermissions.1.FromPort", port},
            {"IpPermissions.1.ToPort", port},
            {"IpPermissions.1.IpRanges.1.CidrIp", std::move(cidr)}};
  }
  std::vector<std::string> groups_where(std::string name, std::string value) {
    auto answer = farm.ask("DescribeSecurityGroups",
                           {{"Filter.1.Name", std::move(name)}, {"Filter.1.Value.1", value}});
    std::vector<std::string> out;
    for (auto item : answer.root().child("securityGroupInfo").children("item"))
      out.push_back(item.child("groupName").text());
    return out;
  }
};

TEST_F(Networks, a_new_group_lets_everything_out_and_nothing_in) {
  std::string id = create("web");
  ASSERT_TRUE(farm.machines.groups.contains(id));
  EXPECT_TRUE(farm.machines.groups[id].in.empty());
  ASSERT_EQ(farm.machines.groups[id].out.size(), 1u);
  EXPECT_EQ(farm.machines.groups[id].out[0].network, "0.0.0.0/0");
  EXPECT_EQ(farm.refusal("CreateSecurityGroup", {{"GroupName", "web"}, {"GroupDescription", "b"}}),
            "InvalidGroup.Duplicate");
  EXPECT_EQ(
      farm.refusal("CreateSecurityGroup", {{"GroupName", "sg-web"}, {"GroupDescription", "b"}}),
      "InvalidParameterValue");
  EXPECT_EQ(farm.refusal("CreateSecurityGroup", {{"GroupName", "x"},
                                                 {"GroupDescription", "b"},
                                                 {"VpcId", "vpc-0123456789abcdef0"}}),
            "InvalidVpcID.NotFound");
}

TEST_F(Networks, rules_reach_the_packet_filter_and_survive_a_restart) {
  std::string id = create("web"), peer = create("peer");
  farm.ask("AuthorizeSecurityGroupIngress", tcp(id, "80", "10.1.2.3/8"));
  farm.ask("AuthorizeSecurityGroupIngress", {{"GroupId", id},
                                             {"IpPermissions.1.IpProtocol", "-1"},
                                             {"IpPermissions.1.Groups.1.GroupName", "peer"}});
  farm.ask("AuthorizeSecurityGroupEgress", {{"GroupId", id},
                                            {"IpPermissions.1.IpProtocol", "icmp"},
                                            {"IpPermissions.1.FromPort", "8"},
                                            {"IpPermissions.1.ToPort", "-1"},
                                            {"IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"}});
  auto check = [&] {
    const auto& told = farm.machines.groups[id];
    ASSERT_EQ(told.in.size(), 2u);
    EXPECT_EQ(told.in[0].protocol, 6);
    EXPECT_EQ(told.in[0].from, 80);
    EXPECT_EQ(told.in[0].network, "10.0.0.0/8");  // host bits do not count
    EXPECT_EQ(told.in[1].group, peer);
    ASSERT_EQ(told.out.size(), 2u);
    EXPECT_EQ(told.out[1].protocol, 1);
    EXPECT_EQ(told.out[1].from, 8);
    EXPECT_EQ(told.out[1].to, -1);
  };
  check();
  farm.machines.groups.clear();
  farm.reopen();
  check();
  EXPECT_EQ(farm.refusal("AuthorizeSecurityGroupIngress", tcp(id, "80", "10.0.0.0/8")),
            "InvalidPermission.Duplicate");
  farm.ask("RevokeSecurityGroupIngress", tcp(id, "80", "10.0.0.0/8"));
  EXPECT_EQ(farm.machines.groups[id].in.size(), 1u);
  EXPECT_EQ(farm.refusal("RevokeSecurityGroupIngress", tcp(id, "80")),
            "InvalidPermission.NotFound");
}

TEST_F(Networks, wrong_rules_are_refused_each_with_its_code) {
  std::string id = create("web");
  auto refusal = [&](Fields more) {
    Fields fields{{"GroupId", id}};
    fields.insert(fields.end(), more.begin(), more.end());
    return farm.refusal("AuthorizeSecurityGroupIngress", fields);
  };
  EXPECT_EQ(refusal({}), "MissingParameter");
  EXPECT_EQ(refusal({{"IpPermissions.1.IpProtocol", "tcp"}}), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"IpPermissions.1.IpProtocol", "-1"}}), "MissingParameter");
  EXPECT_EQ(refusal({{"IpPermissions.1.IpProtocol", "bogus"},
                     {"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"}}),
            "InvalidParameterValue");
  Fields bad = tcp(id, "80", "10.0.0.0/33");
  EXPECT_EQ(farm.refusal("AuthorizeSecurityGroupIngress", bad), "InvalidParameterValue");
  bad = tcp(id, "80");
  bad[2].second = "90";
  EXPECT_EQ(farm.refusal("AuthorizeSecurityGroupIngress", bad), "InvalidParameterValue");
  EXPECT_EQ(refusal({{"IpPermissions.1.IpProtocol", "-1"},
                     {"IpPermissions.1.Groups.1.GroupId", "sg-0123456789abcdef0"}}),
            "InvalidGroup.NotFound");
  EXPECT_EQ(farm.refusal("AuthorizeSecurityGroupIngress", tcp("sg-0123456789abcdef0", "80")),
            "InvalidGroup.NotFound");
  EXPECT_EQ(farm.refusal("AuthorizeSecurityGroupIngress", tcp("sg-xyz", "80")),
            "InvalidGroupId.Malformed");
  Fields dry = tcp(id, "80");
  dry.emplace_back("DryRun", "true");
  EXPECT_EQ(farm.refusal("AuthorizeSecurityGroupIngress", dry), "DryRunOperation");
  EXPECT_TRUE(farm.machines.groups[id].in.empty());
}

TEST_F(Networks, the_flat_parameters_of_old_clients_are_one_rule) {
  std::string id = create("web");
  farm.ask("AuthorizeSecurityGroupIngress", {{"GroupName", "web"},
                                             {"IpProtocol", "tcp"},
                                             {"FromPort", "22"},
                                             {"ToPort", "22"},
                                             {"CidrIp", "0.0.0.0/0"}});
  farm.ask("AuthorizeSecurityGroupIngress",
           {{"GroupName", "web"}, {"SourceSecurityGroupName", "default"}});
  ASSERT_EQ(farm.machines.groups[id].in.size(), 2u);
  EXPECT_EQ(farm.machines.groups[id].in[0].from, 22);
  EXPECT_EQ(farm.machines.groups[id].in[1].protocol, -1);
}

TEST_F(Networks, rules_have_ids_by_which_they_are_described_changed_tagged_and_revoked) {
  std::string id = create("web");
  auto made = farm.ask("AuthorizeSecurityGroupIngress", tcp(id, "80"));
  std::string rule =
      made.root().child("securityGroupRuleSet").child("item").child("securityGroupRuleId").text();
  farm.ask("ModifySecurityGroupRules",
           {{"GroupId", id},
            {"SecurityGroupRule.1.SecurityGroupRuleId", rule},
            {"SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "udp"},
            {"SecurityGroupRule.1.SecurityGroupRule.FromPort", "53"},
            {"SecurityGroupRule.1.SecurityGroupRule.ToPort", "53"},
            {"SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "10.0.0.0/8"}});
  EXPECT_EQ(farm.machines.groups[id].in[0].protocol, 17);
  farm.ask("CreateTags", {{"ResourceId.1", rule}, {"Tag.1.Key", "a"}, {"Tag.1.Value", "b"}});
  auto seen = farm.ask("DescribeSecurityGroupRules",
                       {{"Filter.1.Name", "tag:a"}, {"Filter.1.Value.1", "b"}});
  auto items = seen.root().child("securityGroupRuleSet").children("item");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].child("fromPort").text(), "53");
  farm.ask("RevokeSecurityGroupIngress", {{"GroupId", id}, {"SecurityGroupRuleId.1", rule}});
  EXPECT_TRUE(farm.machines.groups[id].in.empty());
  EXPECT_EQ(farm.refusal("DescribeSecurityGroupRules", {{"SecurityGroupRuleId.1", rule}}),
            "InvalidSecurityGroupRuleId.NotFound");
}

TEST_F(Networks, filters_find_groups_by_their_rules) {
  std::string web = create("web");
  create("db");
  farm.ask("AuthorizeSecurityGroupIngress", tcp(web, "80"));
  EXPECT_THAT(groups_where("ip-permission.from-port", "80"), testing::ElementsAre("web"));
  EXPECT_THAT(groups_where("group-name", "d?*"), testing::UnorderedElementsAre("db", "default"));
  EXPECT_THAT(groups_where("egress.ip-permission.cidr", "0.0.0.0/0"), testing::SizeIs(3));
  EXPECT_EQ(farm.refusal("DescribeSecurityGroups", {{"GroupName.1", "nobody"}}),
            "InvalidGroup.NotFound");
  auto by_name = farm.ask("DescribeSecurityGroups", {{"GroupName.1", "web"}});
  EXPECT_EQ(by_name.root().child("securityGroupInfo").children("item").size(), 1u);
}

TEST_F(Networks, a_group_in_use_stays) {
  std::string web = create("web"), db = create("db");
  farm.ask("AuthorizeSecurityGroupIngress", {{"GroupId", db},
                                             {"IpPermissions.1.IpProtocol", "-1"},
                                             {"IpPermissions.1.Groups.1.GroupId", web}});
  EXPECT_EQ(farm.refusal("DeleteSecurityGroup", {{"GroupId", web}}), "DependencyViolation");
  std::string id = farm.run(1, 1, {{"SecurityGroupId.1", db}}).front();
  farm.settle();
  EXPECT_EQ(farm.specs[id].groups, std::vector<std::string>{db});
  EXPECT_EQ(farm.refusal("DeleteSecurityGroup", {{"GroupId", db}}), "DependencyViolation");
  farm.ask("ModifyInstanceAttribute", {{"InstanceId", id}, {"GroupId.1", web}});
  farm.ask("DeleteSecurityGroup", {{"GroupId", db}});
  EXPECT_FALSE(farm.machines.groups.contains(db));
  EXPECT_EQ(farm.refusal("DeleteSecurityGroup",
                         {{"GroupId", farm.core->default_group_of("111122223333")}}),
            "CannotDelete");
  auto seen = farm.ask("DescribeInstances",
                       {{"Filter.1.Name", "instance.group-name"}, {"Filter.1.Value.1", "web"}});
  EXPECT_EQ(seen.root().child("reservationSet").children("item").size(), 1u);
}

TEST_F(Networks, instances_live_in_subnets_of_made_networks) {
  auto vpc = farm.ask("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}});
  std::string id = vpc.root().child("vpc").child("vpcId").text();
  auto subnet =
      farm.ask("CreateSubnet",
               {{"VpcId", id}, {"CidrBlock", "10.0.1.0/28"}, {"AvailabilityZone", "us-east-1b"}});
  std::string place = subnet.root().child("subnet").child("subnetId").text();
  EXPECT_EQ(subnet.root().child("subnet").child("availableIpAddressCount").text(), "11");
  EXPECT_EQ(farm.refusal("CreateSubnet", {{"VpcId", id}, {"CidrBlock", "10.0.1.0/24"}}),
            "InvalidSubnet.Conflict");
  EXPECT_EQ(farm.refusal("CreateSubnet", {{"VpcId", id}, {"CidrBlock", "10.1.0.0/24"}}),
            "InvalidSubnet.Range");
  EXPECT_EQ(farm.refusal("CreateVpc", {{"CidrBlock", "10.0.0.0/8"}}), "InvalidVpc.Range");
  EXPECT_EQ(farm.refusal("CreateVpc", {{"CidrBlock", "10.0.0.1/33"}}), "InvalidParameterValue");
  std::string one = farm.run(1, 1, {{"SubnetId", place}}).front();
  farm.settle();
  EXPECT_EQ(farm.specs[one].private_address, "10.0.1.4");
  EXPECT_EQ(farm.specs[one].network, id);
  EXPECT_EQ(farm.state->find_instance(one)->zone, "us-east-1b");
  std::string abroad = farm.core->default_group_of("111122223333");
  EXPECT_EQ(farm.refusal("RunInstances", {{"ImageId", std::string(builtin_image)},
                                          {"MinCount", "1"},
                                          {"MaxCount", "1"},
                                          {"SubnetId", place},
                                          {"SecurityGroupId.1", abroad}}),
            "InvalidParameter");
  EXPECT_EQ(farm.refusal("RunInstances", {{"ImageId", std::string(builtin_image)},
                                          {"MinCount", "11"},
                                          {"MaxCount", "12"},
                                          {"SubnetId", place}}),
            "InsufficientFreeAddressesInSubnet");
  EXPECT_EQ(farm.refusal("DeleteSubnet", {{"SubnetId", place}}), "DependencyViolation");
  EXPECT_EQ(farm.refusal("DeleteVpc", {{"VpcId", id}}), "DependencyViolation");
  farm.ask("TerminateInstances", {{"InstanceId.1", one}});
  farm.settle();
  farm.reopen();
  farm.ask("DeleteSubnet", {{"SubnetId", place}});
  farm.ask("DeleteVpc", {{"VpcId", id}});
  EXPECT_EQ(farm.refusal("DescribeVpcs", {{"VpcId.1", id}}), "InvalidVpcID.NotFound");
}

TEST_F(Networks, an_elastic_address_follows_its_association) {
  auto made = farm.ask("AllocateAddress", {{"Domain", "vpc"}});
  std::string allocation = made.root().child("allocationId").text();
  std::string address = made.root().child("publicIp").text();
  std::string id = farm.run(1, 1).front();
  farm.settle();
  std::string inside = farm.state->find_instance(id)->private_address;
  auto joined = farm.ask("AssociateAddress", {{"AllocationId", allocation}, {"InstanceId", id}});
  EXPECT_EQ(farm.machines.publics[address], inside);
  auto again = farm.ask("AssociateAddress", {{"AllocationId", allocation}, {"InstanceId", id}});
  EXPECT_EQ(joined.root().child("associationId").text(),
            again.root().child("associationId").text());
  EXPECT_EQ(farm.refusal("ReleaseAddress", {{"AllocationId", allocation}}),
            "InvalidIPAddress.InUse");
  auto seen = farm.ask("DescribeInstances",
                       {{"Filter.1.Name", "ip-address"}, {"Filter.1.Value.1", address}});
  EXPECT_EQ(seen.root().child("reservationSet").children("item").size(), 1u);
  farm.machines.publics.clear();
  farm.reopen();
  EXPECT_EQ(farm.machines.publics[address], inside);
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle();
  EXPECT_TRUE(farm.machines.publics.empty());
  auto list = farm.ask("DescribeAddresses", {{"PublicIp.1", address}});
  EXPECT_EQ(list.root().child("addressesSet").children("item")[0].child("associationId").text(),
            "");
  farm.ask("ReleaseAddress", {{"AllocationId", allocation}});
  EXPECT_EQ(farm.refusal("DescribeAddresses", {{"PublicIp.1", address}}),
            "InvalidAddress.NotFound");
}

TEST_F(Networks, a_public_address_at_launch_goes_with_stop_and_comes_anew) {
  std::string id = farm.run(1, 1,
                            {{"NetworkInterface.1.DeviceIndex", "0"},
                             {"NetworkInterface.1.AssociatePublicIpAddress", "true"}})
                       .front();
  farm.settle();
  std::string first = farm.state->find_instance(id)->public_address;
  EXPECT_TRUE(farm.machines.publics.contains(first));
  farm.ask("StopInstances", {{"InstanceId.1", id}});
  farm.settle();
  EXPECT_TRUE(farm.machines.publics.empty());
  farm.ask("StartInstances", {{"InstanceId.1", id}});
  farm.settle();
  EXPECT_EQ(farm.machines.publics.size(), 1u);
}

TEST_F(Networks, gateways_and_routes_are_kept_as_they_were_made) {
  auto gateway = farm.ask("CreateInternetGateway");
  std::string way = gateway.root().child("internetGateway").child("internetGatewayId").text();
  std::string vpc = farm.ask("CreateVpc", {{"CidrBlock", "10.9.0.0/16"}})
                        .root()
                        .child("vpc")
                        .child("vpcId")
                        .text();
  farm.ask("AttachInternetGateway", {{"InternetGatewayId", way}, {"VpcId", vpc}});
  EXPECT_EQ(farm.refusal("DeleteInternetGateway", {{"InternetGatewayId", way}}),
            "DependencyViolation");
  auto made = farm.ask("CreateRouteTable", {{"VpcId", vpc}});
  std::string table = made.root().child("routeTable").child("routeTableId").text();
  Fields out{{"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}, {"GatewayId", way}};
  farm.ask("CreateRoute", out);
  farm.reopen();
  auto seen = farm.ask("DescribeRouteTables",
                       {{"Filter.1.Name", "route.gateway-id"}, {"Filter.1.Value.1", way}});
  auto items = seen.root().child("routeTableSet").children("item");
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].child("routeSet").children("item").size(), 2u);
  EXPECT_EQ(farm.refusal("DeleteVpc", {{"VpcId", vpc}}), "DependencyViolation");
  farm.ask("DetachInternetGateway", {{"InternetGatewayId", way}, {"VpcId", vpc}});
  farm.ask("DeleteInternetGateway", {{"InternetGatewayId", way}});
  farm.ask("DeleteRouteTable", {{"RouteTableId", table}});
  farm.ask("DeleteVpc", {{"VpcId", vpc}});
}

TEST_F(Networks, accounts_see_their_own_only) {
  std::string id = create("web");
  auto theirs = farm.call_as(farm.bob, "DescribeSecurityGroups", {{"GroupId.1", id}});
  ASSERT_FALSE(theirs);
  EXPECT_EQ(theirs.error().fact("aws_code"), "InvalidGroup.NotFound");
  auto all = farm.call_as(farm.bob, "DescribeSecurityGroups", {});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->find(id), std::string::npos);
}

TEST_F(Networks, a_client_token_answers_the_same_again) {
  std::string vpc = farm.core->vpc_of("111122223333");
  Fields fields{{"VpcId", vpc}, {"ClientToken", "once"}};
  auto table = [&] {
    return farm.ask("CreateRouteTable", fields)
        .root()
        .child("routeTable")
        .child("routeTableId")
        .text();
  };
  std::string first = table();
  EXPECT_EQ(table(), first);
  farm.reopen();
  EXPECT_EQ(table(), first);
}

}  // namespace
}  // namespace croft::farm::ec2
