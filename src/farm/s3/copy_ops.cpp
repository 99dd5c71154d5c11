// CopyObject and UploadPartCopy: the bytes go from file to file inside the farm.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "aio/scope.h"
#include "base/text.h"
#include "farm/s3/names.h"
#include "farm/s3/range.h"
#include "farm/s3/restore.h"
#include "farm/s3/service.h"
#include "wire/uri.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr size_t block = 512 << 10;

Error bad_source() {
  return aws_error("InvalidArgument", 400,
                   "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
      .fact("xml:ArgumentName", "x-amz-copy-source");
}

aio::Task<Result<>> hash_block(aio::World& world, Digests& digests, std::string_view data) {
  co_await aio::blocking(world, aio::Pool::hash, [&digests, data] { digests.update(data); });
  co_return Result<>{};
}

aio::Task<Result<>> write_block(aio::File& file, uint64_t offset, std::string_view data) {
  co_return co_await file.write_at(offset, data);
}

/// x-amz-copy-source-if-*: all that are given must hold.
Result<> check_source_conditions(const S3Request& request, const ObjectRecord& record) {
  auto failed = [](std::string_view name) {
    return fail(aws_error("PreconditionFailed", 412,
                          "At least one of the pre-conditions you specified did not hold")
                    .fact("xml:Condition", std::string(name)));
  };
  const wire::Headers& headers = request.head().headers;
  int64_t modified = record.modified.unix_seconds();
  if (auto match = headers.get("x-amz-copy-source-if-match"))
    if (*match != "*" && unquoted(*match) != record.etag)
      return failed("x-amz-copy-source-If-Match");
  if (auto none = headers.get("x-amz-copy-source-if-none-match"))
    if (*none == "*" || unquoted(*none) == record.etag)
      return failed("x-amz-copy-source-If-None-Match");
  if (auto since = headers.get("x-amz-copy-source-if-unmodified-since")) {
    auto time = WallTime::parse_http_date(*since);
    if (time && modified > time->unix_seconds() && !headers.has("x-amz-copy-source-if-match"))
      return failed("x-amz-copy-source-If-Unmodified-Since");
  }
  if (auto since = headers.get("x-amz-copy-source-if-modified-since")) {
    auto time = WallTime::parse_http_date(*since);
    if (time && modified <= time->unix_seconds())
      return failed("x-amz-copy-source-If-Modified-Since");
  }
  return {};
}

/// The record of the copy: what the headers say (REPLACE), else the source's (COPY).
Result<ObjectRecord> copied_record(const S3Request& request, const ObjectRecord& source,
                                   WallTime now) {
  ObjectRecord record = TRY(object_from_headers(request, now));
  auto directive = [&](std::string_view header) -> Result<bool> {
    std::string_view text = request.header(header);
    if (text.empty() || text == "COPY") return true;
    if (text == "REPLACE") return false;
    return fail(aws_error("InvalidArgument", 400, fmt::format("Unknown {}.", header))
                    .fact("xml:ArgumentName", std::string(header)));
  };
  if (TRY(directive("x-amz-metadata-directive"))) {
    record.content_type = source.content_type;
    // Where a page leads is never copied: the request says so, or nobody.
    auto leads = [](const auto& header) {
      return equals_ignore_case(header.first, "x-amz-website-redirect-location");
    };
    std::erase_if(record.headers, std::not_fn(leads));
    std::ranges::copy_if(source.headers, std::back_inserter(record.headers), std::not_fn(leads));
    record.metadata = source.metadata;
  }
  if (TRY(directive("x-amz-tagging-directive"))) record.tags = source.tags;
  return record;
}

}  // namespace

