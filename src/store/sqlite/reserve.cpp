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
/// A process that starts writes some small files; where the disk has less room than this, ...
constexpr uint64_t start_room = 512 << 10;
/// ... one part in so many of what is put by is lent to it.
constexpr off_t lent_share = 8;

uint64_t room_of(const struct statvfs& disk) {
  return (::geteuid() == 0 ? disk.f_bfree : disk.f_bavail) * disk.f_frsize;
}

}  // namespace

bool Reserve::fill() {
  if (whole_) return true;
  int fd = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  struct stat info{};
  off_t have = ::fstat(fd, &info) == 0 ? std::min<off_t>(info.st_size, info.st_blocks * 512) : 0;
  auto size = static_cast<uint64_t>(size_.count());
  // Asked before allocating: a file system may try hard, for a long time, before it says no.
  bool room = true;
  if (struct statvfs disk{}; ::fstatvfs(fd, &disk) == 0) {
    size = std::min<uint64_t>(size, disk.f_blocks * disk.f_frsize / share_max);
    room = room_of(disk) + static_cast<uint64_t>(have) >= size;
  }
  auto wanted = static_cast<off_t>(std::max<uint64_t>(size, 1));
  whole_ = have >= wanted || (room && ::posix_fallocate(fd, 0, wanted) == 0);
  // What was allocated beyond what lay there, until the disk was full, is not to be kept from
  // others.
  if (!whole_ && ::ftruncate(fd, have) != 0) ::unlink(file_.c_str());
  ::close(fd);
  return whole_;
}

bool Reserve::lend() {
  int fd = ::open(file_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  struct stat info{};
  struct statvfs disk{};
  bool tight = ::fstat(fd, &info) == 0 && ::fstatvfs(fd, &disk) == 0 && room_of(disk) < start_room;
  bool lent = tight && ::ftruncate(fd, info.st_size - info.st_size / lent_share) == 0;
  ::close(fd);
  if (lent) whole_ = false;
  return lent;
}

void Reserve::give_back() {
  whole_ = false;
  ::unlink(file_.c_str());
}

}  // namespace croft::store
