// Volumes, for launches and descriptions of instances.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// Ids of the volumes that an instance has, besides its root disk.
std::vector<std::string> volumes_of(Core& core, std::string_view instance);
/// A volume with a record, by VolumeId; what is a root disk can do less.
Result<Volume*> own_volume(Core& core, const Call& call);
/// "/dev/sdf", "xvdf": what names a folder below /volumes. Not the root device.
Result<> check_device(const std::string& device);

}  // namespace croft::farm::ec2
