// Fleets of EC2: instances by target, from launch templates, on demand and spot. An instance
// belongs to the fleet that its client token names, so that a launch that a crash cut off is
// neither lost nor made twice. A fleet of type maintain is brought back to its target. Loop thread
// only.
#pragma once
#include "aio/sync.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

class InstanceFleets {
 public:
  explicit InstanceFleets(Core& core) : core_(core) {}
  /// Until cancelled: replaces what ended of fleets that are maintained, ends those whose time is
  /// over.
  aio::Task<Result<>> run();
  void kick() { work_.notify(); }

 private:
  bool idle() const;
  aio::Task<Result<>> turn();

  Core& core_;
  aio::Signal work_;
};

struct FleetFailure {
  std::string code, message;
  bool spot = false;
};
/// Launches what is short of the target; what could not be launched and why.
aio::Task<Result<std::vector<FleetFailure>>> fill_fleet(Core& core, std::string id);
/// Ends these instances as the user would.
aio::Task<Result<>> end_instances(Core& core, std::vector<std::string> ids);
/// Of a fleet, in order of launch: those that run or will.
std::vector<Instance*> instances_of_fleet(Core& core, const Plain& fleet);
/// What of its target is on demand, and what spot.
struct FleetTarget {
  int64_t on_demand = 0, spot = 0;
};
FleetTarget target_of(const Params& config);
/// The parameters that the fleet was made with, as ModifyFleet changed them.
Params config_of(const Plain& fleet);
/// What an instance counts.
int64_t weight_of(const Params& config, const Instance& instance);

}  // namespace croft::farm::ec2
