#include "cli/secret_input.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cli/command.h"

namespace croft::cli {

namespace {

constexpr size_t secret_max = 64 << 10;

/// What is typed does not show while this lives.
class Unseen {
 public:
  explicit Unseen(bool wanted) {
    if (!wanted || tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    changed_ = tcsetattr(STDIN_FILENO, TCSANOW, &silent) == 0;
  }
  ~Unseen() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace

Result<Secret> read_secret(std::string_view name, std::string example) {
  bool tty = isatty(STDIN_FILENO) == 1;
  if (tty) std::fprintf(stderr, "%s: ", fmt::format("value of {} (it is not shown)", name).c_str());
  Unseen unseen(tty);
  std::string text;
  char buffer[4096];
  while (text.size() <= secret_max) {
    ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::io, "the value cannot be read from the standard input");
    if (got == 0) break;
    text.append(buffer, static_cast<size_t>(got));
    if (tty && text.ends_with('\n')) break;
  }
  if (text.size() > secret_max)
    return fail(wrong_argument(fmt::format("a secret has at most {} bytes", secret_max)));
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty())
    return fail(Error(Code::invalid_argument, "the value is empty: nothing was stored")
                    .hint(std::move(example)));
  return Secret(std::move(text));
}

}  // namespace croft::cli
