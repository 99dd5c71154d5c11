// Control groups of workloads, where the machine lets the agent make some: version 2, or the
// controllers of version 1 one by one. What is not there is left out: the limit is then not kept,
// and `missing` says so. Blocking calls to the kernel's file system, microseconds each.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/host_work.h"

namespace croft::agent {

/// One workload's group: its folders, one a hierarchy.
struct Cgroup {
  std::vector<std::string> folders;
  bool unified = false;  ///< version 2: cgroup.kill
};

class Cgroups {
 public:
  Cgroups() = default;  ///< none: nothing is made
  /// Looks for hierarchies in which a group of ours can be made.
  static Cgroups find(const std::string& agent_name);

  bool usable() const { return !hierarchies_.empty(); }
  /// Takes away what find() made, as far as no workload is in it.
  void release() const;
  /// A group named `name` with these limits; `open` receives descriptors of the files that a
  /// process writes "0" to so as to enter (the caller closes them).
  Cgroup make(const std::string& name, const model::ProcessLimits& limits,
              std::vector<int>& open) const;
  /// As far as it is there.
  Cgroup existing(const std::string& name) const;
  /// Limits that cannot be kept here: "memory", "cpu", "processes".
  std::vector<std::string> missing(const model::ProcessLimits& limits) const;

 private:
  struct Hierarchy {
    std::string folder;  ///< where our groups are made
    bool unified = false;
    std::vector<std::string> controllers;
  };
  std::vector<Hierarchy> hierarchies_;
  bool has(std::string_view controller) const;
  /// Is a group wanted there: to keep its processes together, or for one of the limits?
  bool wanted(const Hierarchy& hierarchy, const model::ProcessLimits& limits) const;
};

std::vector<int> processes_of(const Cgroup& group);
/// CPU time of all that ever ran in it; nullopt where the kernel does not count it.
std::optional<Duration> cpu_of(const Cgroup& group);
/// KILL to every process in it.
void kill_all(const Cgroup& group);
void remove(const Cgroup& group);

}  // namespace croft::agent
