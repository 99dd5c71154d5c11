// Taking a body in: small ones in memory, large ones straight into a file, hashed on the pool while
// the next piece arrives and the last one is written.
#include <fmt/format.h>

#include "aio/scope.h"
#include "base/text.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

/// Read, hash and write go on side by side, a block each: two blocks an upload in memory.
constexpr size_t block = 512 << 10;

aio::Task<Result<>> hash_block(aio::World& world, Digests& digests, std::string_view data) {
  co_await aio::blocking(world, aio::Pool::hash, [&digests, data] { digests.update(data); });
  co_return Result<>{};
}

aio::Task<Result<>> write_block(aio::File& file, uint64_t offset, std::string_view data) {
  co_return co_await file.write_at(offset, data);
}

aio::Task<Result<>> read_block(Body& body, std::string& into) {
  into.clear();
  CO_TRY(co_await body.read(into, block));
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<>> Service::stream_to_file(Body& body, DataFiles::Draft& draft, Digests& digests,
                                            uint64_t& size) {
  std::string current, next;
  CO_TRY(co_await read_block(body, current));
  while (!current.empty()) {
    aio::Scope scope(co_await aio::here());
    scope.spawn(hash_block(context_.world, digests, current));
    scope.spawn(write_block(*draft.file, size, current));
    scope.spawn(read_block(body, next));
    CO_TRY(co_await scope.join());
    size += current.size();
    std::swap(current, next);
  }
  co_return Result<>{};
}

aio::Task<Result<Service::Intake>> Service::take_in_file(Body& body) {
  Intake intake;
  DataFiles::Draft draft = CO_TRY(co_await files_.create());
  std::string id = draft.id;
  Digests digests(body.wants_sha256(), body.checksum());
  Result<> done = co_await stream_to_file(body, draft, digests, intake.size);
  if (done) {
    digests.finish();
    auto checked = body.check(digests);
    if (checked)
      intake.checksum = std::move(*checked);
    else
      done = fail(std::move(checked).error());
  }
  if (done) done = co_await files_.keep(draft);
  if (!done) {
    draft.file.reset();
    co_await files_.drop(id);
    co_return fail(std::move(done).error());
  }
  intake.md5 = digests.md5;
  intake.piece = {id, intake.size};
  co_return intake;
}

aio::Task<Result<Service::Intake>> Service::take_in(S3Request& request, Bytes limit,
                                                    bool may_inline,
                                                    std::optional<Checksum> checksum) {
  // Without a word about its length a body is as good as forgotten.
  if (!request.exchange.content_length() && !request.head().headers.has("Transfer-Encoding"))
    co_return fail(
        aws_error("MissingContentLength", 411, "You must provide the Content-Length HTTP header."));
  Body body = CO_TRY(Body::open(request, limit));
  body.want(checksum);
  co_return co_await take_in(body, may_inline);
}

aio::Task<Result<Service::Intake>> Service::take_in(Body& body, bool may_inline) {
  bool small = body.length() <= static_cast<uint64_t>(options_.inline_limit.count());
  if (!may_inline || !small || !index_.store_has_room(body.length()))
    co_return co_await take_in_file(body);
  Intake intake;
  intake.in_memory = true;
  while (CO_TRY(co_await body.read(intake.data, body.length() + 1))) {
  }
  Digests digests(body.wants_sha256(), body.checksum());
  digests.update(intake.data);
  digests.finish();
  intake.checksum = CO_TRY(body.check(digests));
  intake.size = intake.data.size();
  intake.md5 = digests.md5;
  co_return intake;
}

/// For what came in but could not be named: the file goes again.
aio::Task<Result<>> Service::discard(Intake intake) {
  if (!intake.in_memory && !intake.piece.id.empty()) co_await files_.drop(intake.piece.id);
  co_return Result<>{};
}

aio::Task<Result<ObjectRef>> Service::keep(S3Request& request, ObjectRecord record, Intake intake,
                                           Precondition condition) {
  record.id = intake.in_memory ? files_.fresh_id() : intake.piece.id;
  record.size = intake.size;
  record.etag = hex(intake.md5);
  record.checksum = intake.checksum;
  record.in_store = intake.in_memory;
  if (!intake.in_memory) record.pieces = {intake.piece};
  NewObject object{.bucket = request.bucket,
                   .key = request.key,
                   .record = std::move(record),
                   .data = std::move(intake.data),
                   .precondition = std::move(condition)};
  auto put = co_await index_.put(std::move(object));
  if (!put) CO_TRY(co_await discard(std::move(intake)));
  co_return put;
}

aio::Task<Result<>> Service::put_object(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  WallTime now = context_.world.clock.wall();
  ObjectRecord record = CO_TRY(object_from_headers(request, now));
  CO_TRY(set_owner_and_acl(request, *bucket, record));
  use_default_encryption(*bucket, record);
  CO_TRY(set_lock(request, *bucket, record));
  Precondition condition = write_conditions(request);
  if (condition) {
    // Told before the body travels where possible; what counts is the look under the lock.
    ObjectRef there = CO_TRY(co_await index_.find(request.bucket, request.key));
    CO_TRY(condition(there ? &there->record : nullptr));
  }
  auto length = request.exchange.content_length();
  if (length && *length <= static_cast<uint64_t>(options_.max_put.count())) {
    ObjectRef there = CO_TRY(co_await index_.find(request.bucket, request.key));
    uint64_t before = there ? there->record.size : 0;
    if (*length > before) CO_TRY(index_.check_quota(*bucket, *length - before));
  }
  Intake intake = CO_TRY(co_await take_in(request, options_.max_put, true));
  ObjectRef put =
      CO_TRY(co_await keep(request, std::move(record), std::move(intake), std::move(condition)));
  const ObjectRecord& made = put->record;
  wire::Headers headers{{"ETag", quoted(made.etag)}};
  add_encryption(headers, made);
  add_new_version(headers, made);
  add_expiration(headers, *bucket, request.key, made);
  if (made.checksum) {
    headers.add(std::string(header_of(made.checksum->kind)), made.checksum->value);
    headers.add("x-amz-checksum-type", "FULL_OBJECT");
  }
  co_return co_await request.answer.respond(200, std::move(headers), "");
}

}  // namespace croft::farm::s3
