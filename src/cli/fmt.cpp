// croft fmt: one style for descriptions; writes in place, or says what would change.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/line_diff.h"
#include "cli/source.h"
#include "cli/verbs.h"
#include "lang/format/format.h"
#include "wire/json.h"

namespace croft::cli {
namespace {

namespace fs = std::filesystem;

std::string all_of(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Result<std::string> read(const std::string& file) {
  if (file == "-") return all_of(std::cin);
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Code::io, fmt::format("cannot read {}: {}", file, std::strerror(errno)));
  return all_of(in);
}

/// Through a neighbour file and rename, so that a crash leaves the old text or the new one.
Result<> write(const std::string& file, const std::string& text) {
  std::string fresh = file + ".croft-fmt";
  std::error_code problem;
  auto mode = fs::status(file, problem).permissions();
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out)
      return fail(Code::io, fmt::format("cannot write {}: {}", fresh, std::strerror(errno)));
  }
  fs::permissions(fresh, mode, problem);
  fs::rename(fresh, file, problem);
  if (problem) return fail(Code::io, fmt::format("cannot replace {}: {}", file, problem.message()));
  return {};
}

/// The files that an argument stands for: a folder is searched for descriptions.
std::vector<std::string> files_of(const std::string& argument) {
  std::error_code problem;
  if (!fs::is_directory(argument, problem)) return {argument};
  return descriptions_below(argument);
}

struct Tally {
  wire::json::Array files;
  bool failed = false;
  bool changed = false;
};

void one(Invocation& invocation, const std::string& file, Tally& tally) {
  bool only_look = invocation.flag("--check") || invocation.flag("--diff");
  auto before = read(file);
  auto after =
      before ? lang::format(file, *before) : Result<std::string>(std::unexpected(before.error()));
  if (!after) {
    tally.failed = true;
    if (invocation.json)
      tally.files.push_back(
          wire::json::Object{{"file", file}, {"ok", false}, {"why", after.error().line()}});
    else
      invocation.fail(after.error());
    return;
  }
  bool changed = *after != *before;
  tally.changed = tally.changed || changed;
  tally.files.push_back(wire::json::Object{{"file", file}, {"ok", true}, {"changed", changed}});
  if (invocation.json && only_look) return;
  if (file == "-" && !only_look) {
    invocation.terminal.print(*after);
    return;
  }
  if (!changed) return;
  if (invocation.flag("--diff"))
    invocation.terminal.print(line_diff(file, *before, *after));
  else if (invocation.flag("--check"))
    invocation.terminal.print(file + "\n");
  if (only_look) return;
  if (auto written = write(file, *after); !written) {
    tally.failed = true;
    invocation.fail(written.error());
  }
}

int run_fmt(Invocation& invocation) {
  Tally tally;
  for (const auto& argument : invocation.positionals)
    for (const auto& file : files_of(argument)) one(invocation, file, tally);
  if (invocation.json)
    invocation.terminal.print(
        wire::json::pretty(wire::json::Object{{"files", std::move(tally.files)}}));
  if (tally.failed) return exit_code::failed;
  bool only_look = invocation.flag("--check") || invocation.flag("--diff");
  return tally.changed && only_look ? exit_code::changes : exit_code::done;
}

}  // namespace

Command fmt_command() {
  return {.path = "fmt",
          .summary = "write descriptions in one style, comments kept",
          .details =
              "Rewrites the files in place; '-' reads standard input and prints. A folder means "
              "the .sf files in it.\n"
              "A file that does not parse is left alone. Exit code 2 with --check or --diff: "
              "something would change.",
          .example = "croft fmt --diff app.sf",
          .positionals = {{"FILE", "descriptions, folders, or -", true, true}},
          .options = {{"--check", "", "only name the files that would change"},
                      {"--diff", "", "only show what would change"}},
          .run = run_fmt};
}

}  // namespace croft::cli
