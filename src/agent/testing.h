// For the tests of the agent: a folder, and supervisors in it with real processes. Tests only.
#pragma once
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "agent/supervisor.h"
#include "aio/real/real_world.h"
#include "base/text.h"

namespace croft::agent::testing {

inline constexpr Duration patience = Duration::seconds(60);

/// A folder for one test, and agents in it, one after the other.
class Stage : public ::testing::Test {
 public:
  void SetUp() override {
    char name[] = "/tmp/croft-agent-XXXXXX";
    ASSERT_TRUE(mkdtemp(name));
    home = name;
  }
  void TearDown() override {
    std::error_code none;
    // What a test that failed left running.
    for (const auto& mark : std::filesystem::directory_iterator(home + "/agent/pids", none))
      if (auto pid = parse_u64(mark.path().filename().string()))
        ::kill(-static_cast<pid_t>(*pid), SIGKILL);
    std::filesystem::remove_all(run_folder);
    std::filesystem::remove_all(home);
  }

  struct Agent {
    aio::World& world;
    Supervisor& supervisor;
    Folder& folder;
  };
  using Body = aio::Task<Result<>> (*)(Agent&, Stage&);

  /// One agent's life in the folder.
  void agent(Body body) {
    auto real = aio::RealWorld::open().value();
    auto result = real->run(
        aio::deadline(real->world().clock, patience, live(real->world(), *this, body), "the test"));
    EXPECT_TRUE(result) << result.error().render();
  }
  static aio::Task<Result<>> live(aio::World& world, Stage& self, Body body) {
    Folder folder(world, self.home + "/agent");
    CO_TRY(co_await folder.open());
    self.run_folder = folder.secrets_folder("x").value_or("/nowhere/x");
    self.run_folder = self.run_folder.substr(0, self.run_folder.rfind('/'));
    Cgroups none;
    Launcher launcher(world, folder.path(), none);
    Supervisor supervisor(world, folder, launcher);
    supervisor.on_change = [&self](const model::WorkState& state) {
      self.told.push_back(fmt::format("{} {}", state.name, model::name_of(state.phase)));
    };
    CO_TRY(co_await supervisor.start());
    Agent agent{world, supervisor, folder};
    auto result = co_await body(agent, self);
    CO_TRY(co_await supervisor.finish());
    co_return result;
  }

  std::string home, run_folder;
  std::vector<std::string> told;
};

inline model::WorkState state_of(Supervisor& supervisor, const std::string& name) {
  auto item = supervisor.find(name);
  if (item) return (*item)->state();
  model::WorkState gone;
  gone.phase = model::WorkState::Phase::gone;
  return gone;
}

/// Looks every few milliseconds; the test's own deadline bounds it.
inline aio::Task<Result<model::WorkState>> until(
    aio::World& world, Supervisor& supervisor, std::string name,
    std::function<bool(const model::WorkState&)> wanted) {
  for (;;) {
    model::WorkState state = state_of(supervisor, name);
    if (wanted(state)) co_return state;
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(2)));
  }
}
inline aio::Task<Result<model::WorkState>> until(aio::World& world, Supervisor& supervisor,
                                                 std::string name, model::WorkState::Phase phase) {
  co_return co_await until(world, supervisor, std::move(name),
                           [phase](const auto& state) { return state.phase == phase; });
}

}  // namespace croft::agent::testing
