// The verbs of `croft` as data: from this table come parsing, help, completion and man pages.
// One file a verb; each defines a function that returns its Command.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "terminal/terminal.h"

namespace croft::cli {

/// Exit codes of every verb; docs/exit-codes.md says the same.
namespace exit_code {
constexpr int done = 0;
constexpr int failed = 1;         ///< the work failed; the error says why
constexpr int changes = 2;        ///< `plan`, `fmt --check`: there is something to do
constexpr int no_controller = 3;  ///< nothing runs under this home
constexpr int usage = 64;         ///< wrong command line (EX_USAGE)
constexpr int interrupted = 130;
}  // namespace exit_code

struct Option {
  std::string flags;  ///< "--name" or "-f,--follow"
  std::string value;  ///< name of its value in help; empty: a switch
  std::string help;
  bool repeated = false;
  bool required = false;
};

struct Positional {
  std::string name;  ///< "FILE"
  std::string help;
  bool required = true;
  bool repeated = false;
  bool rest = false;  ///< everything behind "--" is its, whatever it looks like
};

class Invocation;

struct Command {
  std::string path;     ///< "up", "farm account add"
  std::string summary;  ///< one line
  std::string details;  ///< paragraphs of --help and the man page
  std::string example;
  std::vector<Positional> positionals;
  std::vector<Option> options;
  int (*run)(Invocation&) = nullptr;
  bool hidden = false;
};

/// One parsed command line.
class Invocation {
 public:
  Invocation(const Command& command, terminal::Terminal& terminal)
      : command(command), terminal(terminal) {}

  const Command& command;
  terminal::Terminal& terminal;
  bool json = false;
  std::string home;  ///< resolved: --home, CROFT_HOME, XDG state folder

  bool flag(const std::string& name) const;                         ///< "--keep"
  std::optional<std::string> value(const std::string& name) const;  ///< last one given
  std::vector<std::string> values(const std::string& name) const;
  std::string positional(size_t index) const;
  std::vector<std::string> positionals;
  std::map<std::string, std::vector<std::string>> options;

  /// Renders the error on stderr (as JSON {"error": ...} on stdout under --json) and returns
  /// `code`; 64 for a wrong_argument().
  int fail(const Error& error, int code = exit_code::failed);
};

/// A value on the command line that is not what the option takes: exit code 64.
Error wrong_argument(std::string what);

/// All verbs in the order of help.
const std::vector<Command>& commands();

/// Parses and runs; what main returns.
int main(int argc, char** argv);

}  // namespace croft::cli
