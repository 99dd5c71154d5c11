// Snapshots of root disks, for images made of instances.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// Copies the root disk of an instance, as it is now; the record is not kept yet.
aio::Task<Result<Snapshot>> copy_root(Core& core, std::string instance);

/// The copy of a volume or root disk; nothing is recorded yet.
aio::Task<Result<Snapshot>> copy_volume(Core& core, std::string account, std::string volume);
/// Whose root disk it is; null: nobody's.
Instance* instance_of_root(Core& core, const std::string& account, const std::string& volume);
/// The account's own, or one that its owner opened to it.
Snapshot* seen_snapshot(Core& core, std::string_view account, std::string_view id);
/// The inside of an item.
void write_snapshot(Xml& xml, const Snapshot& snapshot);

}  // namespace croft::farm::ec2
