#include "sandbox/nft_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "base/text.h"

namespace croft::sandbox {

namespace {

// nft says nothing about success: what it says to this question comes after all the rest. It knows
// the answer by itself; a listing would make it ask the kernel for all tables, chains and sets.
constexpr std::string_view question = "describe mark\n";
constexpr int patience_ms = 30'000;

}  // namespace

Result<NftShell> NftShell::open() {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0) return fail_system("make a pipe");
  Fd in_reader(in[0]);
  Fd in_writer(in[1]);
  if (pipe2(out, O_CLOEXEC) != 0) return fail_system("make a pipe");
  Fd out_reader(out[0]);
  Fd out_writer(out[1]);
  NftShell shell;
  pid_t parent = getpid();
  shell.pid_ = fork();
  if (shell.pid_ < 0) return fail_system("start nft");
  if (shell.pid_ == 0) {
    dup2(in_reader.get(), 0);
    dup2(out_writer.get(), 1);
    dup2(out_writer.get(), 2);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    // It holds the farm's network namespace: a killed spawner must not leave that behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    execlp("nft", "nft", "-i", nullptr);
    _exit(127);
  }
  shell.in_ = std::move(in_writer);
  shell.out_ = std::move(out_reader);
  auto works = shell.ask("");
  if (works) {
    // The words differ between versions of nft: the line is learnt.
    shell.answered_ = std::move(*works);
    works = shell.ask("add table ip croft");
  }
  if (works && !works->empty()) works = fail(Code::internal, printable(trim(*works)));
  if (!works)
    return fail(std::move(works.error()).hint("machines need the program nft: install nftables"));
  return shell;
}

NftShell& NftShell::operator=(NftShell&& other) noexcept {
  if (this == &other) return *this;
  end();
  pid_ = std::exchange(other.pid_, 0);
  in_ = std::move(other.in_);
  out_ = std::move(other.out_);
  answered_ = std::move(other.answered_);
  return *this;
}

NftShell::~NftShell() {
  end();
}

void NftShell::end() {
  if (pid_ <= 0) return;
  in_.reset();
  out_.reset();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

Result<> NftShell::run(std::string_view line) {
  if (line.empty()) return {};
  std::string said = TRY(ask(line));
  if (trim(said).empty()) return {};
  return fail(Code::internal, fmt::format("nft refused a change of the packet filter: {}",
                                          printable(trim(said).substr(0, 400))));
}

Result<std::string> NftShell::ask(std::string_view line) {
  std::string text(line);
  if (!text.empty()) text += '\n';
  text += question;
  TRY(write_all(in_.get(), text));
  std::string said;
  while (answered_.empty() ? !said.ends_with('\n') : !said.ends_with(answered_)) {
    pollfd wait{out_.get(), POLLIN, 0};
    int ready = poll(&wait, 1, patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return fail(Code::timeout, "nft does not answer");
    char buffer[16384];
    ssize_t got = read(out_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return fail(Code::unavailable, fmt::format("nft has ended: {}", printable(trim(said))));
    said.append(buffer, static_cast<size_t>(got));
  }
  said.resize(said.size() - answered_.size());
  return said;
}

}  // namespace croft::sandbox