aio::Task<Result<Service::CopySource>> Service::copy_source(S3Request& request) {
  std::string_view raw = request.header("x-amz-copy-source");
  CopySource source;
  size_t question = raw.find("?versionId=");
  if (question != std::string_view::npos) {
    source.version = std::string(raw.substr(question + 11));
    raw = raw.substr(0, question);
  }
  auto decoded = wire::percent_decode(raw);
  if (!decoded) co_return fail(bad_source());
  std::string_view path = *decoded;
  if (path.starts_with('/')) path.remove_prefix(1);
  auto parts = cut(path, '/');
  if (!parts || parts->first.empty() || parts->second.empty()) co_return fail(bad_source());
  source.bucket = std::string(parts->first);
  source.key = std::string(parts->second);
  if (question != std::string_view::npos) CO_TRY(check_version_id(source.version));
  BucketRef bucket = CO_TRY(own_bucket(request, source.bucket));
  source.versioned = bucket->record.versioning != Versioning::never;
  CO_TRY(co_await allow(request, bucket, "GetObject", source.key, source.version));
  auto object = co_await existing(*bucket, source.key, source.version);
  if (!object && object.error().fact("aws_code") == "MethodNotAllowed")
    co_return fail(aws_error("InvalidRequest", 400,
                             "The source of a copy request may not specifically refer to a delete "
                             "marker by version id."));
  source.object = CO_TRY(std::move(object));
  CO_TRY(check_source_conditions(request, source.object->record));
  if (!check_readable(source.object->record, context_.world.clock.wall()))
    co_return fail(aws_error("ObjectNotInActiveTierError", 403,
                             "The source object of the COPY action is not in the active tier"));
  co_return source;
}

aio::Task<Result<>> Service::copy_to_file(ObjectRef source, uint64_t first, uint64_t length,
                                          DataFiles::Draft& draft, Digests& digests) {
  std::string buffer;
  uint64_t written = 0, begin = 0;
  auto put = [](Service& self, DataFiles::Draft& to, Digests& sums, std::string_view data,
                uint64_t at) -> aio::Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    scope.spawn(hash_block(self.context_.world, sums, data));
    scope.spawn(write_block(*to.file, at, data));
    co_return co_await scope.join();
  };
  if (source->record.in_store) {
    std::string_view data = std::string_view(source->data).substr(first, length);
    co_return co_await put(*this, draft, digests, data, 0);
  }
  for (const Piece& piece : source->record.pieces) {
    uint64_t end = begin + piece.size;
    uint64_t from = std::max(first, begin), to = std::min(first + length, end);
    if (from < to) {
      std::unique_ptr<aio::File> file = CO_TRY(co_await files_.open(piece.id));
      while (from < to) {
        buffer.resize(std::min<uint64_t>(block, to - from));
        size_t got = CO_TRY(
            co_await file->read_at(from - begin, std::span<char>(buffer.data(), buffer.size())));
        if (got == 0)
          co_return fail(Code::corrupt,
                         fmt::format("data file {} is shorter than recorded", piece.id));
        buffer.resize(got);
        CO_TRY(co_await put(*this, draft, digests, buffer, written));
        written += got;
        from += got;
      }
    }
    begin = end;
  }
  co_return Result<>{};
}

aio::Task<Result<Service::Intake>> Service::copy_in(ObjectRef source, uint64_t first,
                                                    uint64_t length,
                                                    std::optional<Checksum> checksum,
                                                    bool may_inline) {
  Intake intake;
  intake.size = length;
  Digests digests(false, checksum);
  if (may_inline && length <= static_cast<uint64_t>(options_.inline_limit.count()) &&
      (source->record.in_store || length == 0) && index_.store_has_room(length)) {
    intake.in_memory = true;
    intake.data = source->data.substr(first, length);
    digests.update(intake.data);
    digests.finish();
  } else {
    if (!files_.pin(source->record.id))
      co_return fail(aws_error("OperationAborted", 409,
                               "The source object was replaced meanwhile. Please try again."));
    auto draft = co_await files_.create();
    Result<> done;
    if (!draft) {
      done = fail(std::move(draft).error());
    } else {
      done = co_await copy_to_file(source, first, length, *draft, digests);
      if (done) done = co_await files_.keep(*draft);
    }
    files_.unpin(source->record.id);
    if (!done) {
      if (draft) {
        draft->file.reset();
        co_await files_.drop(draft->id);
      }
      co_return fail(std::move(done).error());
    }
    digests.finish();
    intake.piece = {draft->id, length};
  }
  intake.md5 = digests.md5;
  if (checksum) intake.checksum = StoredChecksum{*checksum, base64(digests.checksum)};
  co_return intake;
}

