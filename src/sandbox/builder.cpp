#include "sandbox/builder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "sandbox/disk.h"
#include "sandbox/mounts.h"
#include "sandbox/seccomp.h"

extern "C" int setns(int fd, int type) noexcept;
extern "C" int close_range(unsigned first, unsigned last, int flags) noexcept;

namespace croft::sandbox {

namespace {

class Trace {
 public:
  Trace() : start_(now()) {}
  void mark(const char* what) {
    text_ += fmt::format("{}{} {:.2f}", text_.empty() ? "" : " ", what, now() - start_);
  }
  const std::string& text() const { return text_; }

 private:
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  }
  double start_;
  std::string text_;
};

// ---- The machine's first process, from its clone to the exec of its init. It runs as root of the
// machine's user namespace; what it reports goes over `sync`, whose closing by exec means success.

Result<> drop_capabilities(const std::vector<std::string>& kept) {
  uint64_t mask = 0;
  for (const std::string& name : kept) {
    cap_value_t value = 0;
    if (cap_from_name(name.c_str(), &value) == 0) mask |= uint64_t{1} << value;
  }
  for (int value = 0; prctl(PR_CAPBSET_READ, value) >= 0; ++value) {
    if ((mask >> value & 1) == 0 && prctl(PR_CAPBSET_DROP, value) != 0)
      return fail_system("drop a capability");
  }
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; ++half) {
    data[half].effective = data[half].permitted = static_cast<uint32_t>(mask >> (32 * half));
  }
  if (syscall(SYS_capset, &head, data) != 0) return fail_system("reduce the capabilities");
  return {};
}

Result<> change_root(int root) {
  if (fchdir(root) != 0) return fail_system("enter the machine's root");
  if (syscall(SYS_pivot_root, ".", ".") != 0) return fail_system("change the root");
  // The old root lies on top of the new one now; without it nothing of the host has a path.
  if (umount2(".", MNT_DETACH) != 0) return fail_system("leave the host's file systems");
  if (chdir("/") != 0) return fail_system("enter the machine's root");
  return {};
}

Result<> give_up_rights(const SandboxPlan& plan, const std::string& filter) {
  // What the spawner ignores would stay ignored in every program of the machine.
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_max = std::min<rlim_t>(files.rlim_max, plan.open_files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 1024);
  rlimit none{0, 0};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
    return fail_system("set limits");
  umask(022);
  TRY(drop_capabilities(plan.capabilities));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_system("forbid new privileges");
  if (int error = install_filter(filter); error != 0)
    return fail_system("install the system call filter", error);
  return {};
}

Result<> become_machine(const Workshop& workshop, const Order& order, int sync, int boot,
                        int console, int note) {
  char go = 0;
  if (recv(sync, &go, 1, 0) != 1) return fail(Code::cancelled, "the builder has ended");
  // Opened while this process still owns the farm's folders: root of the machine may not enter
  // them.
  Fd root(open((workshop.layout.build() + "/root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail_system("open the machine's root");
  if (setgroups(0, nullptr) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) {
    return fail_system("become root of the machine");
  }
  if (sethostname(order.plan.hostname.c_str(), order.plan.hostname.size()) != 0)
    return fail_system("set the host name");
  setsid();
  TRY(run_processes_step(order.plan, root.get()));
  TRY(change_root(root.get()));
  root.reset();
  TRY(run_masks(order.plan));
  int null = open("/dev/null", O_RDWR);
  constexpr int first_free = 64;
  int from[] = {null, null, null, boot, console, note};
  for (int& fd : from) {
    fd = fcntl(fd, F_DUPFD, first_free);
    if (fd < 0) return fail_system("arrange descriptors");
  }
  int init = fcntl(workshop.init.get(), F_DUPFD_CLOEXEC, first_free);
  int tell = fcntl(sync, F_DUPFD_CLOEXEC, first_free);
  for (int i = 0; i < 6; ++i) dup2(from[i], i);
  close_range(6, ~0u, CLOSE_RANGE_CLOEXEC);
  if (auto done = give_up_rights(order.plan, workshop.filter); !done) {
    static_cast<void>(send_packet(tell, done.error().what));
    _exit(1);
  }
  const char* argv[] = {"croft-init", nullptr};
  const char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               "HOME=/root", "LANG=C.UTF-8", "TERM=linux", nullptr};
  syscall(SYS_execveat, init, "", argv, environment, AT_EMPTY_PATH);
  Error error = system_error("start the machine's init");
  static_cast<void>(send_packet(tell, error.what));
  _exit(1);
}

// ---- The builder's side.

struct Pair {
  Fd mine, theirs;
};

Result<Pair> socket_pair() {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return fail_system("make a socket pair");
  return Pair{Fd(pair[0]), Fd(pair[1])};
}

Result<Fd> open_output(const std::string& path, int flags) {
  Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600));
  if (!file.valid()) return fail_system("open " + path);
  return file;
}

