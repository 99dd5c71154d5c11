// Runs the steps of a plan side by side, as the graph hands them out. Loop thread only.
#pragma once
#include <functional>

#include "aio/scope.h"
#include "plan/graph.h"

namespace croft::engine {

struct ExecuteOptions {
  size_t parallel = 256;      ///< steps under way at once
  bool stop_on_error = true;  ///< else a failed step counts as done and the rest goes on
};

/// What a step does.
using StepWork = std::function<aio::Task<Result<>>(plan::Step)>;
/// True: the step was nothing but a change of state and is done already.
using StepAtOnce = std::function<bool(const plan::Step&)>;

/// Until all is done, or the first error (after the running steps were cancelled and have ended).
/// The functions and the graph must outlive it.
aio::Task<Result<>> execute(plan::Graph& graph, const StepWork& work, const StepAtOnce& at_once,
                            ExecuteOptions options = {});

}  // namespace croft::engine
