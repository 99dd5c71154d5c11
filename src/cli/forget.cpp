// croft forget: what a component rented stays on the farm, and is croft's no longer.
#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

aio::Task<Result<int>> forget(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  std::string path = invocation.positional(0);
  std::string name = path.substr(0, path.find(':'));
  auto answer =
      CO_TRY(co_await client.call("POST", fmt::format("/v1/applications/{}/forget?component={}",
                                                      path_segment(name), path_segment(path))));
  if (invocation.json)
    invocation.terminal.print(json::pretty(answer));
  else
    for (const auto& id : *CO_TRY(json::array_at(answer, "forgotten")))
      invocation.terminal.print(
          fmt::format("{} stays on the farm, without croft's tags: nobody watches or removes it",
                      std::string(id.get_string())));
  co_return exit_code::done;
}

int run_forget(Invocation& invocation) {
  return run_verb(invocation, forget);
}

}  // namespace

Command forget_command() {
  return {
      .path = "forget",
      .summary = "give up what a component rented, without removing it",
      .details =
          "Its instances or its bucket stay on the farm, without croft's tags; the component is "
          "over and is not made again while the description has it. The application goes on.",
      .example = "croft forget shop:archive",
      .positionals = {{"PATH", "a component, \"shop:archive\""}},
      .options = {},
      .run = run_forget};
}

}  // namespace croft::cli
