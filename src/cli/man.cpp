// croft man: manual pages, made of the table of verbs.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "cli/complete.h"
#include "cli/verbs.h"
#include "wire/json.h"

namespace croft::cli {
namespace {

struct Exit {
  int code;
  std::string_view meaning;
};
constexpr Exit exits[] = {
    {exit_code::done, "done"},
    {exit_code::failed, "the work failed; the error says why"},
    {exit_code::changes, "plan, fmt --check and --diff: there is something to do"},
    {exit_code::no_controller, "nothing runs under this home"},
    {exit_code::usage, "wrong command line"},
    {exit_code::interrupted, "interrupted"},
};

/// Text for roff: what it would read as its own is escaped.
std::string escaped(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '`')
      out += '"';
    else
      out += c;
    line_start = c == '\n';
  }
  return out;
}

std::string bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}
std::string italic(std::string_view text) {
  return "\\fI" + escaped(text) + "\\fR";
}

std::string heading(const std::string& title) {
  return fmt::format(".TH \"{}\" 1 \"\" \"croft {}\" \"croft\"\n", to_upper(title), CROFT_VERSION);
}

std::string page_name(const Command& command) {
  return "croft-" + replace_all(command.path, " ", "-");
}

std::string synopsis(const Command& command) {
  std::string out = bold("croft " + command.path);
  for (const auto& option : command.options)
    if (option.required) out += " " + bold(long_option(option.flags)) + " " + italic(option.value);
  out += " [" + italic("OPTIONS") + "]";
  for (const auto& positional : command.positionals) {
    std::string name = italic(positional.name) + (positional.repeated ? " ..." : "");
    out += positional.required ? " " + name : " [" + name + "]";
  }
  return out;
}

std::string options_text(const std::vector<Option>& options) {
  std::string out;
  for (const auto& option : options) {
    std::vector<std::string> names;
    for (const auto& name : split(option.flags, ',')) names.push_back(bold(name));
    out += ".TP\n" + join(names, ", ");
    if (!option.value.empty()) out += " " + italic(option.value);
    out += "\n" + escaped(option.help) + (option.repeated ? " (may be given again)" : "") + "\n";
  }
  return out;
}

std::string command_page(const Command& command) {
  std::string out = heading(page_name(command));
  out +=
      fmt::format(".SH NAME\n{} \\- {}\n", escaped(page_name(command)), escaped(command.summary));
  out += ".SH SYNOPSIS\n" + synopsis(command) + "\n";
  if (!command.details.empty()) {
    out += ".SH DESCRIPTION\n";
    for (const auto& paragraph : split(command.details, '\n'))
      out += escaped(paragraph) + "\n.PP\n";
    out.resize(out.size() - 4);
  }
  if (!command.positionals.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const auto& positional : command.positionals)
      out += ".TP\n" + italic(positional.name) + "\n" + escaped(positional.help) + "\n";
  }
  out += ".SH OPTIONS\n" + options_text(command.options) + options_text(common_options());
  out += ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nprint a short help\n";
  if (!command.example.empty()) out += ".SH EXAMPLES\n.nf\n" + escaped(command.example) + "\n.fi\n";
  out += ".SH \"EXIT STATUS\"\nAs of all commands of croft, see\n.BR croft (1).\n";
  return out + ".SH \"SEE ALSO\"\n.BR croft (1)\n";
}

std::string main_page(const std::vector<Command>& table) {
  std::string out = heading("croft");
  out += ".SH NAME\ncroft \\- deploy applications on rented servers and keep them alive\n";
  out += ".SH SYNOPSIS\n" + bold("croft") + " " + italic("COMMAND") + " [" + italic("OPTIONS") +
         "] [" + italic("ARGUMENTS") + "]\n";
  out += ".SH DESCRIPTION\n";
  out +=
      "A description, in the SmartFrog language, says what an application is. croft rents the\n"
      "machines and the storage, starts everything in the right order, watches it, and at the\n"
      "end removes all of it and proves that nothing is left.\n";
  out += ".SH COMMANDS\n";
  for (const auto& command : table)
    if (!command.hidden)
      out += ".TP\n" + bold(command.path) + "\n" + escaped(command.summary) + "; see\n.BR " +
             escaped(page_name(command)) + " (1)\n";
  out += ".SH OPTIONS\nEvery command has these:\n" + options_text(common_options());
  out += ".SH ENVIRONMENT\n";
  for (auto [name, meaning] : std::initializer_list<std::pair<const char*, const char*>>{
           {"CROFT_HOME", "the state folder, unless --home names one"},
           {"CROFT_FARM", "the farm, unless --farm names one"},
           {"CROFT_PATH", "folders for included files, separated by ':'"},
           {"NO_COLOR", "no colours when set"}})
    out += ".TP\n" + bold(name) + "\n" + escaped(meaning) + "\n";
  out += ".SH \"EXIT STATUS\"\n";
  for (const auto& exit : exits)
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", exit.code, escaped(exit.meaning));
  return out;
}

Result<> write_page(const std::string& folder, const std::string& name, const std::string& text) {
  std::string file = folder + "/" + name + ".1";
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out.flush())
    return fail(Code::io, fmt::format("cannot write {}: {}", file, std::strerror(errno)));
  return {};
}

Result<size_t> write_all_pages(const std::string& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) return fail(Code::io, fmt::format("cannot make {}: {}", folder, problem.message()));
  TRY(write_page(folder, "croft", main_page(commands())));
  size_t count = 1;
  for (const auto& command : commands()) {
    if (command.hidden) continue;
    TRY(write_page(folder, page_name(command), command_page(command)));
    ++count;
  }
  return count;
}

Result<std::string> page_of(const std::string& path) {
  if (path.empty()) return main_page(commands());
  std::vector<std::string> known;
  for (const auto& command : commands()) {
    if (command.path == path) return command_page(command);
    if (!command.hidden) known.push_back(command.path);
  }
  Error error(Code::not_found, fmt::format("there is no command '{}'", printable(path)));
  if (std::string hint = did_you_mean(path, known); !hint.empty()) error.hint(std::move(hint));
  return fail(std::move(error));
}

int run_man(Invocation& invocation) {
  if (auto folder = invocation.value("--write")) {
    auto count = write_all_pages(*folder);
    if (!count) return invocation.fail(count.error());
    if (invocation.json)
      invocation.terminal.print(
          wire::json::pretty(wire::json::Object{{"folder", *folder}, {"pages", *count}}));
    else
      invocation.terminal.note(fmt::format("{} pages in {}", *count, *folder));
    return exit_code::done;
  }
  auto page = page_of(join(invocation.positionals, " "));
  if (!page) return invocation.fail(page.error());
  invocation.terminal.print(
      invocation.json ? wire::json::pretty(wire::json::Object{{"roff", *page}}) : *page);
  return exit_code::done;
}

}  // namespace

Command man_command() {
  return {.path = "man",
          .summary = "print a manual page",
          .details =
              "Prints the page as roff: of croft, or of the COMMAND that the words name.\n"
              "With --write DIR all pages are written there, for packages.",
          .example = "croft man up | man -l -",
          .positionals = {{"COMMAND", "the words of a command, such as: farm serve", false, true}},
          .options = {{"--write", "DIR", "write all pages into this folder"}},
          .run = run_man};
}

}  // namespace croft::cli
