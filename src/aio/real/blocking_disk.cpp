#include "aio/real/blocking_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "aio/system_error.h"

namespace croft::aio::blocking_disk {

namespace {
std::unexpected<Error> failed(int number, std::string_view verb, const std::string& path) {
  return fail(system_error(number, fmt::format("cannot {} '{}'", verb, path)));
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

/// Fills and syncs the temporary file that will take `path`'s place.
Result<> fill(const std::string& temporary, const std::string& path, std::string_view data,
              uint32_t mode) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  int opened = ::open(temporary.c_str(), flags, mode);
  // Left by a process of this number that was killed here: in a container they are all number 1.
  if (opened < 0 && errno == EEXIST && ::unlink(temporary.c_str()) == 0)
    opened = ::open(temporary.c_str(), flags, mode);
  Descriptor fd(opened);
  if (fd.get() < 0) return failed(errno, "write", path);
  // The umask must not decide on rights.
  if (::fchmod(fd.get(), mode) != 0) return failed(errno, "set the rights of", path);
  TRY(write_at(fd.get(), 0, data));
  if (::fdatasync(fd.get()) != 0) return failed(errno, "sync", path);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(errno, "write", path);
  return {};
}
}  // namespace

Result<int> open(const std::string& path, OpenMode mode) {
  int fd = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC, 0600);
  if (fd < 0) return failed(errno, "open", path);
  return fd;
}

Result<size_t> read_at(int fd, uint64_t offset, std::span<char> into) {
  size_t total = 0;
  while (total < into.size()) {
    ssize_t got =
        ::pread(fd, into.data() + total, into.size() - total, static_cast<off_t>(offset + total));
    if (got == 0) break;
    if (got > 0)
      total += static_cast<size_t>(got);
    else if (errno != EINTR)
      return fail(system_error(errno, "cannot read a file"));
  }
  return total;
}

Result<> write_at(int fd, uint64_t offset, std::string_view data) {
  while (!data.empty()) {
    ssize_t put = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (put >= 0) {
      data.remove_prefix(static_cast<size_t>(put));
      offset += static_cast<uint64_t>(put);
    } else if (errno != EINTR) {
      return fail(system_error(errno, "cannot write a file"));
    }
  }
  return {};
}

Result<std::string> read_file(const std::string& path, Bytes limit) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return failed(errno, "read", path);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return failed(errno, "read", path);
  if (S_ISDIR(status.st_mode)) return failed(EISDIR, "read", path);
  // The size is a hint only: files of /proc say 0, others grow meanwhile.
  std::string out;
  size_t bound = static_cast<size_t>(limit.count());
  size_t room = std::clamp<size_t>(static_cast<size_t>(status.st_size), 4095, bound + 1) + 1;
  for (;;) {
    size_t had = out.size();
    out.resize(std::min(had + room, bound + 1));
    ssize_t got = ::read(fd.get(), out.data() + had, out.size() - had);
    if (got < 0 && errno != EINTR) return failed(errno, "read", path);
    out.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return out;
    if (out.size() > bound)
      return fail(Code::resource_exhausted,
                  fmt::format("'{}' is larger than {}", path, limit.text()));
    room = std::max<size_t>(room / 2, 64 << 10);
  }
}

Result<> write_file(const std::string& path, std::string_view data, uint32_t mode) {
  static std::atomic<uint64_t> counter = 0;
  auto temporary = fmt::format("{}.tmp.{}.{}", path, ::getpid(), counter.fetch_add(1));
  if (auto result = fill(temporary, path, data, mode); !result) {
    ::unlink(temporary.c_str());
    return result;
  }
  return sync_dir(folder_of(path));
}

Result<> rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    return failed(errno, fmt::format("rename to '{}' the file", to), from);
  return {};
}

Result<> remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return failed(errno, "remove", path);
  return {};
}

Result<> remove_tree(const std::string& path) {
  std::error_code code;
  std::filesystem::remove_all(path, code);  // follows no symbolic link
  if (code && code.value() != ENOENT) return failed(code.value(), "remove", path);
  return {};
}

Result<> make_dirs(const std::string& path, uint32_t mode) {
  if (path.empty()) return fail(Code::invalid_argument, "the path of a folder is empty");
  if (::mkdir(path.c_str(), mode) == 0) {
    ::chmod(path.c_str(), mode);
    return sync_dir(folder_of(path));
  }
  if (errno == EEXIST) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return failed(ENOTDIR, "make the folder", path);
  }
  if (errno != ENOENT) return failed(errno, "make the folder", path);
  std::string parent = folder_of(path);
  if (parent == path || parent == ".") return failed(ENOENT, "make the folder", path);
  TRY(make_dirs(parent, mode));
  // Not once more from the top: some parents (/proc) exist and say of their children that they do
  // not.
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return failed(errno, "make the folder", path);
  ::chmod(path.c_str(), mode);
  return sync_dir(parent);
}

Result<> sync_dir(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return failed(errno, "open the folder", path);
  if (::fsync(fd.get()) != 0) return failed(errno, "sync the folder", path);
  return {};
}

Result<std::vector<std::string>> list(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (!folder) return failed(errno, "list", path);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (!entry) break;
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return failed(errno, "list", path);
  std::ranges::sort(names);
  return names;
}

Result<FileInfo> info(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return failed(errno, "look at", path);
  FileInfo out;
  out.is_directory = S_ISDIR(status.st_mode);
  out.size = static_cast<uint64_t>(status.st_size);
  out.modified = {status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
  out.mode = status.st_mode & 07777;
  return out;
}

}  // namespace croft::aio::blocking_disk
