// How long a machine takes from the request to the first instruction of its user data, against the
// floor: the same system calls alone (namespaces, control groups, disk, overlays, veth, packet
// filter, pivot_root, exec of a static program that ends at once), without spawner, messages,
// system call filter, init and shell. Needs root. machine_bench [machines at once, default 100]
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "aio/real/real_world.h"
#include "base/text.h"
#include "sandbox/base_image.h"
#include "sandbox/builder.h"
#include "sandbox/disk.h"
#include "sandbox/init_image.h"
#include "sandbox/lease.h"
#include "sandbox/mounts.h"
#include "sandbox/router.h"
#include "sandbox/sandbox.h"

namespace croft::sandbox {
namespace {

double now() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

MachineSpec spec(int number) {
  MachineSpec wanted;
  wanted.id = fmt::format("i-{:017x}", number);
  wanted.hostname = fmt::format("ip-{}", number);
  wanted.private_address = fmt::format("10.77.{}.{}", number / 200, 1 + number % 200);
  wanted.network = "bench";
  wanted.groups = {"bench"};
  wanted.memory = Bytes::mib(128);
  wanted.user_data = "#!/bin/bash\necho > /dev/udp/127.0.0.1/4000\n";
  wanted.listeners = {{"mark", "127.0.0.1", 4000, true}};
  return wanted;
}

// ---- the floor

void be_sure(const Result<>& result, const char* what) {
  if (result) return;
  fmt::print(stderr, "{}: {}\n", what, result.error().render());
  _exit(1);
}

/// One machine's system calls, up to the exec of its program, which then waits on `hold`. Its pid.
int floor_machine(const Workshop& shop, const std::string& from, int number, int hold) {
  auto plan = plan_machine(spec(number), shop.layout,
                           {IdRanges::id_of(3000 + static_cast<uint32_t>(number)),
                            9000 + static_cast<uint32_t>(number)});
  be_sure(make_folders(shop.layout.machine(plan->id), 0700), "folder");
  be_sure(shop.cgroups.make(plan->cgroup, plan->limits), "cgroup");
  be_sure(shop.cgroups.join_v1(plan->cgroup), "join");
  be_sure(new_disk(from, plan->disk_image), "disk");
  auto disk = mount_disk(plan->disk_image, true);
  if (!disk) be_sure(fail(disk.error()), "disk");
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) _exit(1);
  auto group = shop.cgroups.open_v2(plan->cgroup);
  clone_args arguments{};
  arguments.flags = namespace_flags(plan->namespaces) | CLONE_PARENT;
  if (group && group->valid()) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(group->get());
  }
  long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) _exit(1);
  if (pid == 0) {
    char go = 0;
    if (recv(pair[1], &go, 1, 0) != 1) _exit(1);
    Fd root(open((shop.layout.build() + "/root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) _exit(1);
    be_sure(run_processes_step(*plan, root.get()), "proc");
    if (fchdir(root.get()) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
        umount2(".", MNT_DETACH) != 0)
      _exit(1);
    be_sure(run_masks(*plan), "masks");
    const char* argv[] = {"croft-init", nullptr};
    Fd init(fcntl(shop.init.get(), F_DUPFD_CLOEXEC, 64));
    Fd end(fcntl(pair[1], F_DUPFD_CLOEXEC, 64));
    dup2(hold, 3);
    syscall(SYS_close_range, 4u, ~0u, 1u << 2);
    syscall(SYS_execveat, init.get(), "", argv, argv + 1, AT_EMPTY_PATH);
    _exit(1);
  }
  std::string map = fmt::format("0 {} 65536\n", plan->lease.first_id);
  be_sure(write_existing(fmt::format("/proc/{}/uid_map", pid), map), "map");
  be_sure(write_existing(fmt::format("/proc/{}/gid_map", pid), map), "map");
  Fd ids(open(fmt::format("/proc/{}/ns/user", pid).c_str(), O_RDONLY | O_CLOEXEC));
  Fd network(open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC));
  Fd mounts(open(fmt::format("/proc/{}/ns/mnt", pid).c_str(), O_RDONLY | O_CLOEXEC));
  Fd own(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (setns(mounts.get(), CLONE_NEWNS) != 0 || chdir(shop.layout.build().c_str()) != 0) _exit(1);
  be_sure(run_outer_steps(*plan, ids.get(), std::move(disk->mount)), "mounts");
  if (setns(own.get(), CLONE_NEWNS) != 0 || send(pair[0], "g", 1, 0) != 1) _exit(1);
  be_sure(connect_machine(*plan, network.get()), "network");
  close(pair[1]);
  char end = 0;
  if (recv(pair[0], &end, 1, 0) != 0) _exit(1);  // closed by the exec
  return static_cast<int>(pid);
}

struct Floor {
  std::vector<double> single;
  double together = 0;
};

/// In a process of its own, since it moves into the router.
Floor measure_floor(const std::string& folder, int rounds, int together, int parallel) {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return {};
  pid_t runner = fork();
  if (runner == 0) {
    Workshop shop;
    shop.layout = {folder, fmt::format("{:08x}", getpid()), "169.254.1.1",
                   exists("/var/lib/dpkg/status")};
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
      _exit(1);
    be_sure(make_folders(folder, 0700), "folder");
    for (const char* name : {"disk", "base", "usr", "dpkg", "image", "root"})
      be_sure(make_folders(shop.layout.build() + "/" + name, 0755), "build");
    be_sure(make_base_image(shop.layout.base(), init_image()), "base image");
    be_sure(write_new(folder + "/init", init_image(), 0755), "init");
    shop.init.reset(open((folder + "/init").c_str(), O_RDONLY | O_CLOEXEC));
    shop.cgroups = *Cgroups::find();
    be_sure(shop.cgroups.prepare(shop.layout.cgroup()), "cgroups");
    auto router = enter_router(shop.layout);
    if (!router) be_sure(fail(router.error()), "router");
    auto from = disk_template(folder + "/.templates", spec(0).disk);
    if (!from) be_sure(fail(from.error()), "template");
    int number = 0;
    int hold[2];
    int told[2];
    if (pipe2(hold, O_CLOEXEC) != 0 || pipe2(told, O_CLOEXEC) != 0) _exit(1);
    std::vector<int> alive;
    std::vector<int> builders;
    auto begin = [&] {
      int mine = number++;
      if (pid_t builder = fork(); builder != 0) {
        builders.push_back(builder);
        return;
      }
      int pid = floor_machine(shop, *from, mine, hold[0]);
      _exit(write(told[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
    };
    auto one_more = [&] {
      int pid = 0;
      if (read(told[0], &pid, sizeof pid) == sizeof pid) alive.push_back(pid);
    };
    auto end_all = [&] {
      for (int pid : alive) kill(pid, SIGKILL);
      builders.insert(builders.end(), alive.begin(), alive.end());
      for (int pid : builders) waitpid(pid, nullptr, 0);
      builders.clear();
      alive.clear();
      usleep(100'000);  // the kernel goes on tearing down for a while
    };
    for (int i = 0; i < rounds; ++i) {
      double start = now();
      begin();
      one_more();
      double took = now() - start;
      if (write(pipe[1], &took, sizeof took) < 0) _exit(1);
      end_all();
    }
    double start = now();
    for (int begun = 0; static_cast<int>(alive.size()) < together;) {
      if (begun < together && begun - static_cast<int>(alive.size()) < parallel) {
        begin();
        ++begun;
      } else {
        one_more();
      }
    }
    double took = now() - start;
    if (write(pipe[1], &took, sizeof took) < 0) _exit(1);
    end_all();
    for (int i = 0; i < number; ++i)
      static_cast<void>(shop.cgroups.remove(shop.layout.cgroup() + "/" + spec(i).id));
    end_router(shop.layout);
    static_cast<void>(shop.cgroups.remove(shop.layout.cgroup()));
    _exit(0);
  }
  close(pipe[1]);
  Floor floor;
  double took = 0;
  while (read(pipe[0], &took, sizeof took) == sizeof took) floor.single.push_back(took);
  close(pipe[0]);
  waitpid(runner, nullptr, 0);
  if (floor.single.size() == static_cast<size_t>(rounds) + 1) {
    floor.together = floor.single.back();
    floor.single.pop_back();
  }
  return floor;
}

// ---- the whole

aio::Task<Result<>> whole_machine(aio::World& world, Machines& machines, MachineSpec wanted,
                                  double& took) {
  double start = now();
  auto machine = CO_TRY(co_await machines.start(wanted));
  auto came = co_await world.net.readable(machine.sockets["mark"]);
  took = now() - start;
  close(machine.sockets["mark"]);
  co_return came;
}

aio::Task<Result<>> destroy_all(Machines& machines, int first, int last) {
  aio::Scope scope(co_await aio::here());
  for (int i = first; i < last; ++i) scope.spawn(machines.destroy(spec(i).id));
  co_return co_await scope.join();
}

aio::Task<Result<>> measure_whole(aio::World& world, std::string folder, int rounds, int together,
                                  std::vector<double>& single, std::vector<double>& each,
                                  double& all, double& removal) {
  MachinesOptions options;
  options.folder = folder;
  options.farm_id = world.random.hex_id(8);
  options.spawner = {CROFT_SPAWNER};
  auto machines = CO_TRY(co_await open_machines(world, options));
  for (int i = 0; i < rounds; ++i) {
    CO_TRY(co_await world.clock.sleep(
        Duration::milliseconds(200)));  // as a farm at rest: spare disks are ready
    double took = 0;
    CO_TRY(co_await whole_machine(world, *machines, spec(i), took));
    single.push_back(took);
    CO_TRY(co_await machines->destroy(spec(i).id));
  }
  each.assign(static_cast<size_t>(together), 0);
  double start = now();
  {
    aio::Scope scope(co_await aio::here());
    for (int i = 0; i < together; ++i)
      scope.spawn(whole_machine(world, *machines, spec(i), each[static_cast<size_t>(i)]));
    CO_TRY(co_await scope.join());
  }
  all = now() - start;
  start = now();
  CO_TRY(co_await destroy_all(*machines, 0, together));
  removal = now() - start;
  co_return co_await machines->close();
}

int bench(int together) {
  constexpr int rounds = 20;
  constexpr int parallel = 16;
  if (geteuid() != 0) {
    fmt::print("machine_bench needs root\n");
    return 77;
  }
  char name[] = "/tmp/croft-machine-bench-XXXXXX";
  if (mkdtemp(name) == nullptr) return 1;
  std::string folder = name;
  Floor floor = measure_floor(folder + "/floor", rounds, together, parallel);
  auto real = aio::RealWorld::open();
  if (!real) return 1;
  std::vector<double> single, each;
  double all = 0, removal = 0;
  auto done = (*real)->run(measure_whole((*real)->world(), folder + "/farm", rounds, together,
                                         single, each, all, removal));
  if (!done) fmt::print("{}\n", done.error().render());
  if (getenv("CROFT_SANDBOX_TRACE") != nullptr)
    fmt::print("{}", read_whole(folder + "/farm/.spawner.log").value_or(""));
  static_cast<void>(remove_all(folder));
  double one_floor = median(floor.single);
  double one = median(single);
  fmt::print(
      "one machine:   floor {:6.1f} ms (min {:.1f})   start to user data {:6.1f} ms (min {:.1f}, "
      "max {:.1f})   ratio {:.2f}\n",
      one_floor, *std::min_element(floor.single.begin(), floor.single.end()), one,
      *std::min_element(single.begin(), single.end()),
      *std::max_element(single.begin(), single.end()), one / one_floor);
  fmt::print(
      "{:3} at once:   floor {:6.0f} ms   all user data running {:6.0f} ms (median machine {:.0f}) "
      "  ratio {:.2f}   removal {:.0f} ms\n",
      together, floor.together, all, median(each), all / floor.together, removal);
  return done ? 0 : 1;
}

}  // namespace
}  // namespace croft::sandbox

int main(int argc, char** argv) {
  int together = argc > 1 ? static_cast<int>(croft::parse_u64(argv[1]).value_or(100)) : 100;
  return croft::sandbox::bench(together);
}
