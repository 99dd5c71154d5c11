// Dedicated hosts. Records: where instances lie is the topology's business (docs/farm.md).
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param allocate_params[] = {
    {"AvailabilityZone", Kind::text, true, "", 1, 64},
    {"InstanceType", Kind::text, false, "", 1, 64},
    {"InstanceFamily", Kind::text, false, "", 1, 64},
    {"Quantity", Kind::integer, true, "", 1, 100},
    {"AutoPlacement", Kind::choice, false, "on|off"},
    {"HostRecovery", Kind::choice, false, "on|off"},
    {"HostMaintenance", Kind::ignored},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param modify_params[] = {
    {"HostId.N", Kind::id, true, "h"},
    {"AutoPlacement", Kind::choice, false, "on|off"},
    {"HostRecovery", Kind::choice, false, "on|off"},
    {"HostMaintenance", Kind::ignored},
    {"InstanceType", Kind::text, false, "", 1, 64},
    {"InstanceFamily", Kind::text, false, "", 1, 64},
};
constexpr Param release_params[] = {{"HostId.N", Kind::id, true, "h"}};
constexpr Param describe_params[] = {{"HostId.N", Kind::id, false, "h"}};

/// Exactly one of the two says what runs on it, where `must`.
Result<> read_kind(const Params& p, Plain& one, bool must) {
  bool type = p.has("InstanceType"), family = p.has("InstanceFamily");
  if (type && family)
    return fail(aws_error("InvalidParameterCombination", 400,
                          "A host has either an InstanceType or an InstanceFamily"));
  if (!type && !family) {
    if (!must) return {};
    return fail(aws_error("MissingParameter", 400,
                          "The request must contain the parameter InstanceType or InstanceFamily"));
  }
  std::string text = p.text(type ? "InstanceType" : "InstanceFamily");
  if (type && text.find('.') == std::string::npos)
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("'{}' is no instance type", printable(text))));
  one.values[type ? "type" : "family"] = text;
  one.values.erase(type ? "family" : "type");
  return {};
}

constexpr std::pair<const char*, const char*> switches[] = {
    {"AutoPlacement", "autoPlacement"},
    {"HostRecovery", "hostRecovery"},
};

aio::Task<Answer> allocate(Core& core, Call call) {
  const Params& p = call.params;
  std::string zone = p.text("AvailabilityZone");
  if (core.zone_index(zone) >= core.context.zones.size())
    co_return fail(aws_error("InvalidParameterValue", 400,
                             fmt::format("The zone '{}' does not exist. The zones are {}",
                                         printable(zone), join(core.context.zones, ", "))));
  Plain like;
  CO_TRY(read_kind(p, like, true));
  auto specs = CO_TRY(read_tag_specs(p, {"dedicated-host"}));
  auto count = static_cast<size_t>(p.number("Quantity", 1));
  if (plains_of(core, call.account(), "h").size() + count > max_of_a_kind)
    co_return fail(aws_error("HostLimitExceeded", 400,
                             fmt::format("An account has at most {} hosts", max_of_a_kind)));
  CO_TRY(call.effect());
  like.kind = "h";
  like.account = call.account();
  like.created = core.now();
  like.values["zone"] = zone;
  like.values["autoPlacement"] = p.text("AutoPlacement", "on");
  like.values["hostRecovery"] = p.text("HostRecovery", "off");
  like.tags = tags_for(specs, "dedicated-host");
  std::vector<store::Change> changes;
  Xml xml;
  xml.in("hostIdSet", [&] {
    for (size_t i = 0; i < count; ++i) {
      like.id = new_id(core.context.world.random, "h");
      changes.push_back(core.state.plains.put(core.state.plains.add(like)));
      xml.plain("item", like.id);
    }
  });
  co_return co_await finish(core, call, "allocate-hosts", std::move(changes), xml.take());
}

/// What was done; a host that does not exist refuses the whole call.
aio::Task<Answer> change_all(Core& core, Call call,
                             Result<> (*change)(Core&, const Call&, Plain&)) {
  std::vector<Plain*> hosts;
  for (const std::string& id : call.params.list("HostId")) {
    Plain* host = find_plain(core, call.account(), "h", id);
    if (!host) co_return fail(not_found(*id_kind("h"), {id}));
    hosts.push_back(host);
  }
  std::vector<Plain> changed;
  for (const Plain* host : hosts) CO_TRY(change(core, call, changed.emplace_back(*host)));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  Xml xml;
  xml.in("successful", [&] {
    for (size_t i = 0; i < hosts.size(); ++i) {
      *hosts[i] = changed[i];
      changes.push_back(core.state.plains.put(*hosts[i]));
      xml.plain("item", hosts[i]->id);
    }
  });
  xml.text("unsuccessful", "");
  co_return co_await finish(core, call, "change-hosts", std::move(changes), xml.take());
}

Result<> modify_one(Core&, const Call& call, Plain& host) {
  for (auto [parameter, key] : switches)
    if (call.params.has(parameter)) host.values[key] = call.params.text(parameter);
  return read_kind(call.params, host, false);
}
Result<> release_one(Core& core, const Call&, Plain& host) {
  host.state = "released";
  host.ended = core.now();
  return {};
}
aio::Task<Answer> modify(Core& core, Call call) {
  return change_all(core, std::move(call), modify_one);
}
aio::Task<Answer> release(Core& core, Call call) {
  return change_all(core, std::move(call), release_one);
}

void write_host(Xml& xml, Core&, const Plain& one) {
  xml.plain("hostId", one.id).plain("state", one.state).plain("ownerId", one.account);
  xml.text("availabilityZone", one.value("zone"));
  for (auto [parameter, key] : switches) xml.plain(key, one.value(key));
  xml.in("hostProperties", [&] {
    xml.optional("instanceType", one.value("type"));
    xml.optional("instanceFamily", one.value("family"));
  });
  xml.text("allowsMultipleInstanceTypes",
           std::string_view(one.value("family").empty() ? "off" : "on"));
  xml.text("instances", "").time("allocationTime", one.created);
  if (one.ended.ns > 0) xml.time("releaseTime", one.ended);
}

constexpr char zone_name[] = "zone", type_name[] = "type", auto_name[] = "autoPlacement";
constexpr FilterField<Plain> fields[] = {
    {"availability-zone", named_value<zone_name>}, {"state", state_value},
    {"instance-type", named_value<type_name>},     {"auto-placement", named_value<auto_name>},
    {"client-token", [](const Plain&, Out) {}},
};

constexpr PlainKind kinds[] = {{.prefix = "h",
                                .create = "",
                                .remove = "",
                                .describe = "DescribeHosts",
                                .id = "HostId",
                                .element = "host",
                                .list = "hostSet",
                                .read = nullptr,
                                .write = write_host,
                                .fields = fields,
                                .deleted_state = "released"}};

constexpr Action table[] = {
    {"AllocateHosts", allocate_params, nullptr, allocate},
    {"ModifyHosts", modify_params, nullptr, modify},
    {"ReleaseHosts", release_params, nullptr, release},
    {"DescribeHosts", describe_params, describe_plain, nullptr, true, 5, "HostId"},
};

}  // namespace

std::span<const PlainKind> host_kinds() {
  return kinds;
}
std::span<const Action> host_actions() {
  return table;
}

}  // namespace croft::farm::ec2