/// Puts a file on a disk, in place of what has its name there. The disk may be a copy of another
/// machine's, which may have put links anywhere: none is followed.
Result<> put_on_disk(int disk, const std::string& folder, const std::string& name,
                     std::string_view text, uint32_t mode) {
  std::string what = fmt::format("create {}/{} on the root disk", folder, name);
  Fd parent(open_beneath(disk, folder, O_RDONLY | O_DIRECTORY));
  if (!parent.valid()) return fail_system(what);
  if (unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT) return fail_system(what);
  Fd file(openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                 mode));
  if (!file.valid()) return fail_system(what);
  return write_all(file.get(), text);
}

/// Per-machine files that must be there before the first process.
Result<> write_first_files(int disk, const SandboxPlan& plan, const Sheet& boot) {
  TRY(put_on_disk(disk, "root/etc", "hostname", plan.hostname + "\n", 0644));
  TRY(put_on_disk(disk, "root/etc", "hosts",
                  fmt::format("127.0.0.1 localhost\n{} {}\n::1 localhost ip6-localhost\n",
                              plan.address, plan.hostname),
                  0644));
  if (std::string machine_id = boot.text("machine_id"); !machine_id.empty())
    TRY(put_on_disk(disk, "root/etc", "machine-id", machine_id + "\n", 0444));
  // Another machine's user data ran; this one's did not.
  Fd marks(open_beneath(disk, "root/var/lib/cloud/instance/sem", O_RDONLY | O_DIRECTORY));
  if (marks.valid() && unlinkat(marks.get(), "user-data", 0) != 0 && errno != ENOENT)
    return fail_system("forget that user data ran");
  std::string key = boot.text("authorized_key");
  if (key.empty()) return {};
  Fd home(open_beneath(disk, "root/root", O_RDONLY | O_DIRECTORY));
  if (!home.valid()) return fail_system("open /root on the root disk");
  if (mkdirat(home.get(), ".ssh", 0700) != 0 && errno != EEXIST)
    return fail_system("make /root/.ssh");
  return put_on_disk(disk, "root/root/.ssh", "authorized_keys", key + "\n", 0600);
}

