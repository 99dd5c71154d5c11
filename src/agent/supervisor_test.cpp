// The supervisor with real processes: what it starts, keeps, finds again and ends.
#include "agent/supervisor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/plain_files.h"
#include "agent/testing.h"

namespace croft::agent {
namespace {

using testing::state_of;
using testing::until;
using Agent = testing::Stage::Agent;
using model::FileWork;
using model::HostWork;
using model::ProcessWork;
using model::RunWork;
using Phase = model::WorkState::Phase;
using Supervising = testing::Stage;

HostWork process(std::string script, std::string digest = "1") {
  ProcessWork work;
  work.command = {"/bin/sh", "-c", std::move(script)};
  work.stop_within = Duration::seconds(5);
  return {"app:web", std::move(digest), work};
}

bool alive(int64_t pid) {
  return ::kill(static_cast<pid_t>(pid), 0) == 0;
}

TEST_F(Supervising, StartsAProcessAndEndsIt) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    CO_TRY(co_await agent.supervisor.apply(process("echo hello; exec sleep 1000")));
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::ready));
    EXPECT_TRUE(alive(state.pid));
    // The same again changes nothing.
    CO_TRY(co_await agent.supervisor.apply(process("echo hello; exec sleep 1000")));
    EXPECT_EQ(state_of(agent.supervisor, "app:web").pid, state.pid);
    std::string log = agent.folder.log_file("app:web");
    while (read_plain(log).value_or("") != "hello\n")
      CO_TRY(co_await agent.world.clock.sleep(Duration::milliseconds(2)));
    CO_TRY(co_await agent.supervisor.remove("app:web"));
    EXPECT_FALSE(alive(state.pid));
    EXPECT_TRUE(agent.supervisor.states().empty());
    EXPECT_FALSE(std::filesystem::exists(log));
    EXPECT_EQ(self.told.back(), "app:web gone");
    co_return co_await agent.supervisor.remove("app:web");
  });
}

TEST_F(Supervising, RestartsWhatDies) {
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    CO_TRY(co_await agent.supervisor.apply(process("exec sleep 1000")));
    auto first = CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::ready));
    ::kill(static_cast<pid_t>(first.pid), SIGKILL);
    auto second = CO_TRY(co_await until(
        agent.world, agent.supervisor, "app:web", [&first](const model::WorkState& state) {
          return state.phase == Phase::ready && state.pid != first.pid;
        }));
    EXPECT_EQ(second.restarts, 1);
    EXPECT_EQ(second.exit_signal, SIGKILL);
    co_return co_await agent.supervisor.remove("app:web");
  });
}

TEST_F(Supervising, ReportsACrashLoop) {
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    HostWork work = process("exit 3");
    std::get<ProcessWork>(work.what).backoff = Duration::milliseconds(1);
    CO_TRY(co_await agent.supervisor.apply(work));
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::failing));
    EXPECT_EQ(state.exit_code, 3);
    EXPECT_TRUE(state.why.starts_with("exit status 3; 5 starts in a row did not last"))
        << state.why;
    co_return co_await agent.supervisor.remove("app:web");
  });
}

TEST_F(Supervising, AProcessOutlivesTheAgent) {
  static int64_t pid;
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    CO_TRY(co_await agent.supervisor.apply(process("exec sleep 1000")));
    pid = CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::ready)).pid;
    co_return Result<>{};
  });
  EXPECT_TRUE(alive(pid));
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::ready));
    EXPECT_EQ(state.pid, pid);
    EXPECT_EQ(state.restarts, 0);
    ::kill(static_cast<pid_t>(pid), SIGKILL);
    co_return Result<>{};
  });
  // It died between two agents (or under the last one's eyes): the next starts another.
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    auto state = CO_TRY(
        co_await until(agent.world, agent.supervisor, "app:web", [](const model::WorkState& now) {
          return now.phase == Phase::ready && now.pid != pid && now.pid != 0;
        }));
    EXPECT_TRUE(alive(state.pid));
    co_return co_await agent.supervisor.remove("app:web");
  });
  EXPECT_FALSE(alive(pid));
}

