#include "base/signals.h"

#include <signal.h>

#include "base/text.h"

namespace croft {
namespace {

struct SignalName {
  const char* name;
  int number;
};
constexpr SignalName signal_names[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ABRT", SIGABRT}, {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"SEGV", SIGSEGV}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"WINCH", SIGWINCH},
    {"BUS", SIGBUS},   {"FPE", SIGFPE},   {"ILL", SIGILL},   {"XCPU", SIGXCPU}, {"SYS", SIGSYS},
    {"TRAP", SIGTRAP}, {"CHLD", SIGCHLD}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG},
    {"IO", SIGIO},     {"PWR", SIGPWR},   {"XFSZ", SIGXFSZ}};

}  // namespace

Result<int> signal_number(std::string_view name) {
  std::string upper = to_upper(name);
  std::string_view bare = upper;
  if (bare.starts_with("SIG")) bare.remove_prefix(3);
  if (auto number = parse_u64(bare); number && *number > 0 && *number < NSIG)
    return static_cast<int>(*number);
  std::vector<std::string> known;
  for (const SignalName& each : signal_names) {
    if (bare == each.name) return each.number;
    known.emplace_back(each.name);
  }
  Error error(Code::invalid_argument, fmt::format("'{}' is no signal", printable(name)));
  if (std::string hint = did_you_mean(bare, known); !hint.empty()) error.hint(hint);
  return fail(std::move(error));
}

std::string signal_name(int number) {
  for (const SignalName& each : signal_names)
    if (each.number == number) return each.name;
  return fmt::format("{}", number);
}

}  // namespace croft
