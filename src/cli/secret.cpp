// croft secret: what the controller keeps for Secrets from "STORE".
#include "base/secret.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/secret_input.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

std::string target_of(const std::string& name) {
  return "/v1/secrets/" + path_segment(name);
}

aio::Task<Result<int>> set(aio::World& world, Invocation& invocation) {
  std::string name = invocation.positional(0);
  Secret value = CO_TRY(read_secret(name, fmt::format("croft secret set {} < FILE", name)));
  CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  ControllerClient client(world, invocation.home);
  CO_TRY(co_await client.call("PUT", target_of(name),
                              json::compact(json::Object{{"value", base64(value.reveal())}})));
  if (invocation.json)
    invocation.terminal.print(json::pretty(json::Object{{"name", name}}));
  else
    invocation.terminal.note(
        fmt::format("{} is stored: Secret {{ from \"STORE\"; name \"{}\"; }}", name, name));
  co_return exit_code::done;
}

/// Nothing has ever been kept here.
aio::Task<bool> nothing_here(aio::World& world, std::string home) {
  co_return !(co_await world.disk.info(home + "/controller"));
}

aio::Task<Result<int>> list(aio::World& world, Invocation& invocation) {
  json::Object answer{{"secrets", json::Array{}}};
  if (!co_await nothing_here(world, invocation.home)) {
    CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
    ControllerClient client(world, invocation.home);
    answer = CO_TRY(co_await client.call("GET", "/v1/secrets"));
  }
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
    co_return exit_code::done;
  }
  auto all = CO_TRY(json::array_if(answer, "secrets"));
  if (!all || all->empty()) invocation.terminal.note("no secret is stored");
  for (const auto& each : all ? *all : json::Array{})
    invocation.terminal.print(fmt::format("{}  since {}", text_member(each.as_object(), "name"),
                                          text_member(each.as_object(), "since")));
  co_return exit_code::done;
}

aio::Task<Result<int>> remove(aio::World& world, Invocation& invocation) {
  std::string name = invocation.positional(0);
  if (co_await nothing_here(world, invocation.home))
    co_return fail(Code::not_found, fmt::format("no secret '{}' is stored", name));
  CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  ControllerClient client(world, invocation.home);
  CO_TRY(co_await client.call("DELETE", target_of(name)));
  if (invocation.json)
    invocation.terminal.print(json::pretty(json::Object{{"removed", name}}));
  else
    invocation.terminal.note(fmt::format("{} is stored no longer", name));
  co_return exit_code::done;
}

int run_set(Invocation& invocation) {
  return run_verb(invocation, set);
}
int run_list(Invocation& invocation) {
  return run_verb(invocation, list);
}
int run_remove(Invocation& invocation) {
  return run_verb(invocation, remove);
}

}  // namespace

Command secret_set_command() {
  return {.path = "secret set",
          .summary = "keep a secret in the controller's store",
          .details =
              "The value is read from the standard input: a line that is not shown, or all of "
              "a pipe or file but the line break at its end; never from the command line. It "
              "is kept encrypted under HOME/controller. Descriptions name it: `password "
              "extends Secret { from \"STORE\"; name \"NAME\"; }`. What runs keeps the value "
              "that it was started with.",
          .example = "croft secret set shop/db-password < password.txt",
          .positionals = {{"NAME", "letters, digits, '-', '_', '.' and '/'"}},
          .options = {},
          .run = run_set};
}

Command secret_list_command() {
  return {.path = "secret list",
          .summary = "the names of the secrets that are kept, and since when",
          .details = "Values are never shown.",
          .example = "croft secret list",
          .positionals = {},
          .options = {},
          .run = run_list};
}

Command secret_rm_command() {
  return {.path = "secret rm",
          .summary = "forget a secret",
          .details = "What runs keeps the value that it was started with; what starts later fails.",
          .example = "croft secret rm shop/db-password",
          .positionals = {{"NAME", "as `croft secret list` shows it"}},
          .options = {},
          .run = run_remove};
}

}  // namespace croft::cli
