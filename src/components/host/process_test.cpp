// What runs on hosts: brought there, waited for, judged, removed; over restarts of the controller.
#include <gtest/gtest.h>

#include "components/host/fake_hosts.h"

namespace croft::components {
namespace {

using namespace test;
using model::ProcessWork;

const char* server = "a extends Process { command [\"/bin/server\", \"-p\", 80]; } ";

TEST_F(OnHosts, AProcessIsBroughtAndRemoved) {
  auto done = live_once(server, take_down);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:a", "remove app:a"}));
  EXPECT_EQ(seen_.application->state, protocol::ApplicationState::down);
}

TEST_F(OnHosts, AttributesBecomeWork) {
  auto done = live_once(
      "a extends Process { command \"exec server $PORT\"; user \"www\"; group \"www\";"
      "  environment extends { PORT 8080; MODE \"fast\"; ON true; }"
      "  directory \"/srv\"; limits extends { memory \"64MiB\"; cpu 0.5; files 100; }"
      "  ready extends HttpProbe { port 8080; page \"health\"; period \"100ms\"; }"
      "  alive extends CommandProbe { command [\"/bin/check\"]; failures 5; } readyWithin 20;"
      "  restart \"ON_FAILURE\"; backoff \"1s\"; backoffMax \"1min\"; crashLoop 3;"
      "  stopSignal \"INT\"; stopWithin \"3s\"; logMax \"1MiB\"; logFiles 2;"
      "  secrets extends { password \"s3cr3t\"; } }",
      until_settled);
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_EQ(seen_.application->state, protocol::ApplicationState::up) << seen_.application->why;
  const auto& work = host_.work<ProcessWork>("app:a");
  EXPECT_EQ(work.command, (std::vector<std::string>{"/bin/sh", "-c", "exec server $PORT"}));
  EXPECT_EQ(work.environment, (std::map<std::string, std::string>{
                                  {"PORT", "8080"}, {"MODE", "fast"}, {"ON", "true"}}));
  EXPECT_EQ(work.user + work.group + work.directory, "wwwwww/srv");
  EXPECT_EQ(work.limits.memory, Bytes::mib(64));
  EXPECT_EQ(work.limits.cpu_permille, 500);
  EXPECT_EQ(work.limits.files, 100);
  ASSERT_TRUE(work.ready && work.alive);
  EXPECT_EQ(work.ready->kind, model::Probe::Kind::http);
  EXPECT_EQ(work.ready->url, "http://127.0.0.1:8080/health");
  EXPECT_EQ(work.ready->period, Duration::milliseconds(100));
  EXPECT_EQ(work.alive->command, std::vector<std::string>{"/bin/check"});
  EXPECT_EQ(work.alive->failures, 5);
  EXPECT_EQ(work.ready_within, Duration::seconds(20));
  EXPECT_EQ(work.restart, ProcessWork::Restart::on_failure);
  EXPECT_EQ(work.backoff, Duration::seconds(1));
  EXPECT_EQ(work.backoff_most, Duration::minutes(1));
  EXPECT_EQ(work.crash_loop, 3);
  EXPECT_EQ(work.stop_signal, "INT");
  EXPECT_EQ(work.stop_within, Duration::seconds(3));
  EXPECT_EQ(work.log_most, Bytes::mib(1));
  EXPECT_EQ(work.log_files, 2);
  ASSERT_EQ(work.secrets.size(), 1u);
  EXPECT_EQ(work.secrets[0].name, "password");
  EXPECT_EQ(work.secrets[0].value.reveal(), "s3cr3t");
  for (const auto& line : seen_.told) EXPECT_EQ(line.find("s3cr3t"), std::string::npos) << line;
}

TEST_F(OnHosts, MetricsAreReadFromAPageOrAFile) {
  auto done = live_once(
      "a extends Process { command \"a\"; metrics extends HttpProbe { port 9100; page \"/metrics\";"
      "  names [\"queue\", \"wait_sum\"]; } }"
      "b extends Process { command \"b\"; metrics extends FileProbe { filename \"/run/b\";"
      "  period \"2s\"; } } ",
      until_settled);
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_EQ(seen_.application->state, protocol::ApplicationState::up) << seen_.application->why;
  const auto& page = host_.work<ProcessWork>("app:a");
  ASSERT_TRUE(page.metrics);
  EXPECT_EQ(page.metrics->url, "http://127.0.0.1:9100/metrics");
  EXPECT_EQ(page.metrics->period, Duration::seconds(10));
  EXPECT_EQ(page.metric_names, (std::vector<std::string>{"queue", "wait_sum"}));
  const auto& file = host_.work<ProcessWork>("app:b");
  ASSERT_TRUE(file.metrics);
  EXPECT_EQ(file.metrics->path, "/run/b");
  EXPECT_EQ(file.metrics->period, Duration::seconds(2));
  EXPECT_TRUE(file.metric_names.empty());
}

TEST_F(OnHosts, MetricsAreNotReadFromAPort) {
  auto done =
      live_once("a extends Process { command \"a\"; metrics extends TcpProbe { port 9100; } }",
                until_settled);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.application->state, protocol::ApplicationState::down);
  EXPECT_NE(seen_.application->why.find("metrics are read from a page or a file"),
            std::string::npos)
      << seen_.application->why;
}

TEST_F(OnHosts, ItIsWaitedForUntilItIsReady) {
  host_.begins = [](const model::HostWork&, model::WorkState& state) {
    state.phase = Phase::starting;
    state.why = "http://x/ready answers 503";
  };
  std::string waits;
  auto done = live_once(std::string(server) + "b extends DoNothing { dependsOn [LAZY PARENT:a]; }",
                        [&](Process& process) -> aio::Task<Result<>> {
                          CO_TRY(co_await pause(Duration::minutes(3)));
                          const auto* node = process.application->find("app:a");
                          if (node) waits = node->waits;
                          EXPECT_FALSE(process.application->settled());
                          host_.become("app:a", Phase::ready);
                          CO_TRY(co_await until_settled(process));
                          co_return Result<>{};
                        });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(waits, "on i-1: http://x/ready answers 503");
  EXPECT_EQ(record("app:b").state, model::State::running);
}

TEST_F(OnHosts, OneThatFailsToComeUpFailsTheApplication) {
  host_.begins = [](const model::HostWork&, model::WorkState& state) {
    state.phase = Phase::failing;
    state.why = "not ready within 1 min";
  };
  auto done = live_once(server, until_down);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.outcome(), "abnormal");
  EXPECT_NE(seen_.why().find("on i-1: not ready within 1 min"), std::string::npos) << seen_.why();
  EXPECT_EQ(host_.log.back(), "remove app:a");
}

