// Templates and who uses them, packages, artifacts, programs at certain times, probes; and what
// happens when a machine is replaced.
#include <gtest/gtest.h>

#include "components/host/fake_hosts.h"
#include "components/host/files.h"
#include "components/host/package.h"

namespace croft::components {
namespace {

using namespace test;
using model::ProcessWork;
using model::RunWork;

/// Changes `text` of app:source, which the template's value links to.
const char* templated =
    "source extends Prim { port 1; } "
    "conf extends Template { filename \"/etc/x\"; text \"listen ${port}$${x}\"; "
    "values extends { port LAZY source:port; } } ";

aio::Task<Result<>> set_port(Process& process, int32_t port) {
  CO_TRY(process.application->find("app:conf")
             ->context.set_of_other("app:source", "port", model::Value(port)));
  co_return co_await process.world.clock.sleep(Duration::seconds(12));
}

TEST(Render, ReplacesNamesAndSaysWhichIsMissing) {
  std::map<std::string, std::string> values = {{"a", "1"}, {"long_name", "${a}"}};
  EXPECT_EQ(*render("x${a}y${ long_name }z$", values), "x1y${a}z$");
  EXPECT_EQ(*render("$${a}$$${a}", values), "${a}$${a}");
  auto missing = render("${log_name}", values);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_EQ(missing.error().hints, std::vector<std::string>{"did you mean 'long_name'?"});
  EXPECT_EQ(render("${a", values).error().code, Code::invalid_argument);
}

TEST_F(OnHosts, ATemplateFollowsItsLinks) {
  auto done = live_once(templated, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    EXPECT_EQ(host_.work<model::FileWork>("app:conf").content, "listen 1${x}");
    co_return co_await set_port(process, 2);
  });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.work<model::FileWork>("app:conf").content, "listen 2${x}");
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:conf", "change app:conf"}));
}

TEST_F(OnHosts, WhoUsesItIsStartedAgain) {
  auto done =
      live_once(std::string(templated) + "p extends Process { command \"x\"; uses [LAZY conf]; }",
                [&](Process& process) -> aio::Task<Result<>> {
                  CO_TRY(co_await until_settled(process));
                  co_return co_await set_port(process, 2);
                });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:conf", "new app:p", "change app:conf",
                                                 "change app:p"}));
}

TEST_F(OnHosts, OrIsSentASignalOnce) {
  std::string text = std::string(templated) +
                     "p extends Process { command \"x\"; uses [LAZY conf]; onChange \"SIGNAL\"; "
                     "reloadSignal \"USR1\"; }";
  ASSERT_TRUE(live_once(text, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    co_return co_await set_port(process, 2);
  }));
  ASSERT_EQ(host_.asked.size(), 1u);
  EXPECT_EQ(host_.asked[0].kind, model::Probe::Kind::command);
  EXPECT_EQ(host_.asked[0].command[3], "USR1");
  EXPECT_EQ(host_.asked[0].command[4], fmt::format("{}", host_.states.at("app:p").pid));
  sim_.restart(false);
  ASSERT_TRUE(live_once(text, [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    co_return co_await pause(Duration::minutes(1));
  }));
  EXPECT_EQ(host_.asked.size(), 1u);
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:conf", "new app:p", "change app:conf"}));
}

TEST_F(OnHosts, OrIsLeftAlone) {
  auto done = live_once(std::string(templated) +
                            "p extends Process { command \"x\"; uses [LAZY conf]; onChange "
                            "\"NONE\"; }",
                        [&](Process& process) -> aio::Task<Result<>> {
                          CO_TRY(co_await until_settled(process));
                          co_return co_await set_port(process, 2);
                        });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log.back(), "change app:conf");
  EXPECT_TRUE(host_.asked.empty());
}

TEST_F(OnHosts, ASecretMakesATemplatePrivate) {
  auto done = live_once(
      "conf extends Template { filename \"/etc/x\"; text \"p=${password}\"; "
      "secrets extends { password \"s3cr3t\"; } }",
      until_settled);
  ASSERT_TRUE(done) << done.error().render();
  const auto& work = host_.work<model::FileWork>("app:conf");
  EXPECT_EQ(work.content, "p=s3cr3t");
  EXPECT_TRUE(work.secret);
  EXPECT_EQ(work.mode, 0600);
  for (const auto& line : seen_.told) EXPECT_EQ(line.find("s3cr3t"), std::string::npos) << line;
}

