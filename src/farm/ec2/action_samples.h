// For tests of every action: calls that succeed. Not for anything else.
#pragma once
#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {

/// What actions work on, made when one asks for it.
struct Maker {
  BenchFarm& farm;
  std::string at(std::string action, Fields fields, std::string_view path) {
    auto answer = farm.ask(std::move(action), std::move(fields));
    auto element = answer.root();
    for (const std::string& name : split(path, '/')) element = element.child(name);
    return std::string(element.text());
  }
  std::string group() {
    return at("CreateSecurityGroup",
              {{"GroupName", fmt::format("g{}", ++count)}, {"GroupDescription", "d"}}, "groupId");
  }
  Fields rule(std::string group) {
    return {{"GroupId", std::move(group)},
            {"IpPermissions.1.IpProtocol", "tcp"},
            {"IpPermissions.1.FromPort", "80"},
            {"IpPermissions.1.ToPort", "80"},
            {"IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"}};
  }
  std::string group_with_rule(std::string action) {
    std::string id = group();
    farm.ask(std::move(action), rule(id));
    return id;
  }
  std::string vpc() { return at("CreateVpc", {{"CidrBlock", "10.3.0.0/16"}}, "vpc/vpcId"); }
  std::string subnet(std::string in) {
    return at("CreateSubnet", {{"VpcId", std::move(in)}, {"CidrBlock", "10.3.1.0/24"}},
              "subnet/subnetId");
  }
  std::string gateway(std::string vpc = "") {
    std::string id = at("CreateInternetGateway", {}, "internetGateway/internetGatewayId");
    if (!vpc.empty())
      farm.ask("AttachInternetGateway", {{"InternetGatewayId", id}, {"VpcId", vpc}});
    return id;
  }
  std::string routes(std::string vpc) {
    return at("CreateRouteTable", {{"VpcId", std::move(vpc)}}, "routeTable/routeTableId");
  }
  Fields route(std::string table) {
    return {{"RouteTableId", std::move(table)},
            {"DestinationCidrBlock", "0.0.0.0/0"},
            {"GatewayId", gateway()}};
  }
  Fields with_route() {
    Fields fields = route(routes(vpc()));
    farm.ask("CreateRoute", fields);
    return fields;
  }
  std::string association(std::string& table) {
    std::string in = vpc();
    table = routes(in);
    return at("AssociateRouteTable", {{"RouteTableId", table}, {"SubnetId", subnet(in)}},
              "associationId");
  }
  std::string volume() {
    return at("CreateVolume", {{"AvailabilityZone", "us-east-1a"}, {"Size", "1"}}, "volumeId");
  }
  std::string snapshot(std::string of) {
    return at("CreateSnapshot", {{"VolumeId", std::move(of)}}, "snapshotId");
  }
  std::string image(std::string of) {
    return at("CreateImage",
              {{"InstanceId", std::move(of)}, {"Name", fmt::format("image-{}", ++count)}},
              "imageId");
  }
  std::string launch_template() {
    return at("CreateLaunchTemplate",
              {{"LaunchTemplateName", fmt::format("template-{}", ++count)},
               {"LaunchTemplateData.InstanceType", "t2.nano"}},
              "launchTemplate/launchTemplateId");
  }
  std::string interface() {
    return at("CreateNetworkInterface", {{"SubnetId", subnet(vpc())}},
              "networkInterface/networkInterfaceId");
  }
  /// Of a plain resource.
  std::string made(std::string action, std::string_view path, Fields fields) {
    return at(std::move(action), std::move(fields), path);
  }
  std::string address() { return at("AllocateAddress", {}, "allocationId"); }
  int count = 0;
};