TEST_F(OnHosts, ACrashLoopIsHeardAtOnce) {
  Duration noticed;
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    Moment then = sim_.now();
    host_.become("app:a", Phase::failing, "crash loop: exit status 3");
    CO_TRY(co_await until_down(process));
    noticed = sim_.now() - then;
    co_return Result<>{};
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_LT(noticed, Duration::seconds(1));
  EXPECT_NE(seen_.why().find("crash loop: exit status 3"), std::string::npos) << seen_.why();
}

TEST_F(OnHosts, TheEndOfAProcessIsItsEnd) {
  auto done = live_once("a extends Process { command \"x\"; restart \"NEVER\"; }",
                        [&](Process& process) -> aio::Task<Result<>> {
                          CO_TRY(co_await until_settled(process));
                          host_.become("app:a", Phase::ended, "exit status 2", 2);
                          co_return co_await until_down(process);
                        });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.outcome(), "abnormal");
  EXPECT_NE(seen_.why().find("exit status 2"), std::string::npos) << seen_.why();
}

TEST_F(OnHosts, AGoodEndIsNormal) {
  host_.begins = [](const model::HostWork&, model::WorkState& state) {
    state.phase = Phase::ended;
    state.exit_code = 0;
  };
  auto done = live_once("a extends Process { command \"x\"; restart \"ON_FAILURE\"; }", until_down);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.outcome(), "normal") << seen_.why();
}

