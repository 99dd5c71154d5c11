// For tests of component types: one application from its text, in a simulated process with all real
// types. Header-only; included by *_test.cpp alone.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aio/sim/crash_points.h"
#include "aio/sim/sim_world.h"
#include "base/log.h"
#include "components/registry.h"
#include "engine/application.h"
#include "lang/lang.h"

namespace croft::components::test {

class OpenSealer : public protocol::SecretSealer {
 public:
  Result<std::string> seal(const Secret& plain) const override { return plain.reveal(); }
  Result<Secret> open(std::string_view sealed) const override {
    return Secret(std::string(sealed));
  }
};

/// What one process has: it goes with the process.
struct Process {
  explicit Process(aio::World& a_world)
      : world(a_world), registry(make_registry()), http(world), retrier(world, {}) {}
  engine::Services services() {
    return {world, *store, registry, sealer, http, retrier, {}, {}, "/files", hosts};
  }
  engine::Hosts* hosts = nullptr;  ///< machines with an agent: they outlive the process
  aio::World& world;
  std::unique_ptr<store::Store> store;
  engine::Registry registry;
  OpenSealer sealer;
  net::HttpClient http;
  net::Retrier retrier;
  std::unique_ptr<engine::Application> application;
};

using Script = std::function<aio::Task<Result<>>(Process&)>;

/// What was seen of a run, kept outside the process.
struct Seen {
  std::vector<std::string> events;  ///< "app:a TERMINATED normal"; the three of the reference
  std::vector<std::string> told;    ///< "app:a MESSAGE text", failures too
  std::optional<engine::ApplicationRecord> application;
  std::map<std::string, engine::ComponentRecord> components;