Result<MountedDisk> prepare_disk(const Workshop& workshop, Order& order) {
  const SandboxPlan& plan = order.plan;
  MountedDisk disk = std::move(order.disk);
  for (const VolumeSpec& volume : plan.volumes)
    TRY(make_volume(volume.image, volume.source, volume.size));
  if (!disk.mount.valid() && workshop.loop_disks) {
    if (order.fresh && !plan.disk_source.empty())
      TRY(make_volume(plan.disk_image, plan.disk_source, plan.disk_size));
    else if (order.fresh)
      TRY(new_disk(order.template_image, plan.disk_image));
    disk = TRY(mount_disk(plan.disk_image, order.fresh));
  } else if (!disk.mount.valid()) {
    if (order.fresh) {
      TRY(make_folders(plan.disk_image, 0755));
      for (const char* const* name = disk_folders; *name != nullptr; ++name)
        TRY(make_folders(plan.disk_image + "/" + *name, 0755));
      TRY(write_new(plan.disk_image + "/root/etc/resolv.conf", "nameserver 169.254.169.253\n",
                    0644));
    }
    disk.mount.reset(
        open_tree(AT_FDCWD, plan.disk_image.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!disk.mount.valid()) return fail_system("open the root disk's folder");
  }
  if (order.fresh) TRY(write_first_files(disk.mount.get(), plan, order.boot));
  return disk;
}

Result<Fd> open_namespace(int pid, const char* name) {
  Fd fd(open(fmt::format("/proc/{}/ns/{}", pid, name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_system(fmt::format("open the {} namespace of the machine", name));
  return fd;
}

Result<> map_users(int pid, uint32_t first_id) {
  std::string map = fmt::format("0 {} 65536\n", first_id);
  TRY(write_existing(fmt::format("/proc/{}/uid_map", pid), map));
  return write_existing(fmt::format("/proc/{}/gid_map", pid), map);
}

Result<> mount_all(const Workshop& workshop, const SandboxPlan& plan, int pid, Fd disk) {
  Fd ids = TRY(open_namespace(pid, "user"));
  Fd theirs = TRY(open_namespace(pid, "mnt"));
  Fd ours(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!ours.valid() || setns(theirs.get(), CLONE_NEWNS) != 0)
    return fail_system("enter the machine's mount namespace");
  if (chdir(workshop.layout.build().c_str()) != 0)
    return fail_system("enter " + workshop.layout.build());
  auto mounted = run_outer_steps(plan, ids.get(), std::move(disk));
  // Back before the machine changes its root: that would change the root of all who stand in it.
  if (setns(ours.get(), CLONE_NEWNS) != 0)
    return fail_system("return from the machine's mount namespace");
  return mounted;
}

struct Child {
  int pid = 0;
  Fd process;
  Pair sync;
  Fd boot;
};

Result<Child> clone_child(const Workshop& workshop, const Order& order) {
  const std::string folder = workshop.layout.machine(order.plan.id);
  Fd console = TRY(open_output(folder + "/console", 0));
  Fd note = TRY(open_output(folder + "/note", O_TRUNC));
  int boot[2];
  if (pipe2(boot, O_CLOEXEC) != 0) return fail_system("make a pipe");
  Fd boot_reader(boot[0]);
  Child child;
  child.boot.reset(boot[1]);
  child.sync = TRY(socket_pair());
  Fd group = TRY(workshop.cgroups.open_v2(order.plan.cgroup));

  int process = -1;
  clone_args arguments{};
  arguments.flags = namespace_flags(order.plan.namespaces) | CLONE_PARENT | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&process);
  if (group.valid()) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(group.get());
  }
  long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return fail_system("make the machine's namespaces");
  if (pid == 0) {
    child.sync.mine.reset();
    child.boot.reset();
    auto done = become_machine(workshop, order, child.sync.theirs.get(), boot_reader.get(),
                               console.get(), note.get());
    if (!done) static_cast<void>(send_packet(child.sync.theirs.get(), done.error().what));
    _exit(1);
  }
  child.pid = static_cast<int>(pid);
  child.process.reset(process);
  child.sync.theirs.reset();
  return child;
}

/// Everything after the clone, so that one place can kill the child when a step fails.
Result<Built> raise(const Workshop& workshop, Order& order, Child& child, Fd disk, Trace& trace) {
  const SandboxPlan& plan = order.plan;
  TRY(map_users(child.pid, plan.lease.first_id));
  Fd network = TRY(open_namespace(child.pid, "net"));
  TRY(mount_all(workshop, plan, child.pid, std::move(disk)));
  trace.mark("mounts");
  if (send(child.sync.mine.get(), "g", 1, MSG_NOSIGNAL) != 1)
    return fail_system("release the machine's first process");
  Fd router(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!router.valid()) return fail_system("open the farm's network namespace");
  TRY(connect_machine(plan, network.get()));
  Built built;
  built.sockets = TRY(open_listeners(plan.listeners, router.get(), plan.link_name));
  trace.mark("network");
  Packet said = TRY(receive_packet(child.sync.mine.get()));
  if (!said.closed) return fail(Code::io, "inside of the machine: " + said.data);
  trace.mark("exec");
  built.pid = child.pid;
  built.start_time = start_time_of(child.pid);
  if (built.start_time == 0) return fail(Code::io, "the machine's init ended at once");
  order.record.add("pid", built.pid).add("start_time", static_cast<int64_t>(built.start_time));
  TRY(replace_file(workshop.layout.machine(plan.id) + "/machine", order.record.encode(), 0600));
  TRY(write_all(child.boot.get(), order.boot.encode()));
  child.boot.reset();
  trace.mark("boot");
  built.process = std::move(child.process);
  built.trace = trace.text();
  return built;
}

}  // namespace

namespace {
constexpr uint32_t peer_index = 2;  // a new namespace has lo alone, as 1
}

Result<Built> build_machine(const Workshop& workshop, Order order) {
  Trace trace;
  TRY(make_folders(workshop.layout.machine(order.plan.id), 0700));
  TRY(workshop.cgroups.make(order.plan.cgroup, order.plan.limits));
  // The children of a process are in its groups: joining first costs no move of the machine itself,
  // and the kernel's memory for its namespaces is charged to it.
  TRY(workshop.cgroups.join_v1(order.plan.cgroup));
  trace.mark("cgroup");
  MountedDisk disk = TRY(prepare_disk(workshop, order));
  order.record.add("loop", disk.device);
  trace.mark("disk");
  Child child = TRY(clone_child(workshop, order));
  trace.mark("clone");
  auto built = raise(workshop, order, child, std::move(disk.mount), trace);
  if (!built) {
    syscall(SYS_pidfd_send_signal, child.process.get(), SIGKILL, nullptr, 0);
    return fail(std::move(built.error()).frame("starting the machine " + order.plan.id));
  }
  return built;
}

Result<> disconnect_machine(int network_namespace) {
  if (setns(network_namespace, CLONE_NEWNET) != 0)
    return fail_system("enter the machine's network namespace");
  Netlink inner = TRY(Netlink::open(NETLINK_ROUTE));
  NetlinkBatch batch;
  link::remove(batch, peer_index);
  auto removed = inner.run(std::move(batch));
  if (!removed && removed.error().fact("errno") == std::to_string(ENODEV)) return {};
  return removed;
}

Result<> connect_machine(const SandboxPlan& plan, int network_namespace) {
  uint32_t address = TRY(ipv4(plan.address));
  uint32_t gateway = TRY(ipv4(plan.gateway));
  Netlink router = TRY(Netlink::open(NETLINK_ROUTE));
  NetlinkBatch outside;
  link::add_pair(outside, plan.link_name, plan.lease.link_index, "eth0", peer_index,
                 network_namespace);
  link::add_route(outside, address, plan.lease.link_index, 0);
  TRY(router.run(std::move(outside)));
  Netlink filter = TRY(Netlink::open(NETLINK_NETFILTER));
  TRY(filter.run(nft::change({}, plan.filter)));

  if (setns(network_namespace, CLONE_NEWNET) != 0)
    return fail_system("enter the machine's network namespace");
  Netlink inner = TRY(Netlink::open(NETLINK_ROUTE));
  NetlinkBatch inside;
  link::up(inside, link::loopback);
  link::up(inside, peer_index);
  for (const std::string& extra : plan.inside_addresses)
    link::add_address(inside, link::loopback, TRY(ipv4(extra)), true);
  link::add_address(inside, peer_index, address, false);
  link::add_route(inside, gateway, peer_index, 0);
  link::add_route(inside, 0, peer_index, gateway);
  return inner.run(std::move(inside));
}

Result<Fd> open_listener(const InsideListener& listener, const std::string& link) {
  std::string what =
      fmt::format("listen on {}:{} for the machine", listener.address, listener.port);
  int type = (listener.datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  Fd fd(socket(AF_INET, type, 0));
  if (!fd.valid()) return fail_system(what);
  int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!link.empty() && setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, link.c_str(),
                                  static_cast<socklen_t>(link.size())) != 0)
    return fail_system(what + " at its link " + link);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(listener.port);
  at.sin_addr.s_addr = TRY(ipv4(listener.address));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return fail_system(what);
  constexpr int backlog = 128;
  if (!listener.datagram && listen(fd.get(), backlog) != 0) return fail_system(what);
  return fd;
}

Result<std::vector<Fd>> open_listeners(const std::vector<InsideListener>& listeners, int router,
                                       const std::string& link) {
  std::vector<Fd> sockets(listeners.size());
  for (bool inside : {true, false}) {
    if (!inside && setns(router, CLONE_NEWNET) != 0)
      return fail_system("return to the farm's network");
    for (size_t i = 0; i < listeners.size(); ++i)
      if (is_inside(listeners[i]) == inside)
        sockets[i] = TRY(open_listener(listeners[i], inside ? "" : link));
  }
  return sockets;
}

}  // namespace croft::sandbox
