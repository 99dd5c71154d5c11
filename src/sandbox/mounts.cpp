#include "sandbox/mounts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/text.h"
#include "sandbox/disk.h"

extern "C" int setns(int fd, int type) noexcept;

namespace croft::sandbox {

int open_beneath(int folder, const std::string& path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
}

namespace {

/// The folder to mount on. What a machine has put in its place (a link, a file) is replaced.
Result<Fd> mount_point(const std::string& target) {
  Fd found(open_beneath(AT_FDCWD, target, O_PATH | O_DIRECTORY));
  if (found.valid()) return found;
  size_t slash = target.rfind('/');
  std::string above = slash == std::string::npos ? "." : target.substr(0, slash);
  std::string name = target.substr(slash + 1);
  // One folder above may be missing too: /volumes.
  Fd parent(open_beneath(AT_FDCWD, above, O_PATH | O_DIRECTORY));
  if (!parent.valid() && above.find('/') != std::string::npos) parent = TRY(mount_point(above));
  if (!parent.valid() && mkdirat(AT_FDCWD, above.c_str(), 0755) == 0)
    parent.reset(open_beneath(AT_FDCWD, above, O_PATH | O_DIRECTORY));
  if (!parent.valid()) return fail_system("open the mount point's folder " + above);
  if (unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return fail_system("clear the mount point " + target);
  if (mkdirat(parent.get(), name.c_str(), 0755) != 0)
    return fail_system("make the mount point " + target);
  found.reset(open_beneath(parent.get(), name, O_PATH | O_DIRECTORY));
  if (!found.valid()) return fail_system("open the mount point " + target);
  return found;
}

Result<> place(int mount, const std::string& target) {
  Fd point = TRY(mount_point(target));
  if (move_mount(mount, "", point.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) !=
      0) {
    return fail_system("mount on " + target);
  }
  return {};
}

Result<> map_ids(int mount, int ids, const std::string& what) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(ids);
  if (mount_setattr(mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return fail_system("map the ids of " + what);
  }
  return {};
}

/// Options as "key=value,flag"; a value may hold ':' but no ','.
Result<Fd> new_file_system(const char* type, const std::string& options, uint64_t attributes) {
  Fd context(fsopen(type, FSOPEN_CLOEXEC));
  if (!context.valid()) return fail_system(fmt::format("open the file system {}", type));
  for (const std::string& option : split(options, ',')) {
    if (option.empty()) continue;
    size_t equals = option.find('=');
    std::string key = option.substr(0, equals);
    int done = equals == std::string::npos
                   ? fsconfig(context.get(), FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0)
                   : fsconfig(context.get(), FSCONFIG_SET_STRING, key.c_str(),
                              option.c_str() + equals + 1, 0);
    if (done != 0) return fail_system(fmt::format("set {} of a {}", option, type));
  }
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return fail_system(fmt::format("make a {} ({})", type, options));
  }
  Fd mount(fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount.valid()) return fail_system(fmt::format("mount a {}", type));
  return mount;
}

Result<> fill(int mount, const std::vector<Node>& content, uint32_t owner) {
  for (const Node& node : content) {
    const char* name = node.name.c_str();
    int done = 0;
    switch (node.kind) {
      case Node::Kind::device:
        done = mknodat(mount, name, S_IFCHR | node.mode, makedev(node.major, node.minor));
        break;
      case Node::Kind::fifo:
        done = mknodat(mount, name, S_IFIFO | node.mode, 0);
        break;
      case Node::Kind::folder:
        done = mkdirat(mount, name, node.mode);
        break;
      case Node::Kind::link:
        done = symlinkat(node.to.c_str(), mount, name);
        break;
    }
    if (done != 0) return fail_system("make " + node.name);
    if (node.kind != Node::Kind::link && fchmodat(mount, name, node.mode, 0) != 0)
      return fail_system("set the mode of " + node.name);
    if (fchownat(mount, name, owner, owner, AT_SYMLINK_NOFOLLOW) != 0)
      return fail_system("give away " + node.name);
  }
  return {};
}

Result<> run_outer(const Step& step, const SandboxPlan& plan, int ids, Fd& disk) {
  constexpr uint64_t tame = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  switch (step.kind) {
    case StepKind::disk: {
      TRY(map_ids(disk.get(), ids, "the root disk"));
      return place(disk.get(), step.target);
    }
    case StepKind::attach: {
      Fd copy = TRY(mapped_copy(step.source, ids));
      return place(copy.get(), step.target);
    }
    case StepKind::volume: {
      MountedDisk volume = TRY(mount_disk(step.source, false));
      TRY(map_ids(volume.mount.get(), ids, step.source));
      return place(volume.mount.get(), step.target);
    }
    case StepKind::overlay: {
      Fd mount = TRY(new_file_system("overlay", step.source, tame));
      return place(mount.get(), step.target);
    }
    case StepKind::scratch: {
      bool devices = false;
      for (const Node& node : step.content) devices = devices || node.kind == Node::Kind::device;
      uint64_t attributes = devices ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC : tame;
      Fd mount = TRY(new_file_system("tmpfs", step.source, attributes));
      TRY(fill(mount.get(), step.content, plan.lease.first_id));
      return place(mount.get(), step.target);
    }
    case StepKind::terminals: {
      Fd mount = TRY(new_file_system("devpts", step.source, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
      return place(mount.get(), step.target);
    }
    case StepKind::processes:
    case StepKind::hide_file:
    case StepKind::hide_folder:
    case StepKind::read_only:
      break;
  }
  return fail(Code::internal, "a step of the inside was planned for the outside");
}

}  // namespace

Result<Fd> mapped_copy(const std::string& path, int ids) {
  Fd copy(open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy.valid()) return fail_system("take the tree " + path);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  attributes.userns_fd = static_cast<uint64_t>(ids);
  if (mount_setattr(copy.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return fail(
        system_error(fmt::format("map the ids of {}", path))
            .hint("its file system must allow id-mapped mounts (ext4, xfs, btrfs; not overlayfs)"));
  }
  return copy;
}

namespace {

/// Gives the calling process `id` as its file system identity and keeps all its capabilities.
Result<> create_files_as(uint32_t id) {
  setfsgid(id);
  setfsuid(id);  // away from 0 this clears the file capabilities from the effective set
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &head, data) != 0) return fail_system("read the capabilities");
  for (auto& half : data) half.effective = half.permitted;
  if (syscall(SYS_capset, &head, data) != 0) return fail_system("keep the capabilities");
  return {};
}

}  // namespace

Result<> run_outer_steps(const SandboxPlan& plan, int ids, Fd disk) {
  // An overlay works on its upper layer as whoever mounted it; on an id-mapped disk only ids of the
  // machine exist, so the host's root could not even make the work folder.
  TRY(create_files_as(plan.lease.first_id));
  for (const Step& step : plan.outer) {
    auto done = run_outer(step, plan, ids, disk);
    if (done) continue;
    // The builder goes on with other machines.
    static_cast<void>(create_files_as(0));
    return fail(
        std::move(done.error()).frame(fmt::format("mounting {} of {}", step.target, plan.id)));
  }
  return create_files_as(0);
}

Result<> show_volume(const VolumeSpec& volume, int ids, int mounts, uint32_t first_id) {
  MountedDisk disk = TRY(mount_disk(volume.image, false));
  TRY(map_ids(disk.mount.get(), ids, volume.image));
  if (setns(mounts, CLONE_NEWNS) != 0) return fail_system("enter the machine's mount namespace");
  TRY(create_files_as(first_id));
  return place(disk.mount.get(), "volumes/" + volume.name);
}

Result<> hide_volume(const std::string& name, int mounts, bool force) {
  if (setns(mounts, CLONE_NEWNS) != 0) return fail_system("enter the machine's mount namespace");
  Fd point(open_beneath(AT_FDCWD, "volumes/" + name, O_PATH | O_DIRECTORY));
  if (!point.valid() && errno == ENOENT) return {};
  if (!point.valid()) return fail_system("open /volumes/" + name);
  point.reset();
  std::string path = "/volumes/" + name;
  if (umount2(path.c_str(), UMOUNT_NOFOLLOW | (force ? MNT_DETACH : 0)) != 0 && errno != EINVAL) {
    if (errno == EBUSY)
      return fail(Code::conflict, fmt::format("a process in the machine uses {}", path));
    return fail_system("take away " + path);
  }
  rmdir(path.c_str());
  return {};
}

Result<> run_processes_step(const SandboxPlan& plan, int root) {
  for (const Step& step : plan.inner) {
    if (step.kind != StepKind::processes) continue;
    Fd mount = TRY(new_file_system("proc", step.source,
                                   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    Fd point(open_beneath(root, step.target, O_PATH | O_DIRECTORY));
    if (!point.valid()) return fail_system("open the mount point /" + step.target);
    if (move_mount(mount.get(), "", point.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
      return fail_system("mount /" + step.target);
    }
  }
  return {};
}

Result<> run_masks(const SandboxPlan& plan) {
  for (const Step& step : plan.inner) {
    std::string target = "/" + step.target;
    const char* path = target.c_str();
    bool present = exists(target);
    switch (step.kind) {
      case StepKind::processes:
        break;
      case StepKind::hide_file:
        if (present && mount("/dev/null", path, nullptr, MS_BIND, nullptr) != 0)
          return fail_system("hide " + target);
        break;
      case StepKind::hide_folder:
        if (present && mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                             "size=0,mode=0555") != 0) {
          return fail_system("hide " + target);
        }
        break;
      case StepKind::read_only: {
        if (!present) break;
        if (mount(path, path, nullptr, MS_BIND, nullptr) != 0) return fail_system("bind " + target);
        mount_attr attributes{};
        attributes.attr_set = MOUNT_ATTR_RDONLY;
        if (mount_setattr(AT_FDCWD, path, 0, &attributes, sizeof attributes) != 0)
          return fail_system("protect " + target);
        break;
      }
      case StepKind::disk:
      case StepKind::attach:
      case StepKind::volume:
      case StepKind::overlay:
      case StepKind::scratch:
      case StepKind::terminals:
        return fail(Code::internal, "a step of the outside was planned for the inside");
    }
  }
  return {};
}

}  // namespace croft::sandbox
