// croft stop: ends the controller and the farm of this home. Applications stay as they are.
#include "base/text.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"

namespace croft::cli {
namespace {

/// True when something ran and has ended.
aio::Task<Result<bool>> stop_controller(aio::World& world, std::string home, bool farm_destroyed) {
  ControllerClient client(world, home);
  auto asked =
      co_await client.call("POST", farm_destroyed ? "/v1/stop?farm-destroyed=true" : "/v1/stop");
  if (!asked) {
    if (is_no_controller(asked.error())) co_return false;
    co_return fail(std::move(asked).error());
  }
  CO_TRY(co_await until_ended(world, "controller", home + "/controller.pid"));
  co_return true;
}

/// The controller ends an empty farm with itself: then there is nobody left to ask, only to wait
/// for.
aio::Task<Result<>> stop_farm(aio::World& world, std::string home, bool destroy) {
  auto asked = co_await farm::admin_call(world, farm_folder(home), "POST",
                                         destroy ? "/destroy" : "/stop", "{}");
  bool nobody =
      !asked && (asked.error().code == Code::unavailable || asked.error().code == Code::not_found);
  if (!asked && !nobody) co_return fail(std::move(asked).error());
  co_return co_await until_ended(world, "farm", home + "/farm.pid");
}

aio::Task<Result<int>> stop(aio::World& world, Invocation& invocation) {
  CO_TRY(check_here(invocation.home, "stopping"));
  bool destroy = invocation.flag("--destroy");
  auto info = co_await world.disk.info(farm_folder(invocation.home));
  // Machines of a farm that does not run can only be ended by a farm that does.
  if (destroy && info) CO_TRY(co_await ensure_farm(world, invocation.terminal, invocation.home));
  // Somebody has to record that what ran there is gone.
  if (destroy && info && co_await world.disk.info(invocation.home + "/controller"))
    CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  bool farm = (co_await running_farm(world, invocation.home)).has_value();
  // The farm first where its data go: a controller that ends takes an empty farm with it.
  if (destroy) CO_TRY(co_await stop_farm(world, invocation.home, true));
  bool controller = CO_TRY(co_await stop_controller(world, invocation.home, destroy && info));
  if (!destroy) CO_TRY(co_await stop_farm(world, invocation.home, false));
  if (invocation.json) {
    invocation.terminal.print(wire::json::pretty(wire::json::Object{
        {"controller", controller}, {"farm", farm}, {"destroyed", destroy && farm}}));
  } else if (!controller && !farm) {
    invocation.terminal.note("nothing runs under " + invocation.home);
  } else {
    invocation.terminal.note(fmt::format("stopped {}", controller && farm
                                                           ? "the controller and the embedded farm"
                                                       : controller ? "the controller"
                                                                    : "the embedded farm"));
    if (!destroy && farm)
      invocation.terminal.note(
          "instances go on running; the next `croft up` or `croft down` finds them again");
  }
  co_return exit_code::done;
}

int run_stop(Invocation& invocation) {
  return run_verb(invocation, stop);
}

}  // namespace

Command stop_command() {
  return {.path = "stop",
          .summary = "end the controller and the embedded farm of this home",
          .details =
              "Applications stay as they are: their instances go on, and the next `croft up` takes "
              "over. With "
              "--destroy the farm's instances and all its data go, too.",
          .example = "croft stop",
          .positionals = {},
          .options = {{"--destroy", "",
                       "also end every instance of the embedded farm and delete its data"}},
          .run = run_stop};
}

}  // namespace croft::cli
