// Reading and deleting one object.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "farm/s3/range.h"
#include "farm/s3/restore.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

/// Which bytes of the object are asked for, by Range or partNumber.
struct Slice {
  uint64_t first = 0;
  uint64_t length = 0;
  bool partial = false;
  size_t parts = 0;              ///< of the object, when a part was asked for by number
  const Piece* piece = nullptr;  ///< that part
};

/// The part of that number: counted in the object, whatever numbers the upload left out.
Result<Slice> part_of(const S3Request& request, const ObjectRecord& record) {
  int64_t number = TRY(query_number(request, "partNumber", 1, 10'000, 1));
  if (request.head().headers.has("Range"))
    return fail(aws_error("InvalidRequest", 400,
                          "Cannot specify both Range header and partNumber query parameter"));
  Slice slice{.length = record.size, .partial = true};
  if (!record.multipart && number == 1) return slice;
  uint64_t begin = 0;
  for (size_t i = 0; record.multipart && i < record.pieces.size(); ++i) {
    const Piece& piece = record.pieces[i];
    if (static_cast<int64_t>(i) + 1 == number) {
      slice.first = begin;
      slice.length = piece.size;
      slice.parts = record.pieces.size();
      slice.piece = &piece;
      return slice;
    }
    begin += piece.size;
  }
  return fail(
      aws_error("InvalidPartNumber", 416, "The requested partnumber is not satisfiable")
          .fact("xml:ActualPartCount", std::to_string(record.multipart ? record.pieces.size() : 1))
          .fact("xml:PartNumberRequested", std::to_string(number)));
}

/// If-Range: a part is wanted of what the client knows; of anything else it wants the whole.
bool knows(std::string_view validator, const ObjectRecord& record) {
  if (validator.empty()) return true;
  if (validator.starts_with('"')) return unquoted(validator) == record.etag;
  auto time = WallTime::parse_http_date(validator);
  return time && time->unix_seconds() == record.modified.unix_seconds();
}

Result<Slice> slice_of(const S3Request& request, const ObjectRecord& record) {
  Slice slice{.length = record.size};
  if (request.query.has("partNumber")) {
    return part_of(request, record);
  }
  std::string_view header = request.header("Range");
  if (header.empty() || !knows(trim(request.header("If-Range")), record)) return slice;
  ByteRange range;
  switch (parse_range(header, record.size, range)) {
    case RangeKind::whole:
      return slice;
    case RangeKind::part:
      return Slice{range.first, range.length, true, 0, nullptr};
    case RangeKind::unsatisfiable:
      break;
  }
  return fail(aws_error("InvalidRange", 416, "The requested range is not satisfiable")
                  .fact("xml:RangeRequested", printable(header))
                  .fact("xml:ActualObjectSize", std::to_string(record.size))
                  .fact("hdr:Content-Range", fmt::format("bytes */{}", record.size)));
}

/// Holds an object's files against removal while they are sent.
class Pin {
 public:
  Pin(DataFiles& files, std::string id)
      : files_(files), id_(std::move(id)), held_(files_.pin(id_)) {}
  ~Pin() {
    if (held_) files_.unpin(id_);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;
  bool held() const { return held_; }

 private:
  DataFiles& files_;
  std::string id_;
  bool held_;
};

constexpr int max_attempts = 8;

/// If-Match, x-amz-if-match-size and -last-modified-time: where something else is there, nothing
/// is deleted; where nothing is, nothing needs to be.
Precondition delete_conditions(const S3Request& request) {
  std::string match(request.header("If-Match"));
  std::string size(request.header("x-amz-if-match-size"));
  std::string time(request.header("x-amz-if-match-last-modified-time"));
  if (match.empty() && size.empty() && time.empty()) return {};
  return [match, size, time](const ObjectRecord* current) -> Result<> {
    Error other = aws_error("PreconditionFailed", 412,
                            "At least one of the pre-conditions you specified did not hold");
    if (!current) return fail(no_such_key(""));
    if (!match.empty() && !etag_listed(match, current->etag)) return fail(std::move(other));
    if (!size.empty() && parse_u64(size) != current->size) return fail(std::move(other));
    if (time.empty()) return {};
    auto wanted = WallTime::parse_http_date(time);
    if (!wanted || wanted->unix_seconds() != current->modified.unix_seconds())
      return fail(std::move(other));
    return {};
  };
}

}  // namespace

aio::Task<Result<>> Service::get_object(S3Request& request) {
  co_return co_await read_object(request, true);
}
aio::Task<Result<>> Service::head_object(S3Request& request) {
  co_return co_await read_object(request, false);
}

aio::Task<Result<>> Service::read_object(S3Request& request, bool with_body, int whole) {
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    BucketRef bucket = CO_TRY(own_bucket(request));
    std::string version(request.query.value("versionId"));
    ObjectRef object =
        CO_TRY(co_await existing(*bucket, request.key, std::move(version), attempt == 0));
    const ObjectRecord& record = object->record;
    CO_TRY(check_read_conditions(request, record));
    WallTime now = context_.world.clock.wall();
    if (with_body) CO_TRY(check_readable(record, now));
    Slice slice = CO_TRY(slice_of(request, record));
    wire::Headers headers = object_headers(record, request);
    add_version(headers, *bucket, record);
    add_expiration(headers, *bucket, request.key, record);
    add_restore(headers, record, now);
    if (slice.partial && record.size > 0)
      headers.add("Content-Range", fmt::format("bytes {}-{}/{}", slice.first,
                                               slice.first + slice.length - 1, record.size));
    if (slice.piece && record.checksum && !slice.piece->checksum.empty() &&
        headers.has(header_of(record.checksum->kind)))
      headers.set(std::string(header_of(record.checksum->kind)), slice.piece->checksum);
    // The sum of the whole says nothing about a range.
    if (slice.partial && !slice.piece && slice.length != record.size && record.checksum) {
      headers.remove(header_of(record.checksum->kind));
      headers.remove("x-amz-checksum-type");
    }
    if (slice.parts > 0) headers.add("x-amz-mp-parts-count", std::to_string(slice.parts));
    int status = slice.partial && record.size > 0 ? 206 : whole;
    if (!with_body) {
      CO_TRY(co_await request.answer.start(status, std::move(headers), slice.length));
      co_return co_await request.answer.finish();
    }
    bool sent = CO_TRY(co_await send_body(request, *object, status, std::move(headers), slice.first,
                                          slice.length));
    if (sent) co_return Result<>{};
    // Its files went while we looked: the object was replaced. The next look finds the new one.
  }
  co_return fail(Code::unavailable, "the object changes faster than it can be read");
}

/// False: the files are gone and nothing was sent.
aio::Task<Result<bool>> Service::send_body(S3Request& request, const Object& object, int status,
                                           wire::Headers headers, uint64_t first, uint64_t length) {
  const ObjectRecord& record = object.record;
  if (record.in_store || record.size == 0) {
    std::string_view body = std::string_view(object.data).substr(first, length);
    CO_TRY(co_await request.answer.respond_view(status, std::move(headers), body));
    co_return true;
  }
  Pin pin(files_, record.id);
  if (!pin.held()) co_return false;
  uint64_t skip = first;
  size_t index = 0;
  while (skip >= record.pieces[index].size) skip -= record.pieces[index++].size;
  auto file = co_await files_.open(record.pieces[index].id);
  if (!file && file.error().code == Code::not_found) {
    auto now = co_await existing(request);
    if (!now || (*now)->record.id != record.id) co_return false;
    co_return fail(Code::corrupt,
                   fmt::format("data file {} of an object is missing", record.pieces[index].id));
  }
  if (!file) co_return fail(std::move(file).error());
  CO_TRY(co_await request.answer.start(status, std::move(headers), length));
  CO_TRY(co_await send_pieces(request, record, first, length, std::move(*file)));
  CO_TRY(co_await request.answer.finish());
  co_return true;
}

/// The head is out already: an error from here on can only cut the connection.
aio::Task<Result<>> Service::send_pieces(S3Request& request, const ObjectRecord& record,
                                         uint64_t first, uint64_t length,
                                         std::unique_ptr<aio::File> opened) {
  uint64_t begin = 0;  // of the piece, within the object
  for (const Piece& piece : record.pieces) {
    uint64_t end = begin + piece.size;
    if (end <= first) {
      begin = end;
      continue;
    }
    if (begin >= first + length) break;
    if (!opened) opened = CO_TRY(co_await files_.open(piece.id));
    uint64_t from = std::max(first, begin);
    uint64_t to = std::min(first + length, end);
    CO_TRY(co_await request.answer.send_file(*opened, from - begin, to - from));
    opened.reset();
    begin = end;
  }
  co_return Result<>{};
}

aio::Task<Result<>> Service::delete_object(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::string version(request.query.value("versionId"));
  bool bypass = CO_TRY(co_await bypasses(request, bucket, request.key, version));
  Erased erased = CO_TRY(co_await index_.erase(request.bucket, request.key, version,
                                               delete_conditions(request), bypass));
  wire::Headers headers;
  if (erased.delete_marker) headers.add("x-amz-delete-marker", "true");
  if (!erased.version.empty()) headers.add("x-amz-version-id", erased.version);
  co_return co_await request.answer.respond(204, std::move(headers), "");
}

}  // namespace croft::farm::s3
