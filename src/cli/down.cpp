// croft down: terminate in reverse order, sweep by tag, and prove that nothing is left.
#include <csignal>

#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/follow.h"
#include "cli/session.h"
#include "cli/up_request.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

/// What carries the tags of an application whose state is gone. Without --yes it is only shown: it
/// may be another controller's.
aio::Task<Result<int>> remove_lost(aio::World& world, Invocation& invocation, std::string name) {
  bool yes = invocation.flag("--yes");
  auto request = CO_TRY(co_await prepare_account(world, invocation));
  ControllerClient client(world, invocation.home);
  auto answer =
      CO_TRY(co_await client.call("POST",
                                  fmt::format("/v1/lost/{}?remove={}&kept={}", path_segment(name),
                                              yes, invocation.flag("--kept")),
                                  request.body, Duration::minutes(10)));
  const auto* left = CO_TRY(wire::json::array_at(answer, "left"));
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(answer));
  else
    invocation.terminal.print(proof_text(invocation.terminal, answer));
  if (!left->empty() && !yes)
    invocation.terminal.note(fmt::format(
        "nothing was removed: croft down --lost {} --yes does it, if no other controller holds it",
        name));
  if (left->empty()) co_return exit_code::done;
  co_return yes ? exit_code::failed : exit_code::changes;
}

}  // namespace

aio::Task<Result<int>> take_down(aio::World& world, Invocation& invocation) {
  std::string name = invocation.positional(0);
  if (name.empty()) co_return fail(wrong_argument("APP takes the name of an application, not ''"));
  if (invocation.flag("--lost")) co_return co_await remove_lost(world, invocation, name);
  std::string target = "/v1/applications/" + path_segment(name);
  if (!logged_in(invocation.home) && !co_await world.disk.info(invocation.home + "/controller"))
    co_return fail(Error(Code::not_found, fmt::format("no application '{}': nothing has ever run "
                                                      "under {}",
                                                      name, invocation.home))
                       .hint("another home? see --home and CROFT_HOME")
                       .hint(fmt::format("where its record is lost: croft down --lost {} goes by "
                                         "the tags of what it rented",
                                         name)));
  CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  ControllerClient client(world, invocation.home);
  auto before = CO_TRY(co_await client.call("GET", target));
  auto farm = wire::json::object_if(before, "farm");
  if (farm && *farm && text_member(**farm, "kind") == "embedded") {
    auto ensured = co_await ensure_farm(world, invocation.terminal, invocation.home);
    if (!ensured && ensured.error().code != Code::timeout) co_return fail(ensured.error());
    if (!ensured)
      invocation.terminal.note(ensured.error().line() + ": it goes down once the farm answers");
  }

  auto accepted = CO_TRY(
      co_await client.call("DELETE", target + (invocation.flag("--kept") ? "?kept=true" : "")));
  int64_t seq = CO_TRY(wire::json::int_or(accepted, "seq", 1));
  auto outcome = co_await aio::race(
      follow_events(client, invocation,
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

namespace {

int run_down(Invocation& invocation) {
  return run_verb(invocation, take_down);
}

}  // namespace

Command down_command() {
  auto options = account_options();
  options.insert(
      options.begin(),
      {{"--kept", "", "remove what is kept on purpose, too"},
       {"--lost", "", "its state is gone: show what carries its tags on the account of --farm"},
       {"--yes", "", "with --lost: remove it"}});
  return {.path = "down",
          .summary = "remove an application and prove that nothing is left",
          .details =
              "Removes in reverse order, then asks the farm by tag what is still there. Exit code "
              "0 only when "
              "that is nothing but what is kept on purpose.",
          .example = "croft down talk",
          .positionals = {{"APP", "name of the application"}},
          .options = std::move(options),
          .run = run_down};
}

}  // namespace croft::cli
