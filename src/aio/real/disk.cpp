#include "aio/real/disk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "aio/real/blocking_disk.h"
#include "aio/scope.h"
#include "aio/system_error.h"

namespace croft::aio {

namespace {
// Up to here a read of cached pages is done on the loop: 128 KiB are copied in about 10 us.
constexpr size_t inline_read_max = 128 << 10;

class RealFile final : public File {
 public:
  RealFile(Pools& pools, int fd) : pools_(pools), fd_(fd) {}
  ~RealFile() override { ::close(fd_); }

  Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) override {
    if (into.size() <= inline_read_max) {
      iovec vector{into.data(), into.size()};
      ssize_t got = ::preadv2(fd_, &vector, 1, static_cast<off_t>(offset), RWF_NOWAIT);
      if (got == 0 || got == static_cast<ssize_t>(into.size())) co_return static_cast<size_t>(got);
    }
    co_return co_await blocking(pools_, Pool::disk, [fd = fd_, offset, into] {
      return blocking_disk::read_at(fd, offset, into);
    });
  }
  Task<Result<>> write_at(uint64_t offset, std::string_view data) override {
    co_return co_await blocking(pools_, Pool::disk, [fd = fd_, offset, data] {
      return blocking_disk::write_at(fd, offset, data);
    });
  }
  Task<Result<>> sync() override {
    co_return co_await blocking(pools_, Pool::disk, [fd = fd_]() -> Result<> {
      if (::fdatasync(fd) != 0) return fail(system_error(errno, "cannot sync a file"));
      return {};
    });
  }
  Task<Result<uint64_t>> size() override {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) co_return fail(system_error(errno, "cannot look at a file"));
    co_return static_cast<uint64_t>(status.st_size);
  }
  Task<Result<>> truncate(uint64_t size) override {
    co_return co_await blocking(pools_, Pool::disk, [fd = fd_, size]() -> Result<> {
      if (::ftruncate(fd, static_cast<off_t>(size)) != 0)
        return fail(system_error(errno, "cannot cut a file"));
      return {};
    });
  }
  int descriptor() const override { return fd_; }

 private:
  Pools& pools_;
  int fd_;
};

/// An existing file whose name is in the kernel's cache; -1 where that would need the disk.
int open_cached(const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_CACHED;
  return static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
}
}  // namespace

Task<Result<std::unique_ptr<File>>> RealDisk::open(std::string path, OpenMode mode) {
  int fd = mode == OpenMode::read ? open_cached(path) : -1;
  if (fd < 0)
    fd = CO_TRY(co_await blocking(pools_, Pool::disk,
                                  [&path, mode] { return blocking_disk::open(path, mode); }));
  co_return std::make_unique<RealFile>(pools_, fd);
}

Task<Result<std::string>> RealDisk::read_file(std::string path, Bytes limit) {
  co_return co_await blocking(pools_, Pool::disk,
                              [&] { return blocking_disk::read_file(path, limit); });
}

Task<Result<>> RealDisk::write_file(std::string path, std::string data, uint32_t mode) {
  co_return co_await blocking(pools_, Pool::disk,
                              [&] { return blocking_disk::write_file(path, data, mode); });
}

Task<Result<>> RealDisk::rename(std::string from, std::string to) {
  co_return co_await blocking(pools_, Pool::disk, [&] { return blocking_disk::rename(from, to); });
}

Task<Result<>> RealDisk::remove(std::string path) {
  co_return co_await blocking(pools_, Pool::disk, [&] { return blocking_disk::remove(path); });
}

Task<Result<>> RealDisk::remove_tree(std::string path) {
  co_return co_await blocking(pools_, Pool::disk, [&] { return blocking_disk::remove_tree(path); });
}

Task<Result<>> RealDisk::make_dirs(std::string path, uint32_t mode) {
  co_return co_await blocking(pools_, Pool::disk,
                              [&] { return blocking_disk::make_dirs(path, mode); });
}

Task<Result<>> RealDisk::sync_dir(std::string path) {
  co_return co_await blocking(pools_, Pool::disk, [&] { return blocking_disk::sync_dir(path); });
}

Task<Result<std::vector<std::string>>> RealDisk::list(std::string path) {
  co_return co_await blocking(pools_, Pool::disk, [&] { return blocking_disk::list(path); });
}

Task<Result<FileInfo>> RealDisk::info(std::string path) {
  co_return co_await blocking(pools_, Pool::disk, [&] { return blocking_disk::info(path); });
}

}  // namespace croft::aio
