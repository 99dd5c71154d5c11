// croft operator: who may ask this controller from other machines.
#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

aio::Task<Result<int>> add(aio::World& world, Invocation& invocation) {
  CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  ControllerClient client(world, invocation.home);
  json::Object wanted{{"name", invocation.positional(0)},
                      {"role", invocation.value("--role").value_or("read")}};
  if (auto lasts = invocation.value("--lasts")) wanted["lasts"] = *lasts;
  auto answer = CO_TRY(co_await client.call("POST", "/v1/operators", json::compact(wanted)));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
    co_return exit_code::done;
  }
  invocation.terminal.print(text_member(answer, "token"));
  std::string url = text_member(answer, "url");
  if (url.empty())
    invocation.terminal.note(
        "this controller listens to nobody elsewhere: croft controller serve --api HOST:PORT");
  else
    invocation.terminal.note(fmt::format("croft login {} --fingerprint {} < FILE_WITH_TOKEN", url,
                                         text_member(answer, "fingerprint")));
  invocation.terminal.note("the token is shown this once");
  co_return exit_code::done;
}

aio::Task<Result<int>> list(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  auto answer = CO_TRY(co_await client.call("GET", "/v1/operators"));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
    co_return exit_code::done;
  }
  terminal::Table table({"NAME", "ROLE", "CREATED", "EXPIRES"});
  for (const auto& item : *CO_TRY(json::array_at(answer, "operators"))) {
    const auto& line = item.get_object();
    table.row({text_member(line, "name"), text_member(line, "role"), text_member(line, "created"),
               text_member(line, "expires")});
  }
  invocation.terminal.print(table.text());
  co_return exit_code::done;
}

aio::Task<Result<int>> remove(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  std::string name = invocation.positional(0);
  auto answer = CO_TRY(co_await client.call("DELETE", "/v1/operators/" + path_segment(name)));
  if (invocation.json)
    invocation.terminal.print(json::pretty(answer));
  else
    invocation.terminal.print(fmt::format("the token of {} opens nothing any more", name));
  co_return exit_code::done;
}

aio::Task<Result<int>> trail(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  terminal::Table table({"TIME", "OPERATOR", "ROLE", "FROM", "ASKED FOR", ""});
  json::Array all;
  for (int64_t from = 1;;) {
    auto answer = CO_TRY(co_await client.call("GET", fmt::format("/v1/trail?from={}", from)));
    const auto* entries = CO_TRY(json::array_at(answer, "trail"));
    if (entries->empty()) break;
    for (const auto& item : *entries) {
      const auto& line = item.get_object();
      from = CO_TRY(json::int_at(line, "seq")) + 1;
      bool refused = CO_TRY(json::bool_or(line, "refused", false));
      table.row({text_member(line, "time"), text_member(line, "by"), text_member(line, "role"),
                 text_member(line, "from"),
                 text_member(line, "method") + " " + printable(text_member(line, "target")),
                 refused ? "refused" : ""});
      all.push_back(item);
    }
  }
  if (invocation.json)
    invocation.terminal.print(json::pretty(json::Object{{"trail", std::move(all)}}));
  else
    invocation.terminal.print(table.text());
  co_return exit_code::done;
}

int run_add(Invocation& invocation) {
  return run_verb(invocation, add);
}
int run_list(Invocation& invocation) {
  return run_verb(invocation, list);
}
int run_remove(Invocation& invocation) {
  return run_verb(invocation, remove);
}
int run_trail(Invocation& invocation) {
  return run_verb(invocation, trail);
}

}  // namespace

Command operator_add_command() {
  return {
      .path = "operator add",
      .summary = "give somebody a token for this controller, with a role",
      .details =
          "read looks; operate changes applications; own sets secrets, makes operators and "
          "stops the controller. The token is shown once and kept as its digest. Whoever may "
          "use this home's socket needs none.",
      .example = "croft operator add ada --role operate --lasts 30d",
      .positionals = {{"NAME", "letters, digits and '-'"}},
      .options = {{"--role", "ROLE", "read, operate or own (default: read)"},
                  {"--lasts", "TIME", "the token is good that long (default: until operator rm)"}},
      .run = run_add};
}

Command operator_list_command() {
  return {.path = "operator list",
          .summary = "who has a token for this controller",
          .details = "Names, roles and times; tokens are not kept.",
          .example = "croft operator list",
          .positionals = {},
          .options = {},
          .run = run_list};
}

Command operator_rm_command() {
  return {
      .path = "operator rm",
      .summary = "take somebody's token away",
      .details = "It opens nothing from now on; what that operator asked for stays in the trail.",
      .example = "croft operator rm ada",
      .positionals = {{"NAME", "of croft operator list"}},
      .options = {},
      .run = run_remove};
}

Command operator_trail_command() {
  return {
      .path = "operator trail",
      .summary = "what operators asked of this controller",
      .details =
          "All that may have changed something, and all that was refused for a role: who, when, "
          "from where. croft history tells what was asked of one application, by whomever.",
      .example = "croft operator trail --json",
      .positionals = {},
      .options = {},
      .run = run_trail};
}

}  // namespace croft::cli
