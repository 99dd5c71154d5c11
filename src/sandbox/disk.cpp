#include "sandbox/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace croft::sandbox {

const char* const disk_folders[] = {"root",      "work",     "usr",       "usr-work",  "dpkg",
                                    "dpkg-work", "root/etc", "root/dev",  "root/proc", "root/run",
                                    "root/sys",  "root/tmp", "root/root", nullptr};

namespace {

/// `most` is the highest exit status that means success.
Result<> run_program(const std::vector<std::string>& command, int most = 0) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return fail_system("make a pipe");
  Fd reader(out[0]);
  Fd writer(out[1]);
  pid_t pid = fork();
  if (pid < 0) return fail_system("start " + command[0]);
  if (pid == 0) {
    dup2(writer.get(), 1);
    dup2(writer.get(), 2);
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    execvp(argv[0], argv.data());
    dprintf(2, "%s: %s", argv[0], strerror(errno));
    _exit(127);
  }
  writer.reset();
  std::string said;
  char buffer[1024];
  for (ssize_t got; (got = read(reader.get(), buffer, sizeof buffer)) > 0;) {
    if (said.size() < 4096) said.append(buffer, static_cast<size_t>(got));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) <= most) return {};
  return fail(Code::unavailable, fmt::format("{} failed: {}", command[0], printable(trim(said))));
}

Result<> populate(const std::string& tree) {
  TRY(make_folders(tree, 0755));
  for (const char* const* name = disk_folders; *name != nullptr; ++name)
    TRY(make_folders(tree + "/" + *name, 0755));
  if (chmod((tree + "/root/root").c_str(), 0700) != 0 ||
      chmod((tree + "/root/tmp").c_str(), 01777) != 0) {
    return fail_system("set modes in a root disk");
  }
  // What this machine's packages set for users and groups that a fresh machine has not: dpkg would
  // refuse to work at all.
  TRY(write_new(tree + "/dpkg/statoverride", "", 0644));
  return write_new(tree + "/root/etc/resolv.conf",
                   "nameserver 169.254.169.253\noptions timeout:2 attempts:2\n", 0644);
}

}  // namespace

Result<std::string> disk_template(const std::string& folder, Bytes size) {
  // The number is of what is in it: a farm's folder may hold one of an earlier version.
  std::string image = fmt::format("{}/disk-{}.2.img", folder, size.count());
  if (exists(image)) return image;
  TRY(make_folders(folder, 0700));
  std::string tree = fmt::format("{}/tree-{}", folder, getpid());
  std::string temporary = fmt::format("{}.new{}", image, getpid());
  TRY(populate(tree));
  TRY(write_new(temporary, "", 0600));
  if (truncate(temporary.c_str(), static_cast<off_t>(size.count())) != 0)
    return fail_system("size " + temporary);
  // No space set aside for growing, tables written when used: the image holds 130 KB to copy, not 4
  // MB.
  int64_t journal_mib = size < Bytes::mib(256) ? 4 : 16;
  auto made = run_program({"mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^resize_inode", "-J",
                           fmt::format("size={}", journal_mib), "-E",
                           "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0", "-d",
                           tree, temporary});
  TRY(remove_all(tree));
  if (!made) {
    unlink(temporary.c_str());
    return fail(std::move(made.error()).hint("root disks are ext4 images: install e2fsprogs"));
  }
  if (rename(temporary.c_str(), image.c_str()) != 0) return fail_system("name " + image);
  return image;
}

