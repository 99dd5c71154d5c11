// Supervised: what comes back, after which pauses, and what a crash loop means.
#include <gtest/gtest.h>

#include "components/host/fake_hosts.h"
#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

/// `most` restarts within ten minutes, first after a second.
std::string supervised(const std::string& words, const std::string& children) {
  std::string pauses =
      words.find("backoff") == std::string::npos ? "backoff [\"1s\", \"1min\"]; " : "";
  return "sfConfig extends Compound { s extends Supervised { " + pauses + words + " " + children +
         " } }";
}

size_t count(const Seen& seen, std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      seen.told, [&](const auto& line) { return line.find(text) != std::string::npos; }));
}

const char* fails_after_a_second = "a extends Fail { delay 1000; message \"boom\"; } ";

const Case cases[] = {
    {"EndsInACrashLoop", "maxRestarts 3; | a extends Fail { delay 1000; message \"boom\"; }",
     "abnormal", "it ends too often: crash loop: a ended 4 times within 10 min: boom"},
    {"EndsWhileTheRestStarts",
     "maxRestarts 2; | a extends Fail { message \"at once\"; } c extends Compound { b extends "
     "DoNothing { time 600000; } d extends Fail { delay 1; message \"soon\"; } }",
     "abnormal", "crash loop"},
    {"MendsNothing", "restart \"NEVER\"; | a extends Fail { delay 1000; message \"boom\"; }",
     "abnormal", "boom"},
    {"AGoodEndIsItsEnd", "| a extends Fail { normal true; delay 1000; message \"done\"; }",
     "normal", "done"},
    {"OrAReasonToGoOn",
     "restart \"ALWAYS\"; maxRestarts 2; | a extends Fail { normal true; delay 1000; message "
     "\"done\"; }",
     "abnormal", "a ended 3 times within 10 min: done"},
    {"ChecksThatFail",
     "maxRestarts 1; sfLivenessDelay 1; | a extends ExceptionThrower { failOnPing true; }",
     "abnormal", "liveness check failed"},
    {"WhatIsInsideAChild",
     "maxRestarts 1; | c extends Compound { a extends Fail { delay 1000; message \"deep\"; } b "
     "extends DoNothing { time 60000; } }",
     "abnormal", "c ended 2 times within 10 min: deep"},
    {"AStartThatFails", "maxRestarts 2; | a extends ExceptionThrower { failOnStart true; }",
     "abnormal", "up did not succeed"},
    {"WrongFromTheBeginning", "| a extends ExceptionThrower { failOnDeploy true; }", "abnormal",
     "up did not succeed"},
    {"WrongItself", "backoff [\"2s\", \"1s\"]; | a extends DoNothing { time 1000; }", "abnormal",
     "the longest backoff is less than the first"},
};

std::string text_of(const Case& c) {
  std::string text = c.text;
  size_t bar = text.find('|');
  return supervised(text.substr(0, bar), text.substr(bar + 1));
}

class SupervisedEnds : public testing::TestWithParam<Case> {};

TEST_P(SupervisedEnds, AsItSays) {
  auto played = play(text_of(GetParam()));
  ASSERT_TRUE(played) << played.error().render();
  expect_end(GetParam(), played->seen);
}

INSTANTIATE_TEST_SUITE_P(Cases, SupervisedEnds, testing::ValuesIn(cases),
                         [](const auto& each) { return each.param.name; });

TEST(Supervised, EndsSoWhereverTheControllerDies) {
  for (const Case& c : {cases[0], cases[5]}) ends_so_everywhere(c, text_of(c), 25);
}

