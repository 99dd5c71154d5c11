// The configuration documents of a bucket: policy, CORS, lifecycle, website, encryption, public
// access block, ownership. Each is judged when it is set and kept as it was sent. What this farm
// does not act on cannot be set, and is answered as a fresh bucket answers.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/acl.h"
#include "farm/s3/lifecycle.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr Bytes max_document = Bytes::kib(512);

struct Document {
  std::string_view flag;  ///< the sub-resource, and the name in the bucket's record
  std::string_view code;  ///< of the error where there is none
  std::string_view message;
  Result<> (*judge)(std::string_view text, const BucketRecord& bucket);
};

Result<> judge_policy(std::string_view text, const BucketRecord& bucket) {
  Policy policy = TRY(Policy::parse(text, bucket.name));
  bool blocked = rules_of(bucket)->public_access.block_policy;
  if (blocked && policy.is_public()) return fail(aws_error("AccessDenied", 403, "Access Denied"));
  return {};
}

Result<> judge_ownership(std::string_view text, const BucketRecord& bucket) {
  Ownership wanted = TRY(ownership_from(text));
  if (wanted != Ownership::bucket_owner_enforced || !bucket.acl) return {};
  bool to_others = std::ranges::any_of(*bucket.acl, [&](const Grant& grant) {
    return grant.grantee != bucket.acl->back().grantee || grant.permission != "FULL_CONTROL" ||
           grant.grantee == all_users || grant.grantee == authenticated_users;
  });
  if (!to_others) return {};
  return fail(aws_error("InvalidBucketAclWithObjectOwnership", 400,
                        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced "
                        "setting"));
}

Result<> judge_lifecycle(std::string_view text, const BucketRecord&) {
  TRY(Lifecycle::parse(text));
  return {};
}
Result<> judge_cors(std::string_view text, const BucketRecord&) {
  TRY(CorsRules::parse(text));
  return {};
}
Result<> judge_website(std::string_view text, const BucketRecord&) {
  TRY(website_from(text));
  return {};
}
Result<> judge_encryption(std::string_view text, const BucketRecord&) {
  TRY(encryption_from(text));
  return {};
}
Result<> judge_public_access(std::string_view text, const BucketRecord&) {
  TRY(public_access_from(text));
  return {};
}

Result<> judge_lock(std::string_view text, const BucketRecord& bucket) {
  TRY(lock_rules_from(text));
  if (bucket.versioning == Versioning::enabled) return {};
  return fail(aws_error("InvalidBucketState", 409,
                        "Versioning must be 'Enabled' on the bucket to apply a Object Lock "
                        "configuration"));
}

constexpr std::array documents{
    Document{"policy", "NoSuchBucketPolicy", "The bucket policy does not exist", judge_policy},
    Document{"cors", "NoSuchCORSConfiguration", "The CORS configuration does not exist",
             judge_cors},
    Document{"lifecycle", "NoSuchLifecycleConfiguration",
             "The lifecycle configuration does not exist", judge_lifecycle},
    Document{"website", "NoSuchWebsiteConfiguration",
             "The specified bucket does not have a website configuration", judge_website},
    Document{"encryption", "ServerSideEncryptionConfigurationNotFoundError",
             "The server side encryption configuration was not found", judge_encryption},
    Document{"publicAccessBlock", "NoSuchPublicAccessBlockConfiguration",
             "The public access block configuration was not found", judge_public_access},
    Document{"ownershipControls", "OwnershipControlsNotFoundError",
             "The bucket ownership controls were not found", judge_ownership},
    Document{"object-lock", "ObjectLockConfigurationNotFoundError",
             "Object Lock configuration does not exist for this bucket", judge_lock},
    // Not offered: nothing can be set.
    Document{"replication", "ReplicationConfigurationNotFoundError",
             "The replication configuration was not found", nullptr},
};

const Document* document_of(const S3Request& request) {
  for (const Document& document : documents)
    if (request.query.has(document.flag)) return &document;
  return nullptr;
}

}  // namespace

aio::Task<Result<>> Service::get_document(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  const Document* document = document_of(request);
  if (!document) co_return co_await not_implemented(request);
  auto at = bucket->record.configuration.find(document->flag);
  if (at == bucket->record.configuration.end())
    co_return fail(aws_error(document->code, 404, std::string(document->message))
                       .fact("xml:BucketName", request.bucket));
  wire::Headers headers{
      {"Content-Type", document->flag == "policy" ? "application/json" : "application/xml"}};
  co_return co_await request.answer.respond(200, std::move(headers), at->second);
}

aio::Task<Result<>> Service::put_document(S3Request& request) {
  CO_TRY(own_bucket(request));
  const Document* document = document_of(request);
  if (!document || !document->judge) co_return co_await not_implemented(request);
  std::string body = CO_TRY(co_await read_small_body(request, max_document));
  // Where a day is shortened for a test, thirty of them are long.
  bool real_days = options_.lifecycle_day == Duration::hours(24);
  CO_TRY(co_await index_.modify_bucket(request.bucket, [&](BucketRecord& record) -> Result<> {
    TRY(document->judge(body, record));
    if (document->flag == "lifecycle") TRY(TRY(Lifecycle::parse(body)).check(real_days));
    record.configuration[std::string(document->flag)] =
        document->flag == "lifecycle" ? with_rule_ids(body) : body;
    return {};
  }));
  int status = document->flag == "policy" ? 204 : 200;
  co_return co_await request.answer.respond(status, {}, "");
}

aio::Task<Result<>> Service::delete_document(S3Request& request) {
  CO_TRY(own_bucket(request));
  const Document* document = document_of(request);
  if (!document) co_return co_await not_implemented(request);
  CO_TRY(co_await index_.modify_bucket(request.bucket, [&](BucketRecord& record) -> Result<> {
    record.configuration.erase(std::string(document->flag));
    return {};
  }));
  co_return co_await request.answer.respond(204, {}, "");
}

/// Would anybody at all get in, by policy or by access control list?
aio::Task<Result<>> Service::policy_status(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  const BucketRules& rules = *bucket->rules;
  bool by_policy =
      rules.policy && rules.policy->is_public() && !rules.public_access.restrict_buckets;
  bool by_acl = is_public(bucket->record.acl) && !rules.public_access.ignore_acls &&
                rules.ownership != Ownership::bucket_owner_enforced;
  if (!rules.policy && !by_acl)
    co_return fail(aws_error("NoSuchBucketPolicy", 404, "The bucket policy does not exist")
                       .fact("xml:BucketName", request.bucket));
  wire::xml::Writer writer;
  writer.open("PolicyStatus", {{"xmlns", s3_namespace}});
  writer.element("IsPublic", by_policy || by_acl);
  co_return co_await request.answer.xml(200, writer.take());
}

aio::Task<Result<>> Service::fixed_configuration(S3Request& request) {
  CO_TRY(own_bucket(request));
  wire::xml::Writer writer;
  if (request.query.has("logging")) {
    writer.open("BucketLoggingStatus", {{"xmlns", s3_namespace}});
  } else if (request.query.has("notification")) {
    writer.open("NotificationConfiguration", {{"xmlns", s3_namespace}});
  } else if (request.query.has("accelerate")) {
    writer.open("AccelerateConfiguration", {{"xmlns", s3_namespace}});
  } else {
    writer.open("RequestPaymentConfiguration", {{"xmlns", s3_namespace}})
        .element("Payer", "BucketOwner");
  }
  co_return co_await request.answer.xml(200, writer.take());
}

}  // namespace croft::farm::s3