Result<> new_disk(const std::string& from_template, const std::string& image) {
  Fd from(open(from_template.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from.valid()) return fail_system("open " + from_template);
  Fd to(open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!to.valid()) return fail_system("create " + image);
  struct stat info{};
  if (fstat(from.get(), &info) != 0 || ftruncate(to.get(), info.st_size) != 0)
    return fail_system("size " + image);
  for (off_t at = 0;;) {
    off_t data = lseek(from.get(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return {};
    if (data < 0) return fail_system("read " + from_template);
    off_t hole = lseek(from.get(), data, SEEK_HOLE);
    if (hole < 0) return fail_system("read " + from_template);
    for (off_t here = data; here < hole;) {
      off_t in = here;
      off_t out = here;
      ssize_t done =
          copy_file_range(from.get(), &in, to.get(), &out, static_cast<size_t>(hole - here), 0);
      if (done <= 0) return fail_system("fill " + image);
      here += done;
    }
    at = hole;
  }
}

Result<> copy_image(const std::string& from, const std::string& to) {
  std::string temporary = fmt::format("{}.new{}", to, getpid());
  unlink(temporary.c_str());
  auto copied = new_disk(from, temporary);
  if (!copied) {
    unlink(temporary.c_str());
    return copied;
  }
  if (rename(temporary.c_str(), to.c_str()) != 0) return fail_system("name " + to);
  return {};
}

namespace {

/// The kernel gives a loop device back a moment after its last mount went.
Result<> wait_for_release(const std::string& image) {
  constexpr int attempts = 5000;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (loop_device_of(image).empty()) return {};
    usleep(2000);
  }
  return fail(Code::conflict, fmt::format("{} is still attached", image));
}

/// A file system that is smaller than its volume takes all of it.
Result<> grow(const std::string& image, Bytes size) {
  struct stat info{};
  if (stat(image.c_str(), &info) != 0) return fail_system("look at " + image);
  if (info.st_size >= static_cast<off_t>(size.count())) return {};
  if (truncate(image.c_str(), static_cast<off_t>(size.count())) != 0)
    return fail_system("size " + image);
  // Its journal is replayed first: the copy may be of a disk in use.
  TRY(run_program({"e2fsck", "-p", "-f", image}, 1));
  return run_program({"resize2fs", image});
}

}  // namespace

Result<> make_volume(const std::string& image, const std::string& source, Bytes size) {
  if (exists(image)) {
    TRY(wait_for_release(image));
    return grow(image, size);
  }
  size_t slash = image.rfind('/');
  TRY(make_folders(image.substr(0, slash), 0700));
  std::string temporary = fmt::format("{}.new{}", image, getpid());
  unlink(temporary.c_str());
  if (!source.empty()) {
    TRY(new_disk(source, temporary));
    TRY(grow(temporary, size));
  } else {
    TRY(write_new(temporary, "", 0600));
    if (truncate(temporary.c_str(), static_cast<off_t>(size.count())) != 0)
      return fail_system("size " + temporary);
    auto made =
        run_program({"mkfs.ext4", "-q", "-F", "-m", "0", "-E",
                     "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0", temporary});
    if (!made) {
      unlink(temporary.c_str());
      return fail(std::move(made.error()).hint("volumes are ext4 images: install e2fsprogs"));
    }
  }
  if (rename(temporary.c_str(), image.c_str()) != 0) return fail_system("name " + image);
  return {};
}

bool is_attached(const std::string& device, const std::string& image) {
  struct stat wanted{};
  struct stat info{};
  auto backing = read_whole(fmt::format("/sys/block/{}/loop/backing_file", device));
  return backing && stat(image.c_str(), &wanted) == 0 &&
         stat(std::string(trim(*backing)).c_str(), &info) == 0 && info.st_dev == wanted.st_dev &&
         info.st_ino == wanted.st_ino;
}

std::string loop_device_of(const std::string& image) {
  if (!exists(image)) return {};
  for (const std::string& name : list_folder("/sys/block")) {
    if (name.starts_with("loop") && is_attached(name, image)) return name;
  }
  return {};
}

namespace {

struct LoopDevice {
  std::string path;
  Fd fd;
};

Result<LoopDevice> attach_loop(const std::string& image) {
  Fd file(open(image.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid()) return fail_system("open " + image);
  Fd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control.valid()) return fail_system("open /dev/loop-control");
  constexpr int attempts = 200;  // another process may take the free device first: ask again
  for (int attempt = 0; attempt < attempts; ++attempt) {
    int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return fail_system("find a free loop device");
    LoopDevice device;
    device.path = fmt::format("/dev/loop{}", number);
    device.fd.reset(open(device.path.c_str(), O_RDWR | O_CLOEXEC));
    if (!device.fd.valid() && errno == ENOENT) {
      // No devtmpfs here (a container): make the node ourselves.
      constexpr unsigned loop_major = 7;
      mknod(device.path.c_str(), S_IFBLK | 0600,
            makedev(loop_major, static_cast<unsigned>(number)));
      device.fd.reset(open(device.path.c_str(), O_RDWR | O_CLOEXEC));
    }
    if (!device.fd.valid()) return fail_system("open " + device.path);
    loop_config config{};
    config.fd = static_cast<uint32_t>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(device.fd.get(), LOOP_CONFIGURE, &config) == 0) return device;
    if (errno != EBUSY) return fail_system("attach a loop device to " + image);
    usleep(200);
  }
  return fail(Code::unavailable, "no loop device stayed free long enough to take it");
}

}  // namespace

Result<MountedDisk> mount_disk(const std::string& image, bool fresh) {
  if (!fresh) {
    if (std::string device = loop_device_of(image); !device.empty()) {
      return fail(Code::conflict, fmt::format("{} is still attached to {}", image, device));
    }
  }
  LoopDevice device = TRY(attach_loop(image));
  Fd context(fsopen("ext4", FSOPEN_CLOEXEC));
  if (!context.valid()) return fail_system("open the ext4 driver");
  auto set = [&](const char* key, const char* value) {
    return fsconfig(context.get(), FSCONFIG_SET_STRING, key, value, 0) == 0;
  };
  auto flag = [&](const char* key) {
    return fsconfig(context.get(), FSCONFIG_SET_FLAG, key, nullptr, 0) == 0;
  };
  // Inode tables need no zeroing in a sparse file; freed blocks go back to the host's disk.
  bool ok = set("source", device.path.c_str()) && flag("noinit_itable") && flag("discard") &&
            fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!ok) return fail_system(fmt::format("mount the root disk {}", image));
  Fd mount(fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount.valid()) return fail_system(fmt::format("mount the root disk {}", image));
  return MountedDisk{std::move(mount), device.path.substr(device.path.rfind('/') + 1)};
}

