#include "aio/real/confined.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "aio/system_error.h"

namespace croft::aio {
namespace {

/// Closes on destruction.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// 0, or why `name` below the folder cannot be reached: EXDEV where it leads out.
int reach(int folder, const std::string& name, uint64_t flags) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  Descriptor found(
      static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how)));
  return found.get() < 0 ? errno : 0;
}

Result<> check_links(const std::string& folder, const std::string& path) {
  Descriptor top(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (top.get() < 0) return {};  // nothing is there yet, and so no link
  std::string name = path.substr(std::min(path.size(), folder.size()));
  while (name.starts_with('/')) name.erase(0, 1);
  while (!name.empty()) {
    int problem = reach(top.get(), name, 0);
    if (problem == 0) return {};
    bool missing = problem == ENOENT || problem == ENOTDIR;
    if (problem == EXDEV || problem == ELOOP ||
        (missing && reach(top.get(), name, O_NOFOLLOW) == 0))
      return fail(Code::permission_denied,
                  fmt::format("{} leads out of {} by a symbolic link", path, folder));
    if (!missing) return fail(system_error(problem, "cannot look at " + path));
    size_t slash = name.rfind('/');
    name = slash == std::string::npos ? "" : name.substr(0, slash);
  }
  return {};
}

Result<> change_one(const std::string& path, ModeChange change) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0)
    return fail(system_error(errno, "cannot look at " + path));
  if (S_ISLNK(status.st_mode)) return {};
  mode_t mode = (status.st_mode & 07777 & ~change.remove) | change.add;
  if (::fchmodat(AT_FDCWD, path.c_str(), mode, 0) != 0)
    return fail(system_error(errno, "cannot change the mode of " + path));
  return {};
}

Result<> change_modes(const std::string& path, ModeChange change, bool recursively) {
  std::error_code error;
  // What is inside first: a folder that becomes unreadable can still be walked until then.
  if (recursively && std::filesystem::is_directory(std::filesystem::symlink_status(path, error))) {
    std::filesystem::recursive_directory_iterator all(path, error), end;
    for (; !error && all != end; all.increment(error))
      TRY(change_one(all->path().string(), change));
    if (error) return fail(system_error(error.value(), "cannot walk through " + path));
  }
  return change_one(path, change);
}

bool simulated(World& world) {
  return world.disk.sync_disk() != nullptr;
}

}  // namespace

Task<Result<>> stays_below(World& world, std::string folder, std::string path) {
  if (simulated(world) || folder == "/") co_return Result<>{};
  co_return co_await blocking(world, Pool::disk, [&] { return check_links(folder, path); });
}

Task<Result<>> change_mode(World& world, std::string path, ModeChange change, bool recursively) {
  if (simulated(world)) {
    CO_TRY(co_await world.disk.info(path));
    co_return Result<>{};
  }
  co_return co_await blocking(world, Pool::disk,
                              [&] { return change_modes(path, change, recursively); });
}

Task<Result<>> change_time(World& world, std::string path, WallTime modified) {
  if (simulated(world)) {
    CO_TRY(co_await world.disk.info(path));
    co_return Result<>{};
  }
  co_return co_await blocking(world, Pool::disk, [&]() -> Result<> {
    constexpr int64_t second = 1'000'000'000;
    timespec times[] = {{0, UTIME_OMIT}, {modified.ns / second, modified.ns % second}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) return {};
    return fail(system_error(errno, "cannot set the time of " + path));
  });
}

}  // namespace croft::aio
