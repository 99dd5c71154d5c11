// croft proof: what an application rented and what is left of it, signed; and the check of such a
// statement.
#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "trust/signature.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr Bytes largest = Bytes::mib(64);

/// The statement in a file of `croft proof --json` or `croft down --json`.
aio::Task<Result<int>> check(aio::World& world, Invocation& invocation, std::string file) {
  auto text = CO_TRY(co_await world.disk.read_file(file, largest));
  auto document = CO_TRY(json::parse_object(text, file, {largest, 16}));
  const json::Object* statement = CO_TRY(json::object_at(document, "statement"));
  std::string said = CO_TRY(json::string_at(*statement, "text"));
  std::string key = CO_TRY(json::string_at(*statement, "key"));
  if (auto wanted = invocation.value("--key"); wanted && *wanted != key)
    co_return fail(Error(Code::permission_denied, "the statement is signed by another key: " + key)
                       .hint("--key says whose statements are believed"));
  CO_TRY(trust::check_signature(said, CO_TRY(json::string_at(*statement, "signature")), key));
  if (invocation.json)
    invocation.terminal.print(json::pretty(*statement));
  else
    invocation.terminal.print(said + "signed by " + key);
  co_return exit_code::done;
}

aio::Task<Result<int>> proof(aio::World& world, Invocation& invocation) {
  std::string name = invocation.positional(0);
  if (auto file = invocation.value("--check")) {
    if (!name.empty()) co_return fail(wrong_argument("--check FILE takes no APP beside it"));
    co_return co_await check(world, invocation, *file);
  }
  if (name.empty()) co_return fail(wrong_argument("APP or --check FILE is needed"));
  ControllerClient client(world, invocation.home);
  auto answer = CO_TRY(
      co_await client.call("GET", fmt::format("/v1/applications/{}/proof", path_segment(name))));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
  } else if (const auto* statement = CO_TRY(json::object_if(answer, "statement"))) {
    invocation.terminal.print(text_member(*statement, "text") + "signed by " +
                              text_member(*statement, "key"));
  } else {
    invocation.terminal.note(name + " has not been down yet: there is nothing to prove");
    co_return exit_code::failed;
  }
  co_return exit_code::done;
}

int run_proof(Invocation& invocation) {
  return run_verb(invocation, proof);
}

}  // namespace

Command proof_command() {
  return {
      .path = "proof",
      .summary = "what an application rented and what is left of it, signed",
      .details =
          "The statement of the last `down`. --check tests one that was kept: that it is whole, "
          "and which key signed it. A home signs all its statements with one key.",
      .example = "croft proof shop --json > shop.proof && croft proof --check shop.proof",
      .positionals = {{"APP", "name of the application", false}},
      .options = {{"--check", "FILE", "a statement that `croft proof --json` wrote"},
                  {"--key", "KEY", "with --check: the only key that is believed"}},
      .run = run_proof};
}

}  // namespace croft::cli
