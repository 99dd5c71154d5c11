#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>

#include "aio/scope.h"
#include "base/text.h"
#include "sandbox/sheet.h"
#include "sandbox/sys.h"
#include "sandbox/test_farm.h"

namespace croft::sandbox {
namespace {

class MachinesTest : public TestFarm {};

/// One blocking accept with a deadline, one line answered.
std::string answer_once(int listener, const std::string& text) {
  pollfd wait{listener, POLLIN, 0};
  if (poll(&wait, 1, 20'000) != 1) return "nobody came";
  Fd stream(accept(listener, nullptr, nullptr));
  char buffer[512];
  pollfd ready{stream.get(), POLLIN, 0};
  if (poll(&ready, 1, 20'000) != 1) return "nobody spoke";
  ssize_t got = read(stream.get(), buffer, sizeof buffer);
  if (write(stream.get(), text.data(), text.size()) < 0) return "cannot answer";
  return std::string(buffer, static_cast<size_t>(std::max<ssize_t>(got, 0)));
}

TEST_F(MachinesTest, RunsUserDataOnceAndShowsItsConsole) {
  start(spec(5, "#!/bin/sh\necho hello from $(hostname) as $(id -u)\necho kept > /root/kept\n"));
  std::string id = spec(5).id;
  EXPECT_THAT(console_with(id, "user data finished"),
              ::testing::HasSubstr("hello from ip-10-77-0-5 as 0"));
  auto stopped = run(machines_->stop(id, Duration::seconds(5)));
  ASSERT_TRUE(stopped) << stopped.error().render();
  MachineSpec again = spec(5, "#!/bin/sh\necho hello a second time\n");
  again.first_boot = false;
  start(again);
  // What comes after the boot in the second life comes after anything the first boot might have
  // run.
  ASSERT_TRUE(run(machines_->stop(id, Duration::seconds(5))));
  std::string console = console_with(id, "stopping");
  EXPECT_THAT(console, ::testing::Not(::testing::HasSubstr("second time")));
  size_t boots = 0;
  for (size_t at = 0; (at = console.find("booting", at)) != std::string::npos; ++at) ++boots;
  EXPECT_EQ(boots, 2u);
}

TEST_F(MachinesTest, ListenersAnswerEachItsMachineAndLeaveItThePorts) {
  MachineSpec wanted =
      spec(6,
           "#!/bin/bash\nperl -MIO::Socket::INET -e "
           "'IO::Socket::INET->new(LocalPort=>53,Proto=>\"udp\") "
           "and IO::Socket::INET->new(LocalPort=>80,Listen=>5) and print \"its own ports 80 and "
           "53\\n\"'\n"
           "exec 3<>/dev/tcp/169.254.169.254/80; echo ask >&3; echo imds says $(cat <&3)\n"
           "exec 3<>/dev/tcp/127.0.0.1/4566; echo call >&3; echo api says $(cat <&3)\n");
  wanted.listeners = {{"imds", "169.254.169.254", 80, false},
                      {"api", "127.0.0.1", 4566, false},
                      {"dns-udp", "169.254.169.253", 53, true},
                      {"dns-tcp", "169.254.169.253", 53, false}};
  // A neighbour with sockets at the same addresses, which never hear this machine.
  MachineSpec neighbour = spec(7);
  neighbour.listeners = wanted.listeners;
  Machine other = start(neighbour);
  Machine machine = start(wanted);
  ASSERT_EQ(machine.sockets.size(), 4u);
  EXPECT_EQ(answer_once(machine.sockets["imds"], "data"), "ask\n");
  EXPECT_EQ(answer_once(machine.sockets["api"], "pong"), "call\n");
  std::string console = console_with(wanted.id, "user data finished");
  EXPECT_THAT(console, ::testing::HasSubstr("imds says data"));
  EXPECT_THAT(console, ::testing::HasSubstr("api says pong"));
  EXPECT_THAT(console, ::testing::HasSubstr("its own ports 80 and 53"));
  ASSERT_EQ(other.sockets.size(), 4u);
  EXPECT_LT(::accept(other.sockets["imds"], nullptr, nullptr), 0);
  EXPECT_EQ(errno, EAGAIN);
  for (auto* all : {&machine.sockets, &other.sockets})
    for (auto& [name, fd] : *all) ::close(fd);
}

/// A server in the machine that answers every caller with its name, and says when it is ready.
std::string name_server(int port) {
  return fmt::format(R"sh(#!/bin/sh
perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalPort=>{},Listen=>5,ReuseAddr=>1) or die $!;
$|=1; print "serving\n"; while($c=$s->accept){{print $c "I am ",`hostname`; close $c}}' &
)sh",
                     port);
}

std::string caller(const std::string& address, int port) {
  return fmt::format(
      "#!/bin/bash\necho answer: $(timeout 2 bash -c 'exec 3<>/dev/tcp/{}/{} && cat <&3' 2>&1 || "
      "echo none)\n",
      address, port);
}

TEST_F(MachinesTest, OnlyMachinesOfTheSameGroupReachEachOther) {
  start(spec(10, name_server(8000)));
  EXPECT_THAT(console_with(spec(10).id, "serving"), ::testing::HasSubstr("serving"));
  start(spec(11, caller("10.77.0.10", 8000)));
  MachineSpec other = spec(12, caller("10.77.0.10", 8000));
  other.groups = {"others"};
  start(other);
  EXPECT_THAT(console_with(spec(11).id, "user data finished"),
              ::testing::HasSubstr("answer: I am ip-10-77-0-10"));
  std::string refused = console_with(other.id, "user data finished");
  EXPECT_THAT(refused, ::testing::HasSubstr("answer:"));
  EXPECT_THAT(refused, ::testing::Not(::testing::HasSubstr("I am")));
}

TEST_F(MachinesTest, GatewayListenerAndRouterSocketJoinTheFarmToItsMachines) {
  auto gateway = run(machines_->gateway_listener(0, false));
  ASSERT_TRUE(gateway) << gateway.error().render();
  Fd listener(*gateway);
  sockaddr_in at{};
  socklen_t size = sizeof at;
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  start(spec(
      20, fmt::format(
              "#!/bin/bash\nexec 3<>/dev/tcp/169.254.1.1/{}; echo agent >&3; echo got $(cat <&3)\n",
              ntohs(at.sin_port))));
  EXPECT_EQ(answer_once(listener.get(), "welcome"), "agent\n");
  EXPECT_THAT(console_with(spec(20).id, "user data finished"), ::testing::HasSubstr("got welcome"));

  start(spec(21, name_server(9000)));
  console_with(spec(21).id, "serving");
  auto made = run(machines_->router_socket());
  ASSERT_TRUE(made) << made.error().render();
  Fd socket(*made);
  fcntl(socket.get(), F_SETFL, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9000);
  inet_pton(AF_INET, "10.77.0.21", &to.sin_addr);
  ASSERT_EQ(connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  char text[64] = {};
  EXPECT_GT(read(socket.get(), text, sizeof text - 1), 0);
  EXPECT_STREQ(text, "I am ip-10-77-0-21\n");
}

TEST_F(MachinesTest, MachinesAndTheirNetworkOutliveFarmAndSpawner) {
  Machine first = start(spec(30, name_server(8000)));
  console_with(spec(30).id, "serving");
  int spawner = spawner_pid();
  ASSERT_GT(spawner, 1);
  kill(spawner, SIGKILL);
  abandon();
  open();
  std::map<std::string, std::vector<InsideListener>> listeners;
  listeners[spec(30).id] = {{"imds", "127.0.0.1", 4000, false}};
  // A farm asks for all it knows of, those that ended long ago too: more than one packet holds.
  for (int i = 0; i < 5000; ++i)
    listeners[fmt::format("i-{:017x}", i)] = {{"imds", "127.0.0.1", 4000, false}};
  auto found = run(machines_->find_running(listeners));
  ASSERT_TRUE(found) << found.error().render();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().pid, first.pid);
  EXPECT_EQ(found->front().start_time, first.start_time);
  ASSERT_EQ(found->front().sockets.size(), 1u);
  ::close(found->front().sockets["imds"]);
  start(spec(31, caller("10.77.0.30", 8000)));
  EXPECT_THAT(console_with(spec(31).id, "user data finished"),
              ::testing::HasSubstr("answer: I am ip-10-77-0-30"));
}

TEST_F(MachinesTest, MachinesOfAFarmWhoseFolderVanishedEnd) {
  Machine machine = start(spec(34, "#!/bin/sh\necho ready\nsleep 1000\n"));
  console_with(spec(34).id, "ready");
  kill(spawner_pid(), SIGKILL);
  abandon();
  ASSERT_EQ(start_time_of(machine.pid), machine.start_time) << "it outlives its spawner";
  ASSERT_TRUE(remove_all(folder_));
  // Nobody could find it any more. What else it leaves is looked for at the test's end.
  EXPECT_TRUE(ends(machine.pid, machine.start_time));
}

int keeper_pid(const std::string& folder) {
  auto data = read_whole(folder + "/.router");
  Sheet record;
  if (!data || !Sheet::decode(*data, record)) return 0;
  return static_cast<int>(record.number("pid"));
}

TEST_F(MachinesTest, ASpawnerWhoseFolderVanishedEndsWithAllItsMachines) {
  Machine machine = start(spec(35, "#!/bin/sh\necho ready\nsleep 1000\n"));
  console_with(spec(35).id, "ready");
  // Without the keeper, as where the farm goes on and makes machines after that has ended.
  int keeper = keeper_pid(folder_);
  ASSERT_GT(keeper, 1);
  uint64_t keeper_start = start_time_of(keeper);
  kill(keeper, SIGKILL);
  ASSERT_TRUE(ends(keeper, keeper_start));
  ASSERT_TRUE(remove_all(folder_));
  auto late = run(machines_->start(spec(36)));  // wakes the spawner
  EXPECT_FALSE(late);
  EXPECT_TRUE(ends(machine.pid, machine.start_time));
  auto exit = run(machines_->next_exit());
  EXPECT_FALSE(exit) << "it has ended, too";
  machines_.reset();
}

TEST_F(MachinesTest, AMachineThatNobodyCanFindEndsByItself) {
  Machine machine = start(spec(37, "#!/bin/sh\nwhile :; do echo ready; sleep 0.05; done\n"));
  console_with(spec(37).id, "ready");
  kill(keeper_pid(folder_), SIGKILL);
  kill(spawner_pid(), SIGKILL);
  abandon();
  ASSERT_TRUE(remove_all(folder_));
  EXPECT_TRUE(ends(machine.pid, machine.start_time));
  open();  // the next farm here takes away the rest
}

TEST_F(MachinesTest, NetworkIsMadeAgainWhenTheRouterWasKilledToo) {
  start(spec(32, name_server(8000)));
  console_with(spec(32).id, "serving");
  int keeper = keeper_pid(folder_);
  ASSERT_GT(keeper, 1);
  kill(spawner_pid(), SIGKILL);
  kill(keeper, SIGKILL);
  abandon();
  open();
  start(spec(33, caller("10.77.0.32", 8000)));
  EXPECT_THAT(console_with(spec(33).id, "user data finished"),
              ::testing::HasSubstr("answer: I am ip-10-77-0-32"));
}

TEST_F(MachinesTest, GuestPowersOffAndKilledMachinesAreReported) {
  start(spec(40, "#!/bin/sh\nsleep 0.1; poweroff\n"));
  auto exit = run(machines_->next_exit());
  ASSERT_TRUE(exit) << exit.error().render();
  EXPECT_EQ(exit->id, spec(40).id);
  EXPECT_EQ(exit->reason, "poweroff");
  EXPECT_TRUE(exit->by_guest);
  Machine machine = start(spec(41));
  kill(machine.pid, SIGKILL);
  exit = run(machines_->next_exit());
  ASSERT_TRUE(exit) << exit.error().render();
  EXPECT_EQ(exit->reason, "killed by signal 9");
  EXPECT_FALSE(exit->by_guest);
}

TEST_F(MachinesTest, RebootKeepsMachineDiskAndAddress) {
  Machine machine = start(spec(42, "#!/bin/sh\necho once\nsleep 1000\n"));
  console_with(spec(42).id, "once");
  ASSERT_TRUE(run(machines_->reboot(spec(42).id)));
  std::string console = console_with(spec(42).id, "restarting\ncroft-init: booting");
  EXPECT_THAT(console, ::testing::HasSubstr("restarting\ncroft-init: booting"));
  EXPECT_EQ(console.find("once"), console.rfind("once"));
  EXPECT_EQ(start_time_of(machine.pid), machine.start_time);
}

TEST_F(MachinesTest, StopGivesGraceAndThenInsists) {
  start(spec(43,
             "#!/bin/bash\ntrap 'echo asked to end; exit 0' TERM\necho ready\nwhile :; do sleep "
             "0.05; done\n"));
  console_with(spec(43).id, "ready");
  ASSERT_TRUE(run(machines_->stop(spec(43).id, Duration::seconds(10))));
  EXPECT_THAT(console_with(spec(43).id, "asked to end"), ::testing::HasSubstr("asked to end"));
  start(spec(44, "#!/bin/bash\ntrap '' TERM\necho ready\nwhile :; do sleep 0.05; done\n"));
  console_with(spec(44).id, "ready");
  ASSERT_TRUE(run(machines_->stop(spec(44).id, Duration::milliseconds(200))));
  ASSERT_TRUE(run(machines_->stop(spec(44).id, Duration::milliseconds(200)))) << "idempotent";
  ASSERT_TRUE(run(machines_->destroy("i-neverwas")));
}

TEST_F(MachinesTest, DestroyedWhileItStarts) {
  auto task = [](Machines& machines, MachineSpec spec) -> aio::Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    scope.spawn([](Machines& all, MachineSpec wanted) -> aio::Task<Result<>> {
      auto started = co_await all.start(wanted);
      if (started) {
        for (auto& [name, fd] : started->sockets) ::close(fd);
      }
      co_return Result<>{};
    }(machines, spec));
    scope.spawn(machines.destroy(spec.id));
    co_return co_await scope.join();
  };
  auto done = run(task(*machines_, spec(45)));
  EXPECT_TRUE(done) << done.error().render();
  EXPECT_FALSE(exists(folder_ + "/" + spec(45).id));
}

TEST_F(MachinesTest, TwoFarmsDoNotMeet) {
  MachinesOptions options;
  options.folder = folder_ + "-other";
  options.farm_id = world().random.hex_id(8);
  options.spawner = {CROFT_SPAWNER};
  auto other = run(open_machines(world(), options));
  ASSERT_TRUE(other) << other.error().render();
  // The same id, address and group in both.
  start(spec(50, name_server(8000)));
  console_with(spec(50).id, "serving");
  auto theirs = run((*other)->start(spec(51, caller("10.77.0.50", 8000))));
  ASSERT_TRUE(theirs) << theirs.error().render();
  std::string console;
  for (int attempt = 0; attempt < 4000 && console.find("user data finished") == std::string::npos;
       ++attempt) {
    console = run((*other)->console(spec(51).id, Bytes::mib(1))).value_or("");
    usleep(2'000);
  }
  EXPECT_THAT(console, ::testing::HasSubstr("answer:"));
  EXPECT_THAT(console, ::testing::Not(::testing::HasSubstr("I am")));
  auto same = run((*other)->start(spec(50)));
  EXPECT_TRUE(same) << same.error().render();
  for (int number : {50, 51}) EXPECT_TRUE(run((*other)->destroy(spec(number).id)));
  EXPECT_TRUE(run((*other)->close()));
  start(spec(52, caller("10.77.0.50", 8000)));
  EXPECT_THAT(console_with(spec(52).id, "user data finished"),
              ::testing::HasSubstr("answer: I am ip-10-77-0-50"));
  EXPECT_TRUE(remove_all(options.folder));
}

TEST_F(MachinesTest, AFolderServesAsImage) {
  std::string image = folder_ + "-image";
  std::string libc =
      exists("/lib64/ld-linux-x86-64.so.2") ? "x86_64-linux-gnu" : "aarch64-linux-gnu";
  std::string loader =
      libc == "x86_64-linux-gnu" ? "/lib64/ld-linux-x86-64.so.2" : "/lib/ld-linux-aarch64.so.1";
  for (const std::string& path :
       {std::string("/bin/dash"), "/lib/" + libc + "/libc.so.6", loader}) {
    auto text = read_whole(path);
    ASSERT_TRUE(text) << path;
    std::string to = image + (path == "/bin/dash" ? "/bin/sh" : path);
    ASSERT_TRUE(make_folders(to.substr(0, to.rfind('/')), 0755));
    ASSERT_TRUE(write_new(to, *text, 0755));
  }
  MachineSpec wanted =
      spec(53, "#!/bin/sh\necho in an image of $(echo /*)\necho mine > /bin/new\n");
  wanted.image = image;
  start(wanted);
  EXPECT_THAT(console_with(wanted.id, "user data finished"),
              ::testing::HasSubstr(
                  "in an image of /bin /dev /etc /lib /lib64 /proc /root /run /sys /tmp /var"));
  EXPECT_FALSE(exists(image + "/bin/new"));
  destroy(wanted.id);
  EXPECT_TRUE(remove_all(image));
}

TEST_F(MachinesTest, RefusesWhatCannotBe) {
  auto refused = [this](MachineSpec wanted) {
    auto started = run(machines_->start(wanted));
    return started ? std::string("started") : started.error().what;
  };
  MachineSpec wanted = spec(46);
  wanted.id = "../escape";
  EXPECT_THAT(refused(wanted), ::testing::HasSubstr("no machine can have the name"));
  wanted = spec(46);
  wanted.private_address = "10.77.0";
  EXPECT_EQ(refused(wanted), "'10.77.0' is not an IPv4 address");
  wanted = spec(46);
  wanted.image = "/no/such/image";
  EXPECT_THAT(refused(wanted), ::testing::HasSubstr("/no/such/image"));
  wanted = spec(46);
  wanted.first_boot = false;
  EXPECT_THAT(refused(wanted), ::testing::HasSubstr("root disk"));
  EXPECT_FALSE(exists(folder_ + "/" + spec(46).id));
}

}  // namespace
}  // namespace croft::sandbox
