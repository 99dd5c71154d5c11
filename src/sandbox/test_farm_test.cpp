#include "sandbox/test_farm.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>

#include "base/text.h"
#include "sandbox/cgroups.h"
#include "sandbox/disk.h"
#include "sandbox/sheet.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

namespace {
/// Where a test's time goes, with CROFT_SANDBOX_TRACE.
struct Traced {
  explicit Traced(const char* what) : what_(what) { clock_gettime(CLOCK_MONOTONIC, &start_); }
  ~Traced() {
    timespec end{};
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ms = static_cast<double>(end.tv_sec - start_.tv_sec) * 1e3 +
                static_cast<double>(end.tv_nsec - start_.tv_nsec) / 1e6;
    if (getenv("CROFT_SANDBOX_TRACE") != nullptr) fmt::print("{} {:.1f} ms\n", what_, ms);
  }
  const char* what_;
  timespec start_{};
};
}  // namespace

namespace {

/// One folder for all tests of a run: the built-in image in it is made and removed once.
class SharedFolder : public ::testing::Environment {
 public:
  std::string path() {
    char name[] = "/tmp/croft-sandbox-test-XXXXXX";
    if (path_.empty() && mkdtemp(name) != nullptr) path_ = name;
    return path_;
  }
  void TearDown() override {
    if (!path_.empty()) EXPECT_TRUE(remove_all(path_));
  }

 private:
  std::string path_;
};
auto* const shared_folder =
    static_cast<SharedFolder*>(::testing::AddGlobalTestEnvironment(new SharedFolder));

}  // namespace

void TestFarm::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "NOT TESTED: real machines need root; run this test as root";
  folder_ = shared_folder->path() + "/machines";
  auto world = aio::RealWorld::open();
  ASSERT_TRUE(world) << world.error().render();
  world_ = std::move(*world);
  farm_id_ = world_->world().random.hex_id(8);
  open();
}

void TestFarm::open() {
  Traced traced("open");
  MachinesOptions options;
  options.folder = folder_;
  options.farm_id = farm_id_;
  options.spawner = {CROFT_SPAWNER};
  auto machines = run(open_machines(world(), options));
  ASSERT_TRUE(machines) << machines.error().render()
                        << read_whole(folder_ + "/.spawner.log").value_or("");
  machines_ = std::move(*machines);
  std::vector<PacketGroup> groups;
  for (std::string name : {"group", "others"}) {
    PacketRule mates;
    mates.group = name;
    groups.push_back({name, {mates}, {mates}});
  }
  auto told = run(machines_->set_groups(std::move(groups)));
  ASSERT_TRUE(told) << told.error().render();
}

void TestFarm::close() {
  Traced traced("close");
  auto closed = run(machines_->close());
  EXPECT_TRUE(closed) << closed.error().render();
  machines_.reset();
}

void TestFarm::abandon() {
  machines_.reset();
  // The reader ends on the loop; then the socket closes, and the spawner sees it.
  static_cast<void>(run(world().clock.sleep(Duration::milliseconds(1))));
}

void TestFarm::TearDown() {
  if (folder_.empty()) return;
  if (machines_) {
    for (const std::string& id : list_folder(folder_)) {
      if (!id.starts_with(".")) destroy(id);
    }
    close();
  }
  std::string left;
  for (int attempt = 0; attempt < 2500; ++attempt) {
    left = traces();
    if (left.empty()) break;
    usleep(2'000);
  }
  EXPECT_EQ(left, "") << "left on this computer";
  if (getenv("CROFT_SANDBOX_TRACE") != nullptr)
    fmt::print("{}", read_whole(folder_ + "/.spawner.log").value_or(""));
  unlink((folder_ + "/.spawner.log").c_str());
}

MachineSpec TestFarm::spec(int number, std::string user_data) {
  MachineSpec wanted;
  wanted.id = fmt::format("i-{:017x}", number);
  wanted.hostname = fmt::format("ip-10-77-0-{}", number);
  wanted.private_address = fmt::format("10.77.0.{}", number);
  wanted.network = "network";
  wanted.groups = {"group"};
  wanted.memory = Bytes::mib(256);
  wanted.disk = Bytes::mib(256);
  wanted.user_data = std::move(user_data);
  return wanted;
}

Machine TestFarm::start(MachineSpec wanted) {
  Traced traced("start");
  auto machine = run(machines_->start(wanted));
  EXPECT_TRUE(machine) << machine.error().render();
  return machine ? std::move(*machine) : Machine{};
}

std::map<std::string, std::string> TestFarm::results_of(int number, const std::string& script,
                                                        Bytes memory) {
  MachineSpec wanted = spec(number, "#!/bin/bash\n" + script);
  wanted.memory = memory;
  wanted.pids = 64;
  wanted.disk = Bytes::mib(64);
  start(wanted);
  console_ = console_with(wanted.id, "user data finished");
  std::map<std::string, std::string> results;
  for (const std::string& line : split(console_, '\n')) {
    size_t colon = line.find(": ");
    if (colon != std::string::npos) results[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return results;
}

void TestFarm::destroy(const std::string& id) {
  Traced traced("destroy");
  auto gone = run(machines_->destroy(id));
  EXPECT_TRUE(gone) << gone.error().render();
}

std::string TestFarm::console_with(const std::string& id, const std::string& text) {
  std::string seen;
  for (int attempt = 0; attempt < 4000; ++attempt) {
    auto console = run(machines_->console(id, Bytes::mib(1)));
    if (console) seen = *console;
    if (seen.find(text) != std::string::npos) return seen;
    usleep(2'000);
  }
  return seen;
}

int TestFarm::spawner_pid() {
  for (const std::string& thread : list_folder("/proc/self/task")) {
    auto children = read_whole("/proc/self/task/" + thread + "/children");
    if (!children) continue;
    for (const std::string& word : split(*children, ' ')) {
      auto pid = parse_i64(trim(word));
      if (pid && *pid > 1) return static_cast<int>(*pid);
    }
  }
  return 0;
}

bool TestFarm::ends(int pid, uint64_t start_time) {
  for (int attempt = 0; attempt < 10'000; ++attempt) {
    if (start_time_of(pid) != start_time) return true;
    usleep(2'000);
  }
  return false;
}

std::string TestFarm::traces() {
  std::string left;
  auto groups = Cgroups::find();
  if (groups) {
    for (const std::string& path : groups->folders("croft/" + farm_id_)) {
      if (exists(path)) left += "control group " + path + "\n";
    }
  }
  for (const std::string& name : list_folder("/sys/block")) {
    auto backing = read_whole(fmt::format("/sys/block/{}/loop/backing_file", name));
    if (backing && backing->starts_with(folder_)) left += "loop device " + name + "\n";
  }
  for (const std::string& name : list_folder("/run/croft/ids")) {
    auto owner = read_whole("/run/croft/ids/" + name);
    if (owner && *owner == folder_) left += "id range " + name + "\n";
  }
  auto mounts = read_whole("/proc/self/mountinfo");
  if (mounts && mounts->find(folder_) != std::string::npos) left += "a mount\n";
  if (auto data = read_whole(folder_ + "/.router")) left += "the router's record\n";
  if (exists("/sys/class/net/croft-" + farm_id_)) left += "the link to this computer\n";
  return left;
}

}  // namespace croft::sandbox
