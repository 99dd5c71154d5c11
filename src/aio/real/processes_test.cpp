// Programs and signals of the RealWorld.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio/real/real_world.h"

namespace croft::aio {
namespace {

class ProcessesTest : public testing::Test {
 protected:
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return real->run(deadline(world.clock, Duration::seconds(20), std::move(task), "the test"));
  }
  std::unique_ptr<RealWorld> real = RealWorld::open().value();
  World& world = real->world();
};

Task<Result<std::string>> output_of(World& world, ProcessOptions options, std::string input = "") {
  options.pipe_output = true;
  options.pipe_input = !input.empty();
  auto child = CO_TRY(world.processes.start(options));
  if (!input.empty()) {
    CO_TRY(co_await child->write(input));
    child->close_input();
  }
  std::string out;
  std::array<char, 1000> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await child->read(buffer));
    if (got == 0) break;
    out.append(buffer.data(), got);
  }
  auto status = CO_TRY(co_await child->wait());
  EXPECT_EQ(CO_TRY(co_await child->wait()).code, status.code);
  EXPECT_EQ(child->kill(0).error().code, Code::not_found);
  co_return fmt::format("{}[{} {}]", out, status.code, status.signal);
}

TEST_F(ProcessesTest, input_output_status_and_a_clean_environment) {
  setenv("CROFT_TEST_INHERITED", "yes", 1);
  ProcessOptions options{
      .command = {"/bin/sh", "-c", "cat; echo $NAME$CROFT_TEST_INHERITED; pwd; exit 3"},
      .environment = {"NAME=value"},
      .directory = "/usr"};
  auto result = run(output_of(world, options, "text\n"));
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_EQ(*result, "text\nvalue\n/usr\n[3 0]");
}

TEST_F(ProcessesTest, nothing_but_what_is_passed_is_inherited) {
  int a = open("/etc/passwd", O_RDONLY), b = open("/etc/group", O_RDONLY);  // not close-on-exec
  ProcessOptions options{
      .command = {"sh", "-c", "cd /proc/self/fd; for i in *; do readlink $i; done | grep -v /proc"},
      .environment = {"PATH=/usr/bin:/bin"},
      .pass_descriptors = {b, a}};
  auto result = run(output_of(world, options));
  close(a);
  close(b);
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_TRUE(result->find("/etc/group\n/etc/passwd\n") != std::string::npos) << *result;
  EXPECT_EQ(result->find("eventpoll"), std::string::npos) << *result;
  EXPECT_EQ(result->find("timerfd"), std::string::npos) << *result;
}

TEST_F(ProcessesTest, signals_are_fresh) {
  // SIGPIPE is ignored here, and an ignored signal would be inherited.
  ProcessOptions options{.command = {"/bin/sh", "-c", "kill -PIPE $$; echo alive"},
                         .environment = {}};
  auto result = run(output_of(world, options));
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_EQ(*result, fmt::format("[0 {}]", SIGPIPE));
}

TEST_F(ProcessesTest, what_cannot_start_says_why) {
  auto absent = world.processes.start({.command = {"/no/such/program"}});
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::not_found);
  EXPECT_EQ(absent.error().what, "cannot start '/no/such/program': no such file or directory");
  EXPECT_EQ(world.processes.start({.command = {"/bin/true"}, .directory = "/no/such"}).error().what,
            "cannot start '/bin/true' in '/no/such': no such file or directory");
  EXPECT_EQ(world.processes.start({.command = {"/etc/passwd"}}).error().code,
            Code::permission_denied);
  EXPECT_EQ(world.processes.start({.command = {}}).error().code, Code::invalid_argument);
  EXPECT_EQ(
      world.processes.start({.command = {"/bin/true"}, .output_file = "/no/such/log"}).error().code,
      Code::not_found);
}

Task<Result<ExitStatus>> kill_one(World& world) {
  auto child =
      CO_TRY(world.processes.start({.command = {"/bin/sleep", "1000"}, .new_session = true}));
  EXPECT_EQ(getsid(child->pid()), child->pid());
  auto early = co_await deadline(world.clock, Duration::milliseconds(5), child->wait(), "the end");
  EXPECT_EQ(early.error().code, Code::timeout);
  CO_TRY(child->kill(SIGTERM));
  co_return co_await child->wait();
}

TEST_F(ProcessesTest, killed) {
  auto result = run(kill_one(world));
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_EQ(result->signal, SIGTERM);
}

Task<Result<>> forgotten(World& world, int& pid) {
  {
    auto child = CO_TRY(world.processes.start({.command = {"/bin/true"}}));
    pid = child->pid();
  }
  // It is reaped although nobody waits: its pid vanishes.
  while (::kill(pid, 0) == 0) CO_TRY(co_await world.clock.sleep(Duration::milliseconds(1)));
  co_return Result<>{};
}

TEST_F(ProcessesTest, a_forgotten_child_leaves_no_zombie) {
  int pid = 0;
  auto result = run(forgotten(world, pid));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<std::string>> logs(World& world, std::string path) {
  for (int i = 0; i < 2; ++i) {
    auto child = CO_TRY(world.processes.start(
        {.command = {"/bin/sh", "-c", "echo out; echo err >&2"}, .output_file = path}));
    CO_TRY(co_await child->wait());
  }
  co_return co_await world.disk.read_file(path, Bytes(1000));
}

TEST_F(ProcessesTest, output_is_appended_to_a_file) {
  char name[] = "/tmp/croft-test-XXXXXX";
  close(mkstemp(name));
  EXPECT_EQ(run(logs(world, name)).value(), "out\nerr\nout\nerr\n");
  unlink(name);
}

Task<Result<>> signals(World& world) {
  auto wait = world.processes.signal({SIGUSR1, SIGUSR2});
  auto late = co_await deadline(world.clock, Duration::milliseconds(2), std::move(wait), "it");
  EXPECT_EQ(late.error().code, Code::timeout);
  ::raise(SIGUSR2);  // between two waits: kept
  CO_TRY(co_await world.clock.sleep(Duration::milliseconds(2)));
  EXPECT_EQ(CO_TRY(co_await world.processes.signal({SIGUSR1, SIGUSR2})), SIGUSR2);
  auto child = CO_TRY(world.processes.start(
      {.command = {"/bin/sh", "-c", fmt::format("kill -USR1 {}", getpid())}}));
  EXPECT_EQ(CO_TRY(co_await world.processes.signal({SIGUSR1})), SIGUSR1);
  CO_TRY(co_await child->wait());
  EXPECT_FALSE(co_await world.processes.signal({SIGKILL}));
  EXPECT_FALSE(co_await world.processes.signal({SIGKILL}));
  co_return Result<>{};
}

TEST_F(ProcessesTest, signals_arrive) {
  auto result = run(signals(world));
  EXPECT_TRUE(result) << result.error().render();
}

}  // namespace
}  // namespace croft::aio
