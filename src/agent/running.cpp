#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "agent/launch.h"
#include "agent/plain_files.h"
#include "aio/system_error.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr auto by_pidfd = static_cast<idtype_t>(P_PIDFD);
constexpr int clear_tries = 12;  // 1, 2, 4 ... ms: 4 s in all
constexpr int learn_tries = 8;   // the keeper reaps and writes within 255 ms, or never

/// Fields of /proc/PID/stat from the third on.
std::vector<std::string> stat_fields(int pid) {
  auto text = read_plain(fmt::format("/proc/{}/stat", pid));
  size_t end = text ? text->rfind(')') : std::string::npos;
  if (end == std::string::npos) return {};
  return split(trim(std::string_view(*text).substr(end + 1)), ' ');
}

std::vector<int> session_members(int session) {
  std::vector<int> out;
  DIR* folder = opendir("/proc");
  if (!folder) return out;
  std::string wanted = fmt::format("{}", session);
  while (dirent* entry = readdir(folder)) {
    auto pid = parse_u64(entry->d_name);
    if (!pid) continue;
    auto fields = stat_fields(static_cast<int>(*pid));
    if (fields.size() > 3 && fields[3] == wanted && fields[0] != "Z")
      out.push_back(static_cast<int>(*pid));
  }
  closedir(folder);
  return out;
}

}  // namespace

std::optional<uint64_t> start_ticks(int pid) {
  auto fields = stat_fields(pid);
  if (fields.size() <= 19 || fields[0] == "X") return std::nullopt;
  return parse_u64(fields[19]);
}

std::string text_of(const Ended& ended) {
  if (!ended.known) return "ended while no agent looked";
  if (ended.signal)
    return fmt::format("killed by signal {} ({})", ended.signal, signal_name(ended.signal));
  return fmt::format("exit status {}", ended.code);
}

Running::Running(Running&& other) noexcept
    : world_(other.world_),
      pid_(other.pid_),
      pidfd_(std::exchange(other.pidfd_, -1)),
      ends_file_(std::move(other.ends_file_)),
      cgroup_(std::move(other.cgroup_)),
      ended_(other.ended_),
      renumbered_(other.renumbered_) {}

Running::~Running() {
  if (pidfd_ < 0) return;
  siginfo_t info{};
  ::waitid(by_pidfd, static_cast<id_t>(pidfd_), &info, WEXITED | WNOHANG);
  ::close(pidfd_);
}

/// Not reaped yet: until clear() the number belongs to it, and a signal to its group reaches no
/// stranger.
Ended Running::learn() {
  siginfo_t info{};
  if (pidfd_ >= 0 &&
      ::waitid(by_pidfd, static_cast<id_t>(pidfd_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid != 0)
    return info.si_code == CLD_EXITED ? Ended{info.si_status, 0, true}
                                      : Ended{0, info.si_status, true};
  Ended out{0, 0, false};
  auto text = read_plain(ends_file_);
  auto parts = text ? split(trim(*text), ' ') : std::vector<std::string>{};
  if (parts.size() != 2) return out;
  out.code = static_cast<int>(parse_u64(parts[0]).value_or(0));
  out.signal = static_cast<int>(parse_u64(parts[1]).value_or(0));
  out.known = true;
  return out;
}

aio::Task<Result<Ended>> Running::wait() {
  if (ended_) co_return *ended_;
  if (pidfd_ >= 0) CO_TRY(co_await world_->net.readable(pidfd_));
  Ended ended = learn();
  // Another's child: its parent, the keeper, reaps it and tells.
  for (int i = 0; i < learn_tries && !ended.known && pidfd_ >= 0; ++i) {
    CO_TRY(co_await world_->clock.sleep(Duration::milliseconds(int64_t{1} << i)));
    ended = learn();
  }
  ended_ = ended;
  co_return ended;
}

Result<> Running::signal(int number) {
  if (pidfd_ >= 0 && syscall(SYS_pidfd_send_signal, pidfd_, number, nullptr, 0) == 0) return {};
  if (pidfd_ < 0 || errno == ESRCH)
    return fail(Code::not_found, fmt::format("process {} has ended", pid_));
  return fail(aio::system_error(errno, fmt::format("cannot signal process {}", pid_)));
}

Result<> Running::signal_all(int number) {
  if (cgroup_ && number == SIGKILL) {
    kill_all(*cgroup_);
  } else if (cgroup_) {
    for (int pid : processes_of(*cgroup_)) ::kill(pid, number);
  } else if (!renumbered_) {
    ::kill(-pid_, number);  // also whom /proc shows to its own user alone
    for (int pid : session_members(pid_)) ::kill(pid, number);
  }
  return signal(number);
}

bool Running::anyone_left() const {
  if (cgroup_) return !processes_of(*cgroup_).empty();
  return !renumbered_ && !session_members(pid_).empty();
}

aio::Task<Result<>> Running::clear() {
  auto sent = signal_all(SIGKILL);
  for (int i = 0; i < clear_tries && anyone_left(); ++i) {
    sent = signal_all(SIGKILL);
    static_cast<void>(sent);  // it may have ended in between: the next look tells
    CO_TRY(co_await world_->clock.sleep(Duration::milliseconds(int64_t{1} << i)));
  }
  if (anyone_left())
    co_return fail(Code::timeout, fmt::format("processes of {} do not end by KILL", pid_));
  siginfo_t info{};
  if (pidfd_ >= 0) ::waitid(by_pidfd, static_cast<id_t>(pidfd_), &info, WEXITED | WNOHANG);
  // Whom /proc does not show: the number is the group's as long as one of it lives.
  bool blind = !cgroup_ && !renumbered_;
  for (int i = 0; blind && i < clear_tries && ::kill(-pid_, SIGKILL) == 0; ++i)
    CO_TRY(co_await world_->clock.sleep(Duration::milliseconds(int64_t{1} << i)));
  if (cgroup_) remove(*cgroup_);
  co_return Result<>{};
}

}  // namespace croft::agent
