// croft audit: what is on the account with croft's tags and belongs to nothing that runs.
#include "base/text.h"
#include "cli/application.h"
#include "cli/session.h"
#include "cli/up_request.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

std::string things_table(const json::Array& things) {
  terminal::Table table({"KIND", "ID", "APPLICATION", "COMPONENT", "STATE", "WHY"});
  for (const auto& item : things) {
    const auto& thing = item.get_object();
    table.row({text_member(thing, "kind"), text_member(thing, "id"),
               text_member(thing, "application"), text_member(thing, "component"),
               text_member(thing, "state"), text_member(thing, "why")});
  }
  return table.text();
}

/// What carries the tags of an application that is held here, and is in no record of it: its
/// component takes it over with the next `up`. How many.
aio::Task<Result<size_t>> adopt(ControllerClient& client, Invocation& invocation,
                                const json::Array& orphans) {
  std::map<std::string, std::map<std::string, std::vector<std::string>>> things;
  for (const auto& item : orphans) {
    const auto& thing = item.get_object();
    things[text_member(thing, "application")][text_member(thing, "component")].push_back(
        text_member(thing, "id"));
  }
  size_t adopted = 0;
  for (const auto& [application, components] : things)
    for (const auto& [component, ids] : components) {
      json::Object imports{{component, join(ids, " ")}};
      auto done = co_await client.call(
          "POST", fmt::format("/v1/applications/{}/import", path_segment(application)),
          json::compact(json::Object{{"imports", std::move(imports)}}));
      if (done) {
        adopted += ids.size();
        invocation.terminal.note(fmt::format("{} is taken over by {} with the next croft up",
                                             join(ids, ", "), component));
      } else {
        invocation.terminal.note(
            fmt::format("{} is not adopted: {}", join(ids, ", "), done.error().line()));
      }
    }
  co_return adopted;
}

aio::Task<Result<int>> audit(aio::World& world, Invocation& invocation) {
  auto request = CO_TRY(co_await prepare_account(world, invocation));
  ControllerClient client(world, invocation.home);
  auto answer =
      CO_TRY(co_await client.call("POST", "/v1/audit", request.body, Duration::minutes(5)));
  const auto* orphans = CO_TRY(json::array_at(answer, "orphans"));
  const auto* held = CO_TRY(json::array_at(answer, "held"));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
  } else {
    invocation.terminal.print(
        fmt::format("account {} on {}: {} things belong to what runs here, {} to nothing",
                    text_member(answer, "account"), text_member(answer, "farm"), held->size(),
                    orphans->size()));
    if (!orphans->empty()) {
      invocation.terminal.print(things_table(*orphans));
      invocation.terminal.note("croft down --lost NAME removes what carries an application's tags");
    }
    for (const auto& note : *CO_TRY(json::array_at(answer, "notes")))
      invocation.terminal.note(std::string(note.get_string()));
  }
  size_t adopted = 0;
  if (invocation.flag("--adopt")) adopted = CO_TRY(co_await adopt(client, invocation, *orphans));
  co_return orphans->size() == adopted ? exit_code::done : exit_code::changes;
}

int run_audit(Invocation& invocation) {
  return run_verb(invocation, audit);
}

}  // namespace

Command audit_command() {
  auto options = account_options();
  options.push_back({"--adopt", "",
                     "let components of applications that run here take over what carries their "
                     "tags, with their next croft up"});
  return {.path = "audit",
          .summary = "what is on the account with croft's tags and belongs to nothing that runs",
          .details =
              "Asks the farm, not the record: instances, buckets, key pairs, images, snapshots, "
              "security "
              "groups, volumes and elastic IPs with croft's tags. "
              "The account is the one whose credentials the environment gives, or that the "
              "embedded farm gives. Exit code 0: no orphans; 2: there are some.",
          .example = "croft audit --farm aws",
          .positionals = {},
          .options = std::move(options),
          .run = run_audit};
}

}  // namespace croft::cli
