#include "farm/topology/topology.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.h"
#include "wire/json.h"

namespace croft::farm {

namespace {

namespace json = wire::json;

class Reader {
 public:
  explicit Reader(std::string_view what) : what_(what) {}

  Result<Topology> read(const json::Object& object) {
    std::string placement = TRY(json::string_or(object, "placement", "spread"));
    if (placement != "spread" && placement != "pack")
      return wrong(fmt::format("placement is spread or pack, not '{}'", printable(placement)));
    out_.placement = placement == "pack" ? Placement::pack : Placement::spread;
    for (const json::Value& value : *TRY(json::array_at(object, "zones"))) {
      const json::Object* zone = TRY(member(value, "zones"));
      std::string name = TRY(unique(*zone));
      out_.zones.push_back(name);
      for (const json::Value& rack : *TRY(json::array_at(*zone, "racks")))
        TRY(read_rack(*TRY(member(rack, "racks")), name));
    }
    if (out_.hosts.empty()) return wrong("there is no host in it");
    return std::move(out_);
  }

 private:
  std::unexpected<Error> wrong(std::string why) const {
    return fail(Code::invalid_argument, fmt::format("{}: {}", what_, why));
  }
  Result<const json::Object*> member(const json::Value& value, std::string_view list) const {
    if (value.is_object()) return &value.get_object();
    return wrong(fmt::format("'{}' holds objects, not {}", list, json::kind_of(value)));
  }
  /// The name of a zone, rack or host.
  Result<std::string> unique(const json::Object& object) {
    std::string name = TRY(json::string_at(object, "name"));
    TRY(take(name));
    return name;
  }
  Result<> take(const std::string& name) {
    bool plain = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.' || c == '_';
    });
    if (!plain || name.starts_with("i-") || name == "gateway" || name == "all")
      return wrong(fmt::format("'{}' cannot be a name: 1 to 64 letters, digits, '-', '.', '_'",
                               printable(name)));
    if (!names_.insert(name).second)
      return wrong(fmt::format("the name '{}' stands there twice", name));
    return {};
  }
  Result<> read_rack(const json::Object& rack, const std::string& zone) {
    std::string name = TRY(unique(rack));
    for (const json::Value& value : *TRY(json::array_at(rack, "hosts"))) {
      const json::Object* object = TRY(member(value, "hosts"));
      Host host = TRY(read_host(*object));
      host.zone = zone;
      host.rack = name;
      int64_t count = TRY(json::int_or(*object, "count", 0));
      if (object->contains("count") && count < 1)
        return wrong(fmt::format("count of the host '{}' is 1 or more", host.name));
      if (count < 0 || static_cast<size_t>(count) + out_.hosts.size() >= Topology::most_hosts)
        return wrong(fmt::format("more than {} hosts", Topology::most_hosts));
      std::string base = host.name;
      for (int64_t i = 0; i < std::max<int64_t>(count, 1); ++i) {
        if (count > 0) host.name = fmt::format("{}-{}", base, i + 1);
        TRY(take(host.name));
        out_.hosts.push_back(host);
      }
    }
    return {};
  }
  Result<Host> read_host(const json::Object& object) const {
    Host host;
    host.name = TRY(json::string_at(object, "name"));
    host.cores = static_cast<int>(std::min<int64_t>(TRY(json::int_at(object, "cores")), 4096));
    host.memory = TRY(Bytes::parse(TRY(json::string_at(object, "memory"))));
    host.idle_watts = TRY(json::int_or(object, "idleWatts", 0));
    host.busy_watts = TRY(json::int_or(object, "busyWatts", host.idle_watts));
    if (host.cores < 1 || host.memory <= Bytes())
      return wrong(
          fmt::format("the host '{}' has no processors or no memory", printable(host.name)));
    if (host.idle_watts < 0 || host.busy_watts < host.idle_watts)
      return wrong(
          fmt::format("the host '{}' needs less power busy than idle", printable(host.name)));
    if (const json::Array* disks = TRY(json::array_if(object, "disks")))
      for (const json::Value& value : *disks) {
        const json::Object* disk = TRY(member(value, "disks"));
        host.disks.push_back({TRY(json::string_at(*disk, "name")),
                              TRY(Bytes::parse(TRY(json::string_at(*disk, "size"))))});
      }
    return host;
  }

  std::string what_;
  Topology out_;
  std::set<std::string> names_;
};

}  // namespace

Result<Topology> Topology::parse(std::string_view text, std::string_view what) {
  json::Object object = TRY(json::parse_object(text, what));
  return Reader(what).read(object);
}

const Host* Topology::find(std::string_view host) const {
  auto at = std::ranges::find(hosts, host, &Host::name);
  return at == hosts.end() ? nullptr : &*at;
}

Topology::Part Topology::part_of(std::string_view name) const {
  if (std::ranges::find(zones, name) != zones.end()) return Part::zone;
  if (std::ranges::find(hosts, name, &Host::rack) != hosts.end()) return Part::rack;
  return find(name) ? Part::host : Part::none;
}

std::vector<std::string> Topology::hosts_of(std::string_view name) const {
  std::vector<std::string> out;
  for (const Host& host : hosts)
    if (host.zone == name || host.rack == name || host.name == name) out.push_back(host.name);
  return out;
}

std::string Topology::hint(std::string_view name) const {
  std::vector<std::string> names = zones;
  for (const Host& host : hosts) {
    names.push_back(host.rack);
    names.push_back(host.name);
  }
  return did_you_mean(name, names);
}

std::optional<size_t> choose_host(const Topology& topology, const std::vector<HostLoad>& loads,
                                  const Wish& wish) {
  std::map<std::string_view, int64_t> mates_on, crowd_on;
  for (size_t i = 0; i < loads.size(); ++i) {
    mates_on[topology.hosts[i].rack] += loads[i].mates;
    crowd_on[topology.hosts[i].rack] += loads[i].instances;
  }
  using Rank = std::tuple<int64_t, int64_t, int64_t, int64_t, size_t>;
  std::optional<Rank> best;
  for (size_t i = 0; i < loads.size(); ++i) {
    const Host& host = topology.hosts[i];
    const HostLoad& load = loads[i];
    int64_t memory_left = host.memory.count() - load.memory.count() - wish.memory.count();
    int64_t cpu_left = int64_t{1000} * host.cores - load.cpu_permille - wish.cpu_permille;
    if (!load.usable || host.zone != wish.zone || memory_left < 0 || cpu_left < 0) continue;
    if (wish.alone_on_host && load.mates > 0) continue;
    if (wish.alone_on_rack && mates_on[host.rack] > 0) continue;
    Rank rank = wish.placement == Placement::spread
                    ? Rank{mates_on[host.rack], load.mates, crowd_on[host.rack], load.instances, i}
                    : Rank{0, 0, load.instances == 0, memory_left, i};
    if (!best || rank < *best) best = rank;
  }
  if (!best) return std::nullopt;
  return std::get<4>(*best);
}

int64_t watts_of(const Host& host, const HostLoad& load) {
  if (load.instances == 0) return 0;
  int64_t all = int64_t{1000} * host.cores;
  int64_t used = std::min(load.cpu_permille, all);
  return host.idle_watts + (host.busy_watts - host.idle_watts) * used / all;
}

}  // namespace croft::farm
