#include "engine/executor.h"

#include "aio/sync.h"

namespace croft::engine {
namespace {

struct Run {
  plan::Graph& graph;
  const StepWork& work;
  ExecuteOptions options;
  aio::Signal changed;
  std::optional<Error> first;
};

aio::Task<Result<>> one(Run& run, plan::StepId id) {
  Result<> result = co_await run.work(run.graph.step(id));
  run.graph.finished(id, result.has_value() || !run.options.stop_on_error);
  if (!result && !run.first) run.first = std::move(result).error();
  run.changed.notify();
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<>> execute(plan::Graph& graph, const StepWork& work, const StepAtOnce& at_once,
                            ExecuteOptions options) {
  aio::Context context = co_await aio::here();
  Run run{graph, work, options, {}, {}};
  aio::Scope scope(context);
  bool stopped = false;
  while (!stopped) {
    while (graph.running() < options.parallel) {
      auto id = graph.take();
      if (!id) break;
      if (at_once(graph.step(*id)))
        graph.finished(*id, true);
      else
        scope.spawn(one(run, *id));
    }
    if (graph.running() == 0) break;
    auto waited = co_await run.changed.wait();
    stopped = !waited || (run.first && options.stop_on_error);
  }
  if (stopped) scope.cancel();
  auto joined = co_await scope.join();
  if (context.cancelled()) co_return fail(aio::cancelled_error());
  if (run.first && options.stop_on_error) co_return fail(std::move(*run.first));
  co_return joined;
}

}  // namespace croft::engine
