// The limits of a machine as control groups: memory, pids, cpu. Each controller lives either in its
// own v1 hierarchy or in the unified v2 one; machines may mix both ("hybrid"). Blocking; spawner,
// builders and tests only.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

struct Limits {
  Bytes memory;
  int cpu_permille = 1000;
  int pids = 512;
};

/// One mounted hierarchy that carries controllers we use.
struct Hierarchy {
  std::string root;  ///< mount point + the path of process 1 in it
  bool unified = false;
  std::vector<std::string> controllers;  ///< of "memory", "pids", "cpu"
};

class Cgroups {
 public:
  /// From the texts of /proc/self/mountinfo and /proc/1/cgroup. `available` gives the text of a v2
  /// root's cgroup.controllers.
  static Cgroups parse(std::string_view mountinfo, std::string_view process_one,
                       std::string_view available);
  static Result<Cgroups> find();

  const std::vector<Hierarchy>& hierarchies() const { return hierarchies_; }
  bool has(std::string_view controller) const;

  /// The folder above the machines' groups, in every hierarchy; v2 controllers are switched on.
  Result<> prepare(const std::string& parent) const;
  /// A group with its limits. `name` is "croft/<farm>/<machine>".
  Result<> make(const std::string& name, const Limits& limits) const;
  /// Moves the calling (single-threaded) process into the v1 groups; v2 is entered at clone3.
  Result<> join_v1(const std::string& name) const;
  /// And out of them again, before somebody ends all that is in them.
  Result<> leave_v1() const;
  /// The folder for CLONE_INTO_CGROUP; invalid when no v2 hierarchy is used.
  Result<Fd> open_v2(const std::string& name) const;
  /// Ends what still runs in it and removes it; waits for the kernel for at most a second.
  Result<> remove(const std::string& name) const;
  /// The same without waiting: false while the kernel still takes its processes down.
  Result<bool> try_remove(const std::string& name) const;
  /// SIGSTOP or SIGCONT to all that runs in it, until all have it.
  Result<> signal_all(const std::string& name, int signal) const;
  std::vector<std::string> folders(const std::string& name) const;
  /// Names of the groups below it, in any hierarchy.
  std::set<std::string> below(const std::string& name) const;

  /// The files and texts that set `limits`, per hierarchy: for plans and tests.
  static std::vector<std::pair<std::string, std::string>> settings(const Hierarchy& hierarchy,
                                                                   const Limits& limits);

 private:
  std::vector<Hierarchy> hierarchies_;
};

}  // namespace croft::sandbox