/// Actions that need more than their required instances.
struct Special {
  std::string_view action;
  Fields (*make)(Maker&, const std::string& id);
};
inline constexpr Special specials[] = {
    {"RunInstances",
     [](Maker&, const std::string&) -> Fields {
       return {{"ImageId", std::string(builtin_image)}, {"MinCount", "1"}, {"MaxCount", "1"}};
     }},
    {"CreateKeyPair",
     [](Maker&, const std::string&) -> Fields {
       return {{"KeyName", "new"}, {"KeyType", "ed25519"}};
     }},
    {"ImportKeyPair",
     [](Maker&, const std::string&) -> Fields {
       return {{"KeyName", "imported"},
               {"PublicKeyMaterial",
                base64("ssh-ed25519 "
                       "AAAAC3NzaC1lZDI1NTE5AAAAIBCKrMIGH1jlE9ewd3Wl3zFeDxZQwbVwZ7Tpl6gMxQhv "
                       "me")}};
     }},
    {"DeleteKeyPair", [](Maker&, const std::string&) -> Fields { return {{"KeyName", "any"}}; }},
    {"CreateTags",
     [](Maker&, const std::string& id) -> Fields {
       return {{"ResourceId.1", id}, {"Tag.1.Key", "k"}, {"Tag.1.Value", "v"}};
     }},
    {"DeleteTags",
     [](Maker&, const std::string& id) -> Fields {
       return {{"ResourceId.1", id}, {"Tag.1.Key", "k"}};
     }},
    {"ModifyInstanceAttribute",
     [](Maker&, const std::string& id) -> Fields {
       return {{"InstanceId", id}, {"DisableApiTermination.Value", "false"}};
     }},
    {"DescribeInstanceAttribute",
     [](Maker&, const std::string& id) -> Fields {
       return {{"InstanceId", id}, {"Attribute", "instanceType"}};
     }},
    {"GetConsoleOutput",
     [](Maker&, const std::string& id) -> Fields { return {{"InstanceId", id}}; }},
    {"CreatePlacementGroup",
     [](Maker& m, const std::string&) -> Fields {
       return {{"GroupName", fmt::format("pg-{}", m.count)}, {"Strategy", "spread"}};
     }},
    {"DeletePlacementGroup",
     [](Maker& m, const std::string&) -> Fields {
       std::string name = fmt::format("gone-{}", m.count);
       if (m.farm.refusal("CreatePlacementGroup", {{"GroupName", name}}).empty())
         return {{"GroupName", name}};
       return {};
     }},
    {"RequestSpotInstances",
     [](Maker&, const std::string&) -> Fields {
       return {{"SpotPrice", "0.0001"},
               {"LaunchSpecification.ImageId", std::string(builtin_image)}};
     }},
    {"CancelSpotInstanceRequests",
     [](Maker& m, const std::string&) -> Fields {
       auto made = m.farm.ask("RequestSpotInstances",
                              {{"SpotPrice", "0.0001"},
                               {"LaunchSpecification.ImageId", std::string(builtin_image)}});
       auto item = made.root().child("spotInstanceRequestSet").child("item");
       return {{"SpotInstanceRequestId.1", std::string(item.child("spotInstanceRequestId").text())}};
     }},
    {"CreateSecurityGroup",
     [](Maker&, const std::string&) -> Fields {
       return {{"GroupName", "fresh"}, {"GroupDescription", "d"}};
     }},
    {"DeleteSecurityGroup",
     [](Maker& make, const std::string&) -> Fields { return {{"GroupId", make.group()}}; }},
    {"AuthorizeSecurityGroupIngress",
     [](Maker& make, const std::string&) { return make.rule(make.group()); }},
    {"AuthorizeSecurityGroupEgress",
     [](Maker& make, const std::string&) { return make.rule(make.group()); }},
    {"RevokeSecurityGroupIngress",
     [](Maker& make, const std::string&) {
       return make.rule(make.group_with_rule("AuthorizeSecurityGroupIngress"));
     }},
    {"UpdateSecurityGroupRuleDescriptionsIngress",
     [](Maker& make, const std::string&) {
       return make.rule(make.group_with_rule("AuthorizeSecurityGroupIngress"));
     }},
    {"RevokeSecurityGroupEgress",
     [](Maker& make, const std::string&) {
       return make.rule(make.group_with_rule("AuthorizeSecurityGroupEgress"));
     }},
    {"UpdateSecurityGroupRuleDescriptionsEgress",
     [](Maker& make, const std::string&) {
       return make.rule(make.group_with_rule("AuthorizeSecurityGroupEgress"));
     }},
    {"ModifySecurityGroupRules",
     [](Maker& make, const std::string&) -> Fields {
       std::string group = make.group();
       std::string rule = make.at("AuthorizeSecurityGroupIngress", make.rule(group),
                                  "securityGroupRuleSet/item/securityGroupRuleId");
       return {{"GroupId", group},
               {"SecurityGroupRule.1.SecurityGroupRuleId", rule},
               {"SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "-1"},
               {"SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "10.0.0.0/8"}};
     }},
    {"CreateVpc",
     [](Maker&, const std::string&) -> Fields { return {{"CidrBlock", "10.4.0.0/16"}}; }},
    {"DeleteVpc",
     [](Maker& make, const std::string&) -> Fields { return {{"VpcId", make.vpc()}}; }},
    {"ModifyVpcAttribute",
     [](Maker& make, const std::string&) -> Fields {
       return {{"VpcId", make.vpc()}, {"EnableDnsSupport.Value", "true"}};
     }},
    {"DescribeVpcAttribute",
     [](Maker& make, const std::string&) -> Fields {
       return {{"VpcId", make.vpc()}, {"Attribute", "enableDnsSupport"}};
     }},
    {"CreateSubnet",
     [](Maker& make, const std::string&) -> Fields {
       return {{"VpcId", make.vpc()}, {"CidrBlock", "10.3.2.0/24"}};
     }},
    {"DeleteSubnet",
     [](Maker& make, const std::string&) -> Fields {
       return {{"SubnetId", make.subnet(make.vpc())}};
     }},
    {"ModifySubnetAttribute",
     [](Maker& make, const std::string&) -> Fields {
       return {{"SubnetId", make.subnet(make.vpc())}, {"MapPublicIpOnLaunch.Value", "true"}};
     }},
    {"ReleaseAddress",
     [](Maker& make, const std::string&) -> Fields { return {{"AllocationId", make.address()}}; }},
    {"AssociateAddress",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"AllocationId", make.address()}, {"InstanceId", id}};
     }},
    {"DisassociateAddress",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"AssociationId",
                make.at("AssociateAddress", {{"AllocationId", make.address()}, {"InstanceId", id}},
                        "associationId")}};
     }},
    {"DeleteInternetGateway",
     [](Maker& make, const std::string&) -> Fields {
       return {{"InternetGatewayId", make.gateway()}};
     }},
    {"AttachInternetGateway",
     [](Maker& make, const std::string&) -> Fields {
       return {{"InternetGatewayId", make.gateway()}, {"VpcId", make.vpc()}};
     }},
    {"DetachInternetGateway",
     [](Maker& make, const std::string&) -> Fields {
       std::string vpc = make.vpc();
       return {{"InternetGatewayId", make.gateway(vpc)}, {"VpcId", vpc}};
     }},
    {"CreateRouteTable",
     [](Maker& make, const std::string&) -> Fields { return {{"VpcId", make.vpc()}}; }},
    {"DeleteRouteTable",
     [](Maker& make, const std::string&) -> Fields {
       return {{"RouteTableId", make.routes(make.vpc())}};
     }},
    {"CreateRoute",
     [](Maker& make, const std::string&) { return make.route(make.routes(make.vpc())); }},
    {"ReplaceRoute", [](Maker& make, const std::string&) { return make.with_route(); }},
    {"DeleteRoute",
     [](Maker& make, const std::string&) {
       Fields fields = make.with_route();
       fields.pop_back();
       return fields;
     }},
    {"AssociateRouteTable",
     [](Maker& make, const std::string&) -> Fields {
       std::string vpc = make.vpc();
       return {{"RouteTableId", make.routes(vpc)}, {"SubnetId", make.subnet(vpc)}};
     }},
    {"DisassociateRouteTable",
     [](Maker& make, const std::string&) -> Fields {
       std::string table;
       return {{"AssociationId", make.association(table)}};
     }},
    {"ReplaceRouteTableAssociation",
     [](Maker& make, const std::string&) -> Fields {
       std::string table;
       std::string association = make.association(table);
       return {{"AssociationId", association}, {"RouteTableId", table}};
     }},
    {"CreateVolume",
     [](Maker&, const std::string&) -> Fields {
       return {{"AvailabilityZone", "us-east-1a"}, {"Size", "1"}};
     }},
    {"DeleteVolume",
     [](Maker& make, const std::string&) -> Fields { return {{"VolumeId", make.volume()}}; }},
    {"AttachVolume",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"VolumeId", make.volume()},
               {"InstanceId", id},
               {"Device", fmt::format("/dev/sd{}", make.count)}};
     }},
    {"DetachVolume",
     [](Maker& make, const std::string& id) -> Fields {
       std::string volume = make.volume();
       make.farm.ask("AttachVolume", {{"VolumeId", volume},
                                      {"InstanceId", id},
                                      {"Device", fmt::format("/dev/sd{}", make.count)}});
       return {{"VolumeId", volume}};
     }},
    {"CreateSnapshot",
     [](Maker& make, const std::string&) -> Fields { return {{"VolumeId", make.volume()}}; }},
    {"CopySnapshot",
     [](Maker& make, const std::string&) -> Fields {
       return {{"SourceSnapshotId", make.snapshot(make.volume())}, {"SourceRegion", "us-east-1"}};
     }},
    {"DeleteSnapshot",
     [](Maker& make, const std::string&) -> Fields {
       return {{"SnapshotId", make.snapshot(make.volume())}};
     }},
    {"CreateImage",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"InstanceId", id}, {"Name", fmt::format("made-{}", make.count)}};
     }},
    {"RegisterImage",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"Name", fmt::format("registered-{}", make.count)},
               {"BlockDeviceMapping.1.DeviceName", "/dev/sda1"},
               {"BlockDeviceMapping.1.Ebs.SnapshotId", make.snapshot("vol-" + id.substr(2))}};
     }},
    {"CopyImage",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"SourceImageId", make.image(id)},
               {"SourceRegion", "us-east-1"},
               {"Name", fmt::format("copied-{}", make.count)}};
     }},
    {"DeregisterImage",
     [](Maker& make, const std::string& id) -> Fields { return {{"ImageId", make.image(id)}}; }},
    {"ModifyImageAttribute",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"ImageId", make.image(id)}, {"Description.Value", "d"}};
     }},
    {"ResetImageAttribute",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"ImageId", make.image(id)}, {"Attribute", "launchPermission"}};
     }},
    {"DescribeImageAttribute",
     [](Maker& make, const std::string& id) -> Fields {
       return {{"ImageId", make.image(id)}, {"Attribute", "description"}};
     }},
    {"CreateLaunchTemplate",
     [](Maker& make, const std::string&) -> Fields {
       return {{"LaunchTemplateName", fmt::format("fresh-{}", make.count)},
               {"LaunchTemplateData.InstanceType", "t2.nano"}};
     }},
    {"CreateLaunchTemplateVersion",
     [](Maker& make, const std::string&) -> Fields {
       return {{"LaunchTemplateId", make.launch_template()},
               {"LaunchTemplateData.InstanceType", "t2.micro"}};
     }},
    {"ModifyLaunchTemplate",
     [](Maker& make, const std::string&) -> Fields {
       return {{"LaunchTemplateId", make.launch_template()}, {"SetDefaultVersion", "1"}};
     }},
    {"DeleteLaunchTemplate",
     [](Maker& make, const std::string&) -> Fields {
       return {{"LaunchTemplateId", make.launch_template()}};
     }},
    {"DeleteLaunchTemplateVersions",
     [](Maker& make, const std::string&) -> Fields {
       return {{"LaunchTemplateId", make.launch_template()}, {"LaunchTemplateVersion.1", "1"}};
     }},
    {"DescribeLaunchTemplateVersions",
     [](Maker& make, const std::string&) -> Fields {
       return {{"LaunchTemplateId", make.launch_template()}};
     }},
    {"CreateNetworkInterface",
     [](Maker& make, const std::string&) -> Fields {
       return {{"SubnetId", make.subnet(make.vpc())}};
     }},
    {"DeleteNetworkInterface",
     [](Maker& make,
        const std::string&) -> Fields { return {{"NetworkInterfaceId", make.interface()}}; }},
    {"ModifyNetworkInterfaceAttribute",
     [](Maker& make, const std::string&)
         -> Fields { return {{"NetworkInterfaceId", make.interface()}, {"Description.Value", "d"}}; }},
};

}  // namespace croft::farm::ec2