  std::vector<std::string> of(const std::string& event) const {
    std::vector<std::string> out;
    for (const auto& line : events)
      if (line.find(" " + event) != std::string::npos)
        out.push_back(line.substr(0, line.find(' ')));
    return out;
  }
  std::string outcome() const {
    return application && application->record ? application->record->type : "";
  }
  std::string why() const {
    if (!application || !application->record) return "";
    return application->record->description + ": " + application->record->cause;
  }
};

inline aio::Task<Result<>> look(Process& process, Seen& seen) {
  seen = {};
  CO_TRY(co_await process.application->ledger().flush());
  for (uint64_t from = 1;;) {
    auto events = CO_TRY(co_await process.application->ledger().events(from));
    if (events.empty()) break;
    for (const auto& event : events) {
      if (event.event == "DEPLOYING" || event.event == "STARTING" || event.event == "TERMINATED")
        seen.events.push_back(event.component + " " + event.event +
                              (event.record ? " " + event.record->type : ""));
      seen.told.push_back(event.component + " " + event.event + " " + event.why);
    }
    from = events.back().seq + 1;
  }
  seen.application = process.application->record();
  for (const auto& [path, node] : process.application->all_nodes())
    seen.components.emplace(path, node->record);
  co_return Result<>{};
}

inline aio::Task<Result<>> until_settled(Process& process) {
  while (!process.application->settled()) CO_TRY(co_await process.application->changed().wait());
  co_return Result<>{};
}

/// Until it has ended by itself.
inline aio::Task<Result<>> until_down(Process& process) {
  while (process.application->record().state != protocol::ApplicationState::down ||
         !process.application->settled())
    CO_TRY(co_await process.application->changed().wait());
  co_return Result<>{};
}

inline aio::Task<Result<>> take_down(Process& process) {
  CO_TRY(co_await until_settled(process));
  CO_TRY(co_await process.application->down(false));
  co_return co_await until_settled(process);
}

inline Result<engine::Wanted> wanted_of(const std::string& text) {
  auto description = TRY(lang::resolve("test.sf", text, {}));
  TRY(lang::check(description, schemas()).result());
  engine::Wanted wanted;
  wanted.description = std::move(description);
  return wanted;
}

/// Resolves the last text once, however often it is asked for: what runs writes into its
/// description, so each run has one of its own, as another controller reads it from the store.
inline Result<engine::Wanted> wanted_again(const std::string& text) {
  static std::string last;
  static wire::json::Object packed;
  OpenSealer sealer;
  if (last != text) {
    auto wanted = TRY(wanted_of(text));
    packed = TRY(protocol::pack(wanted.description, &sealer));
    last = text;
  }
  engine::Wanted wanted;
  wanted.description = TRY(protocol::unpack_description(packed, &sealer));
  return wanted;
}

/// What a run that never came to its end looked like then.
inline void explain(Error& error, const Seen& seen) {
  for (const std::string& line : seen.told) error.hint(line);
  if (seen.application)
    error.hint(fmt::format("the application is {}: {}", static_cast<int>(seen.application->state),
                           seen.application->why));
  for (const auto& [path, record] : seen.components)
    error.hint(fmt::format("{} is {}{}{}{}", path, model::name_of(record.state),
                           record.detached ? ", detached" : "", record.quiet ? ", quiet" : "",
                           record.record ? ", with a record: " + record.record->description : ""));
}

/// One process's life, as another one may have left it.
inline aio::Task<Result<>> live(aio::World& world, engine::Wanted wanted, Script script,
                                Seen& seen, engine::Hosts* hosts = nullptr) {
  Process process(world);
  process.hosts = hosts;
  process.store = CO_TRY(co_await store::open_sqlite(world, "/state.db"));
  process.application = std::make_unique<engine::Application>(process.services(), "app");
  Result<> done = co_await process.application->load();
  if (!done && done.error().code == Code::not_found)
    done = co_await process.application->create(std::move(wanted));
  if (done) {
    aio::Scope scope(co_await aio::here());
    scope.spawn(process.application->run());
    // Virtual time: what has not come to its end by then never will.
    done = co_await aio::deadline(world.clock, Duration::hours(24), script(process), "the run");
    auto looked = co_await look(process, seen);
    if (!done && done.error().code == Code::timeout) explain(done.error(), seen);
    process.application->shutdown();
    auto joined = co_await scope.join();
    if (done) done = looked ? joined : looked;
  }
  auto closed = co_await process.store->close();
  co_return done ? closed : done;
}

/// A whole run of one description; `crash_at` > 0: the process dies at that point, and another one
/// goes on.
struct Played {
  Seen seen;
  bool crashed = false;
  uint64_t crash_points = 0;  ///< that a run without a crash passed
  Duration took;
};

inline Result<Played> play_whole(const std::string& text, Script script = until_down,
                                 uint64_t crash_at = 0, uint64_t seed = 1) {
  log::set_level(log::Level::off);
  auto wanted = TRY(wanted_again(text));
  aio::SimWorld sim(seed);
  Played out;
  Moment began = sim.now();
  if (crash_at > 0) sim.main().crash_at(crash_at);
  auto done = sim.run(live(sim.world(), wanted, script, out.seen));
  out.crash_points = sim.main().crash_points();
  if (!done && crash_at > 0) {
    out.crashed = true;
    sim.main().crash_at(0);
    sim.restart(crash_at % 2 == 0);
    done = sim.run(live(sim.world(), TRY(wanted_again(text)), script, out.seen));
  }
  TRY(done);
  out.took = sim.now() - began;
  return out;
}

inline const char* library =
    "#include \"/org/smartfrog/components.sf\"\n"
    "#include \"/org/smartfrog/sfcore/workflow/components.sf\"\n"
    "#include \"/org/smartfrog/sfcore/workflow/conditional/components.sf\"\n"
    "#include \"/org/smartfrog/sfcore/workflow/eventbus/components.sf\"\n"
    "#include \"/org/smartfrog/services/assertions/components.sf\"\n"
    "#include \"/org/smartfrog/services/utils/components.sf\"\n";

/// The same for a text that needs the usual part of the library.
inline Result<Played> play(const std::string& text, Script script = until_down,
                           uint64_t crash_at = 0, uint64_t seed = 1) {
  return play_whole(library + text, std::move(script), crash_at, seed);
}

/// One line of a table: an application and how it ends.
struct Case {
  const char* name;
  const char* text;  ///< behind "sfConfig"
  const char* outcome;
  const char* why;  ///< a part of the reason
};

inline void expect_end(const Case& c, const Seen& seen, const std::string& where = "") {
  EXPECT_EQ(seen.outcome(), c.outcome) << where << seen.why();
  EXPECT_NE(seen.why().find(c.why), std::string::npos) << where << seen.why();
}

/// That it ends so, and the same wherever the controller dies on the way (`crashes` of the points).
inline void ends_so_everywhere(const Case& c, const std::string& text, size_t crashes) {
  auto played = play(text);
  ASSERT_TRUE(played) << played.error().render();
  expect_end(c, played->seen);
  for (uint64_t at : aio::crash_points(c.name, played->crash_points, crashes)) {
    std::string where = fmt::format("point {}: ", at);
    auto again = play(text, until_down, at);
    ASSERT_TRUE(again) << where << again.error().render();
    EXPECT_TRUE(again->crashed) << where;
    expect_end(c, again->seen, where);
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace croft::components::test