TEST_F(OnHosts, AMachineThatIsReplacedGetsItAnew) {
  // The machine is a component that says which instance it is, as an ImageInstance does.
  std::string text =
      "#include \"/croft/hosts.sf\"\n" + std::string(library) +
      "sfConfig extends Compound { m extends Prim { imageID \"x\"; instance \"i-1\"; } "
      "p extends Process { sfProcessHost LAZY m; command \"x\"; sfLivenessDelay 5; } }";
  Script script = [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    CO_TRY(co_await hosts_.forget("app", "i-1"));
    CO_TRY(process.application->find("app:p")->context.set_of_other("app:m", "instance",
                                                                    model::Value("i-2")));
    hosts_.join("i-2");
    CO_TRY(co_await pause(Duration::seconds(1)));
    EXPECT_EQ(hosts_.at("i-2").log, std::vector<std::string>{"new app:p"});
    CO_TRY(co_await pause(Duration::minutes(1)));
    EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
    co_return co_await take_down(process);
  };
  auto done = sim_.run(live(sim_.world(), *wanted_of(text), script, seen_, &hosts_));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(hosts_.at("i-2").log.back(), "remove app:p");
  EXPECT_EQ(record("app:p").published.at("host"), model::Value("i-2"));
}

TEST_F(OnHosts, PackagesAreWordsForTheShell) {
  auto done = live_once(
      "p extends Package { names [\"curl\", \"libc6:amd64=2.36-9+deb12u4\"]; remove "
      "true; }",
      until_settled);
  ASSERT_TRUE(done) << done.error().render();
  const auto& work = host_.work<RunWork>("app:p");
  EXPECT_EQ(work.command, (std::vector<std::string>{"/bin/sh", "-s", "--", "curl",
                                                    "libc6:amd64=2.36-9+deb12u4"}));
  EXPECT_EQ(work.input, package_script());
  EXPECT_EQ(work.undo[4], "curl");
  EXPECT_EQ(work.undo[5], "libc6:amd64");
  EXPECT_EQ(work.within, Duration::minutes(15));
}

TEST_F(OnHosts, WhatIsWrongIsSaidBeforeAnythingIsBrought) {
  struct Wrong {
    const char* text;
    const char* why;
  };
  for (const Wrong& wrong : std::initializer_list<Wrong>{
           {"a extends Package { names [\"-o\"]; }", "'-o' is no package"},
           {"a extends Package { names [\"a b\"]; }", "'a b' is no package"},
           {"a extends Cron { schedule \"* * *\"; command \"x\"; }", "five are needed"},
           {"a extends Cron { schedule \"61 * * * *\"; command \"x\"; }", "'61' is no minute"},
           {"a extends Artifact { url \"ftp://x/y\"; destination \"/x\"; }", "cannot be fetched"},
           {"a extends Artifact { url \"s3://bucket\"; destination \"/x\"; }", "names no object"},
           {"a extends Artifact { url \"http://h/x\"; destination \"x\"; }", "no absolute path"},
           {"a extends Artifact { url \"http://h/x\"; destination \"/x\"; sha256 \"12\"; }",
            "sha256 is no digest"},
           {"a extends File { filename \"x\"; text \"\"; }", "no absolute path"},
           {"a extends File { filename \"/x\"; text \"\"; mode \"9\"; }", "octal digits"},
           {"a extends Template { filename \"/x\"; text \"${y}\"; }", "wants '${y}'"},
           {"a extends Process { command []; }", "names no program"},
           {"a extends Process { command \"x\"; ready extends Prim; }", "is no probe"},
           {"a extends Process { command \"x\"; alive extends NotifyProbe; }",
            "LogProbe or Notify"},
           {"a extends Process { command \"x\"; limits extends { cpu \"much\"; } }", "cores"},
           {"a extends Process { command \"x\"; uses [5]; }", "links to components"}}) {
    aio::SimWorld sim(1);
    Seen seen;
    FakeHosts hosts([&sim]() -> aio::Clock& { return sim.world().clock; });
    hosts.join("i-1");
    auto described = wanted(wrong.text);
    if (!described) {
      EXPECT_NE(described.error().render().find(wrong.why), std::string::npos)
          << wrong.text << described.error().render();
      continue;
    }
    auto done = sim.run(live(sim.world(), *described, until_down, seen, &hosts));
    ASSERT_TRUE(done) << wrong.text << done.error().render();
    EXPECT_EQ(seen.outcome(), "abnormal") << wrong.text;
    EXPECT_NE(seen.why().find(wrong.why), std::string::npos) << wrong.text << seen.why();
    EXPECT_TRUE(hosts.at("i-1").log.empty()) << wrong.text;
  }
}

