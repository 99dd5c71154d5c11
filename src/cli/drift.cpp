// croft drift: where the farm has it otherwise than it was made. Nothing is changed.
#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

aio::Task<Result<int>> drift(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  std::string name = invocation.positional(0);
  auto answer = CO_TRY(
      co_await client.call("POST", fmt::format("/v1/applications/{}/refresh", path_segment(name))));
  const auto* drifts = CO_TRY(json::array_at(answer, "drifts"));
  const auto* notes = CO_TRY(json::array_at(answer, "notes"));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
  } else {
    for (const auto& item : *drifts) {
      const auto& line = item.get_object();
      invocation.terminal.print(fmt::format("! {}  {}: {}", text_member(line, "component"),
                                            text_member(line, "text"),
                                            text_member(line, "consequence")));
    }
    if (drifts->empty() && notes->empty())
      invocation.terminal.print(fmt::format("{}: the farm has it as it was made", name));
    for (const auto& note : *notes) invocation.terminal.note(std::string(note.get_string()));
  }
  if (!drifts->empty()) co_return exit_code::changes;
  co_return notes->empty() ? exit_code::done : exit_code::failed;
}

int run_drift(Invocation& invocation) {
  return run_verb(invocation, drift);
}

}  // namespace

Command drift_command() {
  return {.path = "drift",
          .summary = "where the farm has an application otherwise than it was made",
          .details =
              "Asks the farm, in a few calls, and changes nothing: what is gone, stopped, tagged "
              "otherwise, or there beside the record. What comes of it is said by the attribute "
              "drift of each component: \"REPAIR\" (at the next look, at the latest after five "
              "minutes, or with croft up at once), \"REPORT\", \"ACCEPT\". Exit code 0: none; 2: "
              "there is some; 1: the farm could not be asked.",
          .example = "croft drift shop",
          .positionals = {{"APP", "name of the application"}},
          .options = {},
          .run = run_drift};
}

}  // namespace croft::cli
