// What a launch template says: the parameters of RunInstances, under the names of answers.
#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/launch_templates.h"

namespace croft::farm::ec2 {

Fields fields_of(const TemplateVersion& version) {
  Fields out;
  for (const TemplateField& field : version.data) out.emplace_back(field.name, field.value);
  return out;
}

void write_template_data(Xml& xml, const TemplateVersion& version) {
  Params p = Params().over(fields_of(version));
  auto text = [&](std::string_view name, std::string_view path) {
    if (p.has(path)) xml.text(name, p.text(path));
  };
  text("imageId", "ImageId"), text("instanceType", "InstanceType"), text("keyName", "KeyName");
  text("userData", "UserData"), text("ebsOptimized", "EbsOptimized");
  text("disableApiTermination", "DisableApiTermination");
  text("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior");
  if (p.has("Monitoring.Enabled"))
    xml.in("monitoring", [&] { text("enabled", "Monitoring.Enabled"); });
  if (p.has("Placement.AvailabilityZone"))
    xml.in("placement", [&] { text("availabilityZone", "Placement.AvailabilityZone"); });
  if (p.has("IamInstanceProfile.Name") || p.has("IamInstanceProfile.Arn"))
    xml.in("iamInstanceProfile",
           [&] { text("arn", "IamInstanceProfile.Arn"), text("name", "IamInstanceProfile.Name"); });
  auto plain_list = [&](std::string_view name, std::string_view path) {
    auto values = p.list(path);
    if (values.empty()) return;
    xml.in(name, [&] {
      for (const std::string& value : values) xml.text("item", value);
    });
  };
  plain_list("securityGroupIdSet", "SecurityGroupId");
  plain_list("securityGroupSet", "SecurityGroup");
  auto each = [&](std::string_view name, std::string_view path, auto write) {
    auto items = p.items(path);
    if (!items.empty()) xml.list(name, items, write);
  };
  each("blockDeviceMappingSet", "BlockDeviceMapping", [&](const Params& device) {
    xml.text("deviceName", device.text("DeviceName"));
    xml.in("ebs", [&] {
      if (device.has("Ebs.VolumeSize"))
        xml.number("volumeSize", device.number("Ebs.VolumeSize", 0));
      xml.optional("volumeType", device.text("Ebs.VolumeType"));
      xml.optional("snapshotId", device.text("Ebs.SnapshotId"));
      if (device.has("Ebs.DeleteOnTermination"))
        xml.flag("deleteOnTermination", device.flag("Ebs.DeleteOnTermination"));
    });
  });
  each("networkInterfaceSet", "NetworkInterface", [&](const Params& one) {
    xml.number("deviceIndex", one.number("DeviceIndex", 0));
    xml.optional("subnetId", one.text("SubnetId"));
    if (one.has("AssociatePublicIpAddress"))
      xml.flag("associatePublicIpAddress", one.flag("AssociatePublicIpAddress"));
    xml.in("groupSet", [&] {
      for (const std::string& group : one.list("SecurityGroupId")) xml.text("groupId", group);
    });
  });
  each("tagSpecificationSet", "TagSpecification", [&](const Params& spec) {
    xml.text("resourceType", spec.text("ResourceType"));
    xml.list("tagSet", spec.items("Tag"), [&](const Params& tag) {
      xml.text("key", tag.text("Key")).text("value", tag.text("Value"));
    });
  });
  if (!p.under("MetadataOptions").empty())
    xml.in("metadataOptions", [&] {
      text("httpTokens", "MetadataOptions.HttpTokens");
      text("httpPutResponseHopLimit", "MetadataOptions.HttpPutResponseHopLimit");
      text("httpEndpoint", "MetadataOptions.HttpEndpoint");
    });
}

Answer launch_template_data(Core& core, const Call& call) {
  Instance* instance = core.state.find_instance(call.account(), call.params.text("InstanceId"));
  if (!instance) return fail(not_found(*id_kind("i"), {call.params.text("InstanceId")}));
  TemplateVersion version;
  auto add = [&](std::string name, std::string value) {
    if (!value.empty()) version.data.push_back({std::move(name), std::move(value)});
  };
  add("ImageId", instance->image);
  add("InstanceType", instance->type);
  add("KeyName", instance->key_name);
  add("UserData", base64(instance->user_data));
  add("DisableApiTermination", instance->termination_protection ? "true" : "false");
  add("InstanceInitiatedShutdownBehavior", instance->shutdown_behavior);
  add("Monitoring.Enabled", instance->monitoring ? "true" : "false");
  add("Placement.AvailabilityZone", instance->zone);
  add("IamInstanceProfile.Name", instance->profile);
  add("NetworkInterface.1.DeviceIndex", "0");
  add("NetworkInterface.1.SubnetId", instance->subnet);
  add("NetworkInterface.1.AssociatePublicIpAddress", instance->wants_public ? "true" : "false");
  for (size_t i = 0; i < instance->groups.size(); ++i)
    add(fmt::format("NetworkInterface.1.SecurityGroupId.{}", i + 1), instance->groups[i]);
  add("MetadataOptions.HttpTokens", instance->tokens_required ? "required" : "optional");
  if (!instance->tags.empty()) add("TagSpecification.1.ResourceType", "instance");
  size_t number = 0;
  for (const auto& [key, value] : instance->tags) {
    if (key.starts_with("aws:")) continue;
    std::string prefix = fmt::format("TagSpecification.1.Tag.{}.", ++number);
    add(prefix + "Key", key);
    add(prefix + "Value", value);
  }
  Xml xml;
  xml.in("launchTemplateData", [&] { write_template_data(xml, version); });
  return xml.take();
}

}  // namespace croft::farm::ec2
