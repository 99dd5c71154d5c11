#include "components/shell/marked.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <memory>

#include "aio/scope.h"
#include "base/text.h"

namespace croft::components {
namespace {

constexpr Duration grace = Duration::seconds(5);     // from TERM to KILL
constexpr Duration give_up = Duration::seconds(15);  // from TERM on
constexpr Duration shortest_pause = Duration::milliseconds(5);
constexpr Duration longest_pause = Duration::milliseconds(200);
constexpr size_t environment_max = 8u << 20;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

/// Empty where it may not be read, and of a process that has ended.
std::string environment_of(int pid) {
  Descriptor file(::open(fmt::format("/proc/{}/environ", pid).c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  if (file.number() < 0) return out;
  for (;;) {
    size_t had = out.size();
    out.resize(had + 16384);
    ssize_t got = ::read(file.number(), out.data() + had, out.size() - had);
    out.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0 || out.size() > environment_max) return out;
  }
}

bool carries(std::string_view environment, std::string_view entry) {
  while (!environment.empty()) {
    size_t end = std::min(environment.find('\0'), environment.size());
    if (environment.substr(0, end) == entry) return true;
    environment.remove_prefix(std::min(end + 1, environment.size()));
  }
  return false;
}

size_t signal_all(const std::string& entry, int signal) {
  size_t count = 0;
  std::unique_ptr<DIR, int (*)(DIR*)> all(::opendir("/proc"), ::closedir);
  while (const dirent* each = all ? ::readdir(all.get()) : nullptr) {
    std::string_view name = each->d_name;
    int pid = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size() || pid == ::getpid()) continue;
    // Held before it is looked at: another process that gets this number is not meant.
    Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (process.number() < 0 || !carries(environment_of(pid), entry)) continue;
    ++count;
    if (signal != 0) ::syscall(SYS_pidfd_send_signal, process.number(), signal, nullptr, 0);
  }
  return count;
}

}  // namespace

std::string mark_entry(std::string_view mark) {
  return fmt::format("CROFT_PROGRAM={}", mark);
}

aio::Task<Result<size_t>> signal_marked(aio::World& world, std::string mark, int signal) {
  std::string entry = mark_entry(mark);
  co_return co_await aio::blocking(world, aio::Pool::disk, [&entry, signal]() -> Result<size_t> {
    return signal_all(entry, signal);
  });
}

aio::Task<Result<>> end_marked(aio::World& world, std::string mark) {
  Moment began = world.clock.now();
  Duration pause = shortest_pause;
  int signal = SIGTERM;
  for (;;) {
    size_t left = CO_TRY(co_await signal_marked(world, mark, signal));
    if (left == 0) co_return Result<>{};
    Duration past = world.clock.now() - began;
    if (past >= give_up)
      co_return fail(Code::unavailable,
                     fmt::format("{} {} of a program {} not end, not even by KILL", left,
                                 left == 1 ? "process" : "processes", left == 1 ? "does" : "do"));
    signal = past >= grace ? SIGKILL : 0;
    CO_TRY(co_await world.clock.sleep(pause));
    pause = std::min(pause * 2, longest_pause);
  }
}

}  // namespace croft::components
