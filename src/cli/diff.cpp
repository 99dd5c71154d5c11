// croft diff: what two versions of an application's description differ in.
#include "base/text.h"
#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

std::string side(const json::Object& line, std::string_view name) {
  return line.contains(name) ? printable(text_member(line, name)) : "nothing";
}

std::string line_text(const json::Object& line) {
  std::string component = text_member(line, "component");
  std::string change = text_member(line, "change");
  if (!change.empty()) return fmt::format("{} {}", change == "added" ? "+" : "-", component);
  std::string name = fmt::format("~ {}  {}", component, text_member(line, "attribute"));
  if (line.contains("secret")) return name + ": (a secret changed)";
  return fmt::format("{}: {} -> {}", name, side(line, "before"), side(line, "after"));
}

aio::Task<Result<int>> diff(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  std::string name = invocation.positional(0);
  std::string from = invocation.positional(1), to = invocation.positional(2);
  if (to.empty()) {
    auto now = CO_TRY(co_await client.call("GET", "/v1/applications/" + path_segment(name)));
    to = std::to_string(CO_TRY(json::int_at(now, "version")));
  }
  auto answer = CO_TRY(co_await client.call(
      "GET", fmt::format("/v1/applications/{}/difference?from={}&to={}", path_segment(name),
                         path_segment(from), path_segment(to))));
  const auto* lines = CO_TRY(json::array_at(answer, "differences"));
  if (invocation.json)
    invocation.terminal.print(json::pretty(answer));
  else
    for (const auto& line : *lines) invocation.terminal.print(line_text(line.get_object()));
  co_return lines->empty() ? exit_code::done : exit_code::changes;
}

int run_diff(Invocation& invocation) {
  return run_verb(invocation, diff);
}

}  // namespace

Command diff_command() {
  return {.path = "diff",
          .summary = "what two versions of an application's description differ in",
          .details = "Exit code 0: nothing; 2: something.",
          .example = "croft diff shop 3 5",
          .positionals = {{"APP", "name of the application"},
                          {"FROM", "a version of croft history"},
                          {"TO", "another one (default: the one that runs)", false}},
          .options = {},
          .run = run_diff};
}

}  // namespace croft::cli