TEST(Schedule, HasFiveFields) {
  for (const char* good : {"* * * * *", "*/5 0-6,12 1 1-12/2 7", "59  23 31 12 0"})
    EXPECT_TRUE(check_schedule(good)) << good;
  for (const char* bad :
       {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
        "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "1, * * * *", "@daily"})
    EXPECT_FALSE(check_schedule(bad)) << bad;
}

TEST_F(OnHosts, ARunThatFailedIsToldAndNoEnd) {
  auto done =
      live_once("c extends Cron { schedule \"0 4 * * *\"; command [\"/bin/x\"]; }",
                [&](Process& process) -> aio::Task<Result<>> {
                  CO_TRY(co_await until_settled(process));
                  host_.become("app:c", Phase::failing, "exit status 7", 7);
                  CO_TRY(co_await pause(Duration::minutes(1)));
                  EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
                  co_return Result<>{};
                });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.work<RunWork>("app:c").schedule, "0 4 * * *");
  EXPECT_EQ(std::ranges::count_if(
                seen_.told,
                [](const auto& line) { return line.find("exit status 7") != std::string::npos; }),
            1);
}

TEST_F(OnHosts, AnObjectIsFetchedByASignedAddressAndNotAgain) {
  std::string text =
      "a extends Artifact { url \"s3://bucket/dir/a b.tgz\"; destination \"/opt/a\"; unpack true; "
      "strip 1; id \"AKID\"; key \"s3cr3t\"; }";
  auto at_farm = [&] {
    auto out = wanted(text);
    out->farm = *cloud::farm_at("http://10.1.1.1:4566", "us-east-1");
    return *out;
  };
  auto done = sim_.run(live(sim_.world(), at_farm(), until_settled, seen_, &hosts_));
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_EQ(seen_.application->state, protocol::ApplicationState::up) << seen_.application->why;
  const auto& fetch = host_.work<model::FetchWork>("app:a");
  EXPECT_TRUE(fetch.url.starts_with("http://10.1.1.1:4566/bucket/dir/a%20b.tgz?")) << fetch.url;
  EXPECT_NE(fetch.url.find("X-Amz-Signature="), std::string::npos);
  EXPECT_EQ(fetch.url.find("s3cr3t"), std::string::npos);
  EXPECT_TRUE(fetch.unpack);
  EXPECT_EQ(fetch.strip, 1);
  sim_.restart(false);
  done = sim_.run(live(
      sim_.world(), at_farm(),
      [&](Process& process) -> aio::Task<Result<>> {
        CO_TRY(co_await until_settled(process));
        co_return co_await pause(Duration::hours(3));
      },
      seen_, &hosts_));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, std::vector<std::string>{"new app:a"});
}

TEST_F(OnHosts, ProbesAreAskedFromTheHost) {
  host_.answers = [&](const model::Probe& probe) -> Result<> {
    if (probe.port == 81) return fail(Code::unavailable, "refused");
    return {};
  };
  auto done = live_once(
      "s extends Sequence {"
      "  a extends If { condition extends TcpProbe { port 80; } then extends DoNothing { time 1; } "
      "else extends "
      "Fail; }"
      "  b extends If { condition extends TcpProbe { port 81; } then extends Fail; else extends "
      "DoNothing { time 1; } }"
      "  c extends If { condition extends Not { condition extends CommandProbe { command [\"/t\"]; "
      "} } "
      "then extends Fail; } }",
      until_down);
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen_.outcome(), "normal") << seen_.why();
  ASSERT_EQ(host_.asked.size(), 3u);
  EXPECT_EQ(host_.asked[2].command, std::vector<std::string>{"/t"});
  EXPECT_TRUE(host_.log.empty());
}

TEST_F(OnHosts, PagesAreAskedFromTheHost) {
  int asked = 0;
  host_.answers = [&](const model::Probe&) -> Result<> {
    if (++asked < 4) return fail(Code::unavailable, "refused");
    return {};
  };
  auto done = live_once(
      "#include \"/org/smartfrog/services/www/components.sf\"\n",
      "w extends WaitForPage { url \"http://127.0.0.1:8/w\"; sfShouldTerminate false; } "
      "p extends LivenessPage { dependsOn [LAZY PARENT:w]; host \"localhost\"; port 8; page "
      "\"x\"; minimumResponseCode 201; } ",
      [&](Process& process) -> aio::Task<Result<>> {
        CO_TRY(co_await until_settled(process));
        CO_TRY(co_await pause(Duration::minutes(1)));
        EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
        host_.connect(false);
        CO_TRY(co_await pause(Duration::minutes(10)));
        EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
        host_.connect(true);
        asked = -1000;
        co_return co_await until_down(process);
      });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_NE(seen_.why().find("refused"), std::string::npos) << seen_.why();
  EXPECT_EQ(host_.asked[0].url, "http://127.0.0.1:8/w");
  EXPECT_EQ(host_.asked.back().url, "http://localhost:8/x");
  EXPECT_EQ(host_.asked.back().least, 201);
}

TEST_F(OnHosts, AProbeThatIsWatchedFailsWithWhatTheHostSays) {
  auto done = live_once(
      "h extends HttpProbe { url \"http://127.0.0.1:8/x\"; evaluateOnLiveness true; }",
      [&](Process& process) -> aio::Task<Result<>> {
        CO_TRY(co_await until_settled(process));
        EXPECT_EQ(host_.work<model::ProbeWork>("app:h").probe.url, "http://127.0.0.1:8/x");
        host_.become("app:h", Phase::failing, "answers 503");
        co_return co_await until_down(process);
      });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_NE(seen_.why().find("answers 503"), std::string::npos) << seen_.why();
}

}  // namespace
}  // namespace croft::components
