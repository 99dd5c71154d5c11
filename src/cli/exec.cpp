// croft exec: a command, or a shell, where a component runs.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "aio/cancel.h"
#include "aio/scope.h"
#include "cli/session.h"
#include "cli/tunnel.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr size_t read_bytes = 32 << 10;
constexpr int not_allowed = 126, not_there = 127;  // as shells tell what could not be started
constexpr Duration signal_within = Duration::seconds(5);
constexpr int signal_base = 128;  // as shells tell the end by a signal

/// The terminal passes every key on while this lives.
class RawTerminal {
 public:
  explicit RawTerminal(bool wanted) {
    if (!wanted || tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    cfmakeraw(&raw);
    changed_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  ~RawTerminal() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

json::Object size_of_terminal() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
  return {{"rows", size.ws_row}, {"columns", size.ws_col}};
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return fail(Code::io, "cannot write what the command printed");
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return {};
}

aio::Task<Result<>> pass_input(aio::World& world, Tunnel& tunnel) {
  std::string buffer(read_bytes, '\0');
  for (;;) {
    // A plain file is always readable, which epoll refuses to watch.
    auto ready = co_await world.net.readable(STDIN_FILENO);
    if (!ready && ready.error().code == Code::cancelled) co_return ready;
    ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) got = 0;
    CO_TRY(co_await tunnel.send(buffer.substr(0, static_cast<size_t>(got))));
    if (got == 0) co_return Result<>{};
  }
}

aio::Task<Result<>> pass_signals(aio::World& world, Tunnel& tunnel, bool terminal) {
  for (;;) {
    int number = CO_TRY(co_await world.processes.signal({SIGINT, SIGTERM, SIGHUP, SIGWINCH}));
    if (number == SIGWINCH) {
      if (terminal) CO_TRY(co_await tunnel.ask("resize", size_of_terminal()));
      continue;
    }
    const char* name = number == SIGINT ? "INT" : number == SIGTERM ? "TERM" : "HUP";
    CO_TRY(co_await aio::deadline(world.clock, signal_within,
                                  tunnel.ask("kill", {{"signal", name}}), "passing the signal on"));
  }
}

aio::Task<Result<json::Object>> pass_output(Tunnel& tunnel) {
  for (;;) {
    auto piece = CO_TRY(co_await tunnel.receive());
    if (piece.closed) co_return std::move(*piece.closed);
    CO_TRY(write_all(piece.errors ? STDERR_FILENO : STDOUT_FILENO, piece.bytes));
  }
}

int code_of(const json::Object& closed) {
  if (auto code = json::int_or(closed, "code", -1); code && *code >= 0)
    return static_cast<int>(*code);
  auto name = json::string_or(closed, "signal", "");
  for (int number = 1; name && number < NSIG; ++number)
    if (const char* known = sigabbrev_np(number); known && *name == known)
      return signal_base + number;
  return exit_code::failed;
}

aio::Task<Result<int>> exec(aio::World& world, Invocation& invocation) {
  std::vector<std::string> command(invocation.positionals.begin() + 1,
                                   invocation.positionals.end());
  bool tty = invocation.flag("--tty") || (command.empty() && isatty(STDIN_FILENO) == 1);
  if (command.empty()) command = {"/bin/sh", "-l"};
  json::Array words;
  for (const std::string& word : command) words.emplace_back(word);
  json::Object request{{"what", "exec"}, {"command", std::move(words)}};
  std::string path = invocation.positional(0);
  auto target = Tunnel::target(path);
  if (auto instance = invocation.value("--instance")) target.instance = *instance;
  if (invocation.flag("--as-process")) request["name"] = path;
  if (auto directory = invocation.value("--directory")) request["directory"] = *directory;
  if (tty) {
    request["terminal"] = size_of_terminal();
    if (const char* term = getenv("TERM")) request["environment"] = json::Object{{"TERM", term}};
  }
  auto opened = co_await Tunnel::open(world, invocation.home, target, std::move(request));
  if (!opened && !opened.error().fact("not_started").empty())
    co_return invocation.fail(
        opened.error(), opened.error().fact("not_started") == "absent" ? not_there : not_allowed);
  auto tunnel = CO_TRY(std::move(opened));
  RawTerminal raw(tty);
  aio::Scope beside(co_await aio::here());
  beside.spawn(pass_input(world, *tunnel));
  // Who cannot be told of a signal is not waited for.
  auto ended = co_await aio::race(pass_output(*tunnel), pass_signals(world, *tunnel, tty));
  beside.cancel();
  auto joined = co_await beside.join();
  static_cast<void>(joined);  // input that nobody reads any more is no failure
  if (ended.index() == 1) co_return fail(std::get<1>(std::move(ended)).error());
  co_return code_of(CO_TRY(std::get<0>(std::move(ended))));
}

int run_exec(Invocation& invocation) {
  return run_verb(invocation, exec);
}

}  // namespace

Command exec_command() {
  return {
      .path = "exec",
      .summary = "run a command, or a shell, where a component runs",
      .details =
          "PATH is a component that is placed on a machine, or the machine: shop:web:server. "
          "Input, output, signals and the exit code are those of the command; 128 and its "
          "number for a signal, 127 where there is no such command, 126 where it may not run. "
          "Without a command a shell is started on a terminal of its own.",
      .example = "croft exec shop:web:server -- ps ax",
      .positionals = {{"PATH", "a component of an application"},
                      {"COMMAND", "what to run, behind --; default: a shell", false, true, true}},
      .options = {{"-t,--tty", "", "give it a terminal"},
                  {"--as-process", "",
                   "as the process of PATH runs: its user, folder, environment"},
                  {"--directory", "DIR", "run it there"},
                  {"--instance", "ID", "on this machine of the application"}},
      .run = run_exec};
}

}  // namespace croft::cli
