// What the farm pretends to be made of: zones, racks in them, hosts in racks, each with capacity,
// power and disks, from one JSON file; and where on them an instance is put. Pure.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace croft::farm {

struct Host {
  struct Disk {
    std::string name;
    Bytes size;
  };
  std::string name, rack, zone;
  int cores = 0;
  Bytes memory;
  int64_t idle_watts = 0, busy_watts = 0;
  std::vector<Disk> disks;
};

enum class Placement { spread, pack };

struct Topology {
  static constexpr size_t most_hosts = 10'000;
  Placement placement = Placement::spread;
  std::vector<std::string> zones;  ///< in the order of the file
  std::vector<Host> hosts;

  /// {"placement": "spread", "zones": [{"name", "racks": [{"name", "hosts": [{"name", "cores",
  /// "memory": "32 GiB", "idleWatts", "busyWatts", "disks": [{"name", "size"}]}]}]}]}; "count" on a
  /// host stands for so many of it, NAME-1 and on. Names are unique in the whole file.
  static Result<Topology> parse(std::string_view text, std::string_view what);

  const Host* find(std::string_view host) const;
  enum class Part { none, zone, rack, host };
  /// What a name is the name of.
  Part part_of(std::string_view name) const;
  /// Of a zone, a rack or one host.
  std::vector<std::string> hosts_of(std::string_view name) const;
  /// The nearest known name, for messages: "did you mean 'r1'?"; may be empty.
  std::string hint(std::string_view name) const;
};

/// What lies on one host.
struct HostLoad {
  Bytes memory;
  int64_t cpu_permille = 0;
  int64_t instances = 0;
  int64_t mates = 0;  ///< of the group that the new one belongs to
  bool usable = true;
};

/// What the new instance needs, and what must not be shared.
struct Wish {
  std::string zone;
  Bytes memory;
  int64_t cpu_permille = 0;
  Placement placement = Placement::spread;
  bool alone_on_rack = false;  ///< no mate on the same rack (placement group "spread")
  bool alone_on_host = false;
};

/// Index of the best host; nullopt: none has room. Spread: the rack, then the host, with the fewest
/// mates, then with the fewest instances. Pack: the fullest host that has room, so that others can
/// be switched off. `loads` is parallel to `topology.hosts`.
std::optional<size_t> choose_host(const Topology& topology, const std::vector<HostLoad>& loads,
                                  const Wish& wish);

/// Between idle and busy, by the processors that are given away; 0 without instances: it is off.
int64_t watts_of(const Host& host, const HostLoad& load);

}  // namespace croft::farm
