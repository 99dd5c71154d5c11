// croft rollback: up again from an earlier version of the description.
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/follow.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

aio::Task<Result<int>> rollback(aio::World& world, Invocation& invocation) {
  std::string name = invocation.positional(0), version = invocation.positional(1);
  CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  ControllerClient client(world, invocation.home);
  std::string target = "/v1/applications/" + path_segment(name);
  auto before = CO_TRY(co_await client.call("GET", target));
  auto farm = wire::json::object_if(before, "farm");
  if (farm && *farm && text_member(**farm, "kind") == "embedded")
    CO_TRY(co_await ensure_farm(world, invocation.terminal, invocation.home));
  auto accepted = CO_TRY(co_await client.call(
      "POST", fmt::format("{}/rollback?version={}", target, path_segment(version)), "",
      Duration::minutes(2)));
  invocation.terminal.note(fmt::format("{} goes back to version {}, as its version {}", name,
                                       version, CO_TRY(wire::json::int_at(accepted, "version"))));
  co_return co_await follow_up(world, client, invocation, name, CO_TRY(accepted_in(accepted)));
}

int run_rollback(Invocation& invocation) {
  return run_verb(invocation, rollback);
}

}  // namespace

Command rollback_command() {
  return {.path = "rollback",
          .summary = "bring an earlier version of an application's description up again",
          .details =
              "An `up` of that description: what differs is changed, what does not is left alone. "
              "It becomes a version of its own, so that the way back has one, too.",
          .example = "croft rollback shop 3",
          .positionals = {{"APP", "name of the application"},
                          {"VERSION", "a version of croft history"}},
          .options = {},
          .run = run_rollback};
}

}  // namespace croft::cli
