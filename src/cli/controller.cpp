// croft controller serve: the long-lived process that holds the applications of one home.
#include "controller/controller.h"

#include <csignal>

#include "base/log.h"
#include "cli/daemons.h"
#include "cli/pid_file.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"

namespace croft::cli {
namespace {

constexpr Duration farm_check = Duration::seconds(1);

/// A farm that ended in order has removed its pid file; one that left it was killed, and every
/// application of this home with its machines hangs on it: it is started again at its old address.
aio::Task<Result<>> keep_farm(aio::World& world, terminal::Terminal& terminal, std::string home) {
  while (true) {
    CO_TRY(co_await world.clock.sleep(farm_check));
    if (pid_file_state(home + "/farm.pid") != PidFileState::stale) continue;
    auto farm = co_await ensure_farm(world, terminal, home);
    if (!farm)
      log::warn("controller", "the embedded farm does not start: {}", farm.error().line());
    else if (farm->started)
      log::warn("controller", "the embedded farm was gone and is started again at {}", farm->url);
  }
}

aio::Task<Result<int>> controller_serve(aio::World& world, Invocation& invocation) {
  CO_TRY(log::open("", log::Level::info));
  controller::ControllerOptions options;
  options.home = invocation.home;
  options.agents = invocation.value("--agents").value_or("");
  auto controller = CO_TRY(co_await controller::Controller::open(world, options));
  // Only the one that owns the home names itself: a second one would name itself and be gone.
  std::optional<PidFile> pid;
  if (auto path = invocation.value("--pid-file")) pid.emplace(CO_TRY(PidFile::write(*path)));
  log::info("controller", "serving {}", invocation.home);
  auto outcome =
      co_await aio::race(aio::race(controller->serve(), world.processes.signal({SIGTERM, SIGINT})),
                         keep_farm(world, invocation.terminal, invocation.home));
  if (outcome.index() == 1) co_return fail(std::move(std::get<1>(outcome)).error());
  if (auto& served = std::get<0>(outcome); served.index() == 0)
    CO_TRY(std::move(std::get<0>(served)));
  // Nothing is up and nothing is kept, so the farm it was started with goes too. One that was
  // stopped by its user leaves the farm to that user: `croft stop` waits for each.
  if (controller->ended_by_itself()) {
    auto asked = co_await farm::admin_call(world, farm_folder(invocation.home), "POST", "/stop",
                                           R"({"if_empty":true})");
    if (!asked) log::debug("controller", "no farm to stop: {}", asked.error().line());
  }
  log::info("controller", "ended");
  co_return exit_code::done;
}

int run_controller_serve(Invocation& invocation) {
  return run_verb(invocation, controller_serve);
}

}  // namespace

Command controller_serve_command() {
  return {.path = "controller serve",
          .summary = "hold the applications of this home, in the foreground",
          .details =
              "`croft up` starts it when none runs; it ends by itself 60 s after the last "
              "application is down.",
          .example = "croft controller serve --home /var/lib/croft",
          .positionals = {},
          .options = {{"--agents", "HOST:PORT",
                       "where agents of machines on other farms reach this controller"},
                      {"--pid-file", "FILE", "write the process id there"}},
          .run = run_controller_serve};
}

}  // namespace croft::cli
