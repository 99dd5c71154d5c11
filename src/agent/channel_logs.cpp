// What an item's programs wrote: the kept files from the oldest on, and what comes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/channel_open.h"
#include "agent/item.h"

namespace croft::agent {
namespace {

constexpr Duration follow_pause = Duration::milliseconds(200);

class LogReader {
 public:
  LogReader(aio::World& world, bool timed, std::shared_ptr<Channels::Open> open)
      : world_(world), timed_(timed), open_(std::move(open)) {}

  aio::Task<Result<wire::json::Object>> run(std::string current, LogStart start,
                                            std::vector<std::string> files, bool follow) {
    at_ = start.offset;
    for (size_t i = start.file; i < files.size(); ++i) {
      if (i > start.file) at_ = 0;
      CO_TRY(co_await send_rest(files[i], true));
    }
    if (timed_) CO_TRY(co_await send("", world_.clock.wall()));
    while (follow) {
      CO_TRY(co_await world_.clock.sleep(follow_pause));
      uint64_t size = size_of(current);
      if (size == at_) continue;
      if (size < at_) {
        // It was moved aside meanwhile: what was not read yet is there.
        CO_TRY(co_await send_rest(current + ".1", false));
        at_ = 0;
      }
      CO_TRY(co_await send_rest(current, false));
    }
    CO_TRY(co_await open_->channel->send(""));
    co_return wire::json::Object{};
  }

 private:
  /// From `at_` to the file's end as it is now. `noted`: notes say when it was written.
  aio::Task<Result<>> send_rest(std::string path, bool noted);
  aio::Task<Result<>> send(std::string bytes, WallTime time) {
    co_return co_await open_->channel->send(timed_ ? protocol::timed_text(time, bytes)
                                                   : std::move(bytes));
  }

  aio::World& world_;
  bool timed_;
  std::shared_ptr<Channels::Open> open_;
  uint64_t at_ = 0;
};

aio::Task<Result<>> LogReader::send_rest(std::string path, bool noted) {
  auto file = co_await world_.disk.open(path, aio::OpenMode::read);
  if (!file && file.error().code == Code::not_found) co_return Result<>{};
  if (!file) co_return fail(std::move(file).error());
  std::vector<LogNote> notes;
  if (timed_ && noted) notes = log_notes(path);
  auto note = notes.begin();
  std::string buffer(piece_bytes, '\0');
  for (;;) {
    while (note != notes.end() && note->size <= at_) ++note;
    size_t most = buffer.size();
    if (note != notes.end()) most = std::min<uint64_t>(most, note->size - at_);
    size_t got = CO_TRY(co_await (*file)->read_at(at_, std::span(buffer.data(), most)));
    if (got == 0) co_return Result<>{};
    at_ += got;
    CO_TRY(co_await send(buffer.substr(0, got),
                         note != notes.end() ? note->time : world_.clock.wall()));
  }
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
  bool timed = CO_TRY(wire::json::bool_or(request, "times", false));
  auto open = add();
  auto read = [](LogReader reader, std::string newest, LogStart from, std::vector<std::string> kept,
                 bool on) -> Worker {
    co_return co_await reader.run(std::move(newest), from, std::move(kept), on);
  };
  scope.spawn(
      run(open, read(LogReader(world_, timed, open), current, start, std::move(files), follow)));
  wire::json::Object out;
  out["times"] = timed;
  out["channel"] = open->channel->number();
  co_return out;
}

}  // namespace croft::agent
