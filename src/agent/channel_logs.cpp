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

aio::Task<Result<wire::json::Object>> logs_worker(aio::World& world, std::string current,
                                                  LogStart start, std::vector<std::string> files,
                                                  bool follow,
                                                  std::shared_ptr<Channels::Open> open) {
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
  std::string current = folder_.log_file(name);
  auto files = kept_files(current, limits->files);
  LogStart start;
  if (request.contains("since"))
    start = log_start_since(files, WallTime{CO_TRY(wire::json::int_at(request, "since"))});
  if (request.contains("lines"))
    start = log_start_by_lines(files, CO_TRY(wire::json::int_at(request, "lines")));
  bool follow = CO_TRY(wire::json::bool_or(request, "follow", false));
  auto open = add();
  scope.spawn(run(open, logs_worker(world_, current, start, std::move(files), follow, open)));
  wire::json::Object out;
  out["channel"] = open->channel->number();
  co_return out;
}

}  // namespace croft::agent
