// For tests of the engine: a cloud of things that remembers tokens, component types that rent them,
// and one application in a simulated process. Header-only; included by *_test.cpp alone.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "aio/sim/sim_world.h"
#include "engine/application.h"

namespace croft::engine::test {

constexpr Duration flight = Duration::milliseconds(3);  // of a question, and of its answer

/// Outlives the processes that use it.
struct FakeCloud {
  struct Thing {
    std::string id, token, component;
    bool alive = true;
  };
  std::vector<Thing> things;
  std::set<std::string> dead_components;   ///< their ping says they are gone
  std::set<std::string> mute_components;   ///< their ping gets no answer
  std::set<std::string> stuck_components;  ///< they cannot be removed
  Code stuck_why = Code::conflict;
  int makes = 0;

  Thing* by_token(const std::string& token) {
    for (Thing& thing : things)
      if (thing.token == token) return &thing;
    return nullptr;
  }
  size_t alive() const {
    return static_cast<size_t>(std::ranges::count(things, true, &Thing::alive));
  }
  std::map<std::string, int> alive_by_component() const {
    std::map<std::string, int> out;
    for (const Thing& thing : things)
      if (thing.alive) ++out[thing.component];
    return out;
  }
  aio::Task<Result<std::string>> make(aio::World& world, std::string token, std::string component) {
    CO_TRY(co_await world.clock.sleep(flight));
    ++makes;
    if (!by_token(token))
      things.push_back({fmt::format("t-{}", things.size()), token, component, true});
    std::string id = by_token(token)->id;
    CO_TRY(co_await world.clock.sleep(flight));
    co_return id;
  }
  aio::Task<Result<>> remove(aio::World& world, std::string id) {
    CO_TRY(co_await world.clock.sleep(flight));
    for (Thing& thing : things)
      if (thing.id == id) {
        if (stuck_components.contains(thing.component))
          co_return fail(stuck_why, "it cannot go");
        thing.alive = false;
      }
    co_return co_await world.clock.sleep(flight);
  }
};

/// Rents one thing. Attributes: fails "start" | "deploy", takes (ms).
class Thing : public Component {
 public:
  explicit Thing(FakeCloud& cloud) : cloud_(cloud) {}

  aio::Task<Result<>> deploy(Context& context) override {
    if (CO_TRY(context.string_or("fails", "")) == "deploy")
      co_return fail(Code::invalid_argument, "it does not want to");
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    bool have = std::ranges::any_of(context.record().rented, &Rented::open);
    if (!have || context.record().intent) {
      if (!context.record().intent) CO_TRY(co_await context.intend("make", {}));
      std::string id = CO_TRY(co_await context.outside(
          "make", cloud_.make(context.world(), context.client_token(), context.path())));
      CO_TRY(co_await context.settle({context.rented("thing", id)}));
      context.publish("thing", id);
    }
    auto takes = CO_TRY(context.duration_or("takes", "ms", Duration{}));
    context.waits("it takes its time");
    CO_TRY(co_await context.world().clock.sleep(takes));
    if (CO_TRY(context.string_or("fails", "")) == "start")
      co_return fail(Code::conflict, "it broke while starting");
    co_return Result<>{};
  }
  aio::Task<Result<>> ping(Context& context) override {
    if (cloud_.mute_components.contains(context.path()))
      co_return fail(Code::unavailable, "no answer");
    if (cloud_.dead_components.contains(context.path()))
      co_return fail(Code::not_found, "it is gone");
    auto slow = CO_TRY(context.duration_or("pingTakes", "ms", Duration{}));
    co_return co_await context.world().clock.sleep(slow);
  }
  aio::Task<Result<>> terminate(Context& context, const model::TerminationRecord&) override {
    if (context.record().intent && context.record().intent->action == "make") {
      CO_TRY(co_await context.world().clock.sleep(flight * 2));
      auto* lost = cloud_.by_token(context.client_token());
      std::vector<Rented> made;
      if (lost) made.push_back(context.rented("thing", lost->id));
      CO_TRY(co_await context.settle(std::move(made)));
    }
    std::vector<std::string> ids;
    for (const auto& thing : context.record().rented)
      if (thing.open()) ids.push_back(thing.id);
    for (const auto& id : ids) {
      CO_TRY(co_await context.intend("remove", {{"id", id}}));
      CO_TRY(co_await context.outside("remove", cloud_.remove(context.world(), id)));
      CO_TRY(co_await context.settle({}, {id}));
    }
    co_return Result<>{};
  }

