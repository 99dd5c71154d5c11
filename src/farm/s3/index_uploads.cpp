// The uploads' half of the catalogue: parts come one by one, in any order, and become an object in
// one commit.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/api/error.h"
#include "farm/s3/index.h"

namespace croft::farm::s3 {
namespace {

std::string upload_prefix(std::string_view bucket) {
  return fmt::format("s3/u/{}/", bucket);
}
std::string upload_key(std::string_view bucket, std::string_view key, std::string_view id) {
  return upload_prefix(bucket) + Index::upload_order(key, id);
}
std::string part_key(std::string_view upload, int number) {
  return fmt::format("s3/p/{}/{:05}", upload, number);
}
std::string file_key(std::string_view id) {
  return fmt::format("s3/f/{}", id);
}
std::string doomed_key(std::string_view id) {
  return fmt::format("s3/g/{}", id);
}

Error no_such_upload(std::string_view id) {
  return aws_error("NoSuchUpload", 404,
                   "The specified multipart upload does not exist. The upload ID might be invalid, "
                   "or the multipart "
                   "upload might have been aborted or completed.")
      .fact("xml:UploadId", std::string(id));
}

}  // namespace

std::string Index::upload_order(std::string_view key, std::string_view id) {
  // A tab cannot be told from a key's own character, but ids have a fixed length and no tab: the
  // order is by key first where no key is another's prefix plus a control character.
  return fmt::format("{}\t{}", key, id);
}

aio::Task<Result<>> Index::create_upload(UploadRecord record) {
  BucketRef bucket = CO_TRY(writable(record.bucket));
  Changes changes;
  changes.push_back({upload_key(record.bucket, record.key, record.id), encode(record)});
  co_return co_await commit(std::move(bucket), std::move(changes), {});
}

aio::Task<Result<UploadRecord>> Index::upload(std::string bucket, std::string key, std::string id) {
  auto entry = CO_TRY(co_await store_.get(upload_key(bucket, key, id)));
  if (!entry) co_return fail(no_such_upload(id));
  co_return decode_upload(entry->value);
}

aio::Task<Result<std::vector<UploadRecord>>> Index::scan_uploads(std::string bucket,
                                                                 std::string from, std::string to,
                                                                 size_t limit) {
  std::string base = upload_prefix(bucket);
  store::Range range = store::prefix(base, limit);
  range.from = base + from;
  if (!to.empty()) range.to = base + to;
  std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
  std::vector<UploadRecord> out;
  for (const store::Entry& entry : entries) out.push_back(CO_TRY(decode_upload(entry.value)));
  co_await count_scanned(out.size());
  co_return out;
}

aio::Task<Result<>> Index::put_part(UploadRecord upload_record, PartRecord part) {
  // The upload's lock keeps a part from coming in while its upload is completed or aborted.
  auto lock = CO_TRY(co_await locks_.lock("upload/" + upload_record.id));
  BucketRef bucket = CO_TRY(writable(upload_record.bucket));
  Writing writing(bucket);
  auto still = co_await upload(upload_record.bucket, upload_record.key, upload_record.id);
  if (!still) co_return fail(std::move(still).error());
  std::string name = part_key(upload_record.id, part.number);
  auto entry = CO_TRY(co_await store_.get(name));
  std::optional<PartRecord> old;
  if (entry) old = CO_TRY(decode_part(entry->value));
  uint64_t before = old ? old->piece.size : 0;
  if (part.piece.size > before) CO_TRY(check_quota(*bucket, part.piece.size - before));
  Changes changes;
  changes.push_back({name, encode(part)});
  changes.push_back({file_key(part.piece.id), upload_record.bucket});
  if (old) changes.push_back({doomed_key(old->piece.id), old->piece.id});
  int64_t bytes = static_cast<int64_t>(part.piece.size) - static_cast<int64_t>(before);
  CO_TRY(co_await commit(std::move(bucket), std::move(changes), {.bytes = bytes}));
  files_.settle(part.piece.id);
  if (old) files_.doom({old->piece.id, {old->piece.id}});
  co_return Result<>{};
}

aio::Task<Result<std::vector<PartRecord>>> Index::parts(std::string upload_id, int after,
                                                        size_t limit) {
  store::Range range = store::prefix(fmt::format("s3/p/{}/", upload_id), limit);
  range.from = part_key(upload_id, after + 1);
  std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
  std::vector<PartRecord> out;
  for (const store::Entry& entry : entries) out.push_back(CO_TRY(decode_part(entry.value)));
  co_return out;
}

aio::Task<Result<std::vector<PartRecord>>> Index::all_parts(std::string upload_id) {
  constexpr size_t most = 1000;
  std::vector<PartRecord> out;
  for (;;) {
    auto more = CO_TRY(co_await parts(upload_id, out.empty() ? 0 : out.back().number, most));
    bool last = more.size() < most;
    for (PartRecord& part : more) out.push_back(std::move(part));
    if (last) co_return out;
  }
}

aio::Task<Result<>> Index::abort_upload(UploadRecord record) {
  auto lock = CO_TRY(co_await locks_.lock("upload/" + record.id));
  BucketRef bucket = CO_TRY(writable(record.bucket));
  Writing writing(bucket);
  auto still = co_await upload(record.bucket, record.key, record.id);
  if (!still) co_return fail(std::move(still).error());
  std::vector<PartRecord> all = CO_TRY(co_await all_parts(record.id));
  Changes changes;
  std::vector<std::string> files;
  int64_t bytes = 0;
  changes.push_back({upload_key(record.bucket, record.key, record.id), std::nullopt});
  for (const PartRecord& part : all) {
    changes.push_back({part_key(record.id, part.number), std::nullopt});
    files.push_back(part.piece.id);
    bytes += static_cast<int64_t>(part.piece.size);
  }
  if (!files.empty()) changes.push_back({doomed_key(record.id), join(files, "\n")});
  CO_TRY(co_await commit(std::move(bucket), std::move(changes), {.bytes = -bytes}));
  if (!files.empty()) files_.doom({record.id, std::move(files)});
  co_return Result<>{};
}

aio::Task<Result<ObjectRef>> Index::complete_upload(UploadRecord upload_record, ObjectRecord record,
                                                    Precondition precondition) {
  // Always the upload's lock first, then the key's: no two tasks wait for each other.
  auto upload_lock = CO_TRY(co_await locks_.lock("upload/" + upload_record.id));
  auto key_lock = CO_TRY(
      co_await locks_.lock(fmt::format("s3/o/{}/{}", upload_record.bucket, upload_record.key)));
  BucketRef bucket = CO_TRY(writable(upload_record.bucket));
  Writing writing(bucket);
  auto still = co_await upload(upload_record.bucket, upload_record.key, upload_record.id);
  if (!still) co_return fail(std::move(still).error());
  ObjectRef old = CO_TRY(co_await find(upload_record.bucket, upload_record.key));
  if (precondition) CO_TRY(precondition(old ? &old->record : nullptr));

  std::vector<PartRecord> all = CO_TRY(co_await all_parts(upload_record.id));
  std::set<std::string> used;
  for (const Piece& piece : record.pieces) used.insert(piece.id);
  Changes changes;
  std::vector<std::string> unused;
  int64_t part_bytes = 0;
  changes.push_back(
      {upload_key(upload_record.bucket, upload_record.key, upload_record.id), std::nullopt});
  for (const PartRecord& part : all) {
    changes.push_back({part_key(upload_record.id, part.number), std::nullopt});
    part_bytes += static_cast<int64_t>(part.piece.size);
    if (used.erase(part.piece.id) == 0) unused.push_back(part.piece.id);
  }
  if (!used.empty())
    co_return fail(aws_error(
        "InvalidPart", 400,
        "One or more of the specified parts could not be found. The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag."));
  std::vector<DataFiles::Doomed> doomed;
  if (!unused.empty()) {
    // Not under the upload's own id: that is the object's from now on, and may itself be doomed
    // soon.
    std::string id = upload_record.id + "-unused";
    changes.push_back({doomed_key(id), join(unused, "\n")});
    doomed.push_back({std::move(id), std::move(unused)});
  }
  NewObject object{
      .bucket = upload_record.bucket, .key = upload_record.key, .record = std::move(record)};
  co_return co_await commit_object(std::move(bucket), std::move(object), std::move(old),
                                   std::move(changes), -part_bytes, std::move(doomed));
}

}  // namespace croft::farm::s3
