#include "farm/s3/service.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/text.h"
#include "farm/s3/names.h"

namespace croft::farm::s3 {

/// One row: which requests, and who answers. The first row that fits is taken.
struct Service::Operation {
  enum class Level { service, bucket, object };
  std::string_view method;
  Level level;
  std::string_view flag;    ///< a query name that must be there; empty: none asked for
  std::string_view header;  ///< a header that must be there; empty: none asked for
  std::string_view name;
  Handler handler;
};

const std::vector<Service::Operation>& Service::operations() {
  using enum Operation::Level;
  using S = Service;
  static const std::vector<Operation> table{
      {"GET", service, "", "", "ListBuckets", &S::list_buckets},

      {"GET", bucket, "location", "", "GetBucketLocation", &S::bucket_location},
      {"GET", bucket, "tagging", "", "GetBucketTagging", &S::get_bucket_tagging},
      {"PUT", bucket, "tagging", "", "PutBucketTagging", &S::put_bucket_tagging},
      {"DELETE", bucket, "tagging", "", "DeleteBucketTagging", &S::delete_bucket_tagging},
      {"GET", bucket, "uploads", "", "ListMultipartUploads", &S::list_uploads},
      {"POST", bucket, "delete", "", "DeleteObjects", &S::delete_objects},
      {"GET", bucket, "acl", "", "GetBucketAcl", &S::get_acl},
      {"PUT", bucket, "acl", "", "PutBucketAcl", &S::put_acl},
      {"GET", bucket, "policy", "", "GetBucketPolicy", &S::get_document},
      {"PUT", bucket, "policy", "", "PutBucketPolicy", &S::put_document},
      {"DELETE", bucket, "policy", "", "DeleteBucketPolicy", &S::delete_document},
      {"GET", bucket, "policyStatus", "", "GetBucketPolicyStatus", &S::policy_status},
      {"GET", bucket, "cors", "", "GetBucketCors", &S::get_document},
      {"PUT", bucket, "cors", "", "PutBucketCors", &S::put_document},
      {"DELETE", bucket, "cors", "", "DeleteBucketCors", &S::delete_document},
      {"GET", bucket, "lifecycle", "", "GetBucketLifecycleConfiguration", &S::get_document},
      {"PUT", bucket, "lifecycle", "", "PutBucketLifecycleConfiguration", &S::put_document},
      {"DELETE", bucket, "lifecycle", "", "DeleteBucketLifecycle", &S::delete_document},
      {"GET", bucket, "website", "", "GetBucketWebsite", &S::get_document},
      {"PUT", bucket, "website", "", "PutBucketWebsite", &S::put_document},
      {"DELETE", bucket, "website", "", "DeleteBucketWebsite", &S::delete_document},
      {"GET", bucket, "encryption", "", "GetBucketEncryption", &S::get_document},
      {"PUT", bucket, "encryption", "", "PutBucketEncryption", &S::put_document},
      {"DELETE", bucket, "encryption", "", "DeleteBucketEncryption", &S::delete_document},
      {"GET", bucket, "replication", "", "GetBucketReplication", &S::get_document},
      {"GET", bucket, "object-lock", "", "GetObjectLockConfiguration", &S::get_document},
      {"PUT", bucket, "object-lock", "", "PutObjectLockConfiguration", &S::put_document},
      {"GET", bucket, "publicAccessBlock", "", "GetPublicAccessBlock", &S::get_document},
      {"PUT", bucket, "publicAccessBlock", "", "PutPublicAccessBlock", &S::put_document},
      {"DELETE", bucket, "publicAccessBlock", "", "DeletePublicAccessBlock", &S::delete_document},
      {"GET", bucket, "ownershipControls", "", "GetBucketOwnershipControls", &S::get_document},
      {"PUT", bucket, "ownershipControls", "", "PutBucketOwnershipControls", &S::put_document},
      {"DELETE", bucket, "ownershipControls", "", "DeleteBucketOwnershipControls",
       &S::delete_document},
      {"GET", bucket, "versioning", "", "GetBucketVersioning", &S::get_versioning},
      {"PUT", bucket, "versioning", "", "PutBucketVersioning", &S::put_versioning},
      {"GET", bucket, "logging", "", "GetBucketLogging", &S::fixed_configuration},
      {"GET", bucket, "notification", "", "GetBucketNotificationConfiguration",
       &S::fixed_configuration},
      {"GET", bucket, "requestPayment", "", "GetBucketRequestPayment", &S::fixed_configuration},
      {"GET", bucket, "accelerate", "", "GetBucketAccelerateConfiguration",
       &S::fixed_configuration},
      {"GET", bucket, "versions", "", "ListObjectVersions", &S::list_versions},
      {"GET", bucket, "list-type", "", "ListObjectsV2", &S::list_objects_v2},
      {"GET", bucket, "", "", "ListObjects", &S::list_objects},
      {"HEAD", bucket, "", "", "HeadBucket", &S::head_bucket},
      {"PUT", bucket, "", "", "CreateBucket", &S::create_bucket},
      {"DELETE", bucket, "", "", "DeleteBucket", &S::delete_bucket},

      {"GET", object, "uploadId", "", "ListParts", &S::list_parts},
      {"PUT", object, "uploadId", "x-amz-copy-source", "UploadPartCopy", &S::copy_part},
      {"PUT", object, "uploadId", "", "UploadPart", &S::upload_part},
      {"POST", object, "uploads", "", "CreateMultipartUpload", &S::create_upload},
      {"POST", object, "uploadId", "", "CompleteMultipartUpload", &S::complete_upload},
      {"DELETE", object, "uploadId", "", "AbortMultipartUpload", &S::abort_upload},
      {"GET", object, "tagging", "", "GetObjectTagging", &S::get_object_tagging},
      {"PUT", object, "tagging", "", "PutObjectTagging", &S::put_object_tagging},
      {"DELETE", object, "tagging", "", "DeleteObjectTagging", &S::delete_object_tagging},
      {"GET", object, "attributes", "", "GetObjectAttributes", &S::get_attributes},
      {"GET", object, "acl", "", "GetObjectAcl", &S::get_acl},
      {"PUT", object, "acl", "", "PutObjectAcl", &S::put_acl},
      {"GET", object, "retention", "", "GetObjectRetention", &S::get_retention},
      {"PUT", object, "retention", "", "PutObjectRetention", &S::put_retention},
      {"GET", object, "legal-hold", "", "GetObjectLegalHold", &S::get_legal_hold},
      {"PUT", object, "legal-hold", "", "PutObjectLegalHold", &S::put_legal_hold},
      {"POST", object, "restore", "", "RestoreObject", &S::restore_object},
      {"GET", object, "", "", "GetObject", &S::get_object},
      {"HEAD", object, "", "", "HeadObject", &S::head_object},
      {"PUT", object, "", "x-amz-copy-source", "CopyObject", &S::copy_object},
      {"PUT", object, "", "", "PutObject", &S::put_object},
      {"DELETE", object, "", "", "DeleteObject", &S::delete_object},
  };
  return table;
}

namespace {

/// Sub-resources that name another operation than the plain one, all of the service's model: one
/// that this farm does not offer must not be taken for a plain GET, PUT or DELETE.
constexpr auto sub_resources = std::to_array<std::string_view>({
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "intelligent-tiering",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "website",
    "metadataTable",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "abac",
    "renameObject",
});

bool names_sub_resource(const wire::Query& query) {
  return std::ranges::any_of(query.pairs(), [](const wire::Query::Pair& pair) {
    return !pair.name.starts_with("X-Amz-") &&
           std::ranges::find(sub_resources, pair.name) != sub_resources.end();
  });
}

}  // namespace

Service::Service(Context& context, ServiceOptions options)
    : context_(context),
      options_(options),
      files_(context.world, context.data + "/s3", options.sync),
      index_(context.world, context.store, context.accounts, files_) {
  index_.past().set(options.consistency);
}

aio::Task<Result<>> Service::open() {
  add_admin_routes();
  co_return co_await index_.open();
}
aio::Task<Result<>> Service::run() {
  aio::Scope scope(co_await aio::here());
  scope.spawn(index_.run());
  scope.spawn(keep_lifecycle());
  co_return co_await scope.join();
}

std::vector<meter::Stored> Service::stored_by_class() const {
  std::vector<meter::Stored> out;
  for (const BucketRef& bucket : index_.all_buckets()) {
    int64_t standard = static_cast<int64_t>(bucket->bytes);
    for (const auto& [storage_class, bytes] : bucket->other) {
      standard -= bytes;
      if (bytes > 0)
        out.push_back({bucket->record.owner, storage_class, static_cast<uint64_t>(bytes)});
    }
    if (standard > 0)
      out.push_back({bucket->record.owner, "STANDARD", static_cast<uint64_t>(standard)});
  }
  return out;
}

std::string Service::info() const {
  return fmt::format("{{\"buckets\":{},\"background\":{}}}", index_.bucket_count(),
                     files_.waiting());
}

const Service::Operation* Service::choose(const S3Request& request) {
  using enum Operation::Level;
  Operation::Level level = request.bucket.empty() ? service : request.key.empty() ? bucket : object;
  bool special = names_sub_resource(request.query);
  for (const Operation& row : operations()) {
    if (row.method != request.head().method || row.level != level) continue;
    if (row.flag.empty() ? special : !request.query.has(row.flag)) continue;
    if (!row.header.empty() && !request.head().headers.has(row.header)) continue;
    return &row;
  }
  return nullptr;
}

aio::Task<Result<VerifyReport>> Service::verify() {
  Verifier verifier(context_.world, context_.store, files_);
  co_return co_await verifier.run();
}

Result<> Service::admit(const wire::RequestHead& head) {
  if (head.method == "GET" || head.method == "HEAD" || !index_.behind()) return {};
  return fail(aws_error("SlowDown", 503, "Please reduce your request rate."));
}

aio::Task<Result<>> Service::call(S3Request& request) {
  if (BucketRef bucket = index_.bucket(request.bucket)) request.billed = bucket->record.owner;
  if (request.website) co_return co_await serve_site(request);
  if (request.head().method == "OPTIONS" && !request.bucket.empty())
    co_return co_await preflight(request);
  add_cors(request);
  const Operation* operation = choose(request);
  // A form tells within itself who sends it. Nothing else is sent to a bucket as such.
  bool to_bucket =
      request.head().method == "POST" && !request.bucket.empty() && request.key.empty();
  bool bare = !operation && !names_sub_resource(request.query);
  if (to_bucket && (bare || form_boundary(request.header("Content-Type")))) {
    request.operation = "PostObject";
    co_return co_await post_object(request);
  }
  if (!operation) {
    request.operation = "NotImplemented";
    co_return co_await not_implemented(request);
  }
  request.operation = operation->name;
  if (!request.key.empty()) CO_TRY(check_key(request.key));
  if (auto version = request.query.get("versionId"); version && !request.key.empty())
    CO_TRY(check_version_id(*version));
  bool public_root = request.bucket.empty() || operation->handler == &Service::create_bucket;
  if (public_root && !request.caller.account)
    co_return fail(aws_error("AccessDenied", 403, "Access Denied"));
  // DeleteObjects is judged key by key.
  if (!public_root && operation->handler != &Service::delete_objects)
    CO_TRY(co_await authorize(request, operation->name));
  co_return co_await (this->*operation->handler)(request);
}

Result<BucketRef> Service::own_bucket(const S3Request& request) const {
  return own_bucket(request, request.bucket);
}

Result<BucketRef> Service::own_bucket(const S3Request& request, std::string_view name) const {
  BucketRef found = index_.bucket(name);
  if (!found) {
    // A name that no bucket can have is told so; "no such" would send the user looking for it.
    TRY(check_bucket_name(name));
    return fail(aws_error("NoSuchBucket", 404, "The specified bucket does not exist")
                    .fact("xml:BucketName", std::string(name)));
  }
  bool source = name != request.bucket;
  std::string_view expected =
      request.header(source ? "x-amz-source-expected-bucket-owner" : "x-amz-expected-bucket-owner");
  if (!expected.empty() && expected != found->record.owner)
    return fail(aws_error("AccessDenied", 403, "Access Denied"));
  return found;
}

aio::Task<Result<ObjectRef>> Service::existing(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::string version(request.query.value("versionId"));
  co_return co_await existing(*bucket, request.key, std::move(version));
}

aio::Task<Result<ObjectRef>> Service::existing(const Bucket& bucket, std::string key,
                                               std::string version, bool seen) {
  const std::string& name = bucket.record.name;
  if (version.empty()) {
    ObjectRef object =
        CO_TRY(seen ? co_await index_.find_seen(name, key) : co_await index_.find(name, key));
    if (object) co_return object;
    Error error = no_such_key(key);
    if (bucket.record.versioning != Versioning::never) {
      ObjectRef marker = CO_TRY(co_await index_.latest_marker(name, key));
      if (marker)
        error.fact("hdr:x-amz-delete-marker", "true")
            .fact("hdr:x-amz-version-id", shown_version(marker->record));
    }
    co_return fail(std::move(error));
  }
  ObjectRef object = CO_TRY(co_await index_.find_version(name, key, version));
  if (!object) {
    Error error = aws_error("NoSuchVersion", 404, "The specified version does not exist.");
    error.fact("xml:Key", key).fact("xml:VersionId", printable(version));
    co_return fail(std::move(error));
  }
  if (!object->record.delete_marker) co_return object;
  Error error = aws_error("MethodNotAllowed", 405,
                          "The specified method is not allowed against this resource.");
  error.fact("xml:ResourceType", "DeleteMarker")
      .fact("hdr:x-amz-delete-marker", "true")
      .fact("hdr:x-amz-version-id", version)
      .fact("hdr:Allow", "DELETE")
      .fact("hdr:Last-Modified", object->record.modified.http_date());
  co_return fail(std::move(error));
}

aio::Task<Result<>> Service::not_implemented(S3Request& request) {
  const std::string& method = request.head().method;
  bool known_method = method == "GET" || method == "PUT" || method == "HEAD" || method == "POST" ||
                      method == "DELETE";
  if (!known_method || !names_sub_resource(request.query)) {
    Error error = aws_error("MethodNotAllowed", 405,
                            "The specified method is not allowed against this resource.");
    error.fact("xml:Method", printable(method));
    co_return fail(std::move(error));
  }
  co_return fail(aws_error(
      "NotImplemented", 501,
      "A header or query you provided requested a function that this farm does not implement."));
}

}  // namespace croft::farm::s3