TEST(Supervised, PausesDoubleAndNobodyElseIsDisturbed) {
  auto played = play(supervised("maxRestarts 3;", std::string(fails_after_a_second) +
                                                      "b extends DoNothing { time 600000; }"));
  ASSERT_TRUE(played) << played.error().render();
  const Seen& seen = played->seen;
  EXPECT_EQ(count(seen, "app:s RESTARTING in 1 s: a ended: boom"), 1u);
  EXPECT_EQ(count(seen, "app:s RESTARTING in 2 s: a ended: boom"), 1u);
  EXPECT_EQ(count(seen, "app:s RESTARTING in 4 s: a ended: boom"), 1u);
  EXPECT_EQ(count(seen, "app:s RESTARTING"), 3u);
  EXPECT_EQ(count(seen, "app:s CRASH_LOOP crash loop: a ended 4 times"), 1u);
  EXPECT_EQ(count(seen, "app:s:a DEPLOYING"), 4u);
  EXPECT_EQ(count(seen, "app:s:a TERMINATED"), 4u);
  EXPECT_EQ(count(seen, "app:s:b DEPLOYING"), 1u);
  EXPECT_EQ(count(seen, "app:s:b TERMINATED"), 1u);
  EXPECT_EQ(seen.components.at("app:s").published.at("restarts"), model::Value(int64_t{3}));
}

TEST(Supervised, AnEndNowAndThenIsNoCrashLoop) {
  Seen seen;
  auto played =
      play(supervised("maxRestarts 1; within \"1min\";", "a extends Fail { delay 70000; }"),
           [](Process& process) -> aio::Task<Result<>> {
             CO_TRY(co_await process.world.clock.sleep(Duration::minutes(20)));
             EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
             co_return co_await take_down(process);
           });
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(count(played->seen, "CRASH_LOOP"), 0u);
  EXPECT_GT(count(played->seen, "app:s RESTARTING in 1 s"), 10u);
}

TEST(Supervised, KeepsTryingAndSaysSo) {
  auto played = play(
      supervised("maxRestarts 2; then \"KEEP_TRYING\";", fails_after_a_second),
      [](Process& process) -> aio::Task<Result<>> {
        CO_TRY(co_await until_settled(process));
        CO_TRY(co_await process.world.clock.sleep(Duration::seconds(30)));
        EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
        EXPECT_EQ(process.application->find("app:s")->waits,
                  "crash loop: a ended 3 times within 10 min: boom; it is started again in 1 min");
        CO_TRY(co_await process.world.clock.sleep(Duration::minutes(5)));
        co_return co_await take_down(process);
      });
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal");
  EXPECT_EQ(count(played->seen, "CRASH_LOOP"), 1u);
  EXPECT_GE(count(played->seen, "app:s RESTARTING in 1 min"), 4u);
}

TEST(Supervised, LetsGo) {
  auto played =
      play(supervised("maxRestarts 1; then \"LET_GO\";",
                      std::string(fails_after_a_second) + "b extends DoNothing { time 600000; }"),
           [](Process& process) -> aio::Task<Result<>> {
             CO_TRY(co_await process.world.clock.sleep(Duration::minutes(1)));
             EXPECT_TRUE(process.application->find("app:s:a")->ended());
             EXPECT_TRUE(process.application->find("app:s:b")->live);
             EXPECT_TRUE(
                 process.application->find("app:s")->waits.starts_with("a was let go: crash loop"));
             co_return co_await take_down(process);
           });
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(count(played->seen, "app:s:a DEPLOYING"), 2u);
  EXPECT_EQ(played->seen.outcome(), "normal");
}

TEST(Supervised, AnUpdateMendsWhatCrashes) {
  auto described = [](const char* child) {
    return supervised("maxRestarts 1; then \"KEEP_TRYING\";", child);
  };
  auto played = play(described(fails_after_a_second), [&](Process& process) -> aio::Task<Result<>> {
    CO_TRY(co_await until_settled(process));
    CO_TRY(co_await process.world.clock.sleep(Duration::seconds(20)));
    auto wanted = CO_TRY(
        wanted_of(std::string(library) + described("a extends DoNothing { time 7200000; }")));
    CO_TRY(co_await process.application->up(std::move(wanted)));
    CO_TRY(co_await until_settled(process));
    CO_TRY(co_await process.world.clock.sleep(Duration::minutes(10)));
    EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
    EXPECT_TRUE(process.application->find("app:s:a")->live);
    co_return co_await take_down(process);
  });
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal");
  EXPECT_EQ(count(played->seen, "app:s:a DEPLOYING"), 3u);
}