TEST_F(OnHosts, SecretsComeAgainToAMachineThatStartedAnew) {
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    host_.connect(false);
    CO_TRY(co_await pause(Duration::seconds(2)));
    host_.start_anew();
    host_.connect(true);
    CO_TRY(co_await pause(Duration::seconds(1)));
    EXPECT_EQ(host_.states.at("app:a").phase, Phase::ready);
    EXPECT_FALSE(host_.states.at("app:a").digest.empty());
    EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
    co_return Result<>{};
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:a", "change app:a"}));
}

TEST_F(OnHosts, WhileTheAgentIsAwayNothingIsJudged) {
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    host_.connect(false);
    CO_TRY(co_await pause(Duration::hours(2)));
    EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
    const auto* node = process.application->find("app:a");
    EXPECT_NE(node->silence.find("the agent of i-1 is away"), std::string::npos) << node->silence;
    host_.connect(true);
    CO_TRY(co_await pause(Duration::seconds(10)));
    EXPECT_EQ(node->silence, "");
    co_return Result<>{};
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, std::vector<std::string>{"new app:a"});
}

TEST_F(OnHosts, ItIsBroughtOnceTheAgentIsBack) {
  host_.connect(false);
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await pause(Duration::minutes(5)));
    EXPECT_EQ(process.application->find("app:a")->waits, "the agent of i-1 is away");
    host_.connect(true);
    co_return co_await until_settled(process);
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(record("app:a").state, model::State::running);
}

TEST_F(OnHosts, AHostThatNeverJoinsIsNotWaitedForForEver) {
  hosts_.all.clear();
  auto done = live_once(server, until_down);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.outcome(), "abnormal");
  EXPECT_NE(seen_.why().find("the host of app:a"), std::string::npos) << seen_.why();
}

TEST_F(OnHosts, AnotherControllerChangesNothing) {
  ASSERT_TRUE(live_once(server, until_settled));
  sim_.restart(true);
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    CO_TRY(co_await pause(Duration::minutes(1)));
    co_return Result<>{};
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, std::vector<std::string>{"new app:a"});
  EXPECT_EQ(record("app:a").state, model::State::running);
}

TEST_F(OnHosts, WhereverTheControllerDiesItIsRemovedInTheEnd) {
  ASSERT_TRUE(live_once(server, take_down));
  uint64_t points = sim_.main().crash_points();
  ASSERT_GT(points, 3u);
  for (uint64_t at = 1; at <= points; ++at) {
    aio::SimWorld sim(at);
    FakeHosts hosts([&sim]() -> aio::Clock& { return sim.world().clock; });
    FakeHost& host = hosts.join("i-1");
    sim.main().crash_at(at);
    Seen seen;
    auto first = sim.run(live(sim.world(), *wanted(server), take_down, seen, &hosts));
    EXPECT_FALSE(first) << at;
    sim.main().crash_at(0);
    sim.restart(at % 2 == 0);
    auto done = sim.run(live(sim.world(), *wanted(server), take_down, seen, &hosts));
    ASSERT_TRUE(done) << at << done.error().render();
    EXPECT_TRUE(host.items.empty()) << at;
    EXPECT_EQ(seen.application->state, protocol::ApplicationState::down) << at;
  }
}

TEST_F(OnHosts, AChangeIsAppliedInPlace) {
  auto done = live_once("a extends Process { command [\"/bin/one\"]; }",
                        [&](Process& process) -> aio::Task<Result<>> {
                          CO_TRY(co_await until_settled(process));
                          auto next =
                              CO_TRY(wanted("a extends Process { command [\"/bin/two\"]; }"));
                          CO_TRY(co_await process.application->up(std::move(next)));
                          co_return co_await until_settled(process);
                        });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:a", "change app:a"}));
  EXPECT_EQ(host_.work<ProcessWork>("app:a").command, std::vector<std::string>{"/bin/two"});
  EXPECT_TRUE(told("app:a UPDATED"));
}

TEST_F(OnHosts, WhatIsNoLongerDescribedIsRemoved) {
  auto done = live_once(std::string(server) + "b extends Process { command \"y\"; }",
                        [&](Process& process) -> aio::Task<Result<>> {
                          CO_TRY(co_await until_settled(process));
                          auto next = CO_TRY(wanted(server));
                          CO_TRY(co_await process.application->up(std::move(next)));
                          co_return co_await until_settled(process);
                        });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log.back(), "remove app:b");
  EXPECT_TRUE(host_.items.contains("app:a"));
}

