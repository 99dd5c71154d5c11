// croft import: a component takes over what exists, instead of making it.
#include "base/text.h"
#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

aio::Task<Result<int>> import_things(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  std::string name = invocation.positional(0), path = invocation.positional(1);
  std::vector<std::string> ids(invocation.positionals.begin() + 2, invocation.positionals.end());
  json::Object imports{{path, join(ids, " ")}};
  auto answer = CO_TRY(
      co_await client.call("POST", fmt::format("/v1/applications/{}/import", path_segment(name)),
                           json::compact(json::Object{{"imports", std::move(imports)}})));
  if (invocation.json)
    invocation.terminal.print(json::pretty(answer));
  else
    invocation.terminal.print(
        fmt::format("{} takes over {} at the next croft up of {}", path, join(ids, ", "), name));
  co_return exit_code::done;
}

int run_import(Invocation& invocation) {
  return run_verb(invocation, import_things);
}

}  // namespace

Command import_command() {
  return {
      .path = "import",
      .summary = "let a component take over what exists, instead of making it",
      .details =
          "Instances for an ImageInstance, a bucket for an S3Bucket. It happens with the next "
          "croft up; croft up --import PATH=ID does both at once, also for a first up. From "
          "then on it is the application's own, and croft down removes it, unless the component "
          "says keep true.",
      .example = "croft import shop web i-0123456789abcdef0",
      .positionals = {{"APP", "name of the application"},
                      {"PATH", "the component, \"web\""},
                      {"ID", "what it takes over", true, true}},
      .options = {},
      .run = run_import};
}

}  // namespace croft::cli