TEST(Supervised, AStartThatFailsIsTriedAgainWhileAllGoesUp) {
  auto played = play(
      "#include \"/org/smartfrog/services/filesystem/components.sf\"\n"
      "sfConfig extends Compound { s extends Supervised { backoff [\"1s\", \"10s\"]; a extends "
      "Assert "
      "{ fileExists \"x\"; } } w extends Sequence { p extends Delay { time 5000; } t extends "
      "TextFile { filename \"x\"; text \"\"; } } }",
      [](Process& process) -> aio::Task<Result<>> {
        CO_TRY(co_await until_settled(process));
        EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
        EXPECT_TRUE(process.application->find("app:s:a")->live);
        EXPECT_EQ(process.application->find("app:s")->waits, "");
        co_return co_await take_down(process);
      });
  ASSERT_TRUE(played) << played.error().render();
  EXPECT_EQ(played->seen.outcome(), "normal");
  EXPECT_EQ(count(played->seen, "app:s RESTARTING"), 3u);
  EXPECT_EQ(played->seen.components.at("app:s:a").generation, 4u);
}

TEST(Supervised, WhoIsNeededComesFirst) {
  // Both end at once; the one that needs the other comes back after it, and ends before it.
  auto played = play(
      supervised("maxRestarts 1; then \"LET_GO\";",
                 "first extends Fail { delay 5000; } second extends Fail { delay 5000; dependsOn "
                 "[LAZY PARENT:first]; }"),
      [](Process& process) -> aio::Task<Result<>> {
        CO_TRY(co_await process.world.clock.sleep(Duration::seconds(8)));
        EXPECT_EQ(process.application->find("app:s:second")->record.needs,
                  std::vector<std::string>{"app:s:first"});
        co_return co_await take_down(process);
      });
  ASSERT_TRUE(played) << played.error().render();
  auto started = played->seen.of("STARTING");
  EXPECT_EQ(started, (std::vector<std::string>{"app", "app:s", "app:s:first", "app:s:second",
                                               "app:s:first", "app:s:second"}));
}

TEST_F(OnHosts, ASupervisedProcessComesBack) {
  auto done =
      live_once("s extends Supervised { p extends Process { command \"x\"; } }",
                [&](Process& process) -> aio::Task<Result<>> {
                  CO_TRY(co_await until_settled(process));
                  host_.become("app:s:p", Phase::failing, "it ended 5 times in a row");
                  CO_TRY(co_await pause(Duration::seconds(10)));
                  EXPECT_EQ(process.application->record().state, protocol::ApplicationState::up);
                  EXPECT_TRUE(process.application->find("app:s:p")->live);
                  co_return Result<>{};
                });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(host_.log, (std::vector<std::string>{"new app:s:p", "remove app:s:p", "new app:s:p"}));
  EXPECT_TRUE(told("app:s RESTARTING in 100 ms: p ended: it fails"));
}

TEST_F(OnHosts, OrGetsAnotherMachine) {
  auto done = live_once(
      "s extends Supervised { then \"REPLACE_HOST\"; maxRestarts 0; p extends Process { command "
      "\"x\"; } }",
      [&](Process& process) -> aio::Task<Result<>> {
        CO_TRY(co_await until_settled(process));
        host_.become("app:s:p", Phase::failing, "the disk is read-only");
        CO_TRY(co_await pause(Duration::seconds(60)));
        EXPECT_TRUE(host_.lost());
        co_return Result<>{};
      });
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_TRUE(told("app:s REPLACING i-1: crash loop: p ended 1 times"));
  EXPECT_NE(host_.lost()->find("the disk is read-only"), std::string::npos);
}

}  // namespace
}  // namespace croft::components
