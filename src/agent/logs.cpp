#include "agent/logs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/plain_files.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr size_t output_most = 4096;
constexpr size_t piece_bytes = 32 << 10;
constexpr int log_files_max = 100;
constexpr int64_t share_least = 4096;
constexpr const char* times = ".times";

std::string numbered(const std::string& file, int number) {
  return number == 0 ? file : fmt::format("{}.{}", file, number);
}

void move(const std::string& from, const std::string& to) {
  ::rename(from.c_str(), to.c_str());
  ::rename((from + times).c_str(), (to + times).c_str());
}

/// Offset of the line that begins `lines` before the end of the file; fewer are there: counts down
/// `lines` and gives 0.
uint64_t back_by_lines(const std::string& file, int64_t& lines) {
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  uint64_t end = size_of(file), at = end;
  std::string buffer(piece_bytes, '\0');
  bool last = true;
  while (at > 0) {
    uint64_t from = at > piece_bytes ? at - piece_bytes : 0;
    ssize_t got = ::pread(fd, buffer.data(), at - from, static_cast<off_t>(from));
    if (got <= 0) break;
    for (auto i = static_cast<uint64_t>(got); i-- > 0;) {
      if (buffer[i] != '\n') continue;
      // The newline at the very end closes the last line, and begins none.
      if (std::exchange(last, false) && from + i + 1 == end) continue;
      if (--lines == 0) {
        ::close(fd);
        return from + i + 1;
      }
    }
    at = from;
  }
  ::close(fd);
  if (end > 0) --lines;  // the first line has no newline before it
  return 0;
}

/// The last note at or before that moment; nullopt: the file has none.
std::optional<uint64_t> offset_at(const std::string& file, WallTime moment) {
  std::optional<uint64_t> out;
  for (const LogNote& note : log_notes(file))
    if (note.time.ns <= moment.ns) out = note.size;
  return out;
}

/// Where the line begins that is at `offset`.
uint64_t line_begin(const std::string& file, uint64_t offset) {
  uint64_t from = offset > piece_bytes ? offset - piece_bytes : 0;
  std::string before(offset - from, '\0');
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return offset;
  ssize_t got = ::pread(fd, before.data(), before.size(), static_cast<off_t>(from));
  ::close(fd);
  if (got != static_cast<ssize_t>(before.size())) return offset;
  size_t newline = before.rfind('\n');
  if (newline != std::string::npos) return from + newline + 1;
  return from == 0 ? 0 : offset;
}

}  // namespace

std::vector<LogNote> log_notes(const std::string& file) {
  std::vector<LogNote> out;
  for (const std::string& line : split(read_plain(file + times).value_or(""), '\n')) {
    auto parts = cut(line, ' ');
    auto at = parts ? parse_i64(parts->first) : std::nullopt;
    auto size = parts ? parse_u64(parts->second) : std::nullopt;
    if (at && size) out.push_back({WallTime{*at}, *size});
  }
  return out;
}

uint64_t size_of(const std::string& file) {
  struct stat info{};
  return stat(file.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

std::string last_lines(const std::string& file, uint64_t from) {
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  uint64_t size = size_of(file);
  uint64_t begin = size > from + output_most ? size - output_most : std::min(from, size);
  std::string text(size - begin, '\0');
  ssize_t got = ::pread(fd, text.data(), text.size(), static_cast<off_t>(begin));
  ::close(fd);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  if (begin > from)
    if (size_t line = text.find('\n'); line != std::string::npos) text.erase(0, line + 1);
  if (!valid_utf8(text))
    for (char& c : text)
      if (static_cast<uint8_t>(c) >= 0x80) c = '?';
  return text;
}

std::vector<std::string> kept_files(const std::string& current, int most) {
  std::vector<std::string> out;
  for (int i = most; i >= 1; --i) {
    std::string file = fmt::format("{}.{}", current, i);
    if (access(file.c_str(), R_OK) == 0) out.push_back(std::move(file));
  }
  out.push_back(current);
  return out;
}

LogStart log_start_by_lines(const std::vector<std::string>& files, int64_t lines) {
  if (lines <= 0) return {files.size() - 1, size_of(files.back())};
  int64_t left = lines;
  for (size_t i = files.size(); i-- > 0;) {
    uint64_t offset = back_by_lines(files[i], left);
    if (left <= 0) return {i, offset};
  }
  return {};
}

LogStart log_start_since(const std::vector<std::string>& files, WallTime moment) {
  for (size_t i = files.size(); i-- > 0;)
    if (auto offset = offset_at(files[i], moment))
      return {i, line_begin(files[i], std::min(*offset, size_of(files[i])))};
  return {};
}

void note_log_time(const std::string& file, WallTime now, uint64_t size) {
  int fd = ::open((file + times).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  std::string line = fmt::format("{} {}\n", now.ns, size);
  // One that is lost only makes "since" less exact.
  if (::write(fd, line.data(), line.size()) < 0) unlink((file + times).c_str());
  ::close(fd);
}

void remove_log(const std::string& file) {
  for (int i = 0; i <= log_files_max; ++i) {
    std::string each = numbered(file, i);
    unlink((each + times).c_str());
    if (unlink(each.c_str()) != 0 && i > 0) break;
  }
}

uint64_t log_share(const LogLimits& limits) {
  return static_cast<uint64_t>(std::max(limits.most.count(), share_least)) /
         static_cast<uint64_t>(std::clamp(limits.files, 1, log_files_max));
}

void rotate_log(const std::string& file, const LogLimits& limits) {
  int files = std::clamp(limits.files, 1, log_files_max);
  uint64_t share = log_share(limits);
  uint64_t size = size_of(file);
  if (size <= share) return;
  for (int i = files - 1; i > 1; --i) move(numbered(file, i - 1), numbered(file, i));
  int from = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (from < 0) return;
  int to = files == 1
               ? -1
               : ::open((file + ".1").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  // One that grew by more than its share since the last look keeps its end.
  off_t at = size > share * 2 ? static_cast<off_t>(size - share) : 0;
  while (to >= 0) {
    char buffer[64 << 10];
    ssize_t got = ::pread(from, buffer, sizeof buffer, at);
    if (got <= 0 || ::write(to, buffer, static_cast<size_t>(got)) != got) break;
    at += got;
  }
  if (ftruncate(from, 0) != 0) unlink(file.c_str());
  if (to >= 0)
    ::rename((file + times).c_str(), (file + ".1" + times).c_str());
  else
    unlink((file + times).c_str());
  if (to >= 0) ::close(to);
  ::close(from);
}

}  // namespace croft::agent
