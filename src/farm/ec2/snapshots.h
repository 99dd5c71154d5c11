// Snapshots of root disks, for images made of instances.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// Copies the root disk of an instance, as it is now; the record is not kept yet.
aio::Task<Result<Snapshot>> copy_root(Core& core, std::string instance);

}  // namespace croft::farm::ec2
