// A call that costs money is not cut off in the middle: a cancellation waits for its answer, a
// while. Loop thread only.
#pragma once
#include <optional>

#include "aio/scope.h"
#include "aio/world.h"

namespace croft::aio {

/// `task`, which a cancellation from outside reaches only `grace` after it was asked for.
/// The awaiter sees the task's own result then, and its cancellation at its next wait.
template <class T>
Task<Result<T>> reprieve(Clock& clock, Duration grace, Task<Result<T>> task) {
  Context context = co_await here();
  CancelState cancel;
  std::optional<decltype(clock.call_at(Moment(), [] {}))> timer;
  auto begin = [&clock, &cancel, &timer, grace] {
    timer = clock.call_at(clock.now() + grace, [&cancel] { cancel.request(); });
  };
  std::optional<CancelState::Entry> entry;
  if (context.cancelled())
    begin();
  else if (context.cancel)
    entry = context.cancel->add(begin);
  Result<T> result = co_await detail::WithCancel<Result<T>>{std::move(task), &cancel};
  if (entry) context.cancel->remove(*entry);
  if (timer) clock.stop(*timer);
  co_return result;
}

}  // namespace croft::aio