TEST_F(OnHosts, AHostThatIsGoneTookAllAlong) {
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    CO_TRY(co_await hosts_.forget("app", "i-1"));
    CO_TRY(co_await process.application->down(false));
    co_return co_await until_settled(process);
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.application->state, protocol::ApplicationState::down);
}

TEST_F(OnHosts, NothingIsAskedOfAHostThatWasDeclaredDead) {
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    host_.connect(false);
    CO_TRY(co_await process.application->down(false));
    CO_TRY(co_await pause(Duration::seconds(2)));
    hosts_.give_up("app", "i-1", "nothing was heard of it");
    co_return co_await until_settled(process);
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.application->state, protocol::ApplicationState::down) << seen_.application->why;
  EXPECT_EQ(host_.log, std::vector<std::string>{"new app:a"}) << "it was asked to remove it";
}

TEST_F(OnHosts, OneThatIsAwayIsTriedAgainUntilItIsBack) {
  auto done = live_once(server, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    host_.connect(false);
    CO_TRY(co_await process.application->down(false));
    CO_TRY(co_await pause(Duration::minutes(10)));
    EXPECT_NE(process.application->record().state, protocol::ApplicationState::down);
    host_.connect(true);
    while (process.application->record().state != protocol::ApplicationState::down)
      CO_TRY(co_await process.application->changed().wait());
    co_return Result<>{};
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_TRUE(host_.items.empty());
}

TEST_F(OnHosts, LinksInPartsOrderTheStart) {
  auto done = live_once(
      "web extends Process { command \"w\"; environment extends { DB LAZY db:address; } } "
      "db extends Process { command \"d\"; }",
      take_down);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:db", "new app:web", "remove app:web",
                                                 "remove app:db"}));
}

TEST_F(OnHosts, WhatRunsOnNoHostIsRefused) {
  auto text =
      "#include \"/croft/hosts.sf\"\nsfConfig extends Compound { " + std::string(server) + "}";
  auto done = sim_.run(live(sim_.world(), *wanted_of(text), until_down, seen_, &hosts_));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_NE(seen_.why().find("app:a runs on a host, and none is named"), std::string::npos)
      << seen_.why();
}

TEST_F(OnHosts, WhatWorksInTheControllerOnlyIsRefusedOnAHost) {
  for (const char* what : {"a extends TempFile {}", "a extends Rmdir { dir \"x\"; }",
                           "a extends DeleteFile { filename \"/x\"; }"}) {
    aio::SimWorld sim(1);
    Seen seen;
    FakeHosts hosts([&sim]() -> aio::Clock& { return sim.world().clock; });
    hosts.join("i-1");
    auto done = sim.run(live(sim.world(), *wanted(what, true), until_down, seen, &hosts));
    ASSERT_TRUE(done) << done.error().render();
    EXPECT_EQ(seen.outcome(), "abnormal") << what;
    EXPECT_NE(seen.why().find("works on the controller's machine only"), std::string::npos)
        << what << seen.why();
  }
}

TEST_F(OnHosts, ASecretNeverGoesIntoCommandOrEnvironment) {
  for (const char* where :
       {"command [\"x\", LAZY PARENT:key:password]", "environment extends { P LAZY key:password; }",
        "command \"x\"; environment extends { P LAZY key; }"}) {
    aio::SimWorld sim(1);
    Seen seen;
    FakeHosts hosts([&sim]() -> aio::Clock& { return sim.world().clock; });
    hosts.join("i-1");
    std::string text =
        "#include \"/org/smartfrog/services/passwords/components.sf\"\n#include "
        "\"/croft/hosts.sf\"\nsfConfig extends Compound { sfProcessHost \"i-1\"; key extends "
        "InlinePassword { password \"s3cr3t\"; } a extends Process { command \"x\"; " +
        std::string(where) + "; } }";
    auto done = sim.run(live(sim.world(), *wanted_of(text), until_down, seen, &hosts));
    ASSERT_TRUE(done) << done.error().render();
    EXPECT_NE(seen.why().find("holds a secret"), std::string::npos) << where << seen.why();
    EXPECT_TRUE(hosts.at("i-1").items.empty());
  }
}

