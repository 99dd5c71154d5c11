// How instances look in XML.
#include <map>

#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"

namespace croft::farm::ec2 {

void write_state(Xml& xml, std::string_view name, InstanceState state) {
  xml.in(name, [&] { xml.number("code", static_cast<int>(state)).plain("name", name_of(state)); });
}

void write_groups(Xml& xml, Core& core, const Instance& i) {
  xml.list("groupSet", i.groups, [&](const std::string& id) {
    xml.plain("groupId", id).text("groupName", core.group_name(id));
  });
}

std::string sub_id(std::string_view prefix, const Instance& instance) {
  return fmt::format("{}-{}", prefix, std::string_view(instance.id).substr(2));
}

namespace {

/// At an interface and at each of its addresses.
void write_public(Xml& xml, Core& core, const Instance& i, const std::string& address) {
  if (address.empty()) return;
  xml.in("association", [&] {
    xml.plain("publicIp", address).plain("publicDnsName", core.public_dns(address));
    xml.plain("ipOwnerId", address == i.public_address ? "amazon" : i.account);
  });
}

void write_interface(Xml& xml, Core& core, const Instance& i, const std::string& dns,
                     const std::string& outside) {
  xml.plain("networkInterfaceId", core.interface_of(i)).plain("subnetId", i.subnet);
  xml.plain("vpcId", i.vpc).text("description", "").plain("ownerId", i.account);
  xml.text("status", "in-use")
      .plain("macAddress", i.mac())
      .plain("privateIpAddress", i.private_address);
  xml.plain("privateDnsName", dns).flag("sourceDestCheck", i.source_dest_check);
  write_groups(xml, core, i);
  xml.in("attachment", [&] {
    xml.plain("attachmentId", sub_id("eni-attach", i))
        .number("deviceIndex", 0)
        .text("status", "attached");
    xml.time("attachTime", i.created).flag("deleteOnTermination", true);
  });
  xml.in("privateIpAddressesSet", [&] {
    xml.in("item", [&] {
      xml.plain("privateIpAddress", i.private_address)
          .plain("privateDnsName", dns)
          .flag("primary", true);
      write_public(xml, core, i, outside);
    });
  });
  write_public(xml, core, i, outside);
  xml.text("interfaceType", "interface");
}

/// Volumes by the instance that has them: looking through all for each of a thousand instances
/// would cost more than the rest.
using Devices = std::multimap<std::string_view, const Volume*>;
Devices devices_of(const Core& core) {
  Devices out;
  for (const auto& [id, volume] : core.state.volumes.all())
    if (!volume.instance.empty()) out.emplace(volume.instance, &volume);
  return out;
}

void write_device(Xml& xml, const Volume& volume) {
  xml.in("item", [&] {
    xml.plain("deviceName", volume.device);
    xml.in("ebs", [&] {
      xml.plain("volumeId", volume.id).text("status", "attached");
      xml.time("attachTime", volume.attached)
          .flag("deleteOnTermination", volume.delete_on_termination);
    });
  });
}

void write_devices(Xml& xml, Core& core, const Devices& devices, const Instance& i) {
  xml.in("blockDeviceMapping", [&] {
    if (i.state == InstanceState::terminated) return;
    write_device(xml, core.root_volume(i));
    auto [from, to] = devices.equal_range(i.id);
    for (auto at = from; at != to; ++at) write_device(xml, *at->second);
  });
}

void write_instance(Xml& xml, Core& core, const Devices& devices, const Instance& i) {
  bool gone = i.state == InstanceState::terminated;
  std::string dns = core.private_dns(i);
  xml.plain("instanceId", i.id).plain("imageId", i.image);
  write_state(xml, "instanceState", core.shown_state(i));
  std::string outside = core.public_of(i);
  xml.plain("privateDnsName", dns).plain("dnsName", core.public_dns(outside));
  xml.text("reason", i.transition)
      .optional("keyName", i.key_name)
      .number("amiLaunchIndex", i.launch_index);
  xml.text("productCodes", "").plain("instanceType", i.type).time("launchTime", i.launched);
  xml.in("placement", [&] {
    xml.plain("availabilityZone", i.zone)
        .text("groupName", i.placement_group)
        .text("tenancy", "default");
  });
  xml.in("monitoring", [&] { xml.text("state", i.monitoring ? "enabled" : "disabled"); });
  if (!gone) {
    xml.plain("subnetId", i.subnet).plain("vpcId", i.vpc);
    xml.plain("privateIpAddress", i.private_address).flag("sourceDestCheck", i.source_dest_check);
    if (!outside.empty()) xml.plain("ipAddress", outside);
    write_groups(xml, core, i);
  } else {
    xml.text("groupSet", "");
  }
  if (!i.reason.code.empty())
    xml.in("stateReason",
           [&] { xml.text("code", i.reason.code).text("message", i.reason.message); });
  xml.text("architecture", "x86_64");
  xml.text("rootDeviceType", "ebs").text("rootDeviceName", "/dev/sda1");
  write_devices(xml, core, devices, i);
  if (!i.profile.empty())
    xml.in("iamInstanceProfile",
           [&] { xml.plain("arn", core.profile_arn(i)).plain("id", core.profile_id(i)); });
  if (!i.spot_request.empty())
    xml.text("instanceLifecycle", "spot").plain("spotInstanceRequestId", i.spot_request);
  xml.text("virtualizationType", "hvm").text("clientToken", i.client_token);
  write_tags(xml, i.tags);
  xml.text("hypervisor", "xen");
  if (gone)
    xml.text("networkInterfaceSet", "");
  else
    xml.in("networkInterfaceSet",
           [&] { xml.in("item", [&] { write_interface(xml, core, i, dns, outside); }); });
  xml.flag("ebsOptimized", false).flag("enaSupport", true);
  const InstanceType* type = find_instance_type(i.type);
  xml.in("cpuOptions",
         [&] { xml.number("coreCount", type ? type->vcpus : 1).number("threadsPerCore", 1); });
  xml.in("metadataOptions", [&] {
    xml.text("state", "applied").text("httpTokens", i.tokens_required ? "required" : "optional");
    xml.number("httpPutResponseHopLimit", i.hop_limit)
        .text("httpEndpoint", i.metadata_enabled ? "enabled" : "disabled");
    xml.text("httpProtocolIpv6", "disabled")
        .text("instanceMetadataTags", i.metadata_tags ? "enabled" : "disabled");
  });
  xml.text("platformDetails", "Linux/UNIX").text("usageOperation", "RunInstances");
}

void write_reservation(Xml& xml, Core& core, const Devices& devices,
                       std::span<Instance* const> instances) {
  const Instance& first = *instances.front();
  xml.plain("reservationId", first.reservation)
      .plain("ownerId", first.account)
      .text("groupSet", "");
  xml.list("instancesSet", instances,
           [&](const Instance* instance) { write_instance(xml, core, devices, *instance); });
}

}  // namespace

void write_devices(Xml& xml, Core& core, const Instance& instance) {
  write_devices(xml, core, devices_of(core), instance);
}

void write_reservation(Xml& xml, Core& core, std::span<Instance* const> instances) {
  write_reservation(xml, core, devices_of(core), instances);
}

void write_reservations(Xml& xml, Core& core,
                        const std::vector<std::vector<Instance*>>& reservations) {
  const Devices devices = devices_of(core);
  xml.list("reservationSet", reservations,
           [&](const auto& reservation) { write_reservation(xml, core, devices, reservation); });
}

}  // namespace croft::farm::ec2
