// The versions' half of the catalogue. The latest version lies where it would lie in a bucket
// without versions; the others stand behind it in an order of their own, newest first. Bodies never
// move: only records do.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/api/error.h"
#include "farm/s3/index.h"
#include "farm/s3/lock.h"

namespace croft::farm::s3 {
namespace {

constexpr size_t order_bytes = 32;
constexpr size_t page = 1000;

std::string object_key(std::string_view bucket, std::string_view key) {
  return fmt::format("s3/o/{}/{}", bucket, key);
}
std::string versions_prefix(std::string_view bucket) {
  return fmt::format("s3/v/{}/", bucket);
}
std::string version_key(std::string_view bucket, std::string_view key, std::string_view order) {
  return versions_prefix(bucket) + Index::version_order(key, order);
}
std::string body_key(std::string_view id) {
  return fmt::format("s3/d/{}", id);
}

/// Later moments sort first.
std::string order_prefix(WallTime time) {
  return fmt::format("{:016x}", static_cast<uint64_t>(INT64_MAX) - static_cast<uint64_t>(time.ns));
}

bool is_version(const ObjectRecord& record, std::string_view version) {
  return version == "null" ? record.version.empty() : record.version == version;
}

std::string shown_version(const ObjectRecord& record) {
  return record.version.empty() ? "null" : record.version;
}

}  // namespace

std::string Index::version_order(std::string_view key, std::string_view order) {
  std::string out(key);
  out += '\0';
  out += order;
  return out;
}

std::string Index::order_of(const ObjectRecord& record) {
  if (!record.version.empty()) return record.version;
  return order_prefix(record.modified) + std::string(16, '0');
}

aio::Task<Result<std::vector<Listed>>> Index::scan_versions(std::string bucket, std::string from,
                                                            std::string to, size_t limit) {
  std::string base = versions_prefix(bucket);
  store::Range range = store::prefix(base, limit);
  range.from = base + from;
  if (!to.empty()) range.to = base + to;
  std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
  std::vector<Listed> out;
  out.reserve(entries.size());
  for (const store::Entry& entry : entries) {
    std::string_view tail = std::string_view(entry.key).substr(base.size());
    if (tail.size() < order_bytes + 1)
      co_return fail(Code::corrupt, "a version's name in the store is too short");
    out.push_back({std::string(tail.substr(0, tail.size() - order_bytes - 1)),
                   CO_TRY(decode_object(entry.value)),
                   std::string(tail.substr(tail.size() - order_bytes))});
  }
  co_await count_scanned(out.size());
  co_return out;
}

/// Those behind the latest, newest first.
aio::Task<Result<std::vector<Listed>>> Index::versions_of(std::string bucket, std::string key,
                                                          size_t limit) {
  std::string to = key;
  to += '\1';
  std::vector<Listed> found =
      CO_TRY(co_await scan_versions(bucket, version_order(key, ""), to, limit));
  // A key that goes on behind a zero character lies in the same range.
  std::erase_if(found, [&key](const Listed& item) { return item.key != key; });
  co_return found;
}

aio::Task<Result<std::optional<Listed>>> Index::old_version(std::string bucket, std::string key,
                                                            std::string version) {
  if (version != "null") {
    auto entry = CO_TRY(co_await store_.get(version_key(bucket, key, version)));
    if (!entry) co_return std::nullopt;
    co_return Listed{key, CO_TRY(decode_object(entry->value)), version};
  }
  std::string from = version_order(key, "");
  std::string to = key;
  to += '\1';
  for (;;) {
    std::vector<Listed> found = CO_TRY(co_await scan_versions(bucket, from, to, page));
    for (Listed& item : found)
      if (item.key == key && item.record.version.empty()) co_return std::move(item);
    if (found.size() < page) co_return std::nullopt;
    from = version_order(found.back().key, found.back().order) + '\0';
  }
}

aio::Task<Result<ObjectRef>> Index::with_body(ObjectRecord record) {
  auto object = std::make_shared<Object>();
  object->record = std::move(record);
  if (object->record.in_store && object->record.size > 0) {
    auto body = CO_TRY(co_await store_.get_cold(body_key(object->record.id)));
    if (!body) co_return ObjectRef{};  // removed between the two reads
    object->data = std::move(*body);
  }
  co_return ObjectRef(std::move(object));
}

aio::Task<Result<ObjectRef>> Index::find_version(std::string bucket, std::string key,
                                                 std::string version) {
  // A put may move the latest behind while we look: then it is found there.
  ObjectRef latest = CO_TRY(co_await find(bucket, key));
  if (latest && is_version(latest->record, version)) co_return latest;
  auto old = CO_TRY(co_await old_version(bucket, key, version));
  if (old) co_return co_await with_body(std::move(old->record));
  // Or a removal may bring it to the front.
  latest = CO_TRY(co_await find(bucket, key));
  if (latest && is_version(latest->record, version)) co_return latest;
  co_return ObjectRef{};
}

aio::Task<Result<ObjectRef>> Index::latest_marker(std::string bucket, std::string key) {
  std::vector<Listed> newest = CO_TRY(co_await versions_of(bucket, key, 1));
  if (newest.empty() || !newest.front().record.delete_marker) co_return ObjectRef{};
  auto object = std::make_shared<Object>();
  object->record = std::move(newest.front().record);
  co_return ObjectRef(std::move(object));
}

aio::Task<Result<Index::Displaced>> Index::make_way(const Bucket& bucket, std::string key,
                                                    ObjectRef old, ObjectRecord& coming,
                                                    Changes& changes) {
  Displaced out;
  std::string name = bucket.record.name;
  if (bucket.record.versioning == Versioning::never) {
    out.removed = std::move(old);
    out.growth = growth_of(out.removed ? &out.removed->record : nullptr, nullptr);
    co_return out;
  }
  // The order among versions is that of their times: no two of a key share one.
  WallTime newest = old ? old->record.modified : WallTime{};
  if (!old) {
    std::vector<Listed> first = CO_TRY(co_await versions_of(name, key, 1));
    if (!first.empty()) newest = first.front().record.modified;
  }
  if (coming.modified <= newest) coming.modified.ns = newest.ns + 1;
  bool keeps = bucket.record.versioning == Versioning::enabled;
  coming.version = keeps ? order_prefix(coming.modified) + world_.random.hex_id(16) : "";
  bool replaced = false;
  if (old && !keeps && old->record.version.empty()) {
    out.removed = old;
    replaced = true;
  } else if (old) {
    changes.push_back({version_key(name, key, order_of(old->record)), encode(old->record)});
  }
  if (!keeps && !replaced) {
    auto null_version = CO_TRY(co_await old_version(name, key, "null"));
    if (null_version) {
      changes.push_back({version_key(name, key, null_version->order), std::nullopt});
      auto object = std::make_shared<Object>();
      object->record = std::move(null_version->record);
      out.removed = std::move(object);
    }
  }
  out.growth = growth_of(out.removed ? &out.removed->record : nullptr, nullptr);
  co_return out;
}

aio::Task<Result<ObjectRef>> Index::modify(std::string bucket_name, std::string key,
                                           std::string version,
                                           std::function<Result<>(ObjectRecord&)> change) {
  std::string name = object_key(bucket_name, key);
  auto lock = CO_TRY(co_await locks_.lock(name));
  BucketRef bucket = CO_TRY(writable(bucket_name));
  Writing writing(bucket);
  ObjectRef old = CO_TRY(version.empty() ? co_await find(bucket_name, key)
                                         : co_await find_version(bucket_name, key, version));
  if (!old && version.empty())
    co_return fail(
        aws_error("NoSuchKey", 404, "The specified key does not exist.").fact("xml:Key", key));
  if (!old)
    co_return fail(aws_error("NoSuchVersion", 404, "The specified version does not exist.")
                       .fact("xml:Key", key)
                       .fact("xml:VersionId", printable(version)));
  if (old->record.delete_marker)
    co_return fail(aws_error("MethodNotAllowed", 405,
                             "The specified method is not allowed against this resource.")
                       .fact("hdr:x-amz-delete-marker", "true"));
  ObjectRef latest = CO_TRY(co_await find(bucket_name, key));
  bool is_latest = latest && latest->record.id == old->record.id;
  auto made = std::make_shared<Object>(*old);
  CO_TRY(change(made->record));
  Changes changes;
  changes.push_back({is_latest ? name : version_key(bucket_name, key, order_of(made->record)),
                     encode(made->record)});
  // The same bytes, perhaps of another class.
  CO_TRY(co_await commit(bucket, std::move(changes), growth_of(&old->record, &made->record)));
  if (is_latest) cache_.replace(name, made);
  co_return ObjectRef(std::move(made));
}

aio::Task<Result<Erased>> Index::erase(std::string bucket_name, std::string key,
                                       std::string version, Precondition precondition,
                                       bool bypass) {
  auto lock = CO_TRY(co_await locks_.lock(object_key(bucket_name, key)));
  BucketRef bucket = CO_TRY(writable(bucket_name));
  Writing writing(bucket);
  ObjectRef latest = CO_TRY(co_await find(bucket_name, key));
  if (!version.empty())
    co_return co_await erase_version(std::move(bucket), std::move(key), std::move(version),
                                     std::move(latest), std::move(precondition), bypass);
  if (precondition) CO_TRY(precondition(latest ? &latest->record : nullptr));
  if (bucket->record.versioning == Versioning::never)
    co_return co_await erase_plain(std::move(bucket), std::move(key), std::move(latest));
  co_return co_await add_marker(std::move(bucket), std::move(key), std::move(latest));
}

aio::Task<Result<Erased>> Index::erase_plain(BucketRef bucket, std::string key, ObjectRef old) {
  if (!old) co_return Erased{};
  std::string name = object_key(bucket->record.name, key);
  Changes changes;
  std::vector<std::string> files = replace_data(changes, old.get());
  changes.push_back({name, std::nullopt});
  CO_TRY(co_await commit(bucket, std::move(changes), growth_of(&old->record, nullptr)));
  past_.changed(name, old);
  cache_.replace(name, nullptr);
  if (!files.empty()) files_.doom({old->record.id, std::move(files)});
  co_return Erased{.existed = true};
}

aio::Task<Result<Erased>> Index::add_marker(BucketRef bucket, std::string key, ObjectRef old) {
  std::string name = object_key(bucket->record.name, key);
  ObjectRecord marker{.id = world_.random.hex_id(32), .modified = world_.clock.wall()};
  marker.delete_marker = true;
  ObjectRef before = old;
  Changes changes;
  Displaced displaced = CO_TRY(co_await make_way(*bucket, key, std::move(old), marker, changes));
  std::vector<std::string> files = replace_data(changes, displaced.removed.get());
  std::string doomed = displaced.removed ? displaced.removed->record.id : "";
  if (before) changes.push_back({name, std::nullopt});
  changes.push_back({version_key(bucket->record.name, key, order_of(marker)), encode(marker)});
  CO_TRY(co_await commit(bucket, std::move(changes), displaced.growth));
  if (before) past_.changed(name, before);
  cache_.replace(name, nullptr);
  if (!files.empty()) files_.doom({std::move(doomed), std::move(files)});
  co_return Erased{
      .existed = before != nullptr, .delete_marker = true, .version = shown_version(marker)};
}

aio::Task<Result<Erased>> Index::erase_version(BucketRef bucket, std::string key,
                                               std::string version, ObjectRef latest,
                                               Precondition precondition, bool bypass) {
  std::string name = object_key(bucket->record.name, key);
  bool of_latest = latest && is_version(latest->record, version);
  ObjectRef victim = of_latest ? latest : ObjectRef{};
  Changes changes;
  if (!of_latest) {
    auto old = CO_TRY(co_await old_version(bucket->record.name, key, version));
    if (old) {
      changes.push_back({version_key(bucket->record.name, key, old->order), std::nullopt});
      auto object = std::make_shared<Object>();
      object->record = std::move(old->record);
      victim = std::move(object);
    }
  }
  if (precondition) CO_TRY(precondition(victim ? &victim->record : nullptr));
  if (!victim) co_return Erased{.version = version};
  if (is_locked(victim->record, world_.clock.wall(), bypass))
    co_return fail(
        aws_error("AccessDenied", 403, "Access Denied because object protected by object lock."));
  // Without a latest object the newest of the rest may come to the front.
  ObjectRef heir;
  if (of_latest || !latest) {
    std::vector<Listed> rest = CO_TRY(co_await versions_of(bucket->record.name, key, 2));
    std::erase_if(rest, [&](const Listed& item) { return item.record.id == victim->record.id; });
    if (!rest.empty() && !rest.front().record.delete_marker) {
      changes.push_back({version_key(bucket->record.name, key, rest.front().order), std::nullopt});
      changes.push_back({name, encode(rest.front().record)});
      heir = CO_TRY(co_await with_body(std::move(rest.front().record)));
    } else if (of_latest) {
      changes.push_back({name, std::nullopt});
    }
  }
  std::vector<std::string> files = replace_data(changes, victim.get());
  CO_TRY(co_await commit(bucket, std::move(changes), growth_of(&victim->record, nullptr)));
  if (of_latest) past_.changed(name, latest);
  cache_.replace(name, of_latest || !latest ? heir : latest);
  if (!files.empty()) files_.doom({victim->record.id, std::move(files)});
  co_return Erased{.existed = true,
                   .delete_marker = victim->record.delete_marker,
                   .version = shown_version(victim->record)};
}

}  // namespace croft::farm::s3
