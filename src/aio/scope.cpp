#include "aio/scope.h"

namespace croft::aio {

namespace {
detail::Detached run_detached(Task<void> task) {
  co_await task;
}
}  // namespace

void detach(Executor& executor, Task<void> task, CancelState* cancel) {
  run_detached(std::move(task)).start({&executor, cancel});
}

}  // namespace croft::aio
