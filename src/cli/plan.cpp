// croft plan: what `up` would make, keep and remove; nothing is called that changes anything.
#include "cli/application.h"
#include "cli/saved_plan_file.h"
#include "cli/session.h"
#include "cli/up_request.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

/// What a plan that was written says: nothing is asked again.
aio::Task<Result<int>> show_saved_plan(aio::World& world, Invocation& invocation) {
  json::Object saved = CO_TRY(co_await saved_plan_view(world, invocation.positional(0)));
  if (invocation.json)
    invocation.terminal.print(json::pretty(saved));
  else
    invocation.terminal.print(fmt::format("{} on {}, as it was planned at {}\n{}",
                                          text_member(saved, "name"), text_member(saved, "farm"),
                                          text_member(saved, "made"), text_member(saved, "text")));
  co_return exit_code::changes;
}

}  // namespace

aio::Task<Result<int>> show_plan(aio::World& world, Invocation& invocation) {
  if (co_await is_saved_plan(world, invocation.positional(0)))
    co_return co_await show_saved_plan(world, invocation);
  auto request = CO_TRY(co_await prepare_up(world, invocation));
  ControllerClient client(world, invocation.home);
  auto file = invocation.value("--out");
  std::string target = fmt::format("/v1/plan?save={}&refresh={}", file.has_value(),
                                   !invocation.flag("--no-refresh"));
  auto answer = CO_TRY(co_await client.call("POST", target, request.body));
  if (file) CO_TRY(co_await write_saved_plan(world, *file, request, answer));
  if (invocation.json) {
    answer.erase("text");
    answer.erase("sealed");
    invocation.terminal.print(wire::json::pretty(answer));
  } else {
    invocation.terminal.print(fmt::format("{} on {}", request.name, request.farm_text));
    invocation.terminal.print(text_member(answer, "text"));
    if (const auto* notes = CO_TRY(wire::json::array_if(answer, "notes")))
      for (const auto& note : *notes) invocation.terminal.note(std::string(note.get_string()));
    if (file) invocation.terminal.note(fmt::format("croft up {} does exactly that", *file));
  }
  bool changes = CO_TRY(wire::json::bool_or(answer, "changes", true));
  co_return changes ? exit_code::changes : exit_code::done;
}

namespace {

int run_plan(Invocation& invocation) {
  return run_verb(invocation, show_plan);
}

}  // namespace

Command plan_command() {
  auto options = up_options();
  options.push_back({"-o,--out", "PLAN",
                     "write the plan to this file: croft up PLAN does exactly that, or refuses "
                     "because the world has moved"});
  options.push_back({"--no-refresh", "", "do not ask the farm whether all is as it was made"});
  return {
      .path = "plan",
      .summary = "show what `up` would make, keep and remove",
      .details =
          "+ is made, ~ is made anew, * changes in place, > is taken over, ! differs on the farm, "
          "= stays, - is removed; below, what changes. Exit code 0: no change; 2: there are "
          "changes.",
      .example = "croft plan examples/talk/talk.sf",
      .positionals = {{"FILE", "the description: a file, a folder, or s3://BUCKET/KEY"}},
      .options = std::move(options),
      .run = run_plan};
}

}  // namespace croft::cli
