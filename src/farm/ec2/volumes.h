// Volumes, for launches and descriptions of instances.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// Ids of the volumes that an instance has, besides its root disk.
std::vector<std::string> volumes_of(Core& core, std::string_view instance);
/// "/dev/sdf", "xvdf": what names a folder below /volumes. Not the root device.
Result<> check_device(const std::string& device);

}  // namespace croft::farm::ec2
