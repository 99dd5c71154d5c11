// DescribeInstances, DescribeInstanceStatus, DescribeInstanceAttribute. How an instance looks in
// XML: instance_xml.cpp.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/volumes.h"

namespace croft::farm::ec2 {

Result<std::vector<Instance*>> named_instances(Core& core, const Call& call,
                                               std::string_view parameter) {
  std::vector<Instance*> out;
  std::vector<std::string> missing;
  std::string account = call.account();
  for (const std::string& id : call.params.list(parameter)) {
    Instance* instance = core.state.find_instance(account, id);
    if (!instance || core.hidden(*instance))
      missing.push_back(id);
    else if (std::ranges::find(out, instance) == out.end())
      out.push_back(instance);
  }
  if (!missing.empty()) return fail(not_found(*id_kind("i"), missing));
  return out;
}

// ---- filters
// --------------------------------------------------------------------------------------

namespace {

/// Filters ask about things outside the record too (VPC, names): the item carries its Core.
struct Seen {
  Core* core;
  const Instance* i;
};
using Out = std::vector<std::string>&;

std::string flag_text(bool value) {
  return value ? "true" : "false";
}
bool gone(const Seen& s) {
  return s.i->state == InstanceState::terminated;
}

constexpr FilterField<Seen> instance_fields[] = {
    {"instance-id", [](const Seen& s, Out out) { out.push_back(s.i->id); }},
    {"instance-state-name",
     [](const Seen& s, Out out) { out.emplace_back(name_of(s.core->shown_state(*s.i))); }},
    {"instance-state-code",
     [](const Seen& s, Out out) {
       out.push_back(std::to_string(static_cast<int>(s.core->shown_state(*s.i))));
     }},
    {"image-id", [](const Seen& s, Out out) { out.push_back(s.i->image); }},
    {"instance-type", [](const Seen& s, Out out) { out.push_back(s.i->type); }},
    {"key-name",
     [](const Seen& s, Out out) {
       if (!s.i->key_name.empty()) out.push_back(s.i->key_name);
     }},
    {"client-token",
     [](const Seen& s, Out out) {
       if (!s.i->client_token.empty()) out.push_back(s.i->client_token);
     }},
    {"reservation-id", [](const Seen& s, Out out) { out.push_back(s.i->reservation); }},
    {"owner-id", [](const Seen& s, Out out) { out.push_back(s.i->account); }},
    {"availability-zone", [](const Seen& s, Out out) { out.push_back(s.i->zone); }},
    {"launch-time", [](const Seen& s, Out out) { out.push_back(s.i->launched.iso8601()); }},
    {"launch-index",
     [](const Seen& s, Out out) { out.push_back(std::to_string(s.i->launch_index)); }},
    {"private-ip-address",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(s.i->private_address);
     }},
    {"network-interface.addresses.private-ip-address",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(s.i->private_address);
     }},
    {"private-dns-name", [](const Seen& s, Out out) { out.push_back(s.core->private_dns(*s.i)); }},
    {"dns-name",
     [](const Seen& s, Out out) {
       if (auto at = s.core->public_of(*s.i); !at.empty()) out.push_back(s.core->public_dns(at));
     }},
    {"ip-address",
     [](const Seen& s, Out out) {
       if (auto at = s.core->public_of(*s.i); !at.empty()) out.push_back(std::move(at));
     }},
    {"network-interface.association.public-ip",
     [](const Seen& s, Out out) {
       if (auto at = s.core->public_of(*s.i); !at.empty()) out.push_back(std::move(at));
     }},
    {"network-interface.group-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.insert(out.end(), s.i->groups.begin(), s.i->groups.end());
     }},
    {"network-interface.network-interface-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(s.core->interface_of(*s.i));
     }},
    {"network-interface.availability-zone",
     [](const Seen& s, Out out) { out.push_back(s.i->zone); }},
    {"vpc-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(s.i->vpc);
     }},
    {"network-interface.vpc-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(s.i->vpc);
     }},
    {"subnet-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(s.i->subnet);
     }},
    {"network-interface.subnet-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(s.i->subnet);
     }},
    {"instance.group-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.insert(out.end(), s.i->groups.begin(), s.i->groups.end());
     }},
    {"group-id",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.insert(out.end(), s.i->groups.begin(), s.i->groups.end());
     }},
    {"instance.group-name",
     [](const Seen& s, Out out) {
       if (!gone(s))
         for (const std::string& id : s.i->groups) out.push_back(s.core->group_name(id));
     }},
    {"group-name",
     [](const Seen& s, Out out) {
       if (!gone(s))
         for (const std::string& id : s.i->groups) out.push_back(s.core->group_name(id));
     }},
    {"reason", [](const Seen& s, Out out) { out.push_back(s.i->transition); }},
    {"state-reason-code",
     [](const Seen& s, Out out) {
       if (!s.i->reason.code.empty()) out.push_back(s.i->reason.code);
     }},
    {"state-reason-message",
     [](const Seen& s, Out out) {
       if (!s.i->reason.code.empty()) out.push_back(s.i->reason.message);
     }},
    {"root-device-type", [](const Seen&, Out out) { out.emplace_back("ebs"); }},
    {"root-device-name", [](const Seen&, Out out) { out.emplace_back("/dev/sda1"); }},
    {"architecture", [](const Seen&, Out out) { out.emplace_back("x86_64"); }},
    {"hypervisor", [](const Seen&, Out out) { out.emplace_back("xen"); }},
    {"virtualization-type", [](const Seen&, Out out) { out.emplace_back("hvm"); }},
    {"tenancy", [](const Seen&, Out out) { out.emplace_back("default"); }},
    {"instance-lifecycle",
     [](const Seen& s, Out out) {
       if (!s.i->spot_request.empty()) out.emplace_back("spot");
     }},
    {"spot-instance-request-id",
     [](const Seen& s, Out out) {
       if (!s.i->spot_request.empty()) out.push_back(s.i->spot_request);
     }},
    {"placement-group-name",
     [](const Seen& s, Out out) {
       if (!s.i->placement_group.empty()) out.push_back(s.i->placement_group);
     }},
    {"platform", [](const Seen&, Out) {}},
    {"monitoring-state",
     [](const Seen& s, Out out) { out.emplace_back(s.i->monitoring ? "enabled" : "disabled"); }},
    {"source-dest-check",
     [](const Seen& s, Out out) { out.emplace_back(flag_text(s.i->source_dest_check)); }},
    {"metadata-options.http-tokens",
     [](const Seen& s, Out out) {
       out.emplace_back(s.i->tokens_required ? "required" : "optional");
     }},
    {"metadata-options.http-endpoint",
     [](const Seen& s, Out out) {
       out.emplace_back(s.i->metadata_enabled ? "enabled" : "disabled");
     }},
    {"block-device-mapping.device-name",
     [](const Seen& s, Out out) {
       if (gone(s)) return;
       out.emplace_back("/dev/sda1");
       for (const std::string& id : volumes_of(*s.core, s.i->id))
         out.push_back(s.core->state.volumes.find(id)->device);
     }},
    {"block-device-mapping.volume-id",
     [](const Seen& s, Out out) {
       if (gone(s)) return;
       out.push_back(sub_id("vol", *s.i));
       for (const std::string& id : volumes_of(*s.core, s.i->id)) out.push_back(id);
     }},
    {"block-device-mapping.delete-on-termination",
     [](const Seen& s, Out out) {
       if (!gone(s)) out.push_back(flag_text(true));
     }},
};

