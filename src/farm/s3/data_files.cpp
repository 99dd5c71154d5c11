#include "farm/s3/data_files.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/log.h"

namespace croft::farm::s3 {
namespace {

constexpr size_t batch = 64;

}  // namespace

std::string DataFiles::new_path(std::string_view id) const {
  return fmt::format("{}/new/{}", folder_, id);
}

std::string DataFiles::shelf_path(std::string_view id) const {
  return fmt::format("{}/data/{}/{}", folder_, id.substr(0, 2), id);
}

std::string DataFiles::fresh_id() {
  return world_.random.hex_id(32);
}

aio::Task<Result<>> DataFiles::prepare() {
  co_return co_await world_.disk.make_dirs(folder_ + "/new");
}

aio::Task<Result<std::vector<std::string>>> DataFiles::unsettled() {
  co_return co_await world_.disk.list(folder_ + "/new");
}

aio::Task<Result<std::vector<std::string>>> DataFiles::shelves() {
  auto names = co_await world_.disk.list(folder_ + "/data");
  if (!names && names.error().code == Code::not_found) co_return std::vector<std::string>{};
  co_return names;
}

aio::Task<Result<std::vector<std::string>>> DataFiles::on_shelf(std::string shelf) {
  co_return co_await world_.disk.list(fmt::format("{}/data/{}", folder_, shelf));
}

aio::Task<Result<DataFiles::Draft>> DataFiles::create() {
  Draft draft;
  draft.id = fresh_id();
  draft.file = CO_TRY(co_await world_.disk.open(new_path(draft.id), aio::OpenMode::create_new));
  co_return draft;
}

aio::Task<Result<>> DataFiles::keep(Draft& draft) {
  world_.crash.pass("s3.data.before_sync");
  if (sync_) {
    CO_TRY(co_await draft.file->sync());
    CO_TRY(co_await sync_new());
  }
  world_.crash.pass("s3.data.after_sync");
  draft.file.reset();
  on_new_.insert(draft.id);
  co_return Result<>{};
}

aio::Task<Result<>> DataFiles::sync_new() {
  uint64_t mine = ++sync_asked_;
  auto lock = CO_TRY(co_await syncing_.lock());
  if (sync_done_ >= mine) co_return Result<>{};  // a later one covered it
  uint64_t covers = sync_asked_;
  CO_TRY(co_await world_.disk.sync_dir(folder_ + "/new"));
  sync_done_ = covers;
  co_return Result<>{};
}

aio::Task<void> DataFiles::drop(std::string id) {
  auto removed = co_await aio::shield(remove(id));
  if (!removed)
    log::warn("s3", "draft {} stays until the next start: {}", id, removed.error().line());
}

void DataFiles::settle(std::string id) {
  settling_.push_back(std::move(id));
  work_.notify();
}

aio::Task<Result<>> DataFiles::settle_now(std::string id) {
  auto moved = co_await world_.disk.rename(new_path(id), shelf_path(id));
  if (!moved && moved.error().code == Code::not_found) {
    // Shelves are made by their first file.
    CO_TRY(co_await world_.disk.make_dirs(fmt::format("{}/data/{}", folder_, id.substr(0, 2))));
    moved = co_await world_.disk.rename(new_path(id), shelf_path(id));
  }
  if (!moved && moved.error().code != Code::not_found) co_return moved;
  on_new_.erase(id);
  co_return Result<>{};
}

aio::Task<Result<std::unique_ptr<aio::File>>> DataFiles::open(std::string id) {
  if (on_new_.contains(id)) {
    auto file = co_await world_.disk.open(new_path(id), aio::OpenMode::read);
    if (file || file.error().code != Code::not_found) co_return file;
    // It moved to its shelf between the look and the open.
  }
  co_return co_await world_.disk.open(shelf_path(id), aio::OpenMode::read);
}

aio::Task<Result<>> DataFiles::remove(std::string id) {
  // A settle of this id may be on its way: look in both places, the new one first.
  auto first = co_await world_.disk.remove(new_path(id));
  on_new_.erase(id);
  if (first || first.error().code != Code::not_found) co_return first;
  auto second = co_await world_.disk.remove(shelf_path(id));
  if (second || second.error().code == Code::not_found) co_return Result<>{};
  co_return second;
}

bool DataFiles::pin(const std::string& object_id) {
  if (doomed_ids_.contains(object_id)) return false;
  ++pins_[object_id];
  return true;
}

void DataFiles::unpin(const std::string& object_id) {
  auto at = pins_.find(object_id);
  CHECK(at != pins_.end(), "unpin without pin");
  if (--at->second == 0) {
    pins_.erase(at);
    work_.notify();
  }
}

void DataFiles::doom(Doomed doomed) {
  if (doomed_.size() >= max_background)
    return;  // its record stays in the store: the next start does it
  doomed_.push_back(std::move(doomed));
  work_.notify();
}

aio::Task<Result<bool>> DataFiles::settle_some() {
  bool any = false;
  for (size_t i = 0; i < batch && !settling_.empty(); ++i) {
    std::string id = std::move(settling_.front());
    settling_.pop_front();
    any = true;
    if (!on_new_.contains(id)) continue;
    auto moved = co_await settle_now(id);
    if (!moved) log::warn("s3", "file {} stays under new/: {}", id, moved.error().line());
  }
  co_return any;
}

aio::Task<bool> DataFiles::remove_all(const Doomed& item) {
  bool all = true;
  for (const std::string& file : item.files) {
    auto removed = co_await remove(file);
    if (removed) continue;
    all = false;
    log::warn("s3", "cannot remove data file {}: {}", file, removed.error().line());
  }
  co_return all;
}

aio::Task<Result<bool>> DataFiles::remove_some(
    std::function<aio::Task<Result<>>(std::vector<Doomed>)>& forget) {
  std::vector<Doomed> ready;
  std::deque<Doomed> held;
  while (ready.size() < batch && !doomed_.empty()) {
    Doomed next = std::move(doomed_.front());
    doomed_.pop_front();
    if (pins_.contains(next.object_id)) {
      held.push_back(std::move(next));
      continue;
    }
    doomed_ids_.insert(next.object_id);
    ready.push_back(std::move(next));
  }
  for (Doomed& item : held) doomed_.push_back(std::move(item));
  if (ready.empty()) co_return false;
  std::vector<Doomed> gone;
  std::vector<std::string> ids;
  for (Doomed& item : ready) {
    ids.push_back(item.object_id);
    // What cannot be removed stays on record: the next start tries again.
    if (co_await remove_all(item)) gone.push_back(std::move(item));
  }
  Result<> forgotten;
  if (!gone.empty()) forgotten = co_await forget(std::move(gone));
  for (const std::string& id : ids) doomed_ids_.erase(id);
  if (!forgotten) co_return fail(std::move(forgotten).error());
  co_return true;
}

aio::Task<Result<>> DataFiles::run(std::function<aio::Task<Result<>>(std::vector<Doomed>)> forget) {
  for (;;) {
    bool settled = CO_TRY(co_await settle_some());
    auto removed = co_await remove_some(forget);
    if (!removed && removed.error().code == Code::cancelled)
      co_return fail(std::move(removed).error());
    if (!removed) log::warn("s3", "clearing deleted data: {}", removed.error().line());
    if (settled || removed.value_or(false)) continue;
    CO_TRY(co_await work_.wait());
  }
}

}  // namespace croft::farm::s3
