// croft status: the applications of this home, or one component tree; --watch goes on looking.
#include <csignal>

#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

constexpr Duration watch_every = Duration::milliseconds(500);

std::string applications_text(const terminal::Terminal& terminal,
                              const wire::json::Object& answer) {
  terminal::Table table({"APPLICATION", "PHASE", "SINCE", "WHY"});
  auto applications = wire::json::array_if(answer, "applications");
  if (!applications || !*applications || (*applications)->empty()) return "no applications\n";
  for (const auto& item : **applications)
    table.row({text_member(item.as_object(), "name"), text_member(item.as_object(), "phase"),
               text_member(item.as_object(), "since"), text_member(item.as_object(), "why")});
  static_cast<void>(terminal);
  return table.text();
}

std::string one_text(const terminal::Terminal& terminal, const wire::json::Object& application) {
  std::string out =
      fmt::format("{}: {}", text_member(application, "name"), text_member(application, "phase"));
  auto farm = wire::json::object_if(application, "farm");
  if (farm && *farm) out += " on " + text_member(**farm, "text");
  out += "; " + counts_text(application) + "\n";
  if (std::string why = text_member(application, "why"); !why.empty()) out += "why: " + why + "\n";
  std::string ends = text_member(application, "ends");
  if (!ends.empty() && text_member(application, "phase") != "terminated")
    out += "lifetime: it removes itself at " + ends + "\n";
  auto setbacks = wire::json::object_if(application, "setbacks");
  for (const auto& item : setbacks && *setbacks ? **setbacks : wire::json::Object{})
    out += fmt::format("not as described: {}: {}\n", std::string_view(item.key()),
                       text_member(**setbacks, item.key()));
  return out + tree_text(terminal, application);
}

aio::Task<Result<int>> status(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  std::string name = invocation.positional(0);
  std::string target = name.empty() ? "/v1/applications" : "/v1/applications/" + path_segment(name);
  bool watch = invocation.flag("--watch");
  while (true) {
    auto answer = co_await client.call("GET", target);
    if (!answer) co_return fail(std::move(answer).error());
    if (invocation.json) {
      invocation.terminal.print(watch ? wire::json::compact(*answer) : wire::json::pretty(*answer));
    } else if (!watch || !invocation.terminal.is_live()) {
      invocation.terminal.print(name.empty() ? applications_text(invocation.terminal, *answer)
                                             : one_text(invocation.terminal, *answer));
    } else {
      std::vector<std::string> lines;
      std::string text = name.empty() ? applications_text(invocation.terminal, *answer)
                                      : one_text(invocation.terminal, *answer);
      for (size_t start = 0; start < text.size();) {
        size_t end = text.find('\n', start);
        if (end == std::string::npos) end = text.size();
        lines.push_back(text.substr(start, end - start));
        start = end + 1;
      }
      invocation.terminal.live(lines);
    }
    if (!watch) co_return exit_code::done;
    auto next = co_await aio::race(world.clock.sleep(watch_every),
                                   world.processes.signal({SIGINT, SIGTERM}));
    if (next.index() == 1) co_return exit_code::interrupted;
  }
}

int run_status(Invocation& invocation) {
  return run_verb(invocation, status);
}

}  // namespace

Command status_command() {
  return {.path = "status",
          .summary = "the applications, or the component tree of one: state, since when, and why",
          .details = "Exit code 3 when no controller runs under this home.",
          .example = "croft status talk --watch",
          .positionals = {{"APP", "name of the application", false}},
          .options = {{"-w,--watch", "", "go on looking; with --json one object a line"}},
          .run = run_status};
}

}  // namespace croft::cli
