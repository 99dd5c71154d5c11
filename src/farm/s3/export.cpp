// An object's bytes as a file of this computer, for the farm's own parts (images from S3).
#include "base/text.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {

namespace {

aio::Task<Result<>> copy_piece(aio::File& from, uint64_t size, aio::File& to, uint64_t at) {
  constexpr size_t block = 1 << 20;
  std::string buffer;
  for (uint64_t done = 0; done < size;) {
    buffer.resize(static_cast<size_t>(std::min<uint64_t>(block, size - done)));
    size_t got = CO_TRY(co_await from.read_at(done, std::span<char>(buffer)));
    if (got == 0) co_return fail(Code::corrupt, "a data file is shorter than recorded");
    CO_TRY(co_await to.write_at(at + done, std::string_view(buffer).substr(0, got)));
    done += got;
  }
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<>> Service::export_object(std::string account, std::string bucket, std::string key,
                                           std::string path) {
  BucketRef found = index_.bucket(bucket);
  // Who does not own it does not hear whether it exists.
  if (!found || found->record.owner != account)
    co_return fail(aws_error(
        "InvalidParameterValue", 400,
        fmt::format("The bucket {} does not exist, or is not this account's", printable(bucket))));
  auto object = co_await existing(*found, key, "");
  if (!object)
    co_return fail(aws_error("InvalidParameterValue", 400,
                             fmt::format("There is no object {}/{}", bucket, printable(key))));
  auto file = CO_TRY(co_await context_.world.disk.open(path, aio::OpenMode::create_new));
  const ObjectRecord& record = (*object)->record;
  if (record.in_store) co_return co_await file->write_at(0, (*object)->data);
  if (!files_.pin(record.id))
    co_return fail(Code::unavailable, "the object is being replaced: try again");
  Result<> done;
  uint64_t at = 0;
  for (const Piece& piece : record.pieces) {
    auto opened = co_await files_.open(piece.id);
    done = opened ? co_await copy_piece(**opened, piece.size, *file, at)
                  : fail(std::move(opened).error());
    if (!done) break;
    at += piece.size;
  }
  files_.unpin(record.id);
  co_return done;
}

}  // namespace croft::farm::s3
