// Executes a SandboxPlan: makes the namespaces, mounts, links and sockets of one machine and starts
// its init. Runs in a process of its own, forked by the spawner (a builder), which ends afterwards;
// so it may change its namespaces, block, and fail without harm to others. The machine's init is
// the spawner's child, not the builder's.
#pragma once
#include <string>
#include <vector>

#include "sandbox/disk.h"
#include "sandbox/plan.h"
#include "sandbox/sheet.h"

namespace croft::sandbox {

/// What all builders of a spawner share.
struct Workshop {
  FarmLayout layout;
  Cgroups cgroups;
  std::string filter;  ///< compile_filter()
  Fd init;             ///< the init program, opened for execution
  bool loop_disks = true;
};

struct Order {
  SandboxPlan plan;
  Sheet boot;    ///< for the init: hostname, first_boot, file, script, say
  Sheet record;  ///< kept in the machine's folder; pid and start time are added
  std::string template_image;
  MountedDisk disk;    ///< a fresh disk mounted ahead; else invalid
  bool fresh = false;  ///< the disk is to be made
};

struct Built {
  int pid = 0;
  uint64_t start_time = 0;
  Fd process;
  std::vector<Fd> sockets;  ///< as SandboxPlan::listeners
  std::string trace;        ///< "clone 1.2 mounts 3.4 ..." in ms since the start
};

/// To be called in a builder, in the router's network namespace. On error the machine's process has
/// been killed; cgroup and folder are left to the caller.
Result<Built> build_machine(const Workshop& workshop, Order order);

/// Removes what is left of the link of a machine without a router: the other end may still be in a
/// network that something holds. Leaves the caller in the machine's network namespace.
Result<> disconnect_machine(int network_namespace);
/// The veth, its routes, the addresses inside, and the packet filter: also for machines that are
/// found again without a router. Leaves the caller in the machine's network namespace.
Result<> connect_machine(const SandboxPlan& plan, int network_namespace);
/// Bound and listening sockets: inside ones in the caller's network namespace, a machine's, the
/// others in `router` for what comes over `link`. Leaves the caller in either.
Result<std::vector<Fd>> open_listeners(const std::vector<InsideListener>& listeners, int router,
                                       const std::string& link);
/// A socket in the caller's network namespace, with an empty `link` for all that comes.
Result<Fd> open_listener(const InsideListener& listener, const std::string& link);

/// Descriptors that the init finds open.
namespace init_descriptor {
constexpr int boot = 3;     ///< the boot sheet, to its end
constexpr int console = 4;  ///< the console file, outside of the machine
constexpr int note = 5;     ///< why it ended, outside of the machine
}  // namespace init_descriptor

}  // namespace croft::sandbox
