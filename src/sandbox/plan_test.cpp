#include "sandbox/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "sandbox/fake.h"
#include "sandbox/lease.h"
#include "sandbox/messages.h"
#include "sandbox/seccomp.h"

namespace croft::sandbox {
namespace {

FarmLayout layout() {
  return {"/farm/machines", "0123abcd", "169.254.1.1", true};
}

MachineSpec spec() {
  MachineSpec out;
  out.id = "i-0123456789abcdef0";
  out.hostname = "ip-10-77-0-5";
  out.private_address = "10.77.0.5";
  out.network = "vpc-1";
  out.groups = {"sg-1"};
  out.listeners = {{"imds", "169.254.169.254", 80, false},
                   {"dns-udp", "169.254.169.253", 53, true},
                   {"api", "127.0.0.1", 4566, false}};
  return out;
}

void expect_golden(const std::string& name, const std::string& text) {
  std::string path = std::string(CROFT_SOURCE_DIR) + "/src/sandbox/golden/" + name;
  if (getenv("ACCEPT") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::stringstream wanted;
  wanted << file.rdbuf();
  EXPECT_EQ(text, wanted.str()) << "ACCEPT=1 rewrites " << path;
}

TEST(Plan, BuiltInImage) {
  auto plan = plan_machine(spec(), layout(), {0x70030000, 4097});
  ASSERT_TRUE(plan) << plan.error().render();
  expect_golden("built-in.txt", plan->text());
}

TEST(Plan, FolderImage) {
  MachineSpec wanted = spec();
  wanted.image = "/images/alpine";
  auto plan = plan_machine(wanted, layout(), {0x70030000, 4097});
  ASSERT_TRUE(plan) << plan.error().render();
  expect_golden("folder-image.txt", plan->text());
}

TEST(Plan, SaysWhichFieldIsWrong) {
  auto refused = [](MachineSpec wanted) {
    auto plan = plan_machine(wanted, layout(), {});
    return plan ? std::string("accepted") : plan.error().what;
  };
  MachineSpec wanted = spec();
  wanted.hostname = "a b";
  EXPECT_THAT(refused(wanted), ::testing::StartsWith("MachineSpec.hostname: 'a b'"));
  wanted = spec();
  wanted.memory = Bytes::mib(1);
  EXPECT_EQ(refused(wanted), "MachineSpec.memory: 1 MiB is below 16 MiB");
  wanted = spec();
  wanted.image = "relative";
  EXPECT_EQ(refused(wanted), "MachineSpec.image: 'relative' is not an absolute path");
  wanted = spec();
  wanted.listeners[0].address = "::1";
  EXPECT_EQ(refused(wanted), "'::1' is not an IPv4 address");
}

TEST(Plan, EveryNamespaceIsItsOwn) {
  auto plan = plan_machine(spec(), layout(), {0x70030000, 4097});
  ASSERT_TRUE(plan);
  EXPECT_EQ(namespace_flags(plan->namespaces),
            static_cast<uint64_t>(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                  CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP));
}

TEST(Messages, SpecsSurviveTheWay) {
  Sheet sheet;
  put_spec(sheet, spec());
  Sheet read;
  ASSERT_TRUE(Sheet::decode(sheet.encode(), read));
  Sheet again;
  put_spec(again, spec_from(read));
  EXPECT_EQ(again.encode(), sheet.encode());
  EXPECT_FALSE(Sheet::decode(sheet.encode().substr(0, 20), read));
  EXPECT_FALSE(Sheet::decode("\xff\xff\xff\xff\xff\xff\xff\xff", read));
}

TEST(Messages, ErrorsKeepTheirCodeAndHints) {
  Error error(Code::resource_exhausted, "no room");
  error.hint("make some").frame("starting");
  auto back = result_of(error_sheet(error));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().render(), error.render());
}

TEST(Seccomp, CompilesAndRefusesEveryNameOnce) {
  auto filter = compile_filter();
  ASSERT_TRUE(filter) << filter.error().render();
  EXPECT_EQ(filter->size() % 8, 0u);
  std::set<std::string> names;
  for (const RefusedCall& call : refused_calls())
    EXPECT_TRUE(names.insert(call.name).second) << call.name;
}

TEST(IdRanges, AreUniqueAmongFarms) {
  char name[] = "/tmp/croft-ids-test-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  std::string registry = std::string(name) + "/ids";
  std::string one = std::string(name) + "/one", two = std::string(name) + "/two";
  ASSERT_TRUE(make_folders(one, 0700) && make_folders(two, 0700));
  IdRanges first(one, registry), second(two, registry);
  EXPECT_EQ(first.take().value(), 0u);
  EXPECT_EQ(second.take().value(), 1u);
  EXPECT_EQ(first.take().value(), 2u);
  second.give_back(0);  // not its own: stays
  EXPECT_EQ(second.take().value(), 3u);
  ASSERT_TRUE(remove_all(two));  // a farm that is gone: its ranges can be taken again
  IdRanges third(one, registry);
  EXPECT_EQ(third.take().value(), 1u);
  first.forget_others({{"i-1", 2}});
  EXPECT_EQ(list_folder(registry), (std::vector<std::string>{"2", "3"}));
  ASSERT_TRUE(remove_all(name));
}

TEST(Cgroups, HybridTakesEachControllerWhereItIs) {
  auto found = Cgroups::parse(
      "33 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "35 32 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
      "4:memory:/docker/abc\n1:cpu,cpuacct:/\n0::/\n", "pids hugetlb\n");
  ASSERT_EQ(found.hierarchies().size(), 3u);
  EXPECT_EQ(found.hierarchies()[0].root, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(found.hierarchies()[1].root, "/sys/fs/cgroup/memory/docker/abc");
  EXPECT_EQ(found.hierarchies()[2].root, "/sys/fs/cgroup/unified");
  EXPECT_TRUE(found.hierarchies()[2].unified);
  EXPECT_EQ(found.hierarchies()[2].controllers, std::vector<std::string>{"pids"});
  EXPECT_TRUE(found.has("cpu") && found.has("memory") && found.has("pids"));
  EXPECT_FALSE(found.has("io"));
}

TEST(Cgroups, UnifiedAloneSetsItsOwnFiles) {
  auto found = Cgroups::parse("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                              "0::/init.scope\n", "cpuset cpu io memory hugetlb pids rdma misc\n");
  ASSERT_EQ(found.hierarchies().size(), 1u);
  auto settings = Cgroups::settings(found.hierarchies()[0], {Bytes::mib(512), 250, 100});
  std::vector<std::pair<std::string, std::string>> wanted = {{"memory.max", "536870912"},
                                                             {"memory.swap.max", "0"},
                                                             {"memory.oom.group", "1"},
                                                             {"pids.max", "100"},
                                                             {"cpu.max", "25000 100000"}};
  EXPECT_EQ(settings, wanted);
}

TEST(Cgroups, WritesUnifiedFilesInOrder) {
  // A folder that stands for a v2 mount: what is written can be read; no kernel is asked.
  char name[] = "/tmp/croft-cgroup-test-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  std::string root = name;
  auto found =
      Cgroups::parse("30 23 0:26 / " + root + " rw - cgroup2 cgroup2 rw\n", "0::/\n", "pids\n");
  for (const char* folder : {"", "/croft", "/croft/f", "/croft/f/i-1"}) {
    ASSERT_TRUE(make_folders(root + folder, 0755));
    ASSERT_TRUE(write_new(root + folder + "/cgroup.subtree_control", "", 0644));
    ASSERT_TRUE(write_new(root + folder + "/pids.max", "max", 0644));
  }
  ASSERT_TRUE(found.prepare("croft/f"));
  ASSERT_TRUE(found.make("croft/f/i-1", {Bytes::mib(64), 1000, 77}));
  EXPECT_EQ(read_whole(root + "/croft/cgroup.subtree_control").value(), "+pids");
  EXPECT_EQ(read_whole(root + "/croft/f/cgroup.subtree_control").value(), "+pids");
  EXPECT_THAT(read_whole(root + "/croft/f/i-1/pids.max").value(), ::testing::StartsWith("77"));
  ASSERT_TRUE(found.open_v2("croft/f/i-1").value().valid());
  ASSERT_TRUE(remove_all(root));
}

}  // namespace
}  // namespace croft::sandbox
