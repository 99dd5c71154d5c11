// GetBucketAcl, PutBucketAcl, GetObjectAcl, PutObjectAcl.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/acl.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

constexpr Bytes max_document = Bytes::kib(128);

std::string canonical_of(const Accounts& accounts, const std::string& account_id) {
  AccountRef account = accounts.find(account_id);
  return account ? account->canonical_id : account_id;
}

}  // namespace

aio::Task<Result<>> Service::get_acl(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::string owner = bucket->record.owner;
  Acl acl = bucket->record.acl;
  if (!request.key.empty()) {
    ObjectRef object = CO_TRY(co_await existing(request));
    if (!object->record.owner.empty()) owner = object->record.owner;
    acl = object->record.acl;
  }
  if (bucket->rules->ownership == Ownership::bucket_owner_enforced) {
    owner = bucket->record.owner;
    acl.reset();
  }
  std::string body = acl_document(acl, canonical_of(context_.accounts, owner), context_.accounts);
  co_return co_await request.answer.xml(200, std::move(body));
}

/// From headers, or from the document in the body.
aio::Task<Result<Acl>> Service::wanted_acl(S3Request& request, const Bucket& bucket,
                                           std::string owner) {
  std::string body = CO_TRY(co_await read_small_body(request, max_document));
  AclOwners owners{canonical_of(context_.accounts, owner),
                   canonical_of(context_.accounts, bucket.record.owner)};
  bool told = false;
  Acl acl = CO_TRY(acl_from_headers(request.head().headers, owners, context_.accounts, told));
  if (told && !trim(body).empty())
    co_return fail(aws_error("UnexpectedContent", 400, "This request does not support content"));
  if (!told && trim(body).empty())
    co_return fail(
        aws_error("MissingSecurityHeader", 400, "Your request was missing a required header")
            .fact("xml:MissingHeaderName", "x-amz-acl"));
  if (!told) acl = CO_TRY(acl_from_xml(body, owners, context_.accounts));
  if (bucket.rules->ownership == Ownership::bucket_owner_enforced)
    co_return fail(
        aws_error("AccessControlListNotSupported", 400, "The bucket does not allow ACLs"));
  if (bucket.rules->public_access.block_acls && is_public(acl))
    co_return fail(aws_error("AccessDenied", 403, "Access Denied"));
  co_return acl;
}

aio::Task<Result<>> Service::put_acl(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  if (request.key.empty()) {
    Acl acl = CO_TRY(co_await wanted_acl(request, *bucket, bucket->record.owner));
    CO_TRY(co_await index_.modify_bucket(request.bucket, [&acl](BucketRecord& record) -> Result<> {
      record.acl = acl;
      return {};
    }));
    co_return co_await request.answer.respond(200, {}, "");
  }
  ObjectRef object = CO_TRY(co_await existing(request));
  std::string owner = object->record.owner.empty() ? bucket->record.owner : object->record.owner;
  Acl acl = CO_TRY(co_await wanted_acl(request, *bucket, std::move(owner)));
  std::string version(request.query.value("versionId"));
  CO_TRY(co_await index_.modify(request.bucket, request.key, std::move(version),
                                [&acl](ObjectRecord& record) -> Result<> {
                                  record.acl = acl;
                                  return {};
                                }));
  co_return co_await request.answer.respond(200, {}, "");
}

}  // namespace croft::farm::s3