TEST_F(Supervising, ChangesAProcess) {
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    CO_TRY(co_await agent.supervisor.apply(process("exec sleep 1000")));
    auto first = CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::ready));
    CO_TRY(co_await agent.supervisor.apply(process("exec sleep 1001", "2")));
    auto second = CO_TRY(
        co_await until(agent.world, agent.supervisor, "app:web", [](const model::WorkState& state) {
          return state.phase == Phase::ready && state.digest == "2";
        }));
    EXPECT_NE(second.pid, first.pid);
    EXPECT_FALSE(alive(first.pid));
    co_return co_await agent.supervisor.remove("app:web");
  });
}

TEST_F(Supervising, GraceThenKillOfAllItsProcesses) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    HostWork work = process("trap '' TERM; sleep 1000 & echo $! > " + self.home +
                            "/child; while :; do sleep 1000; done");
    std::get<ProcessWork>(work.what).stop_within = Duration::milliseconds(50);
    CO_TRY(co_await agent.supervisor.apply(work));
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::ready));
    std::string child;
    while (!child.ends_with('\n')) {
      child = read_plain(self.home + "/child").value_or("");
      CO_TRY(co_await agent.world.clock.sleep(Duration::milliseconds(2)));
    }
    CO_TRY(co_await agent.supervisor.remove("app:web"));
    EXPECT_FALSE(alive(state.pid));
    // Its parent is gone, so it may be a zombie of this machine's first process for a moment.
    while (alive(std::stoi(child)) && start_ticks(std::stoi(child)) &&
           read_plain(fmt::format("/proc/{}/stat", std::stoi(child))).value_or("Z").find(") Z") ==
               std::string::npos)
      CO_TRY(co_await agent.world.clock.sleep(Duration::milliseconds(2)));
    co_return Result<>{};
  });
}

TEST_F(Supervising, SecretsLieInMemoryOnly) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    HostWork work = process("cat \"$CREDENTIALS_DIRECTORY/password\" > " + self.home +
                            "/seen; env > " + self.home + "/env; exec sleep 1000");
    std::get<ProcessWork>(work.what).secrets.push_back({"password", Secret("canary-71")});
    CO_TRY(co_await agent.supervisor.apply(work));
    CO_TRY(co_await until(agent.world, agent.supervisor, "app:web", Phase::ready));
    while (read_plain(self.home + "/env").value_or("").find("CREDENTIALS_DIRECTORY") ==
           std::string::npos)
      CO_TRY(co_await agent.world.clock.sleep(Duration::milliseconds(2)));
    EXPECT_EQ(read_plain(self.home + "/seen").value_or(""), "canary-71");
    EXPECT_EQ(read_plain(self.home + "/env")->find("canary-71"), std::string::npos);
    for (const auto& each : std::filesystem::recursive_directory_iterator(self.home + "/agent"))
      if (each.is_regular_file())
        EXPECT_EQ(read_plain(each.path())->find("canary-71"), std::string::npos) << each.path();
    co_return Result<>{};
  });
  // The tmpfs is gone with the machine: the item waits for its secrets.
  std::filesystem::remove_all(run_folder);
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    auto state = CO_TRY(
        co_await until(agent.world, agent.supervisor, "app:web", [](const model::WorkState& now) {
          return now.phase != Phase::waiting || !now.why.empty();
        }));
    EXPECT_EQ(state.phase, Phase::waiting);
    EXPECT_TRUE(state.why.starts_with("the machine started anew")) << state.why;
    EXPECT_TRUE(state.digest.empty()) << "its controller would not know that it has to come again";
    co_return co_await agent.supervisor.remove("app:web");
  });
}

TEST_F(Supervising, RunsAProgramOnce) {
  static const auto count = [](const std::string& home) {
    return read_plain(home + "/count").value_or("");
  };
  auto twice = [](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    RunWork run;
    run.command = {"/bin/sh"};
    run.input = "echo run >> " + self.home + "/count; echo 'all well'";
    run.undo = {"/bin/sh", "-c", "echo undone >> " + self.home + "/count"};
    CO_TRY(co_await agent.supervisor.apply({"app:setup", "1", run}));
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "app:setup", Phase::ready));
    EXPECT_EQ(state.output, "all well\n");
    EXPECT_EQ(state.exit_code, 0);
    EXPECT_EQ(count(self.home), "run\n");
    co_return Result<>{};
  };
  agent(twice);
  agent(twice);
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    CO_TRY(co_await agent.supervisor.remove("app:setup"));
    EXPECT_EQ(count(self.home), "run\nundone\n");
    co_return Result<>{};
  });
}

