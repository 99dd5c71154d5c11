#include "agent/launch.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "agent/plain_files.h"
#include "aio/system_error.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr size_t child_stack_bytes = 64 << 10;
constexpr int aside = 256;  // above every number that a child's descriptors get
constexpr std::string_view standard_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// All that the child reads; made before it is, since it shares our memory and may not allocate.
struct Orders {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const char* directory = nullptr;
  int descriptors[3] = {-1, -1, -1};
  bool terminal = false;
  bool change_user = false;
  User user;
  std::vector<std::pair<int, rlimit>> limits;
  std::vector<int> cgroups;
  std::string mark_folder, mark_text;
  // What went wrong: read by the parent.
  int failure = 0;
  const char* step = "";
};

size_t print_number(char* into, unsigned number) {
  char digits[16];
  size_t count = 0;
  do digits[count++] = static_cast<char>('0' + number % 10);
  while (number /= 10);
  for (size_t i = 0; i < count; ++i) into[i] = digits[count - 1 - i];
  return count;
}

bool write_mark(const Orders& orders) {
  char path[512];
  size_t size = orders.mark_folder.size();
  if (size > sizeof path - 32) return false;
  std::memcpy(path, orders.mark_folder.data(), size);
  size += print_number(path + size, static_cast<unsigned>(syscall(SYS_getpid)));
  path[size] = 0;
  int self = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  int mark = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  char stat[1024];
  ssize_t got = self < 0 ? -1 : read(self, stat, sizeof stat);
  if (mark < 0 || got <= 0) return false;
  const std::string& text = orders.mark_text;
  return write(mark, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         write(mark, stat, static_cast<size_t>(got)) == got;
}

/// False, with errno, names the step that failed. System calls alone: no lock of the parent's C
/// library may be taken here, and its setuid would tell the parent's other threads.
bool obey(Orders& orders) {
  auto step = [&orders](const char* name, bool ok) {
    if (!ok) orders.step = name;
    return ok;
  };
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  if (!step("setsid", syscall(SYS_setsid) >= 0)) return false;
  for (int fd : orders.cgroups)
    if (!step("cgroup", write(fd, "0", 1) == 1)) return false;
  if (!orders.mark_folder.empty() && !step("its mark", write_mark(orders))) return false;
  for (const auto& [what, limit] : orders.limits)
    if (!step("limits", syscall(SYS_prlimit64, 0, what, &limit, nullptr) == 0)) return false;
  for (int i = 0; i < 3; ++i)
    if (!step("descriptors", dup2(orders.descriptors[i], i) == i)) return false;
  if (orders.terminal && !step("terminal", ioctl(0, TIOCSCTTY, 0) == 0)) return false;
  syscall(SYS_close_range, 3, ~0U, 0);
  if (orders.change_user) {
    const User& user = orders.user;
    if (!step("groups", syscall(SYS_setgroups, user.groups.size(), user.groups.data()) == 0) ||
        !step("group", syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0) ||
        !step("user", syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0))
      return false;
  }
  if (!step("directory", chdir(orders.directory) == 0)) return false;
  umask(022);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(orders.program, orders.arguments, orders.environment);
  return step("", false);
}

int child_main(void* argument) {
  auto& orders = *static_cast<Orders*>(argument);
  if (!obey(orders)) orders.failure = errno ? errno : EINVAL;
  syscall(SYS_exit_group, 127);
  return 127;
}

/// A stack for the child alone.
class Stack {
 public:
  Stack()
      : memory_(mmap(nullptr, child_stack_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  ~Stack() {
    if (memory_ != MAP_FAILED) munmap(memory_, child_stack_bytes);
  }
  void* top() const {
    return memory_ == MAP_FAILED ? nullptr : static_cast<char*>(memory_) + child_stack_bytes;
  }

 private:
  void* memory_;
};

/// Descriptors that go when the parent is done.
struct Held {
  std::vector<int> fds;
  ~Held() {
    for (int fd : fds) ::close(fd);
  }
  /// Held out of the way of 0, 1 and 2; -1 with errno.
  int take(int fd) {
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, aside);
    if (copy >= 0) fds.push_back(copy);
    return copy;
  }
  int open_file(const std::string& path, int flags) {
    int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
    int copy = take(fd);
    if (fd >= 0) ::close(fd);
    return copy;
  }
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& each : texts) out.push_back(const_cast<char*>(each.c_str()));
  out.push_back(nullptr);
  return out;
}

Result<std::string> find_program(const Launch& launch) {
  const std::string& name = launch.command.front();
  if (name.find('/') != std::string::npos) return name;
  std::string_view path = standard_path;
  for (std::string_view each : launch.environment)
    if (each.starts_with("PATH=")) path = each.substr(5);
  for (const std::string& folder : split(path, ':')) {
    std::string candidate = folder + "/" + name;
    struct stat info{};
    if (stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return fail(
      Error(Code::not_found, fmt::format("cannot start '{}': it is in no folder of {}", name, path))
          .fact("not_started", "absent"));
}

void add_limits(const model::ProcessLimits& limits, const std::vector<std::string>& missing,
                std::vector<std::pair<int, rlimit>>& out) {
  auto add = [&out](int what, int64_t value) {
    auto limit = static_cast<rlim_t>(value);
    out.emplace_back(what, rlimit{limit, limit});
  };
  if (limits.files > 0) add(RLIMIT_NOFILE, limits.files);
  add(RLIMIT_CORE, limits.core.count());
  // What a cgroup cannot bound here, the older limits bound at least for each process.
  for (const std::string& each : missing) {
    if (each == "memory") add(RLIMIT_DATA, limits.memory.count());
    if (each == "processes") add(RLIMIT_NPROC, limits.processes);
  }
}

Result<> fill_descriptors(const Launch& launch, Held& held, Orders& orders) {
  orders.descriptors[0] =
      launch.input >= 0 ? held.take(launch.input) : held.open_file("/dev/null", O_RDONLY);
  int out = launch.output >= 0 ? held.take(launch.output)
            : launch.output_file.empty()
                ? held.open_file("/dev/null", O_WRONLY)
                : held.open_file(launch.output_file, O_WRONLY | O_CREAT | O_APPEND);
  orders.descriptors[1] = out;
  orders.descriptors[2] = launch.errors >= 0 ? held.take(launch.errors) : out;
  if (orders.descriptors[0] >= 0 && out >= 0 && orders.descriptors[2] >= 0) return {};
  return fail(aio::system_error(
      errno, fmt::format("cannot open '{}' for '{}'", launch.output_file, launch.command.front())));
}

struct Cloned {
  int pid = -1, pidfd = -1;
};
Cloned clone_child(Orders& orders) {
  Stack stack;
  Cloned out;
  if (!stack.top()) return out;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  out.pid = ::clone(child_main, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                    &orders, &out.pidfd);
  int number = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = number;
  return out;
}

}  // namespace

Result<Running> Launcher::start(const Launch& launch) {
  if (launch.command.empty() || launch.command.front().empty())
    return fail(Code::invalid_argument, "a program to start has no name");
  Orders orders;
  std::string program = TRY(find_program(launch));
  if (launch.user) orders.user = *launch.user;
  orders.change_user = launch.user.has_value();
  auto arguments = pointers(launch.command), environment = pointers(launch.environment);
  orders.program = program.c_str();
  orders.arguments = arguments.data();
  orders.environment = environment.data();
  orders.directory = launch.directory.empty() ? "/" : launch.directory.c_str();
  orders.terminal = launch.terminal;
  add_limits(launch.limits, cgroups_.missing(launch.limits), orders.limits);
  Held held;
  TRY(fill_descriptors(launch, held, orders));
  std::optional<Cgroup> cgroup;
  if (!launch.cgroup.empty() && cgroups_.usable()) {
    cgroup = cgroups_.make(launch.cgroup, launch.limits, orders.cgroups);
    held.fds.insert(held.fds.end(), orders.cgroups.begin(), orders.cgroups.end());
  }
  if (launch.mark) {
    orders.mark_folder = folder_ + "/pids/";
    orders.mark_text = fmt::format("{}\t{}\t{}\t{}\n", launch.mark->name, launch.mark->digest,
                                   launch.mark->restarts, launch.mark->log_from);
  }
  Cloned cloned = clone_child(orders);
  if (cloned.pid < 0)
    return fail(aio::system_error(errno, fmt::format("cannot start '{}'", launch.command.front())));
  Running running(world_, cloned.pid, cloned.pidfd, fmt::format("{}/ends/{}", folder_, cloned.pid),
                  std::move(cgroup));
  if (orders.failure == 0) return running;
  unlink(mark_file(cloned.pid).c_str());
  std::string what = fmt::format("cannot start '{}'", launch.command.front());
  if (std::string_view(orders.step) == "directory")
    what += fmt::format(" in '{}'", orders.directory);
  else if (*orders.step)
    what += fmt::format(" ({})", orders.step);
  Error error = aio::system_error(orders.failure, what);
  // As shells tell the two apart: 127 and 126.
  if (!*orders.step) error.fact("not_started", orders.failure == ENOENT ? "absent" : "refused");
  return fail(std::move(error));
}

std::string Launcher::mark_file(int pid) const {
  return fmt::format("{}/pids/{}", folder_, pid);
}

std::vector<Mark> Launcher::marks() const {
  std::vector<Mark> out;
  DIR* folder = opendir((folder_ + "/pids").c_str());
  if (!folder) return out;
  while (dirent* entry = readdir(folder)) {
    auto pid = parse_u64(entry->d_name);
    auto text = pid ? read_plain(mark_file(static_cast<int>(*pid)))
                    : Result<std::string>(fail(Code::not_found, ""));
    if (!text) continue;
    auto lines = cut(*text, '\n');
    auto fields = lines ? split(lines->first, '\t') : std::vector<std::string>{};
    if (fields.size() != 4) {
      unlink(mark_file(static_cast<int>(*pid)).c_str());  // cut off by a crash of the machine
      continue;
    }
    Mark mark{fields[0],
              fields[1],
              parse_i64(fields[2]).value_or(0),
              parse_u64(fields[3]).value_or(0),
              static_cast<int>(*pid),
              0};
    auto rest = split(
        trim(lines->second.substr(std::min(lines->second.rfind(')') + 1, lines->second.size()))),
        ' ');
    if (rest.size() > 19) mark.started = parse_u64(rest[19]).value_or(0);
    out.push_back(std::move(mark));
  }
  closedir(folder);
  return out;
}

Running Launcher::adopt(const Mark& mark, const std::string& cgroup) {
  int pidfd = static_cast<int>(syscall(SYS_pidfd_open, mark.pid, 0));
  // Another process may have the number by now: the time of its start tells.
  bool renumbered = pidfd >= 0 && start_ticks(mark.pid) != mark.started;
  if (renumbered) {
    ::close(pidfd);
    pidfd = -1;
  }
  std::optional<Cgroup> group;
  if (!cgroup.empty() && cgroups_.usable()) group = cgroups_.existing(cgroup);
  Running out(world_, mark.pid, pidfd, fmt::format("{}/ends/{}", folder_, mark.pid),
              std::move(group));
  if (renumbered) out.has_another_number();
  return out;
}

void Launcher::forget(const Mark& mark) {
  std::string file = mark_file(mark.pid);
  unlink(file.c_str());
  unlink((file + ".ready").c_str());
  unlink(fmt::format("{}/ends/{}", folder_, mark.pid).c_str());
}

void Launcher::note_ready(int pid) const {
  auto written = write_plain(mark_file(pid) + ".ready", "");
  static_cast<void>(written);  // then the next agent asks again
}

bool Launcher::was_ready(int pid) const {
  return access((mark_file(pid) + ".ready").c_str(), F_OK) == 0;
}

}  // namespace croft::agent
