// Retention and legal hold of one version.
#include "base/text.h"
#include "farm/s3/lock.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

constexpr Bytes max_document = Bytes::kib(64);

Result<> check_bucket_locks(const Bucket& bucket) {
  if (bucket.rules->lock) return {};
  return fail(aws_error("InvalidRequest", 400, "Bucket is missing Object Lock Configuration"));
}

Error nothing_set() {
  return aws_error("NoSuchObjectLockConfiguration", 404,
                   "The specified object does not have a ObjectLock configuration");
}

}  // namespace

Result<> Service::set_lock(const S3Request& request, const Bucket& bucket,
                           ObjectRecord& record) const {
  const auto& rules = bucket.rules->lock;
  return lock_from_headers(request.head().headers, rules ? &*rules : nullptr,
                           context_.world.clock.wall(), record);
}

/// Does the caller ask to pass over GOVERNANCE, and may that be? AccessDenied.
aio::Task<Result<bool>> Service::bypasses(S3Request& request, BucketRef bucket, std::string key,
                                          std::string version) {
  if (to_lower(request.header("x-amz-bypass-governance-retention")) != "true") co_return false;
  if (!bucket->rules->lock) co_return false;
  CO_TRY(co_await allow(request, std::move(bucket), "BypassGovernanceRetention", std::move(key),
                        std::move(version)));
  co_return true;
}

aio::Task<Result<>> Service::get_retention(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  CO_TRY(check_bucket_locks(*bucket));
  ObjectRef object = CO_TRY(co_await existing(request));
  if (object->record.lock_mode.empty()) co_return fail(nothing_set());
  co_return co_await request.answer.xml(200, retention_document(object->record));
}

aio::Task<Result<>> Service::put_retention(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  CO_TRY(check_bucket_locks(*bucket));
  std::string body = CO_TRY(co_await read_small_body(request, max_document));
  Retention wanted = CO_TRY(retention_from(body));
  std::string version(request.query.value("versionId"));
  bool bypass = CO_TRY(co_await bypasses(request, bucket, request.key, version));
  WallTime now = context_.world.clock.wall();
  CO_TRY(co_await index_.modify(request.bucket, request.key, version,
                                [&](ObjectRecord& record) -> Result<> {
                                  TRY(check_retention(record, wanted, now, bypass));
                                  record.lock_mode = wanted.mode;
                                  record.retain_until = wanted.until;
                                  return {};
                                }));
  co_return co_await request.answer.respond(200, {}, "");
}

aio::Task<Result<>> Service::get_legal_hold(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  CO_TRY(check_bucket_locks(*bucket));
  ObjectRef object = CO_TRY(co_await existing(request));
  if (!object->record.lock_hold_told) co_return fail(nothing_set());
  co_return co_await request.answer.xml(200, legal_hold_document(object->record));
}

aio::Task<Result<>> Service::put_legal_hold(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  CO_TRY(check_bucket_locks(*bucket));
  std::string body = CO_TRY(co_await read_small_body(request, max_document));
  bool hold = CO_TRY(legal_hold_from(body));
  std::string version(request.query.value("versionId"));
  CO_TRY(co_await index_.modify(request.bucket, request.key, version,
                                [hold](ObjectRecord& record) -> Result<> {
                                  record.legal_hold = hold;
                                  record.lock_hold_told = true;
                                  return {};
                                }));
  co_return co_await request.answer.respond(200, {}, "");
}

}  // namespace croft::farm::s3
