#include "farm/s3/index.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/log.h"
#include "base/text.h"
#include "farm/api/error.h"

namespace croft::farm::s3 {
namespace {

constexpr size_t page = 1000;
constexpr uint64_t records_per_turn = 256;

std::string bucket_key(std::string_view name) {
  return fmt::format("s3/b/{}", name);
}
std::string size_key(std::string_view name) {
  return fmt::format("s3/z/{}", name);
}
std::string object_key(std::string_view bucket, std::string_view key) {
  std::string out;
  out.reserve(6 + bucket.size() + key.size());
  out.append("s3/o/").append(bucket).append("/").append(key);
  return out;
}
std::string body_key(std::string_view id) {
  return fmt::format("s3/d/{}", id);
}
std::string file_key(std::string_view id) {
  return fmt::format("s3/f/{}", id);
}
std::string doomed_key(std::string_view id) {
  return fmt::format("s3/g/{}", id);
}

void read_size(Bucket& bucket, std::string_view text) {
  std::vector<std::string> numbers = split(text, ' ');
  if (numbers.size() < 3) return;
  bucket.bytes = parse_u64(numbers[0]).value_or(0);
  bucket.objects = parse_u64(numbers[1]).value_or(0);
  bucket.in_store = parse_u64(numbers[2]).value_or(0);
  for (size_t i = 3; i < numbers.size(); ++i)
    if (auto parts = cut(numbers[i], '='))
      bucket.other[std::string(parts->first)] = parse_i64(parts->second).value_or(0);
}

std::string size_text(const Bucket& bucket) {
  std::string out = fmt::format("{} {} {}", bucket.bytes, bucket.objects, bucket.in_store);
  for (const auto& [storage_class, bytes] : bucket.other)
    if (bytes != 0) out += fmt::format(" {}={}", storage_class, bytes);
  return out;
}

}  // namespace

Growth growth_of(const ObjectRecord* before, const ObjectRecord* after) {
  Growth out;
  for (auto [record, sign] : {std::pair{before, -1}, std::pair{after, 1}}) {
    if (!record || record->delete_marker) continue;
    out.bytes += sign * static_cast<int64_t>(record->size);
    out.objects += sign;
    if (record->in_store) out.in_store += sign * static_cast<int64_t>(record->size);
    if (record->storage_class != "STANDARD")
      out.other[record->storage_class] += sign * static_cast<int64_t>(record->size);
  }
  return out;
}

namespace {

Error no_such_bucket(std::string_view name) {
  return aws_error("NoSuchBucket", 404, "The specified bucket does not exist")
      .fact("xml:BucketName", std::string(name));
}

}  // namespace

Index::Index(aio::World& world, store::Store& store, Accounts& accounts, DataFiles& files)
    : world_(world),
      store_(store),
      accounts_(accounts),
      files_(files),
      past_(world, files),
      commits_(world.clock, {.places = commits_max, .max_wait = commit_wait_max}) {}

bool Index::behind() const {
  if (commits_.inside() == 0) return false;
  return commits_.standing() > commit_wait_max / 2 ||
         world_.clock.now() - last_commit_ > commit_wait_max;
}

aio::Task<Result<>> Index::open() {
  CO_TRY(co_await files_.prepare());
  CO_TRY(co_await load_buckets());
  CO_TRY(co_await clear_doomed());
  CO_TRY(co_await sweep_strays());
  co_return Result<>{};
}

/// A policy, or a grant to anybody but the owner.
bool Index::lets_others_in(const BucketRecord& record) const {
  if (record.configuration.contains("policy")) return true;
  if (!record.acl) return false;
  AccountRef owner = accounts_.find(record.owner);
  return std::ranges::any_of(*record.acl, [&](const Grant& grant) {
    return !owner || grant.grantee != owner->canonical_id;
  });
}

aio::Task<Result<>> Index::load_buckets() {
  store::Range range = store::prefix("s3/b/", page);
  for (;;) {
    std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
    for (const store::Entry& entry : entries) {
      auto bucket = std::make_shared<Bucket>();
      bucket->record = CO_TRY(decode_bucket(entry.value));
      bucket->record.shared = bucket->record.shared || lets_others_in(bucket->record);
      auto size = CO_TRY(co_await store_.get(size_key(bucket->record.name)));
      if (size) read_size(*bucket, size->value);
      bucket->rules = rules_of(bucket->record);
      in_store_ += bucket->in_store;
      stored_[bucket->record.owner] += static_cast<int64_t>(bucket->bytes);
      buckets_[bucket->record.name] = std::move(bucket);
    }
    if (entries.size() < page) co_return Result<>{};
    range.from = entries.back().key + '\0';
  }
}

/// Files whose removal was decided but not finished before the farm ended.
aio::Task<Result<>> Index::clear_doomed() {
  for (;;) {
    store::Range range = store::prefix("s3/g/", page);
    std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
    if (entries.empty()) co_return Result<>{};
    std::vector<DataFiles::Doomed> doomed;
    for (const store::Entry& entry : entries) {
      DataFiles::Doomed item{entry.key.substr(5), split(entry.value, '\n')};
      for (const std::string& file : item.files) CO_TRY(co_await files_.remove(file));
      doomed.push_back(std::move(item));
    }
    auto forgotten = co_await forget(std::move(doomed));
    if (forgotten) continue;
    if (forgotten.error().code != Code::resource_exhausted) co_return forgotten;
    // A farm on a full disk must come up: reading and deleting are what makes room.
    log::warn("s3", "the disk is full, clearing waits for the next start: {}",
              forgotten.error().line());
    co_return Result<>{};
  }
}

/// Files that were being written: named by the store, or strays of requests that never ended.
aio::Task<Result<>> Index::sweep_strays() {
  std::vector<std::string> ids = CO_TRY(co_await files_.unsettled());
  size_t strays = 0;
  for (const std::string& id : ids) {
    auto named = CO_TRY(co_await store_.get(file_key(id)));
    if (named) {
      CO_TRY(co_await files_.settle_now(id));
    } else {
      ++strays;
      CO_TRY(co_await files_.remove(id));
    }
  }
  if (!ids.empty())
    log::info("s3", "{} unsettled data files: {} kept, {} strays removed", ids.size(),
              ids.size() - strays, strays);
  co_return Result<>{};
}

aio::Task<Result<>> Index::run() {
  co_return co_await files_.run(
      [this](std::vector<DataFiles::Doomed> doomed) { return forget(std::move(doomed)); });
}

aio::Task<Result<>> Index::forget(std::vector<DataFiles::Doomed> doomed) {
  Changes changes;
  for (const DataFiles::Doomed& item : doomed) {
    changes.push_back({doomed_key(item.object_id), std::nullopt});
    for (const std::string& file : item.files) changes.push_back({file_key(file), std::nullopt});
  }
  CO_TRY(co_await store_.commit({}, std::move(changes)));
  co_return Result<>{};
}

// ---- buckets ----

BucketRef Index::bucket(std::string_view name) const {
  auto at = buckets_.find(name);
  return at == buckets_.end() || at->second->deleting ? nullptr : at->second;
}

Result<BucketRef> Index::writable(std::string_view name) const {
  BucketRef found = bucket(name);
  if (!found) return fail(no_such_bucket(name));
  return found;
}

std::vector<BucketRef> Index::buckets_of(std::string_view account_id) const {
  std::vector<BucketRef> out;
  for (const auto& [name, bucket] : buckets_)
    if (bucket->record.owner == account_id && !bucket->deleting) out.push_back(bucket);
  return out;
}

std::vector<BucketRef> Index::all_buckets() const {
  std::vector<BucketRef> out;
  for (const auto& [name, bucket] : buckets_)
    if (!bucket->deleting) out.push_back(bucket);
  return out;
}

aio::Task<Result<>> Index::create_bucket(BucketRecord record) {
  auto lock = CO_TRY(co_await locks_.lock(record.name));
  if (auto at = buckets_.find(record.name); at != buckets_.end()) {
    bool own = at->second->record.owner == record.owner;
    if (own)
      co_return fail(aws_error(
          "BucketAlreadyOwnedByYou", 409,
          "Your previous request to create the named bucket succeeded and you already own it."));
    co_return fail(aws_error(
        "BucketAlreadyExists", 409,
        "The requested bucket name is not available. The bucket namespace is shared by all users "
        "of the system. Please select a different name and try again."));
  }
  AccountRef account = accounts_.find(record.owner);
  int64_t have = static_cast<int64_t>(buckets_of(record.owner).size());
  if (account && have >= account->quotas.buckets)
    co_return fail(
        aws_error("TooManyBuckets", 400, "You have attempted to create more buckets than allowed"));
  record.shared = lets_others_in(record);
  Changes changes;
  changes.push_back({bucket_key(record.name), encode(record)});
  changes.push_back({size_key(record.name), "0 0 0"});
  CO_TRY(co_await store_.commit({}, std::move(changes)));
  auto bucket = std::make_shared<Bucket>();
  bucket->rules = rules_of(record);
  bucket->record = std::move(record);
  buckets_[bucket->record.name] = bucket;
  co_return Result<>{};
}

aio::Task<Result<>> Index::modify_bucket(std::string name,
                                         std::function<Result<>(BucketRecord&)> change) {
  auto lock = CO_TRY(co_await locks_.lock(name));
  BucketRef found = CO_TRY(writable(name));
  Writing writing(found);
  BucketRecord record = found->record;
  CO_TRY(change(record));
  record.shared = record.shared || lets_others_in(record);
  Changes changes;
  changes.push_back({bucket_key(record.name), encode(record)});
  CO_TRY(co_await store_.commit({}, std::move(changes)));
  found->rules = rules_of(record);
  found->record = std::move(record);
  co_return Result<>{};
}

aio::Task<Result<>> Index::delete_bucket(std::string name) {
  auto lock = CO_TRY(co_await locks_.lock(name));
  BucketRef found = CO_TRY(writable(name));
  Error not_empty = aws_error("BucketNotEmpty", 409, "The bucket you tried to delete is not empty");
  if (found->writers > 0) co_return fail(std::move(not_empty));
  found->deleting = true;
  // Between here and the commit no object can come: writers look at `deleting` first.
  auto drop = [](Index& self, std::string bucket_name, Error& busy) -> aio::Task<Result<>> {
    store::Range objects = store::prefix(object_key(bucket_name, ""), 1);
    objects.keys_only = true;
    auto some = CO_TRY(co_await self.store_.range(objects));
    if (!some.empty()) co_return fail(busy);
    store::Range versions = store::prefix(fmt::format("s3/v/{}/", bucket_name), 1);
    versions.keys_only = true;
    auto old = CO_TRY(co_await self.store_.range(versions));
    if (!old.empty()) co_return fail(busy);
    store::Range uploads = store::prefix(fmt::format("s3/u/{}/", bucket_name), 1);
    uploads.keys_only = true;
    auto open_uploads = CO_TRY(co_await self.store_.range(uploads));
    if (!open_uploads.empty()) co_return fail(busy);
    Changes changes;
    changes.push_back({bucket_key(bucket_name), std::nullopt});
    changes.push_back({size_key(bucket_name), std::nullopt});
    CO_TRY(co_await self.store_.commit({}, std::move(changes)));
    co_return Result<>{};
  };
  Result<> done = co_await drop(*this, name, not_empty);
  found->deleting = false;
  if (done) {
    stored_[found->record.owner] -= static_cast<int64_t>(found->bytes);
    buckets_.erase(name);
    past_.forget(object_key(name, ""));
  }
  co_return done;
}

// ---- objects ----

aio::Task<Result<ObjectRef>> Index::find(std::string bucket, std::string key) {
  std::string name = object_key(bucket, key);
  // A small body is a second entry: when an overwrite comes between the two reads, look again.
  for (int attempt = 0; attempt < 8; ++attempt) {
    if (ObjectRef cached = cache_.find(name)) co_return cached;
    uint64_t ticket = cache_.ticket(name);
    auto entry = CO_TRY(co_await store_.get(name));
    if (!entry) co_return ObjectRef{};
    auto object = std::make_shared<Object>();
    object->record = CO_TRY(decode_object(entry->value));
    if (object->record.in_store && object->record.size > 0) {
      auto body = CO_TRY(co_await store_.get_cold(body_key(object->record.id)));
      if (!body) {
        if (cache_.ticket(name) != ticket) continue;
        co_return fail(Code::corrupt,
                       fmt::format("the body of object {} is missing", object->record.id));
      }
      object->data = std::move(*body);
    }
    cache_.offer(name, object, ticket);
    co_return ObjectRef(std::move(object));
  }
  co_return fail(Code::unavailable, "the object changes faster than it can be read");
}

aio::Task<Result<ObjectRef>> Index::find_seen(std::string bucket, std::string key) {
  if (past_.active())
    if (auto seen = past_.seen_by_read(object_key(bucket, key))) co_return *seen;
  co_return co_await find(std::move(bucket), std::move(key));
}

uint64_t Index::stored(std::string_view account_id) const {
  auto at = stored_.find(account_id);
  return at == stored_.end() || at->second < 0 ? 0 : static_cast<uint64_t>(at->second);
}

Result<> Index::check_quota(const Bucket& bucket, uint64_t more) const {
  AccountRef account = accounts_.find(bucket.record.owner);
  if (!account) return {};
  uint64_t quota = static_cast<uint64_t>(account->quotas.storage.count());
  uint64_t have = stored(bucket.record.owner);
  if (have <= quota && more <= quota - have) return {};
  return fail(aws_error(
      "QuotaExceeded", 403,
      fmt::format("The account's storage quota of {} is used up", account->quotas.storage.text())));
}

/// What removes the data of `old` from the store; returns its files, whose removal comes later.
std::vector<std::string> Index::replace_data(Changes& changes, const Object* old) const {
  std::vector<std::string> doomed;
  if (!old) return doomed;
  if (old->record.in_store) {
    if (old->record.size > 0)
      changes.push_back({.key = body_key(old->record.id), .value = std::nullopt, .cold = true});
    return doomed;
  }
  for (const Piece& piece : old->record.pieces) doomed.push_back(piece.id);
  if (!doomed.empty()) changes.push_back({doomed_key(old->record.id), join(doomed, "\n")});
  return doomed;
}

void Index::add_new_data(Changes& changes, const NewObject& object) const {
  if (object.record.in_store) {
    if (object.record.size > 0)
      changes.push_back({.key = body_key(object.record.id), .value = object.data, .cold = true});
    return;
  }
  for (const Piece& piece : object.record.pieces)
    changes.push_back({file_key(piece.id), object.bucket});
}

void Index::count(Bucket& bucket, const Growth& growth, int sign) {
  bucket.bytes += static_cast<uint64_t>(sign * growth.bytes);
  bucket.objects += static_cast<uint64_t>(sign * growth.objects);
  bucket.in_store += static_cast<uint64_t>(sign * growth.in_store);
  in_store_ += static_cast<uint64_t>(sign * growth.in_store);
  stored_[bucket.record.owner] += sign * growth.bytes;
  for (const auto& [storage_class, bytes] : growth.other)
    bucket.other[storage_class] += sign * bytes;
}

aio::Task<Result<>> Index::commit(BucketRef bucket, Changes changes, Growth growth) {
  Writing writing(bucket);
  auto turn = co_await commits_.enter(bucket->record.owner);
  if (!turn && turn.error().code == Code::resource_exhausted)
    co_return fail(aws_error("SlowDown", 503, "Please reduce your request rate."));
  if (!turn) co_return fail(std::move(turn).error());
  if (commits_.inside() == 1) last_commit_ = world_.clock.now();
  count(*bucket, growth, 1);
  changes.push_back({size_key(bucket->record.name), size_text(*bucket)});
  world_.crash.pass("s3.commit.before");
  // Not to be cancelled: whether it took effect decides what becomes of the files.
  auto done = co_await aio::shield(store_.commit({}, std::move(changes)));
  world_.crash.pass("s3.commit.after");
  last_commit_ = world_.clock.now();
  if (done) co_return Result<>{};
  count(*bucket, growth, -1);
  co_return fail(std::move(done).error());
}

aio::Task<Result<ObjectRef>> Index::commit_object(BucketRef bucket, NewObject object, ObjectRef old,
                                                  Changes changes, int64_t other_bytes,
                                                  std::vector<DataFiles::Doomed> doomed) {
  std::string name = object_key(object.bucket, object.key);
  ObjectRef before = old;
  Displaced displaced =
      CO_TRY(co_await make_way(*bucket, object.key, std::move(old), object.record, changes));
  std::vector<std::string> files = replace_data(changes, displaced.removed.get());
  if (!files.empty()) doomed.push_back({displaced.removed->record.id, std::move(files)});
  add_new_data(changes, object);
  changes.push_back({name, encode(object.record)});
  Growth growth = growth_of(nullptr, &object.record);
  growth.bytes += displaced.growth.bytes + other_bytes;
  growth.objects += displaced.growth.objects;
  growth.in_store += displaced.growth.in_store;
  for (const auto& [storage_class, bytes] : displaced.growth.other)
    growth.other[storage_class] += bytes;
  CO_TRY(co_await commit(bucket, std::move(changes), growth));
  auto made = std::make_shared<Object>();
  made->record = std::move(object.record);
  if (made->record.in_store) made->data = std::move(object.data);
  past_.changed(name, std::move(before));
  for (const Piece& piece : made->record.pieces) files_.settle(piece.id);
  for (DataFiles::Doomed& item : doomed) files_.doom(std::move(item));
  cache_.replace(name, made);
  co_return ObjectRef(std::move(made));
}

aio::Task<Result<ObjectRef>> Index::put(NewObject object) {
  auto lock = CO_TRY(co_await locks_.lock(object_key(object.bucket, object.key)));
  BucketRef bucket = CO_TRY(writable(object.bucket));
  Writing writing(bucket);
  ObjectRef old = CO_TRY(co_await find(object.bucket, object.key));
  if (object.precondition) CO_TRY(object.precondition(old ? &old->record : nullptr));
  bool replaces = old && bucket->record.versioning == Versioning::never;
  uint64_t before = replaces ? old->record.size : 0;
  if (object.record.size > before) CO_TRY(check_quota(*bucket, object.record.size - before));
  co_return co_await commit_object(std::move(bucket), std::move(object), std::move(old), {}, 0, {});
}

/// However much a list reads: between so many records the others have a turn.
aio::Task<void> Index::count_scanned(size_t records) {
  scanned_ += records;
  if (scanned_ < next_turn_) co_return;
  next_turn_ = scanned_ + records_per_turn;
  co_await aio::yield();
}

aio::Task<Result<std::vector<Listed>>> Index::scan(std::string bucket, std::string from,
                                                   std::string to, size_t limit) {
  std::string base = object_key(bucket, "");
  store::Range range = store::prefix(base, limit);
  range.from = base + from;
  if (!to.empty()) range.to = base + to;
  std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
  std::vector<Listed> out;
  out.reserve(entries.size());
  for (const store::Entry& entry : entries)
    out.push_back({entry.key.substr(base.size()), CO_TRY(decode_object(entry.value))});
  co_await count_scanned(out.size());
  co_return out;
}

aio::Task<Result<Index::SeenPage>> Index::scan_seen(std::string bucket, std::string from,
                                                    std::string to, size_t limit) {
  SeenPage page{.items = CO_TRY(co_await scan(bucket, from, to, limit))};
  page.more = page.items.size() == limit && limit > 0;
  if (!page.items.empty()) page.next = page.items.back().key + '\0';
  if (past_.consistency().lists <= Duration()) co_return page;
  // What was there a while ago, up to where the page goes; the next page looks behind it.
  std::string base = object_key(bucket, ""), end = to.empty() ? base + "\xff" : base + to;
  if (page.more) end = base + page.next;
  std::map<std::string, Listed> merged;
  for (Listed& item : page.items) {
    std::string key = item.key;
    merged.emplace(std::move(key), std::move(item));
  }
  for (const auto& [name, before] : past_.seen_by_list(base + from, end)) {
    std::string key = name.substr(base.size());
    merged.erase(key);
    if (before) merged.emplace(key, Listed{key, before->record, ""});
  }
  page.items.clear();
  for (auto& [key, item] : merged) page.items.push_back(std::move(item));
  co_return page;
}

}  // namespace croft::farm::s3
