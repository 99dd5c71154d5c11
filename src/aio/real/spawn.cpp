#include "aio/real/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aio/system_error.h"

namespace croft::aio {

namespace {
// Above every number that a child's descriptors get, so that moving one cannot overwrite another.
constexpr int aside = 256;

/// The descriptors that become 0, 1, 2, 3... of the child, all held out of the way.
class ChildDescriptors {
 public:
  ~ChildDescriptors() {
    for (int fd : fds_) ::close(fd);
  }
  /// `fd` stays the caller's.
  Result<> add(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, aside);
    if (copy < 0) return fail(system_error(errno, "cannot pass a descriptor to a program"));
    fds_.push_back(copy);
    return {};
  }
  Result<> add_file(const std::string& path, int flags) {
    int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0)
      return fail(system_error(errno, fmt::format("cannot open '{}' for a program", path)));
    auto result = add(fd);
    ::close(fd);
    return result;
  }
  const std::vector<int>& list() const { return fds_; }

 private:
  std::vector<int> fds_;
};

/// A pipe: one end for the child, the other, non-blocking, for us.
Result<> add_pipe(ChildDescriptors& child, bool child_reads, int& ours) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno, "cannot make a pipe"));
  int theirs = ends[child_reads ? 0 : 1];
  ours = ends[child_reads ? 1 : 0];
  fcntl(ours, F_SETFL, O_NONBLOCK);
  auto result = child.add(theirs);
  ::close(theirs);
  return result;
}

Result<> prepare(const ProcessOptions& options, ChildDescriptors& child, Spawned& out) {
  const std::string none = "/dev/null";
  if (options.pipe_input)
    TRY(add_pipe(child, true, out.input));
  else
    TRY(child.add_file(none, O_RDONLY));
  const std::string& log = options.output_file.empty() ? none : options.output_file;
  int log_flags = options.output_file.empty() ? O_WRONLY : O_WRONLY | O_CREAT | O_APPEND;
  if (options.pipe_output)
    TRY(add_pipe(child, false, out.output));
  else
    TRY(child.add_file(log, log_flags));
  TRY(child.add_file(log, log_flags));
  for (int fd : options.pass_descriptors) TRY(child.add(fd));
  return {};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& each : strings) out.push_back(const_cast<char*>(each.c_str()));
  out.push_back(nullptr);
  return out;
}

struct Actions {
  posix_spawn_file_actions_t value;
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
};

struct Attributes {
  posix_spawnattr_t value;
  explicit Attributes(bool new_session) {
    posix_spawnattr_init(&value);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&value, &all);
    posix_spawnattr_setsigmask(&value, &none);
    int flags =
        POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (new_session ? POSIX_SPAWN_SETSID : 0);
    posix_spawnattr_setflags(&value, static_cast<short>(flags));
  }
  ~Attributes() { posix_spawnattr_destroy(&value); }
};

Result<> execute(const ProcessOptions& options, const ChildDescriptors& child, int& pid) {
  Actions actions;
  if (!options.directory.empty())
    posix_spawn_file_actions_addchdir_np(&actions.value, options.directory.c_str());
  int number = 0;
  for (int fd : child.list()) posix_spawn_file_actions_adddup2(&actions.value, fd, number++);
  posix_spawn_file_actions_addclosefrom_np(&actions.value, number);
  Attributes attributes(options.new_session);
  auto command = pointers(options.command);
  auto environment = pointers(options.environment);
  int status = posix_spawnp(&pid, command[0], &actions.value, &attributes.value, command.data(),
                            environment.data());
  if (status == 0) return {};
  struct stat info{};
  if (!options.directory.empty() && ::stat(options.directory.c_str(), &info) != 0)
    return fail(system_error(
        errno, fmt::format("cannot start '{}' in '{}'", options.command[0], options.directory)));
  return fail(system_error(status, fmt::format("cannot start '{}'", options.command[0])));
}
}  // namespace

Result<Spawned> spawn(const ProcessOptions& options) {
  if (options.command.empty() || options.command[0].empty())
    return fail(Code::invalid_argument, "a program to start has no name");
  Spawned out;
  ChildDescriptors child;
  auto result = prepare(options, child, out);
  if (result) result = execute(options, child, out.pid);
  if (result) return out;
  if (out.input >= 0) ::close(out.input);
  if (out.output >= 0) ::close(out.output);
  return fail(std::move(result).error());
}

}  // namespace croft::aio