const Tags& tags_of(const Seen& seen) {
  return seen.i->tags;
}

std::string sort_key(const Instance& instance) {
  return fmt::format("{:016}", instance.sequence);
}

}  // namespace

Answer describe_instances(Core& core, const Call& call) {
  auto matches = TRY(Matcher<Seen>::make(call.filters, instance_fields, tags_of));
  std::vector<Instance*> candidates = TRY(named_instances(core, call, "InstanceId"));
  if (call.params.list("InstanceId").empty()) candidates = core.state.instances_of(call.account());
  std::erase_if(candidates, [&](const Instance* one) { return core.hidden(*one); });
  std::ranges::sort(candidates, {}, &Instance::sequence);
  std::vector<std::pair<std::string, Instance*>> chosen;
  for (Instance* instance : candidates)
    if (matches({&core, instance})) chosen.emplace_back(sort_key(*instance), instance);
  std::string next = cut_page(call.action, call.page, chosen);

  // Instances of one reservation stand together, at the place of its first.
  std::vector<std::vector<Instance*>> reservations;
  std::map<std::string_view, size_t> place;
  for (auto& [key, instance] : chosen) {
    auto [at, fresh] = place.emplace(instance->reservation, reservations.size());
    if (fresh) reservations.emplace_back();
    reservations[at->second].push_back(instance);
  }
  constexpr size_t bytes_of_one = 4096;
  Xml xml;
  xml.reserve(chosen.size() * bytes_of_one);
  write_reservations(xml, core, reservations);
  xml.optional("nextToken", next);
  return xml.take();
}

// ---- status
// ---------------------------------------------------------------------------------------

