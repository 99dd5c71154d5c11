// The table of EC2 actions: name, parameters, handler. Names and limits: the 2016-11-15 model. The
// topics have their own tables; here are those of instances, tags, keys, and what the farm is.
#include "farm/ec2/handlers.h"
#include "farm/ec2/launch_templates.h"

namespace croft::farm::ec2 {

namespace {

constexpr Param run_instances_params[] = {
    {"ImageId", Kind::id, false, "ami"},
    {"MinCount", Kind::integer, true, "", 1, 1000},
    {"MaxCount", Kind::integer, true, "", 1, 1000},
    {"InstanceType", Kind::text, false, "", 1, 64},
    {"KeyName", Kind::text, false, "", 1, 255},
    {"UserData", Kind::text, false, "", 0, 65536},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"SecurityGroup.N", Kind::text, false, "", 1, 255},
    {"SecurityGroupId.N", Kind::id, false, "sg"},
    {"SubnetId", Kind::id, false, "subnet"},
    {"PrivateIpAddress", Kind::text, false, "", 7, 15},
    {"Placement.AvailabilityZone", Kind::text, false, "", 1, 64},
    {"Placement.Tenancy", Kind::choice, false, "default"},
    {"Placement.GroupName", Kind::text, false, "", 0, 255},
    {"InstanceMarketOptions.MarketType", Kind::choice, false, "spot"},
    {"InstanceMarketOptions.SpotOptions.MaxPrice", Kind::text, false, "", 1, 32},
    {"InstanceMarketOptions.SpotOptions.SpotInstanceType", Kind::choice, false,
     "one-time|persistent"},
    {"InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior", Kind::choice, false,
     "terminate|stop"},
    {"Placement.*", Kind::unsupported},
    {"Monitoring.Enabled", Kind::boolean},
    {"InstanceInitiatedShutdownBehavior", Kind::choice, false, "stop|terminate"},
    {"DisableApiTermination", Kind::boolean},
    {"DisableApiStop", Kind::boolean},
    {"EbsOptimized", Kind::ignored},
    {"AdditionalInfo", Kind::ignored},
    {"KernelId", Kind::ignored},
    {"RamdiskId", Kind::ignored},
    {"CreditSpecification.CpuCredits", Kind::ignored},
    {"MaintenanceOptions.AutoRecovery", Kind::ignored},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
    {"BlockDeviceMapping.N.DeviceName", Kind::text, false, "", 1, 64},
    {"BlockDeviceMapping.N.VirtualName", Kind::text, false, "", 0, 64},
    {"BlockDeviceMapping.N.NoDevice", Kind::text, false, "", 0, 64},
    {"BlockDeviceMapping.N.Ebs.VolumeSize", Kind::integer, false, "", 1, 16384},
    {"BlockDeviceMapping.N.Ebs.VolumeType", Kind::choice, false,
     "standard|gp2|gp3|io1|io2|sc1|st1"},
    {"BlockDeviceMapping.N.Ebs.DeleteOnTermination", Kind::boolean},
    {"BlockDeviceMapping.N.Ebs.SnapshotId", Kind::id, false, "snap"},
    {"BlockDeviceMapping.N.Ebs.Encrypted", Kind::ignored},
    {"BlockDeviceMapping.N.Ebs.Iops", Kind::ignored},
    {"BlockDeviceMapping.N.Ebs.Throughput", Kind::ignored},
    {"MetadataOptions.HttpTokens", Kind::choice, false, "optional|required"},
    {"MetadataOptions.HttpEndpoint", Kind::choice, false, "enabled|disabled"},
    {"MetadataOptions.HttpPutResponseHopLimit", Kind::integer, false, "", 1, 64},
    {"MetadataOptions.InstanceMetadataTags", Kind::choice, false, "enabled|disabled"},
    {"MetadataOptions.HttpProtocolIpv6", Kind::choice, false, "disabled"},
    {"Ipv6AddressCount", Kind::unsupported},
    {"NetworkInterface.N.DeviceIndex", Kind::integer, false, "", 0, 0},
    {"NetworkInterface.N.NetworkInterfaceId", Kind::id, false, "eni"},
    {"NetworkInterface.N.SubnetId", Kind::id, false, "subnet"},
    {"NetworkInterface.N.PrivateIpAddress", Kind::text, false, "", 7, 15},
    {"NetworkInterface.N.PrivateIpAddresses.N.PrivateIpAddress", Kind::text, false, "", 7, 15},
    {"NetworkInterface.N.PrivateIpAddresses.N.Primary", Kind::boolean},
    {"NetworkInterface.N.SecurityGroupId.N", Kind::id, false, "sg"},
    {"NetworkInterface.N.DeleteOnTermination", Kind::ignored},
    {"NetworkInterface.N.Description", Kind::ignored},
    {"NetworkInterface.N.AssociatePublicIpAddress", Kind::boolean},
    {"NetworkInterface.N.InterfaceType", Kind::choice, false, "interface"},
    {"NetworkInterface.*", Kind::unsupported},
    {"BlockDeviceMapping.*", Kind::unsupported},
    {"Ipv6Address.*", Kind::unsupported},
    {"ElasticGpuSpecification.*", Kind::unsupported},
    {"ElasticInferenceAccelerator.*", Kind::unsupported},
    {"InstanceMarketOptions.*", Kind::unsupported},
    {"CapacityReservationSpecification.*", Kind::unsupported},
    {"LicenseSpecification.*", Kind::unsupported},
    {"EnclaveOptions.*", Kind::unsupported},
    {"PrivateDnsNameOptions.*", Kind::unsupported},
    {"LaunchTemplate.LaunchTemplateId", Kind::id, false, "lt"},
    {"LaunchTemplate.LaunchTemplateName", Kind::text, false, "", 3, 128},
    {"LaunchTemplate.Version", Kind::text, false, "", 1, 32},
    {"IamInstanceProfile.Name", Kind::text, false, "", 1, 128},
    {"IamInstanceProfile.Arn", Kind::text, false, "", 1, 256},
    {"CpuOptions.*", Kind::unsupported},
    {"HibernationOptions.*", Kind::unsupported},
};

constexpr Param instance_ids[] = {{"InstanceId.N", Kind::id, true, "i"}};
constexpr Param some_instance_ids[] = {{"InstanceId.N", Kind::id, false, "i"}};
constexpr Param stop_params[] = {
    {"InstanceId.N", Kind::id, true, "i"},
    {"Force", Kind::boolean},
    {"Hibernate", Kind::unsupported},
};
constexpr Param start_params[] = {{"InstanceId.N", Kind::id, true, "i"},
                                  {"AdditionalInfo", Kind::ignored}};
constexpr Param status_params[] = {
    {"InstanceId.N", Kind::id, false, "i"},
    {"IncludeAllInstances", Kind::boolean},
};
constexpr Param console_params[] = {{"InstanceId", Kind::id, true, "i"}, {"Latest", Kind::boolean}};
constexpr Param describe_attribute_params[] = {
    {"InstanceId", Kind::id, true, "i"},
    {"Attribute", Kind::choice, true,
     "instanceType|kernel|ramdisk|userData|disableApiTermination|instanceInitiatedShutdownBehavior|"
     "rootDeviceName|blockDeviceMapping|productCodes|sourceDestCheck|groupSet|ebsOptimized|"
     "sriovNetSupport|enaSupport|enclaveOptions|disableApiStop"},
};
constexpr Param modify_attribute_params[] = {
    {"InstanceId", Kind::id, true, "i"},
    {"Attribute", Kind::choice, false,
     "disableApiTermination|instanceInitiatedShutdownBehavior|instanceType|userData|"
     "disableApiStop|sourceDestCheck"},
    {"Value", Kind::text, false, "", 0, 65536},
    {"DisableApiTermination.Value", Kind::boolean},
    {"InstanceInitiatedShutdownBehavior.Value", Kind::choice, false, "stop|terminate"},
    {"InstanceType.Value", Kind::text, false, "", 1, 64},
    {"UserData.Value", Kind::text, false, "", 0, 65536},
    {"SourceDestCheck.Value", Kind::boolean},
    {"EbsOptimized.Value", Kind::ignored},
    {"EnaSupport.Value", Kind::ignored},
    {"GroupId.N", Kind::id, false, "sg"},
    {"BlockDeviceMapping.N.DeviceName", Kind::text, false, "", 1, 64},
    {"BlockDeviceMapping.N.Ebs.DeleteOnTermination", Kind::boolean},
    {"BlockDeviceMapping.*", Kind::unsupported},
    {"Kernel.Value", Kind::ignored},
    {"Ramdisk.Value", Kind::ignored},
    {"SriovNetSupport.Value", Kind::ignored},
    {"DisableApiStop.Value", Kind::boolean},
};

constexpr Param tags_params[] = {
    {"ResourceId.N", Kind::text, true, "", 1, 255},
    {"Tag.N.Key", Kind::text, true, "", 0, 512},
    {"Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param delete_tags_params[] = {
    {"ResourceId.N", Kind::text, true, "", 1, 255},
    {"Tag.N.Key", Kind::text, false, "", 0, 512},
    {"Tag.N.Value", Kind::text, false, "", 0, 1024},
};

constexpr Param create_key_params[] = {
    {"KeyName", Kind::text, true, "", 1, 255},
    {"KeyType", Kind::choice, false, "rsa|ed25519"},
    {"KeyFormat", Kind::choice, false, "pem"},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param import_key_params[] = {
    {"KeyName", Kind::text, true, "", 1, 255},
    {"PublicKeyMaterial", Kind::text, true, "", 0, 16384},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param describe_keys_params[] = {
    {"KeyName.N", Kind::text, false, "", 1, 255},
    {"KeyPairId.N", Kind::id, false, "key"},
    {"IncludePublicKey", Kind::boolean},
};
constexpr Param delete_key_params[] = {
    {"KeyName", Kind::text, false, "", 1, 255},
    {"KeyPairId", Kind::id, false, "key"},
};

constexpr Param images_params[] = {
    {"ImageId.N", Kind::id, false, "ami"},
    {"Owner.N", Kind::text, false, "", 1, 64},
    {"ExecutableBy.N", Kind::text, false, "", 1, 64},
    {"IncludeDeprecated", Kind::boolean},
    {"IncludeDisabled", Kind::boolean},
};
constexpr Param regions_params[] = {
    {"RegionName.N", Kind::text, false, "", 1, 64},
    {"AllRegions", Kind::boolean},
};
constexpr Param zones_params[] = {
    {"ZoneName.N", Kind::text, false, "", 1, 64},
    {"ZoneId.N", Kind::text, false, "", 1, 64},
    {"AllAvailabilityZones", Kind::boolean},
};
constexpr Param types_params[] = {{"InstanceType.N", Kind::text, false, "", 1, 64}};
constexpr Param offerings_params[] = {
    {"LocationType", Kind::choice, false, "region|availability-zone|availability-zone-id"},
};
constexpr Param attributes_params[] = {{"AttributeName.N", Kind::text, false, "", 1, 64}};

constexpr Action table[] = {
    {"RunInstances", run_instances_params, nullptr, run_instances},
    {"DescribeInstances", some_instance_ids, describe_instances, nullptr, true, 5, "InstanceId"},
    {"DescribeInstanceStatus", status_params, describe_instance_status, nullptr, true, 5,
     "InstanceId"},
    {"DescribeInstanceAttribute", describe_attribute_params, describe_instance_attribute},
    {"ModifyInstanceAttribute", modify_attribute_params, nullptr, modify_instance_attribute},
    {"TerminateInstances", instance_ids, nullptr, terminate_instances},
    {"StopInstances", stop_params, nullptr, stop_instances},
    {"StartInstances", start_params, nullptr, start_instances},
    {"RebootInstances", instance_ids, nullptr, reboot_instances},
    {"GetConsoleOutput", console_params, nullptr, get_console_output},
    {"CreateTags", tags_params, nullptr, create_tags},
    {"DeleteTags", delete_tags_params, nullptr, delete_tags},
    {"DescribeTags", {}, describe_tags, nullptr, true, 5},
    {"CreateKeyPair", create_key_params, nullptr, create_key_pair},
    {"ImportKeyPair", import_key_params, nullptr, import_key_pair},
    {"DeleteKeyPair", delete_key_params, nullptr, delete_key_pair},
    {"DescribeKeyPairs", describe_keys_params, describe_key_pairs, nullptr, true},
    {"DescribeImages", images_params, describe_images, nullptr, true, 1, "ImageId"},
    {"DescribeRegions", regions_params, describe_regions, nullptr, true},
    {"DescribeAvailabilityZones", zones_params, describe_availability_zones, nullptr, true},
    {"DescribeInstanceTypes", types_params, describe_instance_types, nullptr, true, 5,
     "InstanceType"},
    {"DescribeInstanceTypeOfferings", offerings_params, describe_instance_type_offerings, nullptr,
     true, 5},
    {"DescribeAccountAttributes", attributes_params, describe_account_attributes},
};

}  // namespace

Schema run_instances_schema() {
  return run_instances_params;
}

std::span<const Action> instance_actions() {
  return table;
}

std::span<const Action> actions() {
  static const std::vector<Action> all = [] {
    std::vector<Action> out;
    for (auto topic : {instance_actions(),      group_actions(),
                       rule_actions(),          network_actions(),
                       address_actions(),       route_actions(),
                       volume_actions(),        snapshot_actions(),
                       image_actions(),         template_actions(),
                       interface_actions(),     placement_actions(),
                       spot_actions(),          internet_gateway_actions(),
                       range_actions(),         sharing_actions(),
                       setting_actions(),       option_actions(),
                       gateway_actions(),       vpn_actions(),
                       endpoint_actions(),      peering_actions(),
                       prefix_actions(),        acl_actions(),
                       transit_actions(),       attachment_actions(),
                       transit_route_actions(), host_actions(),
                       reservation_actions(),   fleet_actions(),
                       modification_actions()})
      out.insert(out.end(), topic.begin(), topic.end());
    return out;
  }();
  return all;
}

}  // namespace croft::farm::ec2
