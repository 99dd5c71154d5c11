// The mount steps of a plan. From outside (the builder, in the machine's mount namespace but with
// the host's rights) and inside (the machine's first process, as root of its user namespace).
// Targets are opened without following symbolic links: a machine's disk may hold any.
#pragma once
#include <string>
#include <vector>

#include "sandbox/plan.h"

namespace croft::sandbox {

/// `ids` is a descriptor of the machine's user namespace; `disk` the mounted root disk. The working
/// directory is FarmLayout::build.
Result<> run_outer_steps(const SandboxPlan& plan, int ids, Fd disk);
/// Root is still the host's; `root` the future one. Mounts what needs a view of /proc.
Result<> run_processes_step(const SandboxPlan& plan, int root);
/// Root is the machine's.
Result<> run_masks(const SandboxPlan& plan);

/// openat2 that neither leaves `folder` nor follows a symbolic link; -1 and errno.
int open_beneath(int folder, const std::string& path, uint64_t flags);

/// Mounts a volume in the running machine whose user and mount namespaces are given; the caller
/// stays there, with `first_id` as its file system identity. For workers.
Result<> show_volume(const VolumeSpec& volume, int ids, int mounts, uint32_t first_id);
/// The reverse. Code::conflict while it is used, unless `force`.
Result<> hide_volume(const std::string& name, int mounts, bool force);

/// Copies the mount of `path` and maps its ids through `ids`; detached.
Result<Fd> mapped_copy(const std::string& path, int ids);

}  // namespace croft::sandbox
