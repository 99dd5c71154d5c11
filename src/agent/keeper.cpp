// The keeper: parent of the agent, and of workloads whose agent died. It does as little as it can.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "agent/agent.h"
#include "agent/plain_files.h"
#include "aio/system_error.h"
#include "base/log.h"

namespace croft::agent {
namespace {

constexpr int64_t pause_least_ms = 100, pause_most_ms = 30'000;
constexpr int64_t lasting_ms = 30'000;
constexpr int exit_refused = 64;  // a command line or a folder that will not get better by itself

int64_t now_ms() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

class Keeper {
 public:
  Keeper(const RunOptions& options, const std::vector<std::string>& run_arguments)
      : options_(options), arguments_(run_arguments) {}
  Result<> keep();

 private:
  Result<> prepare();
  Result<> start();
  void reap();
  void agent_ended(const siginfo_t& info);
  void note_end(const siginfo_t& info) const;
  int wait_ms() const;
  bool take_signals();  // false: it is to end

  const RunOptions& options_;
  const std::vector<std::string>& arguments_;
  int signals_ = -1;
  pid_t agent_ = -1;
  int64_t began_ = 0, next_ = 0, pause_ = 0;
  bool stopping_ = false;
  int refusal_ = 0;
};

Result<> Keeper::prepare() {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    return fail(aio::system_error(errno, "cannot become the parent of orphans"));
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int each : {SIGCHLD, SIGTERM, SIGINT, SIGUSR1}) sigaddset(&wanted, each);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  signals_ = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0) return fail(aio::system_error(errno, "cannot wait for signals"));
  return {};
}

Result<> Keeper::start() {
  std::vector<char*> arguments;
  arguments.push_back(const_cast<char*>(options_.program.c_str()));
  arguments.push_back(const_cast<char*>("run"));
  for (const std::string& each : arguments_) arguments.push_back(const_cast<char*>(each.c_str()));
  std::string self = fmt::format("{}", getpid());
  arguments.push_back(const_cast<char*>("--keeper"));
  arguments.push_back(self.data());
  arguments.push_back(nullptr);
  agent_ = fork();
  if (agent_ < 0) return fail(aio::system_error(errno, "cannot start the agent"));
  if (agent_ == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execv(options_.program.c_str(), arguments.data());
    _exit(127);
  }
  began_ = now_ms();
  next_ = 0;
  return {};
}

/// A workload (it has a mark) that its agent did not wait for: the next agent asks how it ended.
void Keeper::note_end(const siginfo_t& info) const {
  std::string mark = fmt::format("{}/pids/{}", options_.folder, info.si_pid);
  if (access(mark.c_str(), F_OK) != 0) return;
  bool exited = info.si_code == CLD_EXITED;
  std::string file = fmt::format("{}/ends/{}", options_.folder, info.si_pid);
  auto written = write_plain(file + ".new", fmt::format("{} {}\n", exited ? info.si_status : 0,
                                                        exited ? 0 : info.si_status));
  if (written) ::rename((file + ".new").c_str(), file.c_str());
}

void Keeper::agent_ended(const siginfo_t& info) {
  agent_ = -1;
  bool exited = info.si_code == CLD_EXITED;
  if (exited && (info.si_status == 0 || info.si_status == exit_refused)) {
    stopping_ = true;
    refusal_ = info.si_status;
    return;
  }
  int64_t now = now_ms();
  pause_ = now - began_ > lasting_ms || pause_ == 0 ? pause_least_ms
                                                    : std::min(pause_ * 2, pause_most_ms);
  next_ = now + pause_;
  log::warn("keeper", "the agent ended ({} {}), the next is started in {} ms",
            exited ? "exit status" : "signal", info.si_status, pause_);
}

void Keeper::reap() {
  for (;;) {
    siginfo_t info{};
    // Looked at before it is reaped: its number may not be another's while its end is written.
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    if (info.si_pid != agent_) note_end(info);
    siginfo_t reaped{};
    waitid(P_PID, static_cast<id_t>(info.si_pid), &reaped, WEXITED | WNOHANG);
    if (info.si_pid == agent_) agent_ended(info);
  }
}

bool Keeper::take_signals() {
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) == sizeof info) {
    int number = static_cast<int>(info.ssi_signo);
    if (number == SIGUSR1 && agent_ > 0) ::kill(agent_, SIGUSR1);
    if (number != SIGTERM && number != SIGINT) continue;
    if (agent_ <= 0) return false;
    stopping_ = true;
    ::kill(agent_, SIGTERM);
  }
  return true;
}

int Keeper::wait_ms() const {
  if (agent_ > 0 || next_ == 0) return -1;
  return static_cast<int>(std::max<int64_t>(next_ - now_ms(), 0));
}

Result<> Keeper::keep() {
  TRY(prepare());
  TRY(start());
  for (;;) {
    pollfd wait{signals_, POLLIN, 0};
    poll(&wait, 1, wait_ms());
    if (!take_signals()) return {};
    reap();
    if (agent_ <= 0 && stopping_) break;
    if (agent_ <= 0 && next_ > 0 && now_ms() >= next_)
      if (auto started = start(); !started) {
        log::error("keeper", "{}", started.error().line());
        next_ = now_ms() + pause_most_ms;
      }
  }
  if (refusal_) return fail(Code::invalid_argument, "the agent refuses to run");
  return {};
}

}  // namespace

Result<> keep_agent(const RunOptions& options, const std::vector<std::string>& run_arguments) {
  return Keeper(options, run_arguments).keep();
}

}  // namespace croft::agent
