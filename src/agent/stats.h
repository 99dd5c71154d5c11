// What agent and workloads use of the machine, from /proc and their cgroups, and what they tell of
// themselves on a page or in a file of theirs.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "agent/cgroup.h"
#include "aio/world.h"
#include "model/host_work.h"
#include "wire/json.h"

namespace croft::agent {

/// An item whose process runs.
struct Workload {
  model::WorkState state;
  Cgroup group;
};
struct Usages {
  model::WorkUsage agent;  ///< alone, not what shares its session
  std::map<std::string, model::WorkUsage> items;
};
/// Of each process, all that share its session and all of its cgroup. One walk over /proc; blocks.
Usages measure(const std::vector<Workload>& workloads);
/// The answer of the call "stats".
wire::json::Object stats_of(const std::vector<Workload>& workloads);

/// What is told at `probe` (http or file), within its timeout.
aio::Task<Result<std::map<std::string, double>>> figures_at(aio::World& world, model::Probe probe,
                                                            std::vector<std::string> names);

}  // namespace croft::agent
