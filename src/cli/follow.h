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
/// What a controller has accepted: its events begin at `seq`.
struct Accepted {
  int64_t seq = 1, version = 0;
};
Result<Accepted> accepted_in(const wire::json::Object& answer);
/// Its events and progress, then the tree or the Error, which it is, too, where another version has
/// taken its place; the exit code. Ctrl-C detaches.
aio::Task<Result<int>> follow_up(aio::World& world, ControllerClient& client,
                                 Invocation& invocation, std::string name, Accepted accepted,
                                 ShowRunning show = {});

/// The first Ctrl-C detaches, a second one within three seconds cancels (DESIGN 8.3).
aio::Task<Result<int>> detach_or_cancel(aio::World& world, ControllerClient& client,
                                        Invocation& invocation, std::string name);

}  // namespace croft::cli
