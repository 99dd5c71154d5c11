// The update protocol: what says sfUpdatable takes its changes while it runs, all or nothing.
#include <gtest/gtest.h>

#include "components/test_rig.h"

namespace croft::components {
namespace {

using namespace test;

const char* files = "#include \"/org/smartfrog/services/filesystem/components.sf\"\n";

std::string described(const std::string& components) {
  return std::string(files) + library + "sfConfig extends Compound { " + components + " }";
}

bool told(const Seen& seen, std::string_view text) {
  return std::ranges::any_of(
      seen.told, [&](const auto& line) { return line.find(text) != std::string::npos; });
}

constexpr int looks = 20;

/// Up with one description, then with the other, then `after`.
struct Update {
  std::string before, after;
  bool twice = false;  ///< asked for again while it is under way
  Result<engine::UpChange> answer = engine::UpChange::created;

  aio::Task<Result<>> run(Process& process) {
    CO_TRY(co_await until_settled(process));
    auto wanted = CO_TRY(wanted_of(described(after)));
    answer = co_await process.application->up(std::move(wanted));
    for (int i = 0; twice && i < looks; ++i) {
      if (i % 2) CO_TRY(co_await process.world.clock.sleep(Duration::microseconds(20 * i)));
      auto again = CO_TRY(wanted_of(described(after)));
      CO_TRY(co_await process.application->up(std::move(again)));
    }
    co_return co_await until_settled(process);
  }
};

struct Outcome {
  Seen seen;
  Result<engine::UpChange> answer = engine::UpChange::created;
  uint64_t points = 0;
  bool crashed = false;
};

Result<Outcome> updated(const std::string& before, const std::string& after,
                        uint64_t crash_at = 0) {
  log::set_level(log::Level::off);
  aio::SimWorld sim(1);
  Outcome out;
  Update update{before, after, false};
  if (crash_at > 0) sim.main().crash_at(crash_at);
  Script script = [&update](Process& process) { return update.run(process); };
  auto done = sim.run(live(sim.world(), TRY(wanted_of(described(before))), script, out.seen));
  out.points = sim.main().crash_points();
  if (!done && crash_at > 0) {
    out.crashed = true;
    sim.main().crash_at(0);
    sim.restart(crash_at % 2 == 0);
    done = sim.run(live(sim.world(), TRY(wanted_of(described(before))), script, out.seen));
  }
  TRY(done);
  out.answer = update.answer;
  return out;
}

TEST(UpdateInPlace, ChangesWhatRunsWithoutEndingIt) {
  std::string one =
      "a extends TextFile { filename \"f\"; text \"one\"; sfUpdatable true; } b extends "
      "DoNothing { sfUpdatable true; time 3600000; }";
  std::string two =
      "a extends TextFile { filename \"f\"; text \"two!\"; sfUpdatable true; } b "
      "extends DoNothing { sfUpdatable true; time 7200000; } c extends "
      "Assert { evaluatesTrue LAZY PARENT:e; } e extends FileExists { filename \"f\"; "
      "minSize 4; }";
  auto done = updated(one, two);
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_TRUE(done->answer) << done->answer.error().render();
  EXPECT_EQ(*done->answer, engine::UpChange::updated);
  EXPECT_EQ(done->seen.application->state, protocol::ApplicationState::up)
      << done->seen.application->why;
  EXPECT_TRUE(told(done->seen, "app:a UPDATED"));
  EXPECT_TRUE(told(done->seen, "app:b UPDATED"));
  EXPECT_TRUE(done->seen.of("TERMINATED").empty());
  EXPECT_EQ(done->seen.components.at("app:a").generation, 1u);
}

TEST(UpdateInPlace, IsNotLostWhereUpIsAskedForAgainMeanwhile) {
  log::set_level(log::Level::off);
  constexpr int files_changed = 12;
  auto with = [&](std::string_view text) {
    std::string out;
    for (int i = 0; i < files_changed; ++i)
      out += fmt::format(
          "f{0} extends TextFile {{ filename \"f{0}\"; text \"{1}\"; sfUpdatable true; }} ", i,
          text);
    return out;
  };
  aio::SimWorld sim(1);
  Seen seen;
  Update update{with("one"), with("two"), true};
  Script script = [&update](Process& process) { return update.run(process); };
  auto done = sim.run(live(sim.world(), wanted_of(described(update.before)).value(), script, seen));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_EQ(seen.application->state, protocol::ApplicationState::up) << seen.application->why;
  for (int i = 0; i < files_changed; ++i)
    EXPECT_TRUE(told(seen, fmt::format("app:f{} UPDATED", i))) << i;
}

TEST(UpdateInPlace, WithoutTheWordItIsReplaced) {
  auto done =
      updated("a extends DoNothing { time 3600000; }", "a extends DoNothing { time 7200000; }");
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_FALSE(told(done->seen, "UPDATED"));
  EXPECT_EQ(done->seen.of("TERMINATED"), std::vector<std::string>{"app:a"});
  EXPECT_EQ(done->seen.components.at("app:a").generation, 2u);
}

TEST(UpdateInPlace, OneThatRefusesLeavesAllAsItWas) {
  std::string one =
      "a extends TextFile { filename \"f\"; text \"one\"; sfUpdatable true; } b extends "
      "ExceptionThrower { sfUpdatable true; }";
  std::string two =
      "a extends TextFile { filename \"f\"; text \"other\"; sfUpdatable true; } b "
      "extends ExceptionThrower { sfUpdatable true; failOnUpdate true; message \"not "
      "me\"; }";
  auto done = updated(one, two);
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_FALSE(done->answer);
  EXPECT_NE(done->answer.error().render().find("nothing was changed"), std::string::npos);
  EXPECT_EQ(done->seen.application->state, protocol::ApplicationState::up);
  EXPECT_EQ(done->seen.application->version, 1u);
  EXPECT_TRUE(told(done->seen, "the update was abandoned: app:b refuses it"));
  EXPECT_FALSE(told(done->seen, "UPDATED"));
}

TEST(UpdateInPlace, ActionsThatRunCannotChange) {
  auto done =
      updated("s extends Sequence { sfUpdatable true; a extends DoNothing { time 3600000; } }",
              "s extends Sequence { sfUpdatable true; a extends DoNothing { time 7200000; } }");
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_FALSE(done->answer);
  EXPECT_NE(done->answer.error().what.find("its actions run"), std::string::npos);
}

TEST(UpdateInPlace, OneThatFailsAfterwardsEndsTheApplication) {
  auto done = updated("a extends ExceptionThrower { sfUpdatable true; }",
                      "a extends ExceptionThrower { sfUpdatable true; failOnStart true; message "
                      "\"too late\"; }");
  ASSERT_TRUE(done) << done.error().render();
  ASSERT_TRUE(done->answer);
  EXPECT_NE(done->seen.why().find("too late"), std::string::npos) << done->seen.why();
}

TEST(UpdateInPlace, ADeathOnTheWayEndsWithTheNewOne) {
  std::string one =
      "a extends TextFile { filename \"f\"; text \"one\"; sfUpdatable true; } b extends "
      "DoNothing { sfUpdatable true; time 3600000; }";
  std::string two =
      "a extends TextFile { filename \"f\"; text \"two!\"; sfUpdatable true; } b "
      "extends DoNothing { sfUpdatable true; time 7200000; } c extends "
      "Assert { evaluatesTrue LAZY PARENT:e; } e extends FileExists { filename \"f\"; "
      "minSize 4; }";
  auto whole = updated(one, two);
  ASSERT_TRUE(whole) << whole.error().render();
  for (uint64_t at : aio::crash_points("update", whole->points, 12)) {
    auto done = updated(one, two, at);
    ASSERT_TRUE(done) << "point " << at << ": " << done.error().render();
    EXPECT_TRUE(done->crashed) << "point " << at;
    EXPECT_EQ(done->seen.application->state, protocol::ApplicationState::up)
        << "point " << at << ": " << done->seen.application->why;
    EXPECT_TRUE(done->seen.of("TERMINATED").empty()) << "point " << at;
    EXPECT_TRUE(done->seen.components.contains("app:c")) << "point " << at;
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace croft::components
