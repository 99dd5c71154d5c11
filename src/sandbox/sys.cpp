#include "sandbox/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace croft::sandbox {

namespace {

Code code_of(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
    case EROFS:
      return Code::permission_denied;
    case ENOENT:
    case ESRCH:
      return Code::not_found;
    case EEXIST:
      return Code::already_exists;
    case EINVAL:
      return Code::invalid_argument;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENODEV:
      return Code::unsupported;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return Code::resource_exhausted;
    case EAGAIN:
    case EPIPE:
    case ECONNRESET:
      return Code::unavailable;
    case EBUSY:
      return Code::conflict;
    default:
      return Code::io;
  }
}

Result<> remove_at(int parent, const char* name, dev_t device, int depth) {
  constexpr int deepest = 4096;
  if (depth > deepest)
    return fail(Code::resource_exhausted, "folders are nested too deeply to remove");
  struct stat info{};
  if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail_system(fmt::format("look at {}", name));
  }
  if (!S_ISDIR(info.st_mode)) {
    if (unlinkat(parent, name, 0) != 0 && errno != ENOENT)
      return fail_system(fmt::format("remove {}", name));
    return {};
  }
  if (device != 0 && info.st_dev != device) {
    return fail(Code::conflict, fmt::format("{} is a mount point: not removed", name));
  }
  {
    Fd folder(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder.valid()) return fail_system(fmt::format("open {}", name));
    DIR* entries = fdopendir(dup(folder.get()));
    if (entries == nullptr) return fail_system(fmt::format("read {}", name));
    Result<> result;
    while (dirent* entry = readdir(entries)) {
      std::string_view child = entry->d_name;
      if (child == "." || child == "..") continue;
      result = remove_at(folder.get(), entry->d_name, info.st_dev, depth + 1);
      if (!result) break;
    }
    closedir(entries);
    if (!result) return result;
  }
  if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return fail_system(fmt::format("remove the folder {}", name));
  }
  return {};
}

}  // namespace

Error system_error(std::string_view doing, int error) {
  return Error(code_of(error), fmt::format("cannot {}: {}", doing, strerror(error)))
      .fact("errno", std::to_string(error));
}

Result<std::string> read_whole(const std::string& path) {
  constexpr size_t limit = 16 << 20;
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_system(fmt::format("read {}", path));
  std::string text;
  char buffer[16384];
  for (;;) {
    ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system(fmt::format("read {}", path));
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > limit)
      return fail(Code::resource_exhausted, fmt::format("{} is above 16 MiB", path));
  }
}

Result<> write_existing(const std::string& path, std::string_view text) {
  Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return fail_system(fmt::format("open {} for writing", path));
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail_system(fmt::format("write '{}' to {}", printable(trim(text)), path));
  }
  return {};
}

Result<> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t done = write(fd, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return fail_system("write");
    text.remove_prefix(static_cast<size_t>(done));
  }
  return {};
}

Result<> write_new(const std::string& path, std::string_view text, uint32_t mode) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_system(fmt::format("create {}", path));
  if (auto done = write_all(file.get(), text); !done)
    return fail(std::move(done.error()).frame("writing " + path));
  if (fchmod(file.get(), mode) != 0) return fail_system(fmt::format("set the mode of {}", path));
  return {};
}

Result<> replace_file(const std::string& path, std::string_view text, uint32_t mode) {
  std::string temporary = fmt::format("{}.new{}", path, getpid());
  if (auto done = write_new(temporary, text, mode); !done) return done;
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return fail_system(fmt::format("replace {}", path));
  return {};
}

Result<> make_folders(const std::string& path, uint32_t mode) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    std::string prefix = path.substr(0, at);
    if (mkdir(prefix.c_str(), mode) != 0 && errno != EEXIST) {
      return fail_system(fmt::format("make the folder {}", prefix));
    }
  }
  return {};
}

Result<> remove_all(const std::string& path) {
  auto result = remove_at(AT_FDCWD, path.c_str(), 0, 0);
  if (!result) return fail(std::move(result.error()).frame("removing " + path));
  return {};
}

bool exists(const std::string& path) {
  struct stat info{};
  return lstat(path.c_str(), &info) == 0;
}

std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  DIR* entries = opendir(path.c_str());
  if (entries == nullptr) return names;
  while (dirent* entry = readdir(entries)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  closedir(entries);
  std::sort(names.begin(), names.end());
  return names;
}

uint64_t start_time_of(int pid) {
  auto text = read_whole(fmt::format("/proc/{}/stat", pid));
  if (!text) return 0;
  // The name in parentheses may hold anything; the fields after the last ')' are plain numbers.
  size_t close = text->rfind(')');
  if (close == std::string::npos || close + 2 >= text->size()) return 0;
  auto fields = split(std::string_view(*text).substr(close + 2), ' ');
  constexpr size_t start_time_field = 19;  // field 22, counted from the state (field 3)
  if (fields.size() <= start_time_field || fields[0] == "Z" || fields[0] == "X") return 0;
  return parse_u64(fields[start_time_field]).value_or(0);
}

Result<Fd> open_process(int pid, uint64_t start_time) {
  if (pid <= 1) return fail(Code::not_found, "no such process");
  Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) return fail_system(fmt::format("open process {}", pid));
  // Compared after the descriptor exists: from here on the pid cannot be given to another.
  if (start_time_of(pid) != start_time) {
    return fail(Code::not_found, fmt::format("process {} has ended", pid));
  }
  return process;
}

Result<> send_packet(int socket, std::string_view data, const std::vector<int>& descriptors) {
  if (data.size() > packet_limit || descriptors.size() > packet_descriptors) {
    return fail(Code::invalid_argument,
                fmt::format("a message of {} bytes and {} descriptors is too large", data.size(),
                            descriptors.size()));
  }
  iovec piece{const_cast<char*>(data.data()), data.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * packet_descriptors)];
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    memcpy(CMSG_DATA(head), descriptors.data(), sizeof(int) * descriptors.size());
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return {};
    if (errno != EINTR) return fail_system("send a message to the other half of the sandbox");
  }
}

Result<Packet> receive_packet(int socket) {
  Packet packet;
  packet.data.resize(packet_limit);
  iovec piece{packet.data.data(), packet.data.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * packet_descriptors)];
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail_system("receive a message from the other half of the sandbox");
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
      packet.descriptors.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return fail(Code::corrupt, "a message of the sandbox's other half was cut");
  }
  packet.data.resize(static_cast<size_t>(got));
  packet.closed = got == 0;
  return packet;
}

void complain(std::string_view line) {
  std::string text = std::string(line) + "\n";
  [[maybe_unused]] ssize_t written = ::write(2, text.data(), text.size());
}

}  // namespace croft::sandbox
