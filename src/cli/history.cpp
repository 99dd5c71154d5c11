// croft history: who changed an application, when, and from which description.
#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

aio::Task<Result<int>> history(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  auto answer = CO_TRY(co_await client.call(
      "GET", fmt::format("/v1/applications/{}/history", path_segment(invocation.positional(0)))));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
    co_return exit_code::done;
  }
  terminal::Table table({"TIME", "WHO", "WHAT", "VERSION", "FILE", "WHY"});
  for (const auto& item : *CO_TRY(json::array_at(answer, "history"))) {
    const auto& entry = item.get_object();
    table.row({text_member(entry, "time"), text_member(entry, "by"), text_member(entry, "action"),
               std::to_string(CO_TRY(json::int_at(entry, "version"))), text_member(entry, "file"),
               text_member(entry, "why")});
  }
  invocation.terminal.print(table.text());
  co_return exit_code::done;
}

int run_history(Invocation& invocation) {
  return run_verb(invocation, history);
}

}  // namespace

Command history_command() {
  return {.path = "history",
          .summary = "who changed an application, when, and from which description",
          .details = "The last 100 versions of the description can be compared and gone back to.",
          .example = "croft history shop",
          .positionals = {{"APP", "name of the application"}},
          .options = {},
          .run = run_history};
}

}  // namespace croft::cli
