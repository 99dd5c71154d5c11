// croft resolve, croft check: the language tools that need neither controller nor farm.
#include <malloc.h>

#include "base/text.h"
#include "cli/description.h"
#include "cli/source.h"
#include "cli/verbs.h"
#include "cli/yaml.h"
#include "protocol/json_model.h"

namespace croft::cli {
namespace {

/// These verbs make one tree and end: memory is taken in large steps, and given back by the end of
/// the process alone. Without it the kernel is asked for each 128 KiB, and again at the end.
void expect_one_large_tree() {
  constexpr int step = 16 << 20, never = 1 << 30, most = 32 << 20;
  mallopt(M_TOP_PAD, step);
  mallopt(M_TRIM_THRESHOLD, never);
  mallopt(M_MMAP_THRESHOLD, most);
}

// What --explain prints, two spaces deeper for each reference that is followed.
void explanation_text(const lang::Explanation& explanation, const std::string& margin,
                      std::string_view lead, std::string& out) {
  out += fmt::format("{}{}{} = {}\n", margin, lead, explanation.path, explanation.value);
  std::string inner = margin + "  ";
  const Where& where = explanation.where;
  if (!where.file.empty()) {
    out += fmt::format("{}written at {}:{}:{}\n", inner, where.file, where.line, where.column);
    if (!where.source.empty()) out += fmt::format("{}  | {}\n", inner, trim(where.source));
  }
  for (const auto& frame : explanation.way)
    out += fmt::format("{}{} at {}:{}:{}\n", inner, frame.what, frame.where.file, frame.where.line,
                       frame.where.column);
  for (const auto& before : explanation.instead_of)
    out += fmt::format("{}instead of {}:{}:{}\n{}  | {}\n", inner, before.file, before.line,
                       before.column, inner, trim(before.source));
  for (const auto& use : explanation.uses) explanation_text(use, inner, "from ", out);
}

wire::json::Object place_json(const Where& where) {
  return wire::json::Object{{"file", where.file}, {"line", where.line}, {"column", where.column}};
}

wire::json::Object explanation_json(const lang::Explanation& explanation) {
  wire::json::Array way, instead_of, uses;
  for (const auto& frame : explanation.way)
    way.push_back(wire::json::Object{{"what", frame.what}, {"where", place_json(frame.where)}});
  for (const auto& before : explanation.instead_of) instead_of.push_back(place_json(before));
  for (const auto& use : explanation.uses) uses.push_back(explanation_json(use));
  return wire::json::Object{{"path", explanation.path},
                            {"value", explanation.value},
                            {"where", place_json(explanation.where)},
                            {"way", std::move(way)},
                            {"insteadOf", std::move(instead_of)},
                            {"uses", std::move(uses)}};
}

int explain(Invocation& invocation, const std::string& file, const lang::Options& options,
            const std::string& path) {
  auto explanation = lang::explain(file, options, path);
  if (!explanation) return invocation.fail(explanation.error());
  if (invocation.json) {
    invocation.terminal.print(wire::json::pretty(explanation_json(*explanation)));
    return exit_code::done;
  }
  std::string text;
  explanation_text(*explanation, "", "", text);
  invocation.terminal.print(text);
  return exit_code::done;
}

int run_resolve(Invocation& invocation) {
  expect_one_large_tree();
  auto file = main_file(invocation.positional(0));
  if (!file) return invocation.fail(file.error());
  auto options = options_with_parameters(invocation);
  if (!options) return invocation.fail(options.error());
  if (auto word = invocation.value("--phase")) {
    auto phase = lang::phase_from_name(*word);
    if (!phase)
      return invocation.fail(
          Error(Code::invalid_argument, fmt::format("'{}' is not a phase", *word))
              .hint("phases: parse, type, place, function, sfConfig, link"),
          exit_code::usage);
    options->until = *phase;
  }
  if (auto path = invocation.value("--explain")) return explain(invocation, *file, *options, *path);
  options->digest = false;
  auto description = lang::resolve_file(*file, *options);
  if (!description) return invocation.fail(description.error());
  const auto& tree = description->config ? description->config : description->root;
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(protocol::display(*tree)));
  else if (invocation.flag("--yaml"))
    invocation.terminal.print(yaml(protocol::display(*tree)));
  else
    invocation.terminal.print(lang::print(*tree));
  return exit_code::done;
}

int run_check(Invocation& invocation) {
  expect_one_large_tree();
  int code = exit_code::done;
  wire::json::Array results;
  for (const auto& file : invocation.positionals) {
    bool strict = invocation.flag("--strict");
    auto description = load_description(invocation, file, strict, HostNames::not_asked);
    if (description && !invocation.value("--environment"))
      for (const std::string& name : environments_of(invocation, file)) {
        auto other = load_description(invocation, file, strict, HostNames::not_asked, name);
        if (other) continue;
        Error error = std::move(other).error();
        error.hint(fmt::format("this is so in the environment '{}'", name));
        description = fail(std::move(error));
        break;
      }
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
  auto options = options_with_parameters();
  options.push_back(
      {"--phase", "NAME", "stop after parse, type, place, function, sfConfig or link"});
  options.push_back({"--yaml", "", "print YAML"});
  options.push_back({"--explain", "PATH",
                     "say where one value comes from, such as sfConfig:web:port or web:port"});
  return {.path = "resolve",
          .summary = "print the resolved description in the language itself",
          .details =
              "Prints the attributes of the component that sfConfig names, without a wrapper "
              "around them: for reading and comparing,\nnot a description to deploy; with "
              "--phase\nparse, type, place or function the whole file as it "
              "stands after that pass.\n"
              "Prints what the author wrote, secrets included; every other command redacts them.",
          .example = "croft resolve examples/talk/talk.sf --set bucketName=mine",
          .positionals = {{"FILE", "the description: a file, a folder, or s3://BUCKET/KEY"}},
          .options = std::move(options),
          .run = run_resolve};
}

Command check_command() {
  auto options = options_with_parameters();
  options.push_back(
      {"--strict", "", "attributes that the component type does not know are errors"});
  return {.path = "check",
          .summary = "find what is wrong with a description, with no network",
          .details = "Exit code 0: no errors; 1: errors, each with file:line:column.",
          .example = "croft check app.sf",
          .positionals = {{"FILE", "descriptions: files, folders, s3://BUCKET/KEY", true, true}},
          .options = std::move(options),
          .run = run_check};
}

}  // namespace croft::cli
