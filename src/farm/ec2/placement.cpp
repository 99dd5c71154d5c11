#include "farm/ec2/placement.h"

#include <algorithm>

#include "wire/json.h"

namespace croft::farm::ec2 {

namespace {

/// Members of one placement group keep apart; without a group, the instances of one account do.
bool are_mates(const Instance& one, const Instance& other) {
  return one.account == other.account && one.placement_group == other.placement_group;
}

const PlacementGroup* group_of(const Core& core, const Instance& model) {
  if (model.placement_group.empty()) return nullptr;
  for (const PlacementGroup* group : core.state.placement_groups.of(model.account))
    if (group->name == model.placement_group) return group;
  return nullptr;
}

}  // namespace

std::vector<HostLoad> host_loads(const Core& core, const Instance* mates_of) {
  const Topology* topology = core.context.topology.get();
  if (!topology) return {};
  std::vector<HostLoad> loads(topology->hosts.size());
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < loads.size(); ++i) {
    index[topology->hosts[i].name] = i;
    loads[i].usable = !core.faults || !core.faults->is_down(topology->hosts[i].name);
  }
  for (const auto& [id, instance] : core.state.instances()) {
    auto at = index.find(instance.host);
    if (!is_live(instance.state) || at == index.end()) continue;
    HostLoad& load = loads[at->second];
    if (const InstanceType* type = find_instance_type(instance.type)) {
      load.memory = Bytes(load.memory.count() + type->memory().count());
      load.cpu_permille += type->cpu_permille;
    }
    ++load.instances;
    if (mates_of) load.mates += are_mates(instance, *mates_of);
  }
  return loads;
}

Placer::Placer(const Core& core, const Instance& model)
    : topology_(core.context.topology.get()), loads_(host_loads(core, &model)) {
  if (!topology_) return;
  wish_.zone = model.zone;
  wish_.placement = topology_->placement;
  if (const InstanceType* type = find_instance_type(model.type)) {
    wish_.memory = type->memory();
    wish_.cpu_permille = type->cpu_permille;
  }
  if (const PlacementGroup* group = group_of(core, model)) {
    wish_.placement = group->strategy == "cluster" ? Placement::pack : Placement::spread;
    wish_.alone_on_host = group->strategy == "spread";
    wish_.alone_on_rack = wish_.alone_on_host && group->spread_level != "host";
  }
}

std::optional<size_t> Placer::put(const Topology& topology, std::vector<HostLoad>& loads,
                                  const Wish& wish) {
  auto at = choose_host(topology, loads, wish);
  if (!at) return at;
  loads[*at].memory = Bytes(loads[*at].memory.count() + wish.memory.count());
  loads[*at].cpu_permille += wish.cpu_permille;
  ++loads[*at].instances;
  ++loads[*at].mates;
  return at;
}

Result<std::string> Placer::next() {
  if (!topology_) return std::string();
  if (auto at = put(*topology_, loads_, wish_)) return topology_->hosts[*at].name;
  return fail(aws_error("InsufficientInstanceCapacity", 500,
                        fmt::format("No host of {} has room for this instance", wish_.zone)));
}

size_t Placer::room(size_t most) const {
  if (!topology_) return most;
  std::vector<HostLoad> loads = loads_;
  size_t count = 0;
  while (count < most && put(*topology_, loads, wish_)) ++count;
  return count;
}

std::string pick_zone(const Core& core, std::string_view account,
                      const std::function<bool(const std::string&)>& has_room) {
  const auto& zones = core.context.zones;
  const Topology* topology = core.context.topology.get();
  if (!topology) return zones.front();
  std::map<std::string, int64_t> own;
  for (const Instance* instance : core.state.instances_of(account))
    own[instance->zone] += is_live(instance->state);
  std::string best, roomy;
  for (const std::string& zone : zones) {
    bool usable = std::ranges::any_of(topology->hosts, [&](const Host& host) {
      return host.zone == zone && !(core.faults && core.faults->is_down(host.name));
    });
    if (!usable) continue;
    if (best.empty() || own[zone] < own[best]) best = zone;
    if ((roomy.empty() || own[zone] < own[roomy]) && has_room(zone)) roomy = zone;
  }
  return !roomy.empty() ? roomy : best.empty() ? zones.front() : best;
}

std::string topology_json(const Core& core) {
  namespace json = wire::json;
  json::Array hosts;
  const Topology* topology = core.context.topology.get();
  std::vector<HostLoad> loads = host_loads(core, nullptr);
  int64_t watts = 0;
  for (size_t i = 0; i < loads.size(); ++i) {
    const Host& host = topology->hosts[i];
    json::Array disks;
    for (const Host::Disk& disk : host.disks)
      disks.push_back(json::Object{{"name", disk.name}, {"bytes", disk.size.count()}});
    json::Array instances;
    for (const auto& [id, instance] : core.state.instances())
      if (instance.host == host.name && is_live(instance.state)) instances.emplace_back(id);
    watts += watts_of(host, loads[i]);
    hosts.push_back(json::Object{{"host", host.name},
                                 {"rack", host.rack},
                                 {"zone", host.zone},
                                 {"up", loads[i].usable},
                                 {"cores", host.cores},
                                 {"cpuPermille", loads[i].cpu_permille},
                                 {"memory", host.memory.count()},
                                 {"memoryUsed", loads[i].memory.count()},
                                 {"watts", watts_of(host, loads[i])},
                                 {"disks", std::move(disks)},
                                 {"instances", std::move(instances)}});
  }
  json::Object out{{"watts", watts}, {"hosts", std::move(hosts)}};
  if (topology) out["placement"] = topology->placement == Placement::pack ? "pack" : "spread";
  return json::compact(out);
}

}  // namespace croft::farm::ec2
