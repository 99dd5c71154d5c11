// What the farm is, not what runs in it: regions, zones, instance types, account attributes.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/handlers.h"

namespace croft::farm::ec2 {

std::string zone_id(std::string_view region, size_t index) {
  auto parts = split(region, '-');
  std::string out = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    std::string_view part = parts[i];
    out += part.substr(0, 1);
    // "northeast" counts two.
    bool compound = (part.starts_with("north") || part.starts_with("south")) && part.size() > 5;
    if (compound) out += part.substr(5, 1);
  }
  return fmt::format("{}-az{}", out, index + 1);
}

namespace {

using Out = std::vector<std::string>&;
using Texts = std::vector<std::string>;

bool wanted(const Texts& names, std::string_view name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

struct Place {
  Core* core;
  size_t zone = 0;
  const std::string& region() const { return core->context.region; }
  const std::string& name() const { return core->context.zones[zone]; }
};

constexpr FilterField<Place> region_fields[] = {
    {"region-name", [](const Place& p, Out out) { out.push_back(p.region()); }},
    {"endpoint", [](const Place& p, Out out) { out.push_back(p.core->context.url); }},
    {"opt-in-status", [](const Place&, Out out) { out.emplace_back("opt-in-not-required"); }},
};
constexpr FilterField<Place> zone_fields[] = {
    {"zone-name", [](const Place& p, Out out) { out.push_back(p.name()); }},
    {"zone-id", [](const Place& p, Out out) { out.push_back(zone_id(p.region(), p.zone)); }},
    {"region-name", [](const Place& p, Out out) { out.push_back(p.region()); }},
    {"state", [](const Place&, Out out) { out.emplace_back("available"); }},
    {"zone-type", [](const Place&, Out out) { out.emplace_back("availability-zone"); }},
    {"group-name", [](const Place& p, Out out) { out.push_back(p.region()); }},
    {"opt-in-status", [](const Place&, Out out) { out.emplace_back("opt-in-not-required"); }},
    {"message", [](const Place&, Out) {}},
};

}  // namespace

Answer describe_regions(Core& core, const Call& call) {
  auto matches = TRY(Matcher<Place>::make(call.filters, region_fields, nullptr));
  auto names = call.params.list("RegionName");
  for (const std::string& name : names)
    if (name != core.context.region)
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("Invalid region provided: {}", printable(name))));
  Texts regions;
  if (matches({&core})) regions.push_back(core.context.region);
  Xml xml;
  xml.list("regionInfo", regions, [&](const std::string& name) {
    // Without the scheme, as EC2 gives its own.
    std::string_view host = core.context.url;
    if (size_t at = host.find("://"); at != host.npos) host.remove_prefix(at + 3);
    xml.text("regionName", name)
        .text("regionEndpoint", host)
        .text("optInStatus", "opt-in-not-required");
  });
  return xml.take();
}

Answer describe_availability_zones(Core& core, const Call& call) {
  auto matches = TRY(Matcher<Place>::make(call.filters, zone_fields, nullptr));
  auto names = call.params.list("ZoneName"), ids = call.params.list("ZoneId");
  for (const std::string& name : names)
    if (core.zone_index(name) >= core.context.zones.size())
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("Invalid availability zone: [{}]", printable(name))));
  std::vector<Place> zones;
  for (size_t i = 0; i < core.context.zones.size(); ++i) {
    Place place{&core, i};
    if (wanted(names, place.name()) && wanted(ids, zone_id(place.region(), i)) && matches(place))
      zones.push_back(place);
  }
  Xml xml;
  xml.list("availabilityZoneInfo", zones, [&](const Place& place) {
    xml.text("zoneName", place.name())
        .text("zoneState", "available")
        .text("regionName", place.region());
    xml.text("messageSet", "")
        .text("zoneId", zone_id(place.region(), place.zone))
        .text("groupName", place.region());
    xml.text("networkBorderGroup", place.region()).text("zoneType", "availability-zone");
    xml.text("optInStatus", "opt-in-not-required");
  });
  return xml.take();
}

// ---- instance types
// -------------------------------------------------------------------------------