aio::Task<Result<>> Service::copy_object(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  CopySource source = CO_TRY(co_await copy_source(request));
  const ObjectRecord& from = source.object->record;
  WallTime now = context_.world.clock.wall();
  ObjectRecord record = CO_TRY(copied_record(request, from, now));
  CO_TRY(set_owner_and_acl(request, *bucket, record));
  use_default_encryption(*bucket, record);
  CO_TRY(set_lock(request, *bucket, record));
  bool onto_itself =
      source.bucket == request.bucket && source.key == request.key && source.version.empty();
  bool redirected = !request.header("x-amz-website-redirect-location").empty();
  if (onto_itself && request.header("x-amz-metadata-directive") != "REPLACE" && !redirected &&
      record.storage_class == from.storage_class && record.encryption == from.encryption)
    co_return fail(aws_error(
        "InvalidRequest", 400,
        "This copy request is illegal because it is trying to copy an object to itself without "
        "changing the object's metadata, storage class, website redirect location or encryption "
        "attributes."));
  if (from.size > static_cast<uint64_t>(options_.max_put.count()))
    co_return fail(aws_error(
        "InvalidRequest", 400,
        "The specified copy source is larger than the maximum allowable size for a copy source"));
  std::optional<Checksum> checksum;
  if (auto wanted = request.head().headers.get("x-amz-checksum-algorithm"))
    checksum = checksum_from_name(*wanted);
  else if (from.checksum)
    checksum = from.checksum->kind;
  Intake intake = CO_TRY(co_await copy_in(source.object, 0, from.size, checksum, true));
  ObjectRef put = CO_TRY(
      co_await keep(request, std::move(record), std::move(intake), write_conditions(request)));
  wire::xml::Writer writer;
  writer.open("CopyObjectResult", {{"xmlns", s3_namespace}});
  writer.element("LastModified", xml_time(put->record.modified));
  writer.element("ETag", quoted(put->record.etag));
  if (const auto& kept = put->record.checksum) writer.element(element_of(kept->kind), kept->value);
  wire::Headers headers{{"Content-Type", "application/xml"}};
  add_new_version(headers, put->record);
  if (source.versioned) headers.add("x-amz-copy-source-version-id", shown_version(from));
  add_encryption(headers, put->record);
  co_return co_await request.answer.respond(200, std::move(headers), writer.take());
}

aio::Task<Result<>> Service::copy_part(S3Request& request) {
  CO_TRY(own_bucket(request));
  int64_t number = CO_TRY(query_number(request, "partNumber", 1, 10'000, 0));
  if (number == 0)
    co_return fail(aws_error("InvalidArgument", 400, "This request must have a partNumber"));
  std::string id(request.query.value("uploadId"));
  UploadRecord upload = CO_TRY(co_await index_.upload(request.bucket, request.key, id));
  CopySource source = CO_TRY(co_await copy_source(request));
  ByteRange range{0, source.object->record.size};
  std::string_view wanted = request.header("x-amz-copy-source-range");
  if (!wanted.empty()) {
    auto ends = cut(wanted, '-');
    uint64_t last = ends ? parse_u64(ends->second).value_or(UINT64_MAX) : UINT64_MAX;
    // Both ends are named: no "bytes=-2" and no "bytes=2-" here.
    bool formed =
        ends && ends->first.starts_with("bytes=") && ends->first.size() > 6 && last != UINT64_MAX;
    if (formed && last >= source.object->record.size)
      co_return fail(
          aws_error("InvalidRange", 416,
                    fmt::format("Range specified is not valid for source object of size: {}",
                                source.object->record.size)));
    if (!formed || parse_range(wanted, source.object->record.size, range) != RangeKind::part)
      co_return fail(aws_error(
          "InvalidArgument", 400,
          "The x-amz-copy-source-range value must be of the form bytes=first-last where first and "
          "last are the zero-based offsets of the first and last bytes to copy"));
  }
  if (range.length > static_cast<uint64_t>(options_.max_put.count()))
    co_return fail(
        aws_error("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size"));
  Intake intake =
      CO_TRY(co_await copy_in(source.object, range.first, range.length, upload.checksum, false));
  PartRecord part{.number = static_cast<int>(number),
                  .piece = intake.piece,
                  .etag = hex(intake.md5),
                  .modified = context_.world.clock.wall(),
                  .checksum = intake.checksum};
  std::string etag = part.etag;
  WallTime modified = part.modified;
  auto put = co_await index_.put_part(std::move(upload), std::move(part));
  if (!put) {
    CO_TRY(co_await discard(std::move(intake)));
    co_return put;
  }
  wire::xml::Writer writer;
  writer.open("CopyPartResult", {{"xmlns", s3_namespace}});
  writer.element("LastModified", xml_time(modified)).element("ETag", quoted(etag));
  if (intake.checksum) writer.element(element_of(intake.checksum->kind), intake.checksum->value);
  co_return co_await request.answer.xml(200, writer.take());
}

}  // namespace croft::farm::s3
