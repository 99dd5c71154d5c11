// What an item's programs wrote: the kept files from the oldest on, and what comes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/channel_open.h"
#include "agent/item.h"
#include "aio/system_error.h"

namespace croft::agent {
namespace {

constexpr Duration follow_pause = Duration::milliseconds(200);

/// Where reading begins: so many lines before the end.
struct Start {
  size_t file = 0;  ///< in the list
  uint64_t offset = 0;
};

std::vector<std::string> kept_files(const std::string& current, int most) {
  std::vector<std::string> out;
  for (int i = most; i >= 1; --i) {
    std::string file = fmt::format("{}.{}", current, i);
    if (access(file.c_str(), R_OK) == 0) out.push_back(std::move(file));
  }
  out.push_back(current);
  return out;
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

Start find_start(const std::vector<std::string>& files, std::optional<int64_t> lines) {
  if (!lines) return {};
  if (*lines <= 0) return {files.size() - 1, size_of(files.back())};
  int64_t left = *lines;
  for (size_t i = files.size(); i-- > 0;) {
    uint64_t offset = back_by_lines(files[i], left);
    if (left <= 0) return {i, offset};
  }
  return {};
}

/// From `at` to the file's end as it is now.
aio::Task<Result<>> send_rest(aio::World& world, const std::string& path, uint64_t& at,
                              Channel& to) {
  auto file = co_await world.disk.open(path, aio::OpenMode::read);
  if (!file && file.error().code == Code::not_found) co_return Result<>{};
  if (!file) co_return fail(std::move(file).error());
  std::string buffer(piece_bytes, '\0');
  for (;;) {
    size_t got = CO_TRY(co_await (*file)->read_at(at, buffer));
    if (got == 0) co_return Result<>{};
    at += got;
    CO_TRY(co_await to.send(buffer.substr(0, got)));
  }
}

aio::Task<Result<wire::json::Object>> logs_worker(aio::World& world, std::string current, int most,
                                                  std::optional<int64_t> lines, bool follow,
                                                  std::shared_ptr<Channels::Open> open) {
  auto files = kept_files(current, most);
  Start start = find_start(files, lines);
  uint64_t at = start.offset;
  for (size_t i = start.file; i < files.size(); ++i) {
    if (i > start.file) at = 0;
    CO_TRY(co_await send_rest(world, files[i], at, *open->channel));
  }
  while (follow) {
    CO_TRY(co_await world.clock.sleep(follow_pause));
    uint64_t size = size_of(current);
    if (size == at) continue;
    if (size < at) {
      // It was moved aside meanwhile: what was not read yet is there.
      CO_TRY(co_await send_rest(world, current + ".1", at, *open->channel));
      at = 0;
    }
    CO_TRY(co_await send_rest(world, current, at, *open->channel));
  }
  CO_TRY(co_await open->channel->send(""));
  co_return wire::json::Object{};
}

}  // namespace

aio::Task<Result<wire::json::Object>> Channels::open_logs(aio::Scope& scope,
                                                          wire::json::Object request) {
  std::string name = CO_TRY(wire::json::string_at(request, "name"));
  const Item* item = CO_TRY(supervisor_.find(name));
  auto limits = item->log_limits();
  if (!limits)
    co_return fail(Code::unsupported, fmt::format("'{}' runs no program that writes", name));
  std::optional<int64_t> lines;
  if (request.contains("lines")) lines = CO_TRY(wire::json::int_at(request, "lines"));
  bool follow = CO_TRY(wire::json::bool_or(request, "follow", false));
  auto open = add();
  scope.spawn(
      run(open, logs_worker(world_, folder_.log_file(name), limits->files, lines, follow, open)));
  wire::json::Object out;
  out["channel"] = open->channel->number();
  co_return out;
}

}  // namespace croft::agent
