#include "store/sqlite/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

namespace croft::store {
namespace {

/// Of a small disk no more than this is put by.
constexpr uint64_t share_max = 8;

}  // namespace

bool Reserve::fill() {
  if (whole_) return true;
  int fd = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  auto size = static_cast<uint64_t>(size_.count());
  // Asked before allocating: a file system may try hard, for a long time, before it says no.
  bool room = true;
  if (struct statvfs disk{}; ::fstatvfs(fd, &disk) == 0) {
    size = std::min<uint64_t>(size, disk.f_blocks * disk.f_frsize / share_max);
    room = (::geteuid() == 0 ? disk.f_bfree : disk.f_bavail) * disk.f_frsize >= size;
  }
  auto wanted = static_cast<off_t>(std::max<uint64_t>(size, 1));
  struct stat info{};
  bool there = ::fstat(fd, &info) == 0 && info.st_size >= wanted &&
               info.st_blocks * 512 >= static_cast<blkcnt_t>(wanted);
  whole_ = there || (room && ::posix_fallocate(fd, 0, wanted) == 0);
  // What was allocated of it until the disk was full is not to be kept from others.
  if (!whole_ && ::ftruncate(fd, 0) != 0) ::unlink(file_.c_str());
  ::close(fd);
  return whole_;
}

void Reserve::give_back() {
  whole_ = false;
  ::unlink(file_.c_str());
}

}  // namespace croft::store
