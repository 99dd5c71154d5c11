// 100,000 live components: what one costs in memory, and what a round of liveness checks costs.
// The limit beside it: the same number of coroutines that sleep once and end.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "base/log.h"
#include "engine/test_rig.h"

namespace croft::engine {
namespace {

using namespace test;

constexpr int wide = 100;

Wanted many(int count) {
  return description("many", [count](const model::ComponentPtr& config) {
    config->set("sfLivenessDelay", int32_t{15});
    for (int i = 0; i < count / wide; ++i) {
      auto inner = add(config, fmt::format("c{}", i), "Compound");
      for (int k = 0; k < wide; ++k) add(inner, fmt::format("t{}", k), "Plain");
    }
  });
}

size_t in_use() {
  return mallinfo2().uordblks;
}

aio::Task<Result<>> rounds(aio::World& world, FakeCloud& cloud, benchmark::State& state) {
  Rig rig(world, cloud);
  rig.registry.add(type_of("Plain", [] { return std::make_unique<Component>(); }));
  rig.store = store::open_memory(world);
  rig.application = std::make_unique<Application>(rig.services(), "app");
  size_t before = in_use();
  CO_TRY(co_await rig.application->create(many(static_cast<int>(state.range(0)))));
  aio::Scope scope(co_await aio::here());
  scope.spawn(rig.application->run());
  CO_TRY(co_await settle(rig));
  state.counters["bytes/component"] =
      static_cast<double>(in_use() - before) / static_cast<double>(state.range(0));
  for (auto _ : state) {
    auto failed = CO_TRY(co_await rig.application->ping_all());
    if (!failed.empty()) state.SkipWithError("a component does not live");
  }
  state.counters["ns/check"] = benchmark::Counter(
      static_cast<double>(state.range(0)) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  rig.application->shutdown();
  CO_TRY(co_await scope.join());
  co_return co_await rig.store->close();
}

void round_of_checks(benchmark::State& state) {
  log::set_level(log::Level::off);
  aio::SimWorld sim(1);
  FakeCloud cloud;
  auto done = sim.run(rounds(sim.world(), cloud, state));
  if (!done) state.SkipWithError(done.error().line().c_str());
}
BENCHMARK(round_of_checks)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

aio::Task<Result<>> nap(aio::World& world) {
  co_return co_await world.clock.sleep(Duration{});
}

aio::Task<Result<>> naps(aio::World& world, int64_t count) {
  aio::Scope scope(co_await aio::here());
  for (int64_t i = 0; i < count; ++i) scope.spawn(nap(world));
  co_return co_await scope.join();
}

void coroutines_alone(benchmark::State& state) {
  aio::SimWorld sim(1);
  for (auto _ : state)
    if (!sim.run(naps(sim.world(), state.range(0)))) state.SkipWithError("it was cut short");
}
BENCHMARK(coroutines_alone)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace croft::engine

BENCHMARK_MAIN();
