// What this kernel and user allow, for `croft farm doctor`: each is tried, none is guessed from
// versions.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>

#include "base/text.h"
#include "sandbox/cgroups.h"
#include "sandbox/disk.h"
#include "sandbox/mounts.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

namespace {

/// Runs `attempt` in a child, so that namespaces and mounts it makes are gone afterwards. Errno or
/// 0.
template <class F>
int in_child(F attempt) {
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) _exit(attempt());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

Ability tried(std::string name, int error, std::string good, std::string bad) {
  Ability ability{std::move(name), error == 0, {}};
  ability.detail = error == 0 ? std::move(good) : fmt::format("{}: {}", strerror(error), bad);
  return ability;
}

int try_overlay() {
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return errno;
  if (mount("tmpfs", "/tmp", "tmpfs", 0, "size=1m") != 0) return errno;
  for (const char* name : {"/tmp/lower", "/tmp/upper", "/tmp/work", "/tmp/root"}) mkdir(name, 0755);
  if (mount("overlay", "/tmp/root", "overlay", 0,
            "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work") != 0)
    return errno;
  return 0;
}

/// A user namespace with one mapped id serves as well as a whole range for finding out.
int try_mapped_mount() {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return errno;
  pid_t holder = fork();
  if (holder < 0) return errno;
  if (holder == 0) {
    int error = unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
    if (write(pipe[1], &error, sizeof error) != sizeof error) _exit(1);
    pause();
    _exit(0);
  }
  int error = 0;
  if (read(pipe[0], &error, sizeof error) != sizeof error) error = EIO;
  if (error == 0) {
    auto mapped = write_existing(fmt::format("/proc/{}/uid_map", holder), "0 100000 1\n");
    if (mapped) mapped = write_existing(fmt::format("/proc/{}/gid_map", holder), "0 100000 1\n");
    Fd ids(open(fmt::format("/proc/{}/ns/user", holder).c_str(), O_RDONLY | O_CLOEXEC));
    if (!mapped || !ids.valid())
      error = EPERM;
    else if (!mapped_copy("/usr", ids.get()))
      error = errno != 0 ? errno : EINVAL;
  }
  kill(holder, SIGKILL);
  while (waitpid(holder, nullptr, 0) < 0 && errno == EINTR) {
  }
  close(pipe[0]);
  close(pipe[1]);
  return error;
}

int try_program(const char* program, const char* argument) {
  Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  dup2(null.get(), 1);
  dup2(null.get(), 2);
  setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
  execlp(program, program, argument, nullptr);
  return errno;
}

Ability cgroup_ability() {
  Ability ability{"control groups", false, {}};
  auto found = Cgroups::find();
  if (!found) {
    ability.detail = found.error().what;
    return ability;
  }
  std::vector<std::string> seen;
  std::vector<std::string> missing;
  for (const char* name : {"memory", "pids", "cpu"}) {
    if (!found->has(name)) missing.push_back(name);
  }
  for (const Hierarchy& hierarchy : found->hierarchies()) {
    bool writable = access(hierarchy.root.c_str(), W_OK) == 0;
    seen.push_back(fmt::format("{} ({}{})", join(hierarchy.controllers, ","),
                               hierarchy.unified ? "v2" : "v1", writable ? "" : ", not writable"));
    if (!writable) missing.push_back(hierarchy.root);
  }
  ability.ok = missing.empty();
  ability.detail =
      join(seen, " ") +
      (missing.empty() ? "" : "; without " + join(missing, ", ") + " instances have no such limit");
  return ability;
}

}  // namespace

std::vector<Ability> abilities() {
  std::vector<Ability> out;
  out.push_back({"root", geteuid() == 0,
                 geteuid() == 0
                     ? "instances get 65536 user ids, limits and links of their own"
                     : "without root no instances run; S3, plans, checks and the simulation work. "
                       "Run the farm as root (sudo croft farm serve)"});
  out.push_back(tried(
      "user namespaces", in_child([] { return unshare(CLONE_NEWUSER) == 0 ? 0 : errno; }),
      "can be made",
      "instances need them (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)"));
  out.push_back(tried("network namespaces",
                      in_child([] { return unshare(CLONE_NEWNET) == 0 ? 0 : errno; }),
                      "can be made", "instances need networks of their own"));
  out.push_back(tried("overlay file systems", in_child(try_overlay), "can be mounted",
                      "the built-in image is one (module overlay)"));
  out.push_back(tried("id-mapped mounts", in_child(try_mapped_mount),
                      "/usr can be lent to instances",
                      "the built-in image lends /usr this way; its file system must be ext4, xfs, "
                      "btrfs or the like, the kernel 5.19 or newer"));
  out.push_back(cgroup_ability());
  out.push_back(tried("loop devices", loop_devices_work() ? 0 : EACCES,
                      "root disks are limited in size",
                      "root disks become plain folders without a limit (/dev/loop-control)"));
  out.push_back(tried("mkfs.ext4", in_child([] { return try_program("mkfs.ext4", "-V"); }),
                      "formats root disks", "install e2fsprogs"));
  out.push_back(tried("nft", in_child([] { return try_program("nft", "--version"); }),
                      "loads the packet filter between instances", "install nftables"));
  auto filter = compile_filter();
  out.push_back(
      {"system call filter", filter.has_value(),
       filter ? fmt::format("{} calls are refused", refused_calls().size()) : filter.error().what});
  return out;
}

}  // namespace croft::sandbox
