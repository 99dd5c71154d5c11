// croft plan: what `up` would make, keep and remove; nothing is called that changes anything.
#include "cli/application.h"
#include "cli/session.h"
#include "cli/up_request.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

aio::Task<Result<int>> plan(aio::World& world, Invocation& invocation) {
  auto request = CO_TRY(co_await prepare_up(world, invocation));
  ControllerClient client(world, invocation.home);
  auto answer = CO_TRY(co_await client.call("POST", "/v1/plan", request.body));
  if (invocation.json) {
    answer.erase("text");
    invocation.terminal.print(wire::json::pretty(answer));
  } else {
    invocation.terminal.print(fmt::format("{} on {}", request.name, request.farm_text));
    invocation.terminal.print(text_member(answer, "text"));
  }
  bool changes = CO_TRY(wire::json::bool_or(answer, "changes", true));
  co_return changes ? exit_code::changes : exit_code::done;
}

int run_plan(Invocation& invocation) {
  return run_verb(invocation, plan);
}

}  // namespace

Command plan_command() {
  return {.path = "plan",
          .summary = "show what `up` would make, keep and remove",
          .details = "Exit code 0: no change; 2: there are changes.",
          .example = "croft plan examples/talk/talk.sf",
          .positionals = {{"FILE", "the description: a file, a folder, or s3://BUCKET/KEY"}},
          .options = up_options(),
          .run = run_plan};
}

}  // namespace croft::cli
