// Which host of the farm's topology an instance is put on. Without a topology there is one host,
// this machine, with no name. Made for one call: it counts what lies where once. Loop thread only.
#pragma once
#include <functional>

#include "farm/ec2/core.h"
#include "farm/topology/topology.h"

namespace croft::farm::ec2 {

/// What the hosts carry now, in the order of the topology. `mates_of`: whose group's members are
/// counted as mates; null: nobody's.
std::vector<HostLoad> host_loads(const Core& core, const Instance* mates_of);

class Placer {
 public:
  /// For instances like `model` (account, zone, type, placement group).
  Placer(const Core& core, const Instance& model);
  /// The host of the next one; InsufficientInstanceCapacity when there is no room.
  Result<std::string> next();
  /// How many more would find a place, up to `most`.
  size_t room(size_t most) const;

 private:
  static std::optional<size_t> put(const Topology& topology, std::vector<HostLoad>& loads,
                                   const Wish& wish);
  const Topology* topology_;
  std::vector<HostLoad> loads_;
  Wish wish_;
};

/// The zone of a launch that names none: the one with the fewest instances of the account among
/// those that have room, else among those that have a usable host.
std::string pick_zone(const Core& core, std::string_view account,
                      const std::function<bool(const std::string&)>& has_room);

/// GET /topology: hosts, what they carry, the power they take.
std::string topology_json(const Core& core);

}  // namespace croft::farm::ec2