namespace {

struct Reached {
  Fd device, mount, root;
};
/// The root of a file system that something else has mounted: the machine's own mount of it cannot
/// be reached. The device stays with its image while it is open here, whatever ends meanwhile.
Result<Reached> reach(const std::string& device, const std::string& image) {
  const std::string path = "/dev/" + device;
  Reached out;
  out.device.reset(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!out.device.valid()) return fail_system("open " + path);
  if (!is_attached(device, image))
    return fail(Code::not_found, fmt::format("{} is not on {}", image, path));
  Fd context(fsopen("ext4", FSOPEN_CLOEXEC));
  if (!context.valid()) return fail_system("open the ext4 driver");
  if (fsconfig(context.get(), FSCONFIG_SET_STRING, "source", path.c_str(), 0) != 0 ||
      fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return fail_system("reach the file system on " + path);
  out.mount.reset(fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (out.mount.valid())
    out.root.reset(openat(out.mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.root.valid()) return fail_system("reach the file system on " + path);
  return out;
}

}  // namespace

Result<> forget_writes(const std::string& device, const std::string& image) {
  Reached disk = TRY(reach(device, image));
  constexpr unsigned long shut_down = _IOR('X', 125, uint32_t);  // EXT4_IOC_SHUTDOWN
  uint32_t without_log = 2;                                      // EXT4_GOING_FLAGS_NOLOGFLUSH
  if (ioctl(disk.root.get(), shut_down, &without_log) != 0)
    return fail_system("shut the file system of " + image);
  return {};
}

Result<> grow_mounted(const std::string& image, Bytes size) {
  struct stat info{};
  if (stat(image.c_str(), &info) != 0) return fail_system("look at " + image);
  std::string device = loop_device_of(image);
  if (device.empty()) return fail(Code::not_found, fmt::format("{} is on no device", image));
  Reached disk = TRY(reach(device, image));
  struct statfs system{};
  if (fstatfs(disk.root.get(), &system) != 0) return fail_system("look at the disk " + image);
  constexpr unsigned long resize = _IOW('f', 16, uint64_t);  // EXT4_IOC_RESIZE_FS
  auto blocks_of = [&](int64_t bytes) {
    return static_cast<uint64_t>(bytes) / static_cast<uint64_t>(system.f_bsize);
  };
  // To its own size first: where the kernel refuses (it wants CAP_SYS_RESOURCE), nothing is
  // changed.
  uint64_t blocks = blocks_of(info.st_size);
  if (ioctl(disk.root.get(), resize, &blocks) != 0 && errno == EPERM)
    return fail_system("grow a disk in use, " + image);
  if (info.st_size < static_cast<off_t>(size.count()) &&
      truncate(image.c_str(), static_cast<off_t>(size.count())) != 0)
    return fail_system("size " + image);
  // Also when an earlier attempt was cut short in between.
  if (ioctl(disk.device.get(), LOOP_SET_CAPACITY, 0) != 0)
    return fail_system("let the device see the size of " + image);
  blocks = blocks_of(size.count());
  if (ioctl(disk.root.get(), resize, &blocks) != 0)
    return fail_system("grow the file system of " + image);
  return {};
}

bool loop_devices_work() {
  Fd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  return control.valid() && ioctl(control.get(), LOOP_CTL_GET_FREE) >= 0;
}

}  // namespace croft::sandbox