namespace {

std::string_view check_of(const Core& core, const Instance& instance) {
  InstanceState state = core.shown_state(instance);
  bool frozen = core.faults && core.faults->is_frozen(instance);
  return state == InstanceState::running   ? frozen ? "impaired" : "ok"
         : state == InstanceState::pending ? "initializing"
                                           : "not-applicable";
}

std::string_view reachability(std::string_view status) {
  return status == "ok" ? "passed" : status == "impaired" ? "failed" : "initializing";
}

constexpr FilterField<Seen> status_fields[] = {
    {"availability-zone", [](const Seen& s, Out out) { out.push_back(s.i->zone); }},
    {"instance-state-name",
     [](const Seen& s, Out out) { out.emplace_back(name_of(s.core->shown_state(*s.i))); }},
    {"instance-state-code",
     [](const Seen& s, Out out) {
       out.push_back(std::to_string(static_cast<int>(s.core->shown_state(*s.i))));
     }},
    {"instance-status.status",
     [](const Seen& s, Out out) { out.emplace_back(check_of(*s.core, *s.i)); }},
    {"instance-status.reachability",
     [](const Seen& s, Out out) { out.emplace_back(reachability(check_of(*s.core, *s.i))); }},
    {"system-status.status",
     [](const Seen& s, Out out) { out.emplace_back(check_of(*s.core, *s.i)); }},
    {"system-status.reachability",
     [](const Seen& s, Out out) { out.emplace_back(reachability(check_of(*s.core, *s.i))); }},
    {"event.code", [](const Seen&, Out) {}},
};

void write_check(Xml& xml, std::string_view name, std::string_view status) {
  xml.in(name, [&] {
    xml.text("status", status);
    if (status == "not-applicable") return;
    xml.in("details", [&] {
      xml.in("item",
             [&] { xml.text("name", "reachability").text("status", reachability(status)); });
    });
  });
}

}  // namespace

Answer describe_instance_status(Core& core, const Call& call) {
  auto matches = TRY(Matcher<Seen>::make(call.filters, status_fields, tags_of));
  std::vector<Instance*> candidates = TRY(named_instances(core, call, "InstanceId"));
  if (call.params.list("InstanceId").empty()) candidates = core.state.instances_of(call.account());
  std::erase_if(candidates, [&](const Instance* one) { return core.hidden(*one); });
  std::ranges::sort(candidates, {}, &Instance::sequence);
  bool all = call.params.flag("IncludeAllInstances");
  std::vector<std::pair<std::string, Instance*>> chosen;
  for (Instance* instance : candidates)
    if ((all || core.shown_state(*instance) == InstanceState::running) &&
        matches({&core, instance}))
      chosen.emplace_back(sort_key(*instance), instance);
  std::string next = cut_page(call.action, call.page, chosen);
  Xml xml;
  xml.list("instanceStatusSet", chosen, [&](const auto& item) {
    const Instance& i = *item.second;
    xml.text("instanceId", i.id).text("availabilityZone", i.zone);
    write_state(xml, "instanceState", core.shown_state(i));
    write_check(xml, "systemStatus", check_of(core, i));
    write_check(xml, "instanceStatus", check_of(core, i));
  });
  xml.optional("nextToken", next);
  return xml.take();
}

Answer describe_instance_attribute(Core& core, const Call& call) {
  std::string id = call.params.text("InstanceId"), attribute = call.params.text("Attribute");
  Instance* i = core.state.find_instance(call.account(), id);
  if (!i) return fail(not_found(*id_kind("i"), {id}));
  Xml xml;
  xml.text("instanceId", id);
  auto value = [&](std::string_view text) {
    xml.in(attribute, [&] {
      if (!text.empty()) xml.text("value", text);
    });
  };
  if (attribute == "instanceType")
    value(i->type);
  else if (attribute == "userData")
    value(base64(i->user_data));
  else if (attribute == "disableApiTermination")
    value(flag_text(i->termination_protection));
  else if (attribute == "instanceInitiatedShutdownBehavior")
    value(i->shutdown_behavior);
  else if (attribute == "rootDeviceName")
    value("/dev/sda1");
  else if (attribute == "sourceDestCheck")
    value(flag_text(i->source_dest_check));
  else if (attribute == "enaSupport")
    value("true");
  else if (attribute == "ebsOptimized")
    value("false");
  else if (attribute == "disableApiStop")
    value(flag_text(i->stop_protection));
  else if (attribute == "groupSet")
    write_groups(xml, core, *i);
  else if (attribute == "enclaveOptions")
    xml.in(attribute, [&] { xml.flag("enabled", false); });
  else if (attribute == "blockDeviceMapping")
    write_devices(xml, core, *i);
  else if (attribute == "productCodes")
    xml.text("productCodes", "");
  else
    value("");
  return xml.take();
}

}  // namespace croft::farm::ec2
