// Time of parse and all passes over generated descriptions: flat and as a tree, with templates,
// links and expressions. Prints milliseconds, nanoseconds and bytes a component; the reference's
// figures of another day (2 cores, JVM 17, CPU seconds) stand beside for 1,000 and 10,000.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <string>

#include "lang/lang.h"

namespace croft::lang {
namespace {

std::string head() {
  return "Server extends { sfClass \"croft.Prim\"; host \"localhost\"; port 80; url (\"http://\" "
         "++ host ++ \"/\"); "
         "limits extends { open 100; time 30; } }\n";
}

/// n components side by side, each linked to the one before.
std::string siblings(int64_t n) {
  std::string out = head() + "sfConfig extends {\n";
  for (int64_t i = 0; i < n; ++i) {
    out += "  s" + std::to_string(i) + " extends Server {\n    port " +
           std::to_string(1000 + i % 50000) + ";\n";
    if (i > 0) out += "    peer PARENT:s" + std::to_string(i - 1) + ":port;\n";
    out += "  }\n";
  }
  return out + "}\n";
}

void add_tree(std::string& out, int64_t& left, int depth, int64_t& number) {
  for (int i = 0; i < 10 && left > 0; ++i) {
    --left;
    out += "n" + std::to_string(number++) + " extends Server {\n port " + std::to_string(i) +
           ";\n above PARENT:port;\n";
    if (depth > 0) add_tree(out, left, depth - 1, number);
    out += "}\n";
  }
}

/// n components as a tree with ten branches.
std::string tree(int64_t n) {
  std::string out = head() + "sfConfig extends {\n port 1;\n";
  int depth = 0;
  for (int64_t size = 10; size < n; size *= 10) ++depth;
  int64_t number = 0;
  add_tree(out, n, depth, number);
  return out + "}\n";
}

/// n components without templates, as other tools would generate them.
std::string plain(int64_t n) {
  std::string out = "sfConfig extends {\n";
  for (int64_t i = 0; i < n; ++i)
    out += "  s" + std::to_string(i) + " extends {\n    host \"localhost\";\n    port " +
           std::to_string(i) + ";\n    on true;\n  }\n";
  return out + "}\n";
}

template <std::string (*Make)(int64_t)>
void run(benchmark::State& state) {
  std::string text = Make(state.range(0));
  for (auto _ : state) {
    auto description = resolve("bench.sf", text, {});
    if (!description) {
      state.SkipWithError(description.error().render().c_str());
      return;
    }
    benchmark::DoNotOptimize(description->digest.data());
  }
  state.counters["ns/component"] = benchmark::Counter(
      static_cast<double>(state.range(0)) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) / 1024;
  double reference = state.range(0) == 10'000 ? 4.4 : state.range(0) == 1'000 ? 0.66 : 0;
  if (reference > 0) state.counters["reference_tree_s"] = reference;
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (int64_t n : {1'000, 10'000, 100'000, 1'000'000}) bench->Arg(n);
  bench->Unit(benchmark::kMillisecond);
}

BENCHMARK(run<siblings>)->Name("siblings")->Apply(sizes);
BENCHMARK(run<tree>)->Name("tree")->Apply(sizes);
BENCHMARK(run<plain>)->Name("plain")->Apply(sizes);

}  // namespace
}  // namespace croft::lang

BENCHMARK_MAIN();
