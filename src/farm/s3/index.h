// The catalogue of the farm's S3: buckets (all in memory), objects, uploads and parts, in the
// store. Every change is one commit, so a crash leaves the old or the new, whole. Small bodies lie
// in the store beside their record (docs/decisions). Loop thread only. Keys: s3/b/BUCKET,
// s3/o/BUCKET/KEY (what a plain GET finds), s3/v/BUCKET/KEY\0ORDER (older versions, newest first,
// and delete markers; a marker that is the latest has no s3/o beside it), s3/d/ID (small body),
// s3/f/FILE (a file that is named), s3/g/ID (files to remove), s3/z/BUCKET (its sizes),
// s3/u/BUCKET/KEY\0ID, s3/p/UPLOAD/NUMBER.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/world.h"
#include "farm/api/accounts.h"
#include "farm/api/gate.h"
#include "farm/s3/data_files.h"
#include "farm/s3/key_locks.h"
#include "farm/s3/object_cache.h"
#include "farm/s3/past.h"
#include "farm/s3/record.h"
#include "farm/s3/rules.h"
#include "store/store.h"

namespace croft::farm::s3 {

struct Bucket {
  BucketRecord record;
  uint64_t bytes = 0;  ///< of objects and parts
  uint64_t objects = 0;
  uint64_t in_store = 0;                 ///< of `bytes`, those that lie in the store
  std::map<std::string, int64_t> other;  ///< of `bytes`, those of another class than STANDARD
  size_t writers = 0;                    ///< commits on their way
  bool deleting = false;
  std::shared_ptr<const BucketRules> rules;  ///< of `record`; never null
};
using BucketRef = std::shared_ptr<Bucket>;

/// What a commit adds to a bucket.
struct Growth {
  int64_t bytes = 0;
  int64_t objects = 0;
  int64_t in_store = 0;
  std::map<std::string, int64_t> other;  ///< by storage class, but for STANDARD
};

/// From one record to another; null: nothing there. Delete markers weigh nothing.
Growth growth_of(const ObjectRecord* before, const ObjectRecord* after);

/// Looks at what is there (null: nothing) under the key's lock; an error stops the write.
using Precondition = std::function<Result<>(const ObjectRecord* current)>;

struct NewObject {
  std::string bucket;
  std::string key;
  ObjectRecord record;
  std::string data;           ///< with record.in_store
  Precondition precondition;  ///< may be empty
};

struct Listed {
  std::string key;
  ObjectRecord record;
  std::string order;  ///< of a version among those of its key; empty: the latest, in s3/o
};

/// What a deletion did.
struct Erased {
  bool existed = false;        ///< something was there to remove
  bool delete_marker = false;  ///< one was made, or the version removed was one
  std::string version;         ///< of the marker made, or of what was removed
};

class Index {
 public:
  Index(aio::World& world, store::Store& store, Accounts& accounts, DataFiles& files);

  /// Loads the buckets; removes what a crash left: doomed files and strays.
  aio::Task<Result<>> open();
  /// Background work (files to remove) until cancelled.
  aio::Task<Result<>> run();

  // ---- buckets ----
  BucketRef bucket(std::string_view name) const;  ///< null: none
  std::vector<BucketRef> buckets_of(std::string_view account_id) const;
  std::vector<BucketRef> all_buckets() const;
  /// aws_error: BucketAlreadyExists, BucketAlreadyOwnedByYou (the caller decides), TooManyBuckets.
  aio::Task<Result<>> create_bucket(BucketRecord record);
  /// Nobody else changes the bucket's record meanwhile; an error of `change` leaves it as it is.
  aio::Task<Result<>> modify_bucket(std::string name,
                                    std::function<Result<>(BucketRecord&)> change);
  aio::Task<Result<>> delete_bucket(std::string name);

  // ---- objects ----
  /// Null when there is none, or a delete marker is the latest version.
  aio::Task<Result<ObjectRef>> find(std::string bucket, std::string key);
  /// The same as a plain read sees it: out of date for a while, where the farm is told so.
  aio::Task<Result<ObjectRef>> find_seen(std::string bucket, std::string key);
  Past& past() { return past_; }
  /// A version by its id ("null": the one without); null when there is none. May be a marker.
  aio::Task<Result<ObjectRef>> find_version(std::string bucket, std::string key,
                                            std::string version);
  /// The delete marker that is the latest version; null when none is.
  aio::Task<Result<ObjectRef>> latest_marker(std::string bucket, std::string key);
  /// Replaces whole. Errors: NoSuchBucket, QuotaExceeded, the precondition's.
  aio::Task<Result<ObjectRef>> put(NewObject object);
  /// Changes record fields that are not data (tags). `version` empty: the latest. NoSuchKey,
  /// NoSuchVersion. Returns the record as it is now.
  aio::Task<Result<ObjectRef>> modify(std::string bucket, std::string key, std::string version,
                                      std::function<Result<>(ObjectRecord&)> change);
  /// Without `version`: what a plain DELETE does in a bucket that keeps versions, or does not.
  /// AccessDenied for a version that is locked (`bypass`: by more than GOVERNANCE).
  aio::Task<Result<Erased>> erase(std::string bucket, std::string key, std::string version,
                                  Precondition precondition, bool bypass = false);
  /// Keys in [from, to) in byte order, about `limit` of them, as a list sees them.
  struct SeenPage {
    std::vector<Listed> items;
    bool more = false;
    std::string next;  ///< where to go on
  };
  aio::Task<Result<SeenPage>> scan_seen(std::string bucket, std::string from, std::string to,
                                        size_t limit);
  /// Keys in [from, to) in byte order.
  aio::Task<Result<std::vector<Listed>>> scan(std::string bucket, std::string from, std::string to,
                                              size_t limit);
  /// Older versions and markers whose (key, order) is in [from, to); newest first for each key.
  aio::Task<Result<std::vector<Listed>>> scan_versions(std::string bucket, std::string from,
                                                       std::string to, size_t limit);
  /// The sort key of a version for scan_versions; `order` empty: before all of the key's.
  static std::string version_order(std::string_view key, std::string_view order);
  /// Where a record stands, or would stand, among the versions of its key.
  static std::string order_of(const ObjectRecord& record);

