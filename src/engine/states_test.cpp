// No state is a dead end: from every state that an application and its components can be recorded
// in, whatever was under way, `up` leads to all of it running and `down` to nothing left, by
// themselves and within a bound.
#include <gtest/gtest.h>

#include "base/log.h"
#include "engine/test_rig.h"

namespace croft::engine {
namespace {

using namespace test;
using model::State;
using protocol::ApplicationState;

constexpr Duration bound = Duration::hours(1);

/// What a component has outside, and what was under way when its controller died.
enum class Held { nothing, asked, asked_and_made, thing, removing, removed };
constexpr std::string_view held_names[] = {"nothing", "asked",    "asked and made",
                                           "thing",   "removing", "removed"};

struct Situation {
  State state;
  Held held;
};

/// What the lifecycle and the rule of intents let a record say.
std::vector<Situation> situations() {
  std::vector<Situation> out;
  for (State state : {State::described, State::deploying, State::deployed, State::terminated})
    out.push_back({state, Held::nothing});
  for (Held held : {Held::nothing, Held::asked, Held::asked_and_made, Held::thing})
    out.push_back({State::starting, held});
  out.push_back({State::running, Held::thing});
  for (Held held : {Held::nothing, Held::asked, Held::asked_and_made, Held::thing, Held::removing,
                    Held::removed})
    out.push_back({State::terminating, held});
  return out;
}

struct Case {
  ApplicationState application;
  Desired desired;
  Situation a, b;
  std::string text() const {
    auto part = [](const Situation& s) {
      return fmt::format("{} with {}", name_of(s.state), held_names[static_cast<size_t>(s.held)]);
    };
    return fmt::format("{}, wanted {}, a {}, b {}", name_of(application),
                       desired == Desired::up ? "up" : "down", part(a), part(b));
  }
};

Wanted two_things() {
  return description("two", [](const model::ComponentPtr& config) {
    add(config, "a", "Thing");
    add(config, "b", "Thing");
  });
}

FakeCloud::Thing& thing_of(FakeCloud& cloud, const std::string& path) {
  return *std::ranges::find(cloud.things, path, &FakeCloud::Thing::component);
}

aio::Task<Result<>> rewrite_component(store::Store& store, FakeCloud& cloud, std::string path,
                                      Situation to) {
  std::string key = application_key("app", "c/" + path);
  auto entry = CO_TRY(co_await store.get(key));
  auto record = CO_TRY(
      component_record_from_json(CO_TRY(wire::json::parse_object(entry->value, "a record"))));
  record.state = to.state;
  record.record.reset();
  FakeCloud::Thing& thing = thing_of(cloud, path);
  bool known = to.held == Held::thing || to.held == Held::removing || to.held == Held::removed;
  if (!known) record.rented.clear(), record.published.clear();
  if (to.held == Held::asked || to.held == Held::asked_and_made)
    record.intent = Intent{100, "make", {}};
  if (to.held == Held::removing || to.held == Held::removed)
    record.intent = Intent{100, "remove", {{"id", thing.id}}};
  if (to.held == Held::removed) thing.alive = false;
  // It was never made: not even its token is known.
  if (to.held == Held::nothing || to.held == Held::asked) thing = {thing.id, "", "", false};
  CO_TRY(co_await store.commit({}, {{key, wire::json::compact(to_json(record))}}));
  co_return Result<>{};
}

aio::Task<Result<>> rewrite(aio::World& world, FakeCloud& cloud, Case to) {
  auto store = CO_TRY(co_await store::open_sqlite(world, "/state.db"));
  std::string key = application_key("app", "record");
  auto entry = CO_TRY(co_await store->get(key));
  auto record = CO_TRY(application_record_from_json(
      CO_TRY(wire::json::parse_object(entry->value, "the application"))));
  record.state = to.application;
  record.desired = to.desired;
  CO_TRY(co_await store->commit({}, {{key, wire::json::compact(to_json(record))}}));
  CO_TRY(co_await rewrite_component(*store, cloud, "app:a", to.a));
  CO_TRY(co_await rewrite_component(*store, cloud, "app:b", to.b));
  co_return co_await store->close();
}

aio::Task<Result<>> settle_in_time(Rig& rig) {
  co_return co_await aio::deadline(rig.world.clock, bound, settle(rig), "settling");
}
aio::Task<Result<>> down_in_time(Rig& rig) {
  co_return co_await aio::deadline(rig.world.clock, bound, take_down(rig), "going down");
}

void walk(const Case& from, bool to_up) {
  log::set_level(log::Level::off);
  aio::SimWorld sim(1);
  FakeCloud cloud;
  std::string what = fmt::format("{} -> {}", from.text(), to_up ? "up" : "down");
  ASSERT_TRUE(sim.run(live(sim.world(), cloud, two_things(), settle)));
  ASSERT_TRUE(sim.run(rewrite(sim.world(), cloud, from))) << what;
  std::optional<ApplicationState> reached;
  std::string told;
  auto script = [&](Rig& rig) -> aio::Task<Result<>> {
    return [](Rig& r, bool up, std::optional<ApplicationState>& out,
              std::string& events) -> aio::Task<Result<>> {
      CO_TRY(co_await (up ? settle_in_time(r) : down_in_time(r)));
      out = r.application->record().state;
      CO_TRY(co_await r.application->ledger().flush());
      for (const auto& event : CO_TRY(co_await r.application->ledger().events(1)))
        events += fmt::format("{} {} {}\n", event.component, event.event, event.why);
      co_return Result<>{};
    }(rig, to_up, reached, told);
  };
  auto wanted = to_up ? std::optional<Wanted>(two_things()) : std::nullopt;
  auto done = sim.run(live(sim.world(), cloud, wanted, script));
  EXPECT_TRUE(done) << what << ": " << done.error().render();
  ASSERT_TRUE(reached) << what;
  EXPECT_EQ(name_of(*reached), name_of(to_up ? ApplicationState::up : ApplicationState::down))
      << what;
  std::map<std::string, int> expected;
  if (to_up) expected = {{"app:a", 1}, {"app:b", 1}};
  EXPECT_EQ(cloud.alive_by_component(), expected) << what << "\n" << told;
}

TEST(States, none_is_left_by_a_person_alone) {
  const Situation others[] = {{State::running, Held::thing}, {State::described, Held::nothing}};
  size_t walked = 0;
  for (ApplicationState application :
       {ApplicationState::going_up, ApplicationState::up, ApplicationState::failed,
        ApplicationState::going_down, ApplicationState::down})
    for (Desired desired : {Desired::up, Desired::down})
      for (const Situation& a : situations())
        for (const Situation& b : others) {
          Case from{application, desired, a, b};
          // It is not down before nothing is held.
          if (application == ApplicationState::down &&
              (a.held != Held::nothing || b.held != Held::nothing || desired == Desired::up))
            continue;
          for (bool to_up : {true, false}) {
            walk(from, to_up);
            if (++walked; testing::Test::HasFailure()) return;
          }
        }
  EXPECT_GT(walked, 400u);
}

}  // namespace
}  // namespace croft::engine
