// croft down: terminate in reverse order, sweep by tag, and prove that nothing is left.
#include <csignal>

#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

aio::Task<Result<>> show_events(ControllerClient& client, Invocation& invocation,
                                std::string target) {
  LineReader lines(CO_TRY(co_await client.open(target)));
  while (true) {
    auto line = CO_TRY(co_await lines.next());
    if (!line) co_return Result<>{};
    auto event = wire::json::parse_object(*line, "an event");
    if (event && !invocation.json)
      invocation.terminal.note(event_text(invocation.terminal, *event));
  }
}

aio::Task<Result<int>> down(aio::World& world, Invocation& invocation) {
  std::string name = invocation.positional(0);
  if (name.empty()) co_return fail(wrong_argument("APP takes the name of an application, not ''"));
  std::string target = "/v1/applications/" + path_segment(name);
  if (!co_await world.disk.info(invocation.home + "/controller"))
    co_return fail(Error(Code::not_found, fmt::format("no application '{}': nothing has ever run "
                                                      "under {}",
                                                      name, invocation.home))
                       .hint("another home? see --home and CROFT_HOME"));
  CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  ControllerClient client(world, invocation.home);
  auto before = CO_TRY(co_await client.call("GET", target));
  auto farm = wire::json::object_if(before, "farm");
  if (farm && *farm && text_member(**farm, "kind") == "embedded")
    CO_TRY(co_await ensure_farm(world, invocation.terminal, invocation.home));

  auto accepted = CO_TRY(
      co_await client.call("DELETE", target + (invocation.flag("--kept") ? "?kept=true" : "")));
  int64_t seq = CO_TRY(wire::json::int_or(accepted, "seq", 1));
  auto outcome = co_await aio::race(
      show_events(client, invocation,
                  fmt::format("{}/events?from={}&follow=true&until=settled", target, seq)),
      world.processes.signal({SIGINT, SIGTERM}));
  if (outcome.index() == 1) {
    invocation.terminal.note(
        fmt::format("detached: the controller goes on removing; croft down {} waits again", name));
    co_return exit_code::interrupted;
  }
  CO_TRY(std::move(std::get<0>(outcome)));

  // The stream of events may be cut before the end that it tells of.
  wire::json::Object after;
  do
    after = CO_TRY(co_await client.call("GET", target + "?wait=settled", "", Duration::minutes(2)));
  while (!CO_TRY(wire::json::bool_or(after, "settled", true)));
  std::string phase = text_member(after, "phase");
  if (phase != "terminated" && phase != "terminating")
    co_return fail(
        Error(Code::conflict,
              fmt::format("'{}' was asked up again while it went down: it is {}", name, phase))
            .hint(fmt::format("croft down {} asks once more", name)));
  auto proof = CO_TRY(co_await client.call("GET", target + "/proof", "", Duration::minutes(2)));
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(proof));
  else
    invocation.terminal.print(proof_text(invocation.terminal, proof));
  auto left = CO_TRY(wire::json::array_if(proof, "left"));
  bool checked = CO_TRY(wire::json::bool_or(proof, "checked", false));
  bool proved = checked || !text_member(proof, "unasked").empty();
  co_return proved && (!left || left->empty()) ? exit_code::done : exit_code::failed;
}

int run_down(Invocation& invocation) {
  return run_verb(invocation, down);
}

}  // namespace

Command down_command() {
  return {.path = "down",
          .summary = "remove an application and prove that nothing is left",
          .details =
              "Removes in reverse order, then asks the farm by tag what is still there. Exit code "
              "0 only when "
              "that is nothing but what is kept on purpose.",
          .example = "croft down talk",
          .positionals = {{"APP", "name of the application"}},
          .options = {{"--kept", "", "remove what is kept on purpose, too"}},
          .run = run_down};
}

}  // namespace croft::cli