TEST_F(Supervising, AProgramThatFailsOrTakesTooLong) {
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    RunWork run;
    run.command = {"/bin/sh", "-c", "echo oh; exit 4"};
    CO_TRY(co_await agent.supervisor.apply({"a", "1", run}));
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "a", Phase::failing));
    EXPECT_EQ(state.exit_code, 4);
    EXPECT_EQ(state.output, "oh\n");
    run.command = {"/bin/sleep", "1000"};
    run.within = Duration::milliseconds(20);
    CO_TRY(co_await agent.supervisor.apply({"b", "1", run}));
    state = CO_TRY(co_await until(agent.world, agent.supervisor, "b", Phase::failing));
    EXPECT_EQ(state.why, "'/bin/sleep' took longer than 20 ms");
    run.command = {"no-such-program-here"};
    CO_TRY(co_await agent.supervisor.apply({"c", "1", run}));
    state = CO_TRY(co_await until(agent.world, agent.supervisor, "c", Phase::failing));
    EXPECT_TRUE(state.why.starts_with("cannot start 'no-such-program-here'")) << state.why;
    for (const char* each : {"a", "b", "c"}) CO_TRY(co_await agent.supervisor.remove(each));
    co_return Result<>{};
  });
}

TEST_F(Supervising, PutsFilesAndFolders) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    FileWork file;
    file.path = self.home + "/etc/app/app.conf";
    file.content = "port=1\n";
    file.mode = 0600;
    CO_TRY(co_await agent.supervisor.apply({"conf", "1", file}));
    CO_TRY(co_await until(agent.world, agent.supervisor, "conf", Phase::ready));
    EXPECT_EQ(read_plain(file.path).value_or(""), "port=1\n");
    struct stat before{}, after{};
    stat(file.path.c_str(), &before);
    EXPECT_EQ(before.st_mode & 07777, 0600u);
    // Another item with the same content: not written again, only its mode changes.
    file.mode = 0644;
    CO_TRY(co_await agent.supervisor.apply({"conf", "2", file}));
    CO_TRY(co_await until(agent.world, agent.supervisor, "conf", [](const auto& state) {
      return state.phase == Phase::ready && state.digest == "2";
    }));
    stat(file.path.c_str(), &after);
    EXPECT_EQ(after.st_ino, before.st_ino);
    EXPECT_EQ(after.st_mode & 07777, 0644u);
    FileWork folder;
    folder.kind = FileWork::Kind::directory;
    folder.path = self.home + "/var";
    folder.mode = 0755;
    CO_TRY(co_await agent.supervisor.apply({"var", "1", folder}));
    CO_TRY(co_await until(agent.world, agent.supervisor, "var", Phase::ready));
    EXPECT_TRUE(std::filesystem::is_directory(folder.path));
    CO_TRY(co_await agent.supervisor.remove("conf"));
    CO_TRY(co_await agent.supervisor.remove("var"));
    EXPECT_FALSE(std::filesystem::exists(file.path));
    EXPECT_FALSE(std::filesystem::exists(folder.path));
    co_return Result<>{};
  });
}

TEST_F(Supervising, AFolderThatWasThereStays) {
  std::filesystem::create_directory(home + "/data");
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    FileWork folder;
    folder.kind = FileWork::Kind::directory;
    folder.path = self.home + "/data";
    folder.mode = 0700;
    CO_TRY(co_await agent.supervisor.apply({"data", "1", folder}));
    CO_TRY(co_await until(agent.world, agent.supervisor, "data", Phase::ready));
    CO_TRY(co_await agent.supervisor.remove("data"));
    EXPECT_TRUE(std::filesystem::exists(folder.path));
    co_return Result<>{};
  });
}

}  // namespace
}  // namespace croft::agent
