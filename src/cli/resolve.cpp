// croft resolve, croft check: the language tools that need neither controller nor farm.
#include "cli/description.h"
#include "cli/verbs.h"
#include "protocol/json_model.h"

namespace croft::cli {
namespace {

int run_resolve(Invocation& invocation) {
  lang::Options options = language_options(invocation);
  if (auto word = invocation.value("--phase")) {
    auto phase = lang::phase_from_name(*word);
    if (!phase)
      return invocation.fail(
          Error(Code::invalid_argument, fmt::format("'{}' is not a phase", *word))
              .hint("phases: parse, type, place, function, sfConfig, link"),
          exit_code::usage);
    options.until = *phase;
  }
  auto description = lang::resolve_file(invocation.positional(0), options);
  if (!description) return invocation.fail(description.error());
  const auto& tree = description->config ? description->config : description->root;
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(protocol::display(*tree)));
  else
    invocation.terminal.print(lang::print(*tree));
  return exit_code::done;
}

int run_check(Invocation& invocation) {
  int code = exit_code::done;
  wire::json::Array results;
  for (const auto& file : invocation.positionals) {
    auto description = load_description(invocation, file, invocation.flag("--strict"));
    wire::json::Object result{{"file", file}, {"ok", description.has_value()}};
    if (!description) {
      code = exit_code::failed;
      result["error"] = protocol::to_json(description.error());
      if (!invocation.json) invocation.fail(description.error());
    }
    results.emplace_back(std::move(result));
  }
  if (invocation.json)
    invocation.terminal.print(
        wire::json::pretty(wire::json::Object{{"files", std::move(results)}}));
  else if (code == exit_code::done)
    invocation.terminal.note("no errors");
  return code;
}

}  // namespace

Command resolve_command() {
  auto options = description_options();
  options.push_back(
      {"--phase", "NAME", "stop after parse, type, place, function, sfConfig or link"});
  return {.path = "resolve",
          .summary = "print the resolved description in the language itself",
          .details =
              "Prints what the author wrote, secrets included; every other command redacts them.",
          .example = "croft resolve examples/talk/talk.sf",
          .positionals = {{"FILE", "the description"}},
          .options = std::move(options),
          .run = run_resolve};
}

Command check_command() {
  auto options = description_options();
  options.push_back(
      {"--strict", "", "attributes that the component type does not know are errors"});
  return {.path = "check",
          .summary = "find what is wrong with a description, with no network",
          .details = "Exit code 0: no errors; 1: errors, each with file:line:column.",
          .example = "croft check app.sf",
          .positionals = {{"FILE", "descriptions", true, true}},
          .options = std::move(options),
          .run = run_check};
}

}  // namespace croft::cli
