// croft why: from a component that is not as it should be to the first thing that went wrong.
#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

Result<> print_chain(terminal::Terminal& terminal, const json::Object& answer) {
  std::string indent;
  for (const auto& item : *TRY(json::array_at(answer, "chain"))) {
    const auto& cause = item.get_object();
    terminal.print(
        fmt::format("{}{}  {} since {}: {}", indent, TRY(json::string_at(cause, "component")),
                    TRY(json::string_at(cause, "state")), TRY(json::string_at(cause, "since")),
                    TRY(json::string_at(cause, "what"))));
    indent = indent.empty() ? "└─ " : "   " + indent;
  }
  for (const auto& item : *TRY(json::array_at(answer, "calls"))) {
    const auto& call = item.get_object();
    terminal.print(fmt::format("  {}  {} failed: {}", TRY(json::string_at(call, "time")),
                               TRY(json::string_at(call, "action")),
                               TRY(json::string_at(call, "why"))));
  }
  for (const auto& item : *TRY(json::array_at(answer, "events")))
    terminal.print("  " + event_text(terminal, item.get_object()));
  if (const auto* error = TRY(json::object_if(answer, "error")))
    terminal.print(error_from_answer(json::Object{{"error", *error}}, "").render());
  return {};
}

aio::Task<Result<int>> why(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  std::string path = invocation.positional(0);
  std::string name = path.substr(0, path.find(':'));
  auto answer =
      CO_TRY(co_await client.call("GET", fmt::format("/v1/applications/{}/why?component={}",
                                                     path_segment(name), path_segment(path))));
  if (invocation.json)
    invocation.terminal.print(json::pretty(answer));
  else
    CO_TRY(print_chain(invocation.terminal, answer));
  co_return exit_code::done;
}

int run_why(Invocation& invocation) {
  return run_verb(invocation, why);
}

}  // namespace

Command why_command() {
  return {.path = "why",
          .summary = "why a component is not as it should be: from the symptom to the first cause",
          .details =
              "Follows what a component waits for, needs or was ended by, one line each, to the "
              "one whose affair it is; then what failed there since it last ran.",
          .example = "croft why shop:web",
          .positionals = {{"PATH", "a component, \"shop:web\", or an application"}},
          .options = {},
          .run = run_why};
}

}  // namespace croft::cli