namespace {

constexpr FilterField<InstanceType> type_fields[] = {
    {"instance-type", [](const InstanceType& t, Out out) { out.emplace_back(t.name); }},
    {"current-generation",
     [](const InstanceType& t, Out out) { out.emplace_back(t.current ? "true" : "false"); }},
    {"burstable-performance-supported",
     [](const InstanceType& t, Out out) { out.emplace_back(t.burstable ? "true" : "false"); }},
    {"memory-info.size-in-mib",
     [](const InstanceType& t, Out out) { out.push_back(std::to_string(t.memory_mib)); }},
    {"vcpu-info.default-vcpus",
     [](const InstanceType& t, Out out) { out.push_back(std::to_string(t.vcpus)); }},
    {"processor-info.supported-architecture",
     [](const InstanceType&, Out out) { out.emplace_back("x86_64"); }},
    {"bare-metal", [](const InstanceType&, Out out) { out.emplace_back("false"); }},
    {"supported-virtualization-type",
     [](const InstanceType&, Out out) { out.emplace_back("hvm"); }},
    {"supported-usage-class", [](const InstanceType&, Out out) { out.emplace_back("on-demand"); }},
    {"supported-root-device-type", [](const InstanceType&, Out out) { out.emplace_back("ebs"); }},
    {"instance-storage-supported", [](const InstanceType&, Out out) { out.emplace_back("false"); }},
    {"hypervisor", [](const InstanceType&, Out out) { out.emplace_back("xen"); }},
};

void write_type(Xml& xml, const InstanceType& type) {
  auto one = [&](std::string_view name, std::string_view value) {
    xml.in(name, [&] { xml.text("item", value); });
  };
  xml.text("instanceType", type.name)
      .flag("currentGeneration", type.current)
      .flag("freeTierEligible", false);
  one("supportedUsageClasses", "on-demand");
  one("supportedRootDeviceTypes", "ebs");
  one("supportedVirtualizationTypes", "hvm");
  xml.flag("bareMetal", false).text("hypervisor", "xen");
  xml.in("processorInfo", [&] { one("supportedArchitectures", "x86_64"); });
  xml.in("vCpuInfo", [&] {
    xml.number("defaultVCpus", type.vcpus)
        .number("defaultCores", type.vcpus)
        .number("defaultThreadsPerCore", 1);
  });
  xml.in("memoryInfo", [&] { xml.number("sizeInMiB", type.memory_mib); });
  xml.flag("instanceStorageSupported", false);
  xml.in("networkInfo", [&] {
    xml.text("networkPerformance", "Up to 10 Gigabit").number("maximumNetworkInterfaces", 1);
    xml.number("ipv4AddressesPerInterface", 1)
        .flag("ipv6Supported", false)
        .text("enaSupport", "supported");
  });
  xml.flag("hibernationSupported", false).flag("burstablePerformanceSupported", type.burstable);
  xml.flag("dedicatedHostsSupported", false).flag("autoRecoverySupported", false);
}

}  // namespace

Answer describe_instance_types(Core&, const Call& call) {
  auto matches = TRY(Matcher<InstanceType>::make(call.filters, type_fields, nullptr));
  auto names = call.params.list("InstanceType");
  for (const std::string& name : names)
    if (!find_instance_type(name))
      return fail(aws_error("InvalidInstanceType", 400,
                            fmt::format("The following supplied instance types do not exist: [{}]",
                                        printable(name))));
  std::vector<std::pair<std::string, const InstanceType*>> chosen;
  for (const InstanceType& type : instance_types())
    if (wanted(names, type.name) && matches(type))
      chosen.emplace_back(std::string(type.name), &type);
  std::ranges::sort(chosen);
  std::string next = cut_page(call.action, call.page, chosen);
  Xml xml;
  xml.list("instanceTypeSet", chosen, [&](const auto& item) { write_type(xml, *item.second); });
  xml.optional("nextToken", next);
  return xml.take();
}

namespace {

struct Offering {
  std::string_view type;
  std::string location;
};
constexpr FilterField<Offering> offering_fields[] = {
    {"instance-type", [](const Offering& o, Out out) { out.emplace_back(o.type); }},
    {"location", [](const Offering& o, Out out) { out.push_back(o.location); }},
};

}  // namespace

Answer describe_instance_type_offerings(Core& core, const Call& call) {
  auto matches = TRY(Matcher<Offering>::make(call.filters, offering_fields, nullptr));
  std::string kind = call.params.text("LocationType", "region");
  Texts locations;
  if (kind == "region") locations = {core.context.region};
  for (size_t i = 0; kind != "region" && i < core.context.zones.size(); ++i)
    locations.push_back(kind == "availability-zone" ? core.context.zones[i]
                                                    : zone_id(core.context.region, i));
  std::vector<std::pair<std::string, Offering>> chosen;
  for (const InstanceType& type : instance_types())
    for (const std::string& location : locations)
      if (Offering one{type.name, location}; matches(one))
        chosen.emplace_back(fmt::format("{}\n{}", type.name, location), one);
  std::ranges::sort(chosen, {}, [](const auto& item) { return item.first; });
  std::string next = cut_page(call.action, call.page, chosen);
  Xml xml;
  xml.list("instanceTypeOfferingSet", chosen, [&](const auto& item) {
    xml.text("instanceType", item.second.type)
        .text("locationType", kind)
        .text("location", item.second.location);
  });
  xml.optional("nextToken", next);
  return xml.take();
}

// ---- the account
// ----------------------------------------------------------------------------------

Answer describe_account_attributes(Core& core, const Call& call) {
  std::string account = call.account();
  const std::pair<std::string_view, std::string> known[] = {
      {"supported-platforms", "VPC"},
      {"default-vpc", core.vpc_of(account)},
      {"max-instances", std::to_string(call.caller.account->quotas.instances)},
      {"vpc-max-security-groups-per-interface", "5"},
      {"max-elastic-ips", std::to_string(ElasticAddress::most)},
      {"vpc-max-elastic-ips", std::to_string(ElasticAddress::most)},
  };
  auto names = call.params.list("AttributeName");
  for (const std::string& name : names)
    if (std::ranges::none_of(known, [&](const auto& one) { return one.first == name; }))
      return fail(aws_error(
          "InvalidParameterValue", 400,
          fmt::format("Value ({}) for parameter attributeName is invalid.", printable(name))));
  Xml xml;
  xml.in("accountAttributeSet", [&] {
    for (const auto& [name, value] : known) {
      if (!wanted(names, name)) continue;
      xml.in("item", [&] {
        xml.text("attributeName", name);
        xml.in("attributeValueSet",
               [&] { xml.in("item", [&] { xml.text("attributeValue", value); }); });
      });
    }
  });
  return xml.take();
}

}  // namespace croft::farm::ec2