TEST_F(OnHosts, ALinkedSecretBecomesAFile) {
  auto done = live_once(
      "f extends TextFile { filename \"key.pem\"; text \"one\\ntwo\\n\"; sfProcessHost "
      "\"localhost\"; } "
      "key extends Secret { from \"FILE\"; name \"key.pem\"; dependsOn [LAZY PARENT:f]; } "
      "a extends Process { command \"x\"; secrets extends { tls LAZY key; } }",
      until_settled);
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_EQ(seen_.application->state, protocol::ApplicationState::up) << seen_.application->why;
  const auto& secrets = host_.work<ProcessWork>("app:a").secrets;
  ASSERT_EQ(secrets.size(), 1u);
  EXPECT_EQ(secrets[0].name, "tls");
  EXPECT_EQ(secrets[0].value.reveal(), "one\ntwo");
}

TEST_F(OnHosts, ASecretThatIsNotThereIsSaidAtItsPlace) {
  auto done = live_once(
      "a extends Process { command \"x\"; secrets extends { k extends Secret { "
      "from \"ENV\"; name \"NOWHERE\"; } } }",
      until_down);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_NE(seen_.why().find("the environment variable NOWHERE is not set"), std::string::npos)
      << seen_.why();
  EXPECT_TRUE(host_.log.empty());
}

TEST_F(OnHosts, FilesAndScriptsOfTheOldLibraryDoTheirWorkThere) {
  auto done = live_once(
      "f extends File { filename \"/etc/a\"; text \"x=1\"; mode \"0600\"; owner \"www\"; } "
      "t extends TextFile { filename \"/etc/b\"; text \"b\"; } "
      "l extends TextListFile { filename \"/etc/c\"; list [\"1\", \"2\"]; deleteOnExit true; } "
      "d extends Directory { dir \"/srv/x\"; } m extends Mkdir { dir \"/srv/y\"; } "
      "s extends Script { startScript [\"one\", \"two\"]; script \"three\"; terminateScript "
      "[\"four\"]; creates \"/done\"; user \"www\"; } "
      "e extends RunShellScripts { shellCmd \"/bin/sh\"; cmd1 \"echo hi\"; shouldTerminate false; "
      "}",
      until_settled);
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_EQ(seen_.application->state, protocol::ApplicationState::up) << seen_.application->why;
  const auto& file = host_.work<model::FileWork>("app:f");
  EXPECT_EQ(file.path + "|" + file.content + "|" + file.owner, "/etc/a|x=1|www");
  EXPECT_EQ(file.mode, 0600);
  EXPECT_FALSE(file.keep);
  EXPECT_TRUE(host_.work<model::FileWork>("app:t").keep);
  EXPECT_FALSE(host_.work<model::FileWork>("app:l").keep);
  EXPECT_EQ(host_.work<model::FileWork>("app:l").content, "1\n2\n");
  EXPECT_EQ(host_.work<model::FileWork>("app:d").kind, model::FileWork::Kind::directory);
  EXPECT_EQ(host_.work<model::FileWork>("app:d").mode, 0755);
  EXPECT_TRUE(host_.work<model::FileWork>("app:m").keep);
  const auto& script = host_.work<model::RunWork>("app:s");
  EXPECT_EQ(script.command, (std::vector<std::string>{"/bin/sh", "-e"}));
  EXPECT_EQ(script.input, "one\ntwo\nthree\n");
  EXPECT_EQ(script.undo, (std::vector<std::string>{"/bin/sh", "-e", "-c", "four\n"}));
  EXPECT_EQ(script.creates, "/done");
  EXPECT_EQ(script.user, "www");
  const auto& program = host_.work<ProcessWork>("app:e");
  EXPECT_EQ(program.restart, ProcessWork::Restart::never);
  EXPECT_EQ(program.command[4], "echo hi\nexit 0\n");
  EXPECT_EQ(program.command.back(), "/bin/sh");
  EXPECT_EQ(record("app:f").published.at("absolutePath"), model::Value("/etc/a"));
  EXPECT_TRUE(record("app:f").published.contains("digest"));
}

}  // namespace
}  // namespace croft::components
