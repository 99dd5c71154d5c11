// An `up` (or a way back) that the controller works on, shown until it has settled.
#pragma once
#include <functional>
#include <string>

#include "cli/session.h"

namespace croft::cli {

/// The events of `target` as notes, until the application has settled; with --json nothing is told.
aio::Task<Result<>> follow_events(ControllerClient& client, Invocation& invocation,
                                  std::string target);

/// Shows what runs, in place of the tree.
using ShowRunning = std::function<Result<>(const wire::json::Object& application)>;
/// Events from `seq` on and progress, then the tree or the Error; the exit code. Ctrl-C detaches.
aio::Task<Result<int>> follow_up(aio::World& world, ControllerClient& client,
                                 Invocation& invocation, std::string name, int64_t seq,
                                 ShowRunning show = {});

/// The first Ctrl-C detaches, a second one within three seconds cancels (DESIGN 8.3).
aio::Task<Result<int>> detach_or_cancel(aio::World& world, ControllerClient& client,
                                        Invocation& invocation, std::string name);

}  // namespace croft::cli
