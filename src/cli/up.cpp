// croft up: plan, apply with live progress, return when the application runs.
#include <csignal>

#include "cli/application.h"
#include "cli/follow.h"
#include "cli/saved_plan_file.h"
#include "cli/session.h"
#include "cli/up_request.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

aio::Task<Result<UpRequest>> request_of(aio::World& world, Invocation& invocation) {
  if (co_await is_saved_plan(world, invocation.positional(0)))
    co_return co_await read_saved_plan(world, invocation);
  co_return co_await prepare_up(world, invocation);
}

/// What `up` was asked for, on its way to the controller.
struct Handover {
  UpRequest request;
  bool sent = false;
};

aio::Task<Result<Accepted>> hand_over(aio::World& world, ControllerClient& client,
                                      Invocation& invocation, Handover& handover) {
  UpRequest& request = handover.request;
  request = CO_TRY(co_await request_of(world, invocation));
  invocation.terminal.note(fmt::format("{} on {}", request.name, request.farm_text));
  handover.sent = true;
  auto accepted =
      CO_TRY(co_await client.call("POST", request.target, request.body, Duration::minutes(2)));
  request.body.clear();
  if (const auto* working = CO_TRY(wire::json::object_if(accepted, "working")))
    invocation.terminal.note(fmt::format(
        "{} was at work on it, since {}: {} of version {}; this goes on from there",
        text_member(*working, "by"), text_member(*working, "since"),
        text_member(*working, "action"), CO_TRY(wire::json::int_or(*working, "version", 0))));
  co_return accepted_in(accepted);
}

int interrupted_early(Invocation& invocation) {
  const char* what = "interrupted before anything was asked for: nothing was deployed";
  invocation.terminal.note(what);
  if (invocation.json)
    invocation.terminal.print(
        wire::json::pretty(wire::json::Object{{"interrupted", "early"}, {"why", what}}));
  return exit_code::interrupted;
}

}  // namespace

aio::Task<Result<int>> bring_up(aio::World& world, Invocation& invocation, ShowRunning show) {
  ControllerClient client(world, invocation.home);
  Handover handover;
  auto begun = co_await aio::race(hand_over(world, client, invocation, handover),
                                  world.processes.signal({SIGINT, SIGTERM}));
  UpRequest& request = handover.request;
  if (begun.index() == 1 && !handover.sent) co_return interrupted_early(invocation);
  if (begun.index() == 1)
    co_return co_await detach_or_cancel(world, client, invocation, request.name);
  Accepted accepted = CO_TRY(std::move(std::get<0>(begun)));
  co_return co_await follow_up(world, client, invocation, request.name, accepted, std::move(show));
}

namespace {

aio::Task<Result<int>> up(aio::World& world, Invocation& invocation) {
  if (invocation.flag("--dry-run")) co_return co_await show_plan(world, invocation);
  co_return co_await bring_up(world, invocation, {});
}

int run_up(Invocation& invocation) {
  return run_verb(invocation, up);
}

}  // namespace

Command up_command() {
  auto options = up_options();
  options.push_back(
      {"--dry-run", "", "show what would be done, as croft plan does, and do nothing"});
  return {
      .path = "up",
      .summary = "deploy a description, or continue or update one",
      .details =
          "Starts the controller and, where it is the farm that is meant, the embedded farm, when "
          "none "
          "runs. Returns when everything runs; when starting fails, what was rented is given back "
          "unless --keep-on-failure is given. Ctrl-C detaches, a second one cancels.",
      .example = "croft up examples/talk/talk.sf",
      .positionals =
          {{"FILE",
            "the description: a file, a folder, or s3://BUCKET/KEY; or a plan of croft plan -o"}},
      .options = std::move(options),
      .run = run_up};
}

}  // namespace croft::cli
