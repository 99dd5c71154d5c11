#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cli/parse.h"
#include "protocol/json_model.h"
#include "sandbox/spawner.h"

namespace croft::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// --home, CROFT_HOME, XDG_STATE_HOME/croft, ~/.local/state/croft; absolute.
std::string home_folder(const std::string& given) {
  std::string home = given.empty() ? environment("CROFT_HOME") : given;
  if (home.empty() && !environment("XDG_STATE_HOME").empty())
    home = environment("XDG_STATE_HOME") + "/croft";
  if (home.empty() && !environment("HOME").empty())
    home = environment("HOME") + "/.local/state/croft";
  if (home.empty()) home = "/var/lib/croft";
  std::error_code ignored;
  auto absolute = std::filesystem::absolute(home, ignored).lexically_normal().string();
  if (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
  return absolute;
}

}  // namespace

bool Invocation::flag(const std::string& name) const {
  return options.contains(name);
}

std::optional<std::string> Invocation::value(const std::string& name) const {
  auto found = options.find(name);
  if (found == options.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Invocation::values(const std::string& name) const {
  auto found = options.find(name);
  return found == options.end() ? std::vector<std::string>{} : found->second;
}

std::string Invocation::positional(size_t index) const {
  return index < positionals.size() ? positionals[index] : "";
}

Error wrong_argument(std::string what) {
  return Error(Code::invalid_argument, std::move(what)).fact("command_line", "wrong");
}

int Invocation::fail(const Error& error, int code) {
  if (code == exit_code::failed && !error.fact("command_line").empty()) code = exit_code::usage;
  terminal.settle();
  if (json)
    terminal.print(wire::json::pretty(wire::json::Object{{"error", protocol::to_json(error)}}));
  else
    std::fputs(error.render().c_str(), stderr);
  return code;
}

int main(int argc, char** argv) {
  // A closed descriptor 0, 1 or 2 would be given to the next file or socket that is opened.
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return exit_code::failed;
  // The farm starts its spawner by this word; it must stay single-threaded and small, so no table,
  // terminal or World comes before it.
  if (argc > 1 && std::string_view(argv[1]) == "sandbox-spawner")
    return sandbox::spawner_main(argc - 1, argv + 1);
  std::signal(SIGPIPE, SIG_IGN);
  Parsed parsed = parse(argc, argv, commands());
  if (!parsed.command) {
    bool json = parsed.exit != exit_code::done &&
                std::any_of(argv, argv + argc,
                            [](const char* word) { return std::string_view(word) == "--json"; });
    if (!json) {
      std::fputs(parsed.text.c_str(), parsed.exit == 0 ? stdout : stderr);
      return parsed.exit;
    }
    terminal::Terminal terminal(stdout, stderr);
    std::string_view what = trim(parsed.text);
    if (what.starts_with("croft: ")) what.remove_prefix(7);
    terminal.print(wire::json::pretty(
        wire::json::Object{{"error", protocol::to_json(wrong_argument(std::string(what)))}}));
    return parsed.exit;
  }
  terminal::Terminal terminal(stdout, stderr);
  terminal.quiet = parsed.quiet;
  Invocation invocation(*parsed.command, terminal);
  invocation.json = parsed.json;
  invocation.home = home_folder(parsed.home);
  invocation.options = std::move(parsed.options);
  invocation.positionals = std::move(parsed.positionals);
  int code = parsed.command->run(invocation);
  // What a script was promised and did not get is no success.
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fputs("croft: the output could not be written\n", stderr);
  return code == exit_code::done ? exit_code::failed : code;
}

}  // namespace croft::cli
