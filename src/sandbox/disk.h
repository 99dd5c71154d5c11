// Root disks: one sparse ext4 image a machine, behind a loop device of its own; limited in size,
// kept over stop and start, gone with its file. The loop device is released by the kernel when the
// machine's mount namespace ends, so that no crash leaves one behind. Where loop devices are
// refused, a plain folder without a limit. Why: docs/decisions/root-disk.md. Blocking; spawner side
// only.
#pragma once
#include <string>

#include "base/units.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

/// An empty, formatted image of that size, made once a size in `folder`. Its name.
Result<std::string> disk_template(const std::string& folder, Bytes size);
/// A copy of the template: only the blocks that hold something.
Result<> new_disk(const std::string& from_template, const std::string& image);
struct MountedDisk {
  Fd mount;            ///< detached
  std::string device;  ///< "loop7"
};
/// On a free loop device. Refused while another loop device still has the image (the machine's
/// previous namespace is being torn down): Code::conflict.
Result<MountedDisk> mount_disk(const std::string& image, bool fresh);
/// The device ("loop7") that has this image, "" when none. Looks at all.
std::string loop_device_of(const std::string& image);
/// Whether this one device still has the image.
bool is_attached(const std::string& device, const std::string& image);
/// What is written on the image, mounted on that device by a machine that runs, and is not on it
/// yet will never be: its unmounting is quick. The file system is of no use afterwards.
Result<> forget_writes(const std::string& device, const std::string& image);
/// An image that is mounted on a device, and the file system on it, become that big.
/// Code::permission_denied where the kernel lets nobody here do that, and nothing is changed.
Result<> grow_mounted(const std::string& image, Bytes size);
bool loop_devices_work();
/// The image of a volume, ready to be mounted: when it is not there, a copy of `source`, grown to
/// `size`, or an empty file system whose root belongs to root. Waits while another machine gives it
/// up; Code::conflict when that takes too long.
Result<> make_volume(const std::string& image, const std::string& source, Bytes size);
/// All of `from`'s data in `to`, which appears whole or not at all.
Result<> copy_image(const std::string& from, const std::string& to);

/// Folders that a root disk starts with; `write` files below root/ are put in at first boot.
extern const char* const disk_folders[];

}  // namespace croft::sandbox
