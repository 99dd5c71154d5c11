// Carries the lifecycle rules out: a walk over every bucket that has some, from time to time.
// Whatever it does is what a client could have asked for; what changes meanwhile is left alone.
#include <fmt/format.h>

#include "base/log.h"
#include "farm/s3/lifecycle.h"
#include "farm/s3/lock.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

constexpr size_t page = 500;

/// Only if it is still what was looked at.
Precondition unchanged(std::string id) {
  return [id = std::move(id)](const ObjectRecord* current) -> Result<> {
    if (current && current->id == id) return {};
    return fail(Code::conflict, "the object has changed meanwhile");
  };
}

/// An object that was changed or removed by somebody else is no failure of the walk.
bool is_race(const Error& error) {
  return error.code == Code::conflict || error.code == Code::not_found;
}

}  // namespace

aio::Task<Result<>> Service::move_to(std::string bucket, Listed item, std::string version,
                                     std::string storage_class, LifecycleCount& count) {
  auto moved =
      co_await index_.modify(bucket, item.key, version, [&](ObjectRecord& record) -> Result<> {
        if (record.id != item.record.id)
          return fail(Code::conflict, "the object has changed meanwhile");
        record.storage_class = storage_class;
        return {};
      });
  if (!moved && !is_race(moved.error())) co_return fail(std::move(moved).error());
  if (moved) ++count.moved;
  co_return Result<>{};
}

/// Latest versions that have had their time, and those due in another class.
aio::Task<Result<>> Service::expire_objects(BucketRef bucket, const Lifecycle& rules,
                                            LifecycleCount& count) {
  const std::string name = bucket->record.name;
  WallTime now = context_.world.clock.wall();
  std::string from;
  for (;;) {
    auto found = CO_TRY(co_await index_.scan(name, from, "", page));
    for (const Listed& item : found) {
      auto due = rules.expiry(item.key, item.record, options_.lifecycle_day);
      if (due && due->at <= now) {
        auto gone = co_await index_.erase(name, item.key, "", unchanged(item.record.id));
        if (!gone && !is_race(gone.error())) co_return fail(std::move(gone).error());
        if (gone) ++count.expired;
        continue;
      }
      std::string to = rules.transition(item.key, item.record, now, options_.lifecycle_day);
      if (to.empty()) continue;
      CO_TRY(co_await move_to(name, item, "", std::move(to), count));
    }
    if (found.size() < page) co_return Result<>{};
    from = found.back().key + '\0';
  }
}

/// Older versions, and markers with nothing behind them.
aio::Task<Result<>> Service::expire_versions(BucketRef bucket, const Lifecycle& rules,
                                             LifecycleCount& count) {
  const std::string name = bucket->record.name;
  WallTime now = context_.world.clock.wall();
  std::string from, key;
  ObjectRef latest;
  WallTime since;    // when the version became an older one: its successor's time
  size_t newer = 0;  // older versions of the key before it
  for (;;) {
    auto found = CO_TRY(co_await index_.scan_versions(name, from, "", page));
    for (size_t i = 0; i < found.size(); ++i) {
      const Listed& item = found[i];
      bool first = item.key != key;
      if (first) {
        key = item.key;
        latest = CO_TRY(co_await index_.find(name, key));
        since = latest ? latest->record.modified : WallTime{};
        newer = 0;
      }
      bool is_latest = first && !latest;
      std::string version = shown_version(item.record);
      bool drop = false;
      std::string to;
      if (is_latest) {
        bool alone = i + 1 < found.size() ? found[i + 1].key != key : found.size() < page;
        drop = alone && rules.drops_lone_marker(key, item.record, now, options_.lifecycle_day);
      } else {
        auto due = rules.noncurrent_expiry(key, item.record, since, newer, options_.lifecycle_day);
        drop = due && *due <= now;
        if (!drop && !item.record.delete_marker)
          to = rules.noncurrent_transition(key, item.record, since, newer, now,
                                           options_.lifecycle_day);
        ++newer;
      }
      since = item.record.modified;
      if (!to.empty()) CO_TRY(co_await move_to(name, item, version, std::move(to), count));
      // What is locked stays until it no longer is.
      if (!drop || is_locked(item.record, now, false)) continue;
      auto gone = co_await index_.erase(name, key, version, unchanged(item.record.id));
      if (!gone && !is_race(gone.error())) co_return fail(std::move(gone).error());
      if (gone) ++count.versions;
    }
    if (found.size() < page) co_return Result<>{};
    from = Index::version_order(found.back().key, found.back().order) + '\0';
  }
}

aio::Task<Result<>> Service::expire_uploads(BucketRef bucket, const Lifecycle& rules,
                                            LifecycleCount& count) {
  const std::string name = bucket->record.name;
  WallTime now = context_.world.clock.wall();
  std::string from;
  for (;;) {
    auto found = CO_TRY(co_await index_.scan_uploads(name, from, "", page));
    for (const UploadRecord& upload : found) {
      from = Index::upload_order(upload.key, upload.id) + '\0';
      auto due = rules.upload_expiry(upload.key, upload.started, options_.lifecycle_day);
      if (!due || *due > now) continue;
      auto gone = co_await index_.abort_upload(upload);
      if (!gone && !is_race(gone.error())) co_return gone;
      if (gone) ++count.uploads;
    }
    if (found.size() < page) co_return Result<>{};
  }
}

aio::Task<Result<LifecycleCount>> Service::run_lifecycle() {
  LifecycleCount count;
  for (const BucketRef& bucket : index_.all_buckets()) {
    if (!bucket->rules->lifecycle) continue;
    // The rules may be replaced while the walk goes on.
    std::shared_ptr<const BucketRules> rules = bucket->rules;
    CO_TRY(co_await expire_objects(bucket, *rules->lifecycle, count));
    CO_TRY(co_await expire_versions(bucket, *rules->lifecycle, count));
    CO_TRY(co_await expire_uploads(bucket, *rules->lifecycle, count));
  }
  co_return count;
}

aio::Task<Result<>> Service::keep_lifecycle() {
  Duration pause =
      std::clamp(options_.lifecycle_day / 24, Duration::milliseconds(200), Duration::hours(1));
  for (;;) {
    CO_TRY(co_await context_.world.clock.sleep(pause));
    index_.past().prune();
    auto done = co_await run_lifecycle();
    if (done && done->expired + done->versions + done->uploads + done->moved > 0)
      log::info("s3", "lifecycle: {} objects expired, {} versions, {} uploads, {} moved",
                done->expired, done->versions, done->uploads, done->moved);
    // A full disk or the like: the next walk tries again.
    if (!done && done.error().code == Code::cancelled) co_return fail(std::move(done).error());
    if (!done) log::warn("s3", "lifecycle: {}", done.error().line());
  }
}

/// x-amz-expiration, where a rule will remove the object.
void Service::add_expiration(wire::Headers& headers, const Bucket& bucket, std::string_view key,
                             const ObjectRecord& record) const {
  if (!bucket.rules->lifecycle) return;
  auto due = bucket.rules->lifecycle->expiry(key, record, options_.lifecycle_day);
  if (!due) return;
  headers.add("x-amz-expiration",
              fmt::format("expiry-date=\"{}\", rule-id=\"{}\"", due->at.http_date(), due->rule));
}

}  // namespace croft::farm::s3
