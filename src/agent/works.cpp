#include "agent/works.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/log.h"
#include "wire/json.h"

namespace croft::agent {
namespace {

namespace json = wire::json;

constexpr Bytes file_most = Bytes::mib(256);
constexpr json::Limits line_limits{Bytes::mib(32), 40};
constexpr uint64_t small = 1 << 20;  // so much is not worth writing anew
constexpr std::string_view tail = "}\n";

/// {"name":"app:web","work":TEXT}; without "work" it is gone.
std::string line_of(const std::string& name, const std::string* text) {
  std::string out = "{\"name\":" + json::compact(json::Value(name));
  if (text) out += ",\"work\":" + *text;
  return out.append(tail);
}

}  // namespace

void Works::note(std::string name, std::string_view line, uint64_t offset) {
  auto before = places_.find(name);
  if (before != places_.end()) live_ -= before->second.size;
  std::string gone = line_of(name, nullptr);
  if (line == gone) {
    if (before != places_.end()) places_.erase(before);
    return;
  }
  live_ += line.size();
  places_[std::move(name)] = {offset, line.size()};
}

aio::Task<Result<std::vector<Works::Text>>> Works::open(std::string path) {
  path_ = std::move(path);
  places_.clear();
  size_ = live_ = 0;
  auto text = co_await world_.disk.read_file(path_, file_most);
  if (!text && text.error().code != Code::not_found) co_return fail(std::move(text).error());
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  for (;;) {
    size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;
    auto object = json::parse_object(rest.substr(0, end), path_, line_limits);
    auto name = object ? json::string_at(*object, "name")
                       : Result<std::string>(fail(std::move(object).error()));
    if (!name) {
      log::error("agent", "{} is read up to byte {}: {}", path_, size_, name.error().line());
      break;
    }
    note(*name, rest.substr(0, end + 1), size_);
    size_ += end + 1;
    rest.remove_prefix(end + 1);
  }
  std::vector<Text> out;
  for (const auto& [name, place] : places_) {
    std::string_view line = std::string_view(*text).substr(place.offset, place.size);
    size_t head =
        line_of(name, nullptr).size() - tail.size() + std::string_view(",\"work\":").size();
    out.push_back({name, std::string(line.substr(head, line.size() - head - tail.size()))});
  }
  file_ = CO_TRY(co_await world_.disk.open(path_, aio::OpenMode::create));
  // What a crash has left behind the last whole line would be taken for the rest of the next one.
  if (!rest.empty()) CO_TRY(co_await file_->truncate(size_));
  if (!text) CO_TRY(co_await world_.disk.sync_dir(path_.substr(0, path_.rfind('/'))));
  co_return out;
}

aio::Task<Result<>> Works::put(std::string name, std::string text) {
  std::string line = line_of(name, &text);
  co_return co_await append(std::move(name), std::move(line));
}

aio::Task<Result<>> Works::erase(std::string name) {
  if (!places_.contains(name) && !next_ && !writing_) co_return Result<>{};
  std::string line = line_of(name, nullptr);
  co_return co_await append(std::move(name), std::move(line));
}

aio::Task<Result<>> Works::append(std::string name, std::string line) {
  if (!next_) next_ = std::make_shared<Batch>();
  std::shared_ptr<Batch> mine = next_;
  mine->lines.emplace_back(std::move(name), std::move(line));
  while (!mine->over) {
    if (writing_) {
      CO_TRY(co_await written_.wait());
      continue;
    }
    writing_ = true;
    std::shared_ptr<Batch> batch = std::exchange(next_, nullptr);
    // Not to be interrupted: those who wait for it are not all cancelled.
    auto done = co_await aio::shield(write(*batch));
    if (!done) batch->error = std::move(done).error();
    batch->over = true;
    writing_ = false;
    written_.notify();
  }
  if (mine->error) co_return fail(*mine->error);
  co_return Result<>{};
}

aio::Task<Result<>> Works::write(Batch& batch) {
  std::string text;
  for (const auto& [name, line] : batch.lines) text += line;
  if (!file_) file_ = CO_TRY(co_await world_.disk.open(path_, aio::OpenMode::create));
  world_.crash.pass("works");
  auto done = co_await file_->write_at(size_, text);
  world_.crash.pass("works written");
  if (done) done = co_await file_->sync();
  world_.crash.pass("works synced");
  if (!done) {
    // The disk is full, or worse: the next one begins where this one did.
    auto cut = co_await file_->truncate(size_);
    if (!cut) log::warn("agent", "{}: {}", path_, cut.error().line());
    co_return done;
  }
  for (auto& [name, line] : batch.lines) {
    uint64_t offset = size_;
    size_ += line.size();
    note(std::move(name), line, offset);
  }
  if (size_ < small || live_ * 2 > size_) co_return Result<>{};
  auto anew = co_await write_anew();
  if (!anew) log::warn("agent", "{} stays as long as it is: {}", path_, anew.error().line());
  co_return Result<>{};
}

aio::Task<Result<>> Works::write_anew() {
  std::string text = CO_TRY(co_await world_.disk.read_file(path_, file_most));
  std::string kept;
  std::map<std::string, Place, std::less<>> places;
  for (const auto& [name, place] : places_) {
    places[name] = {kept.size(), place.size};
    kept.append(text, place.offset, place.size);
  }
  uint64_t size = kept.size();
  CO_TRY(co_await world_.disk.write_file(path_, std::move(kept)));
  file_.reset();  // that was the file before
  places_ = std::move(places);
  size_ = live_ = size;
  co_return Result<>{};
}

}  // namespace croft::agent
