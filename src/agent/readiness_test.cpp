// When a process counts as ready and alive, with real processes; and what becomes of its output.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/plain_files.h"
#include "agent/testing.h"

namespace croft::agent {
namespace {

using testing::until;
using Agent = testing::Stage::Agent;
using Readiness = testing::Stage;
using model::HostWork;
using model::Probe;
using model::ProcessWork;
using Phase = model::WorkState::Phase;

HostWork process(std::string script, Probe ready) {
  ProcessWork work;
  work.command = {"/bin/sh", "-c", std::move(script)};
  ready.period = Duration::milliseconds(20);
  work.ready = std::move(ready);
  work.stop_within = Duration::seconds(5);
  return {"web", "1", work};
}

/// It is not ready before the file is made that the script waits for, and ready after.
aio::Task<Result<>> ready_only_after(Agent& agent, std::string gate, HostWork work) {
  CO_TRY(co_await agent.supervisor.apply(std::move(work)));
  auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "web",
                                     [](const auto& now) { return now.pid != 0; }));
  EXPECT_EQ(state.phase, Phase::starting);
  EXPECT_TRUE(write_plain(gate, ""));
  CO_TRY(co_await until(agent.world, agent.supervisor, "web", Phase::ready));
  co_return co_await agent.supervisor.remove("web");
}

std::string after(const std::string& gate, const std::string& then) {
  return "until [ -e " + gate + " ]; do sleep 0.01; done; " + then + "; exec sleep 1000";
}

TEST_F(Readiness, ALineOfItsOutput) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    std::string gate = self.home + "/gate";
    Probe probe;
    probe.kind = Probe::Kind::log;
    probe.pattern = "^serving$";
    co_return co_await ready_only_after(agent, gate, process(after(gate, "echo serving"), probe));
  });
}

TEST_F(Readiness, AFile) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    std::string gate = self.home + "/gate";
    Probe probe;
    probe.kind = Probe::Kind::file;
    probe.path = self.home + "/ready";
    co_return co_await ready_only_after(agent, gate,
                                        process(after(gate, "touch " + probe.path), probe));
  });
}

TEST_F(Readiness, ACommand) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    std::string gate = self.home + "/gate";
    Probe probe;
    probe.kind = Probe::Kind::command;
    probe.command = {"test", "-e", gate};
    co_return co_await ready_only_after(agent, gate, process("exec sleep 1000", probe));
  });
}

TEST_F(Readiness, ItSaysSoItself) {
  ASSERT_EQ(access("/usr/bin/python3", X_OK), 0) << "no python3 to say it with";
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    std::string gate = self.home + "/gate";
    Probe probe;
    probe.kind = Probe::Kind::notify;
    std::string say =
        "/usr/bin/python3 -c 'import os, socket; s = socket.socket(socket.AF_UNIX, "
        "socket.SOCK_DGRAM); s.sendto(b\"STATUS=warm\\nREADY=1\", os.environ[\"NOTIFY_SOCKET\"])'";
    co_return co_await ready_only_after(agent, gate, process(after(gate, say), probe));
  });
}

TEST_F(Readiness, OneThatNeverIsIsStartedAgain) {
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    Probe probe;
    probe.kind = Probe::Kind::file;
    probe.path = "/nowhere/at/all";
    HostWork work = process("exec sleep 1000", probe);
    std::get<ProcessWork>(work.what).ready_within = Duration::milliseconds(60);
    CO_TRY(co_await agent.supervisor.apply(work));
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "web", [](const auto& now) {
      return now.phase == Phase::failing;
    }));
    // That has failed, and is told at once, not after so many such times.
    EXPECT_TRUE(state.why.starts_with("not ready within 60 ms")) << state.why;
    state = CO_TRY(co_await until(agent.world, agent.supervisor, "web",
                                  [](const auto& now) { return now.restarts > 0; }));
    co_return co_await agent.supervisor.remove("web");
  });
}

TEST_F(Readiness, OneThatIsNotAliveIsStartedAgain) {
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    ProcessWork work;
    work.command = {"/bin/sleep", "1000"};
    Probe alive;
    alive.kind = Probe::Kind::file;
    alive.path = self.home + "/alive";
    alive.period = Duration::milliseconds(5);
    alive.failures = 2;
    work.alive = alive;
    EXPECT_TRUE(write_plain(alive.path, ""));
    CO_TRY(co_await agent.supervisor.apply({"web", "1", work}));
    auto first = CO_TRY(co_await until(agent.world, agent.supervisor, "web", Phase::ready));
    unlink(alive.path.c_str());
    auto second =
        CO_TRY(co_await until(agent.world, agent.supervisor, "web", [&first](const auto& now) {
          return now.pid != 0 && now.pid != first.pid;
        }));
    EXPECT_GE(second.restarts, 1);
    EXPECT_EQ(second.exit_signal, SIGTERM);
    co_return co_await agent.supervisor.remove("web");
  });
}

TEST_F(Readiness, ReadyStaysReadyForTheNextAgent) {
  static std::string gate;
  gate = home + "/gate";
  agent([](Agent& agent, testing::Stage& self) -> aio::Task<Result<>> {
    Probe probe;
    probe.kind = Probe::Kind::log;
    probe.pattern = "^serving$";
    CO_TRY(co_await agent.supervisor.apply(process("echo serving; exec sleep 1000", probe)));
    CO_TRY(co_await until(agent.world, agent.supervisor, "web", Phase::ready));
    EXPECT_EQ(truncate((self.home + "/agent/logs/web.log").c_str(), 0), 0);
    co_return Result<>{};
  });
  agent([](Agent& agent, testing::Stage&) -> aio::Task<Result<>> {
    auto state = CO_TRY(co_await until(agent.world, agent.supervisor, "web", Phase::ready));
    EXPECT_EQ(state.restarts, 0);
    co_return co_await agent.supervisor.remove("web");
  });
}

TEST_F(Readiness, LogsStayWithinTheirLimits) {
  std::string file = home + "/x.log";
  LogLimits limits{Bytes(40'000), 4};
  int writer = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::string line(99, 'x');
  for (int i = 0; i < 1000; ++i) {
    std::string text = fmt::format("{:06} {}\n", i, line.substr(7));
    ASSERT_EQ(write(writer, text.data(), text.size()), 100);
    rotate_log(file, limits);
  }
  close(writer);
  uint64_t total = size_of(file);
  for (int i = 1; i <= 5; ++i) total += size_of(fmt::format("{}.{}", file, i));
  EXPECT_LE(total, 40'000u + 400u);
  EXPECT_GT(total, 29'000u);
  EXPECT_EQ(size_of(file + ".4"), 0u);
  std::string newest = read_plain(size_of(file) ? file : file + ".1").value();
  EXPECT_EQ(newest.substr(newest.size() - 100, 6), "000999");
}

TEST_F(Readiness, TheEndOfALogIsWholeLines) {
  std::string file = home + "/x.log";
  ASSERT_TRUE(write_plain(file, "one\ntwo\nthree\n"));
  EXPECT_EQ(last_lines(file, 4), "two\nthree\n");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += fmt::format("line {}\n", i);
  ASSERT_TRUE(write_plain(file, many));
  std::string end = last_lines(file, 0);
  EXPECT_TRUE(end.starts_with("line ") && end.ends_with("line 1999\n")) << end;
  EXPECT_LE(end.size(), 4096u);
  EXPECT_EQ(last_lines(file, 1'000'000), "");
}

}  // namespace
}  // namespace croft::agent