  /// Records that lists have read so far.
  uint64_t scanned() const { return scanned_; }

  // ---- uploads ----
  aio::Task<Result<>> create_upload(UploadRecord record);
  /// NoSuchUpload.
  aio::Task<Result<UploadRecord>> upload(std::string bucket, std::string key, std::string id);
  aio::Task<Result<std::vector<UploadRecord>>> scan_uploads(std::string bucket, std::string from,
                                                            std::string to, size_t limit);
  aio::Task<Result<>> put_part(UploadRecord upload, PartRecord part);
  /// Parts from `after` (exclusive) on, by number.
  aio::Task<Result<std::vector<PartRecord>>> parts(std::string upload_id, int after, size_t limit);
  aio::Task<Result<>> abort_upload(UploadRecord upload);
  /// The object made of `used`; all parts of the upload are consumed or removed.
  aio::Task<Result<ObjectRef>> complete_upload(UploadRecord upload, ObjectRecord record,
                                               Precondition precondition);

  /// Is there room for another small body in the store?
  bool store_has_room(uint64_t more) const { return in_store_ + more <= max_in_store; }
  static constexpr uint64_t max_in_store = 64ULL << 30;

  /// The disk does not keep up with the writes: further ones are refused before they cost anything.
  bool behind() const;
  static constexpr size_t commits_max = 1024;  ///< side by side; one group commit holds as many
  static constexpr Duration commit_wait_max = Duration::seconds(2);

  /// Bytes stored by an account.
  uint64_t stored(std::string_view account_id) const;
  /// QuotaExceeded when `more` bytes do not fit any longer.
  Result<> check_quota(const Bucket& bucket, uint64_t more) const;
  size_t bucket_count() const { return buckets_.size(); }
  DataFiles& files() { return files_; }

  /// The sort key of an upload for scan_uploads.
  static std::string upload_order(std::string_view key, std::string_view id);

 private:
  /// Counts a commit on its way, so that its bucket is not deleted under it.
  class Writing {
   public:
    explicit Writing(BucketRef bucket) : bucket_(std::move(bucket)) { ++bucket_->writers; }
    ~Writing() { --bucket_->writers; }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    BucketRef bucket_;
  };
  using Changes = std::vector<store::Change>;
  aio::Task<Result<>> load_buckets();
  bool lets_others_in(const BucketRecord& record) const;
  aio::Task<Result<>> clear_doomed();
  aio::Task<Result<>> sweep_strays();
  aio::Task<Result<>> forget(std::vector<DataFiles::Doomed> doomed);
  aio::Task<Result<std::vector<PartRecord>>> all_parts(std::string upload_id);
  Result<BucketRef> writable(std::string_view name) const;
  std::vector<std::string> replace_data(Changes& changes, const Object* old) const;
  void add_new_data(Changes& changes, const NewObject& object) const;
  /// What a new latest version does to those that are there.
  struct Displaced {
    ObjectRef removed;  ///< replaced: its data go
    Growth growth;      ///< without what comes
  };
  aio::Task<Result<Displaced>> make_way(const Bucket& bucket, std::string key, ObjectRef old,
                                        ObjectRecord& coming, Changes& changes);
  aio::Task<Result<std::vector<Listed>>> versions_of(std::string bucket, std::string key,
                                                     size_t limit);
  aio::Task<Result<std::optional<Listed>>> old_version(std::string bucket, std::string key,
                                                       std::string version);
  aio::Task<Result<Erased>> erase_plain(BucketRef bucket, std::string key, ObjectRef old);
  aio::Task<Result<Erased>> erase_version(BucketRef bucket, std::string key, std::string version,
                                          ObjectRef latest, Precondition precondition, bool bypass);
  aio::Task<Result<Erased>> add_marker(BucketRef bucket, std::string key, ObjectRef old);
  aio::Task<Result<ObjectRef>> with_body(ObjectRecord record);
  aio::Task<Result<ObjectRef>> commit_object(BucketRef bucket, NewObject object, ObjectRef old,
                                             Changes changes, int64_t other_bytes,
                                             std::vector<DataFiles::Doomed> doomed);
  void count(Bucket& bucket, const Growth& growth, int sign);
  aio::Task<void> count_scanned(size_t records);
  aio::Task<Result<>> commit(BucketRef bucket, Changes changes, Growth growth);

  aio::World& world_;
  store::Store& store_;
  Accounts& accounts_;
  DataFiles& files_;
  std::map<std::string, BucketRef, std::less<>> buckets_;
  std::map<std::string, int64_t, std::less<>> stored_;  ///< by account
  uint64_t in_store_ = 0;  ///< bytes of bodies in the store, of all buckets
  ObjectCache cache_{Bytes::mib(64)};
  Past past_;
  KeyLocks locks_;
  Gate commits_;  ///< a lane for each account: one that writes much does not hold up the others
  Moment last_commit_;
  uint64_t scanned_ = 0, next_turn_ = 0;
};

}  // namespace croft::farm::s3
