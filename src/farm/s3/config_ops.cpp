// What clients ask of every bucket although it has none of it: answered as the service answers for
// a fresh bucket, so that tools which look first go on.
#include <fmt/format.h>

#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

struct Absent {
  std::string_view flag;
  std::string_view code;
  std::string_view message;
};

constexpr std::array absent{
    Absent{"policy", "NoSuchBucketPolicy", "The bucket policy does not exist"},
    Absent{"policyStatus", "NoSuchBucketPolicy", "The bucket policy does not exist"},
    Absent{"cors", "NoSuchCORSConfiguration", "The CORS configuration does not exist"},
    Absent{"lifecycle", "NoSuchLifecycleConfiguration",
           "The lifecycle configuration does not exist"},
    Absent{"website", "NoSuchWebsiteConfiguration",
           "The specified bucket does not have a website configuration"},
    Absent{"encryption", "ServerSideEncryptionConfigurationNotFoundError",
           "The server side encryption configuration was not found"},
    Absent{"replication", "ReplicationConfigurationNotFoundError",
           "The replication configuration was not found"},
    Absent{"object-lock", "ObjectLockConfigurationNotFoundError",
           "Object Lock configuration does not exist for this bucket"},
    Absent{"publicAccessBlock", "NoSuchPublicAccessBlockConfiguration",
           "The public access block configuration was not found"},
    Absent{"ownershipControls", "OwnershipControlsNotFoundError",
           "The bucket ownership controls were not found"},
};

}  // namespace

aio::Task<Result<>> Service::absent_configuration(S3Request& request) {
  CO_TRY(own_bucket(request));
  for (const Absent& entry : absent)
    if (request.query.has(entry.flag))
      co_return fail(aws_error(entry.code, 404, std::string(entry.message))
                         .fact("xml:BucketName", request.bucket));
  co_return co_await not_implemented(request);
}

aio::Task<Result<>> Service::fixed_configuration(S3Request& request) {
  CO_TRY(own_bucket(request));
  if (request.head().method == "DELETE") co_return co_await request.answer.respond(204, {}, "");
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

aio::Task<Result<>> Service::get_acl(S3Request& request) {
  if (request.key.empty()) {
    CO_TRY(own_bucket(request));
  } else {
    CO_TRY(co_await existing(request));
  }
  const Account& owner = *request.caller.account;
  wire::xml::Writer writer;
  writer.open("AccessControlPolicy", {{"xmlns", s3_namespace}});
  writer.open("Owner").element("ID", owner.canonical_id).element("DisplayName", owner.name).close();
  writer.open("AccessControlList").open("Grant");
  writer.open("Grantee", {{"xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"},
                          {"xsi:type", "CanonicalUser"}});
  writer.element("ID", owner.canonical_id).element("DisplayName", owner.name).close();
  writer.element("Permission", "FULL_CONTROL");
  co_return co_await request.answer.xml(200, writer.take());
}

/// Everything is private to its account: asking for just that is granted.
aio::Task<Result<>> Service::put_acl(S3Request& request) {
  if (request.key.empty()) {
    CO_TRY(own_bucket(request));
  } else {
    CO_TRY(co_await existing(request));
  }
  if (request.header("x-amz-acl") != "private")
    co_return fail(aws_error("NotImplemented", 501,
                             "Only the canned ACL 'private' is implemented on this farm"));
  co_return co_await request.answer.respond(200, {}, "");
}

}  // namespace croft::farm::s3