 private:
  FakeCloud& cloud_;
};

/// Ends by itself after `time` ms with the record type `ends`.
class Timer : public Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto time = CO_TRY(context.duration_or("time", "ms", Duration::forever()));
    CO_TRY(co_await context.world().clock.sleep(time));
    context.end(
        {CO_TRY(context.string_or("ends", "normal")), "its time is over", context.path(), ""});
    co_return Result<>{};
  }
};

inline ComponentType type_of(std::string name, std::function<std::unique_ptr<Component>()> make) {
  ComponentType type;
  type.schema.sf_class = std::move(name);
  model::AttributeSchema identity;
  identity.name = "size";
  type.schema.attributes.push_back(identity);
  type.make = std::move(make);
  return type;
}

class OpenSealer : public protocol::SecretSealer {
 public:
  Result<std::string> seal(const Secret& plain) const override { return plain.reveal(); }
  Result<Secret> open(std::string_view sealed) const override {
    return Secret(std::string(sealed));
  }
};

/// What one process has: it goes with the process.
struct Rig {
  Rig(aio::World& a_world, FakeCloud& cloud) : world(a_world), http(world), retrier(world, {}) {
    auto compound = type_of("Compound", [] { return std::make_unique<Component>(); });
    compound.compound = true;
    registry.add(std::move(compound));
    registry.add(type_of("Thing", [&cloud] { return std::make_unique<Thing>(cloud); }));
    auto timer = type_of("Timer", [] { return std::make_unique<Timer>(); });
    timer.works = true;
    registry.add(std::move(timer));
  }
  Services services() { return {world, *store, registry, sealer, http, retrier, {}, {}}; }

  aio::World& world;
  std::unique_ptr<store::Store> store;
  Registry registry;
  OpenSealer sealer;
  net::HttpClient http;
  net::Retrier retrier;
  std::unique_ptr<Application> application;
};

/// One process's life: opens the store, takes the application over, runs `script`, ends as it was.
/// `wanted` null: it must be there already.
using Script = std::function<aio::Task<Result<>>(Rig&)>;

inline aio::Task<Result<>> live(aio::World& world, FakeCloud& cloud, std::optional<Wanted> wanted,
                                Script script) {
  Rig rig(world, cloud);
  rig.store = CO_TRY(co_await store::open_sqlite(world, "/state.db"));
  rig.application = std::make_unique<Application>(rig.services(), "app");
  Result<> done = co_await rig.application->load();
  bool known = done.has_value();
  if (!known && done.error().code == Code::not_found && wanted)
    done = co_await rig.application->create(*wanted);
  if (done) {
    aio::Scope scope(co_await aio::here());
    scope.spawn(rig.application->run());
    if (known && wanted) {
      auto asked = co_await rig.application->up(*wanted);
      if (!asked) done = fail(std::move(asked).error());
    }
    if (done) done = co_await script(rig);
    rig.application->shutdown();
    auto joined = co_await scope.join();
    if (done) done = joined;
  }
  auto closed = co_await rig.store->close();
  co_return done ? closed : done;
}

inline aio::Task<Result<>> settle(Rig& rig) {
  while (!rig.application->settled()) CO_TRY(co_await rig.application->changed().wait());
  co_return Result<>{};
}

inline aio::Task<Result<>> take_down(Rig& rig) {
  CO_TRY(co_await rig.application->down(false));
  co_return co_await settle(rig);
}

inline model::ComponentPtr add(const model::ComponentPtr& parent, const std::string& name,
                               const std::string& type) {
  auto component = model::Component::make();
  component->set("sfClass", type);
  parent->set(name, component);
  return component;
}

/// A fresh description; `fill` adds to its sfConfig.
inline Wanted description(std::string digest,
                          const std::function<void(const model::ComponentPtr&)>& fill) {
  Wanted wanted;
  wanted.description.root = model::Component::make();
  wanted.description.config = add(wanted.description.root, "sfConfig", "Compound");
  wanted.description.digest = std::move(digest);
  fill(wanted.description.config);
  return wanted;
}

}  // namespace croft::engine::test
