// Thin, checked wrappers over the system calls that build a sandbox. For the spawner, its builders
// and tests: these calls block, so the loop thread of a World never makes them.
// Ownership: Fd closes what it holds.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace croft::sandbox {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// "cannot `doing`: <text of errno>", with the Code that fits the errno.
Error system_error(std::string_view doing, int error = errno);
inline std::unexpected<Error> fail_system(std::string_view doing, int error = errno) {
  return fail(system_error(doing, error));
}

/// The whole of a small file (at most 16 MiB), /proc and /sys included.
Result<std::string> read_whole(const std::string& path);
/// One write(2) to an existing file: /proc, /sys, cgroup files.
Result<> write_existing(const std::string& path, std::string_view text);
/// Creates or replaces a file; `mode` exactly, whatever the umask.
Result<> write_new(const std::string& path, std::string_view text, uint32_t mode);
/// The same through a temporary file and rename(2), so that a reader sees the old or the new text.
Result<> replace_file(const std::string& path, std::string_view text, uint32_t mode);
Result<> write_all(int fd, std::string_view text);
/// A line on stderr; where it cannot be written, a full disk, it is lost and nothing else.
void complain(std::string_view line);
Result<> make_folders(const std::string& path, uint32_t mode);
/// Removes a folder with all it holds, without following symbolic links or crossing mounts.
Result<> remove_all(const std::string& path);
bool exists(const std::string& path);
std::vector<std::string> list_folder(const std::string& path);

/// Field 22 of /proc/PID/stat: pid and start time together name a process for ever. 0: no such.
uint64_t start_time_of(int pid);
/// A descriptor of the process, if it is still the one that started then.
Result<Fd> open_process(int pid, uint64_t start_time);

/// A packet with descriptors over a SOCK_SEQPACKET socket. EAGAIN: Code::unavailable.
Result<> send_packet(int socket, std::string_view data, const std::vector<int>& descriptors = {});
struct Packet {
  std::string data;
  std::vector<Fd> descriptors;
  bool closed = false;  ///< the other side has ended
};
/// Code::unavailable when the socket is non-blocking and nothing is there.
Result<Packet> receive_packet(int socket);
constexpr size_t packet_limit = 192 * 1024;
constexpr size_t packet_descriptors = 64;

}  // namespace croft::sandbox
