// The farm's S3: one table of operations over the catalogue and the data files. The front door has
// checked who asks; here it is decided what is asked, by method, level and sub-resource.
// Handlers stand by topic: bucket_ops, list_ops, object_ops, put_ops, copy_ops, multipart_ops,
// tagging_ops, delete_ops, config_ops. Loop thread only.
#pragma once
#include <memory>
#include <string>

#include "farm/api/context.h"
#include "farm/api/dispatch.h"
#include "farm/meter/usage.h"
#include "farm/s3/body.h"
#include "farm/s3/index.h"
#include "farm/s3/verify.h"

namespace croft::farm::s3 {

struct ServiceOptions {
  bool sync = true;                     ///< force object files to the disk before they count
  Bytes inline_limit = Bytes::kib(32);  ///< bodies up to this lie in the store (docs/decisions)
  Bytes max_put = Bytes::gib(5);
  Bytes min_part = Bytes::mib(5);  ///< smaller parts, but the last, are refused at completion
  Duration lifecycle_day = Duration::hours(24);  ///< shorter: expiry can be waited for
  Consistency consistency;                       ///< zero: strong, as today
};

/// What one walk of the lifecycle rules did.
struct LifecycleCount {
  size_t expired = 0, versions = 0, uploads = 0, moved = 0;
};

class Service final : public S3Service {
 public:
  Service(Context& context, ServiceOptions options);

  aio::Task<Result<>> open();
  aio::Task<Result<>> run();  ///< background work until cancelled
  /// Everything that is stored, held against its checksums.
  aio::Task<Result<VerifyReport>> verify();
  /// Writes an object of the account to a new file. EC2's InvalidParameterValue where there is
  /// none.
  aio::Task<Result<>> export_object(std::string account, std::string bucket, std::string key,
                                    std::string path);
  Result<> admit(const wire::RequestHead& head) override;
  aio::Task<Result<>> call(S3Request& request) override;
  std::string info() const;
  Index& index() { return index_; }
  std::vector<meter::Stored> stored_by_class() const;

  using Handler = aio::Task<Result<>> (Service::*)(S3Request&);

 private:
  // bucket_ops.cpp
  aio::Task<Result<>> list_buckets(S3Request& request);
  aio::Task<Result<>> create_bucket(S3Request& request);
  aio::Task<Result<>> head_bucket(S3Request& request);
  aio::Task<Result<>> delete_bucket(S3Request& request);
  aio::Task<Result<>> bucket_location(S3Request& request);
  // list_ops.cpp
  aio::Task<Result<>> list_objects(S3Request& request);
  aio::Task<Result<>> list_objects_v2(S3Request& request);
  aio::Task<Result<>> list_versions(S3Request& request);
  // attributes_ops.cpp
  aio::Task<Result<>> get_attributes(S3Request& request);
  // version_ops.cpp
  aio::Task<Result<>> get_versioning(S3Request& request);
  aio::Task<Result<>> put_versioning(S3Request& request);
  // object_ops.cpp
  aio::Task<Result<>> get_object(S3Request& request);
  aio::Task<Result<>> head_object(S3Request& request);
  aio::Task<Result<>> delete_object(S3Request& request);
  // put_ops.cpp
  aio::Task<Result<>> put_object(S3Request& request);
  // post_ops.cpp
  aio::Task<Result<>> post_object(S3Request& request);
  Result<> check_form(S3Request& request, const Pairs& fields, std::optional<PostPolicy>& policy);
  aio::Task<Result<>> answer_form(S3Request& request, const Pairs& fields,
                                  const ObjectRecord& record);
  // copy_ops.cpp
  aio::Task<Result<>> copy_object(S3Request& request);
  aio::Task<Result<>> copy_part(S3Request& request);
  // multipart_ops.cpp
  aio::Task<Result<>> create_upload(S3Request& request);
  aio::Task<Result<>> upload_part(S3Request& request);
  aio::Task<Result<>> complete_upload(S3Request& request);
  aio::Task<Result<>> completed(S3Request& request, ObjectRecord record);
  aio::Task<Result<>> abort_upload(S3Request& request);
  aio::Task<Result<>> list_parts(S3Request& request);
  aio::Task<Result<>> list_uploads(S3Request& request);
  // delete_ops.cpp
  aio::Task<Result<>> delete_objects(S3Request& request);
  // tagging_ops.cpp
  aio::Task<Result<>> get_bucket_tagging(S3Request& request);
  aio::Task<Result<>> put_bucket_tagging(S3Request& request);
  aio::Task<Result<>> delete_bucket_tagging(S3Request& request);
  aio::Task<Result<>> get_object_tagging(S3Request& request);
  aio::Task<Result<>> put_object_tagging(S3Request& request);
  aio::Task<Result<>> delete_object_tagging(S3Request& request);
  aio::Task<Result<>> replace_tags(S3Request& request, Pairs tags, int status);
  // acl_ops.cpp
  aio::Task<Result<>> get_acl(S3Request& request);
  aio::Task<Result<>> put_acl(S3Request& request);
  aio::Task<Result<Acl>> wanted_acl(S3Request& request, const Bucket& bucket, std::string owner);
  // lock_ops.cpp
  aio::Task<Result<>> get_retention(S3Request& request);
  aio::Task<Result<>> put_retention(S3Request& request);
  aio::Task<Result<>> get_legal_hold(S3Request& request);
  aio::Task<Result<>> put_legal_hold(S3Request& request);
  /// What the headers, else the bucket, say of how long a new version is kept.
  Result<> set_lock(const S3Request& request, const Bucket& bucket, ObjectRecord& record) const;
  aio::Task<Result<bool>> bypasses(S3Request& request, BucketRef bucket, std::string key,
                                   std::string version);
  // restore_ops.cpp
  aio::Task<Result<>> restore_object(S3Request& request);
  // config_ops.cpp
  aio::Task<Result<>> get_document(S3Request& request);
  aio::Task<Result<>> put_document(S3Request& request);
  aio::Task<Result<>> delete_document(S3Request& request);
  aio::Task<Result<>> policy_status(S3Request& request);
  aio::Task<Result<>> fixed_configuration(S3Request& request);
  aio::Task<Result<>> not_implemented(S3Request& request);

  struct Operation;
  static const std::vector<Operation>& operations();
  static const Operation* choose(const S3Request& request);

  // access.cpp
  /// May the caller do what is asked with what is named? AccessDenied.
  aio::Task<Result<>> authorize(S3Request& request, std::string_view operation);
  /// The same for another bucket or key than the request's own.
  aio::Task<Result<>> allow(S3Request& request, BucketRef bucket, std::string_view operation,
                            std::string key, std::string version);
  /// `prefix`: what would be listed, where the request itself lists nothing.
  Verdict policy_verdict(const S3Request& request, const Bucket& bucket, std::string_view action,
                         std::string_view key, const ObjectRecord* there,
                         std::string_view prefix = {}) const;
  bool bucket_acl_allows(const S3Request& request, const Bucket& bucket,
                         std::string_view permission) const;
  bool object_acl_allows(const S3Request& request, const Bucket& bucket, const ObjectRecord& object,
                         std::string_view permission) const;
  /// Who owns an object that the caller puts, and its list as the headers say.
  Result<> set_owner_and_acl(const S3Request& request, const Bucket& bucket,
                             ObjectRecord& record) const;
  // website_ops.cpp
  aio::Task<Result<>> serve_site(S3Request& request);
  aio::Task<Result<>> serve_page(S3Request& request, BucketRef bucket, int status);
  aio::Task<Result<>> redirect_site(S3Request& request, const Website& site);
  // lifecycle_run.cpp
  aio::Task<Result<>> keep_lifecycle();
  aio::Task<Result<LifecycleCount>> run_lifecycle();
  aio::Task<Result<>> expire_objects(BucketRef bucket, const Lifecycle& rules,
                                     LifecycleCount& count);
  aio::Task<Result<>> expire_versions(BucketRef bucket, const Lifecycle& rules,
                                      LifecycleCount& count);
  aio::Task<Result<>> move_to(std::string bucket, Listed item, std::string version,
                              std::string storage_class, LifecycleCount& count);
  aio::Task<Result<>> expire_uploads(BucketRef bucket, const Lifecycle& rules,
                                     LifecycleCount& count);
  void add_expiration(wire::Headers& headers, const Bucket& bucket, std::string_view key,
                      const ObjectRecord& record) const;
  // admin_ops.cpp
  void add_admin_routes();
  aio::Task<Result<std::string>> lifecycle_now();
  // cors_ops.cpp
  aio::Task<Result<>> preflight(S3Request& request);
  void add_cors(S3Request& request) const;

  /// The bucket of the request: NoSuchBucket; AccessDenied when it is not the expected owner's.
  Result<BucketRef> own_bucket(const S3Request& request) const;
  Result<BucketRef> own_bucket(const S3Request& request, std::string_view name) const;
  /// The object of the request, of its versionId where given: NoSuchKey, NoSuchVersion,
  /// MethodNotAllowed (a delete marker).
  aio::Task<Result<ObjectRef>> existing(S3Request& request);
  /// `seen`: out of date for a while, where the farm is told so.
  aio::Task<Result<ObjectRef>> existing(const Bucket& bucket, std::string key, std::string version,
                                        bool seen = false);
  /// `status`: of an answer that is not partial.
  aio::Task<Result<>> read_object(S3Request& request, bool with_body, int status = 200);
  aio::Task<Result<bool>> send_body(S3Request& request, const Object& object, int status,
                                    wire::Headers headers, uint64_t first, uint64_t length);
  aio::Task<Result<>> send_pieces(S3Request& request, const ObjectRecord& record, uint64_t first,
                                  uint64_t length, std::unique_ptr<aio::File> opened);

  /// A body taken in: in memory when small, else in a kept file that nothing names yet.
  struct Intake {
    uint64_t size = 0;
    std::string md5;  ///< raw
    std::optional<StoredChecksum> checksum;
    bool in_memory = false;
    std::string data;
    Piece piece;
  };
  /// `checksum`: the one to keep where the client sends none.
  aio::Task<Result<Intake>> take_in(S3Request& request, Bytes limit, bool may_inline,
                                    std::optional<Checksum> checksum = {});
  aio::Task<Result<Intake>> take_in(Body& body, bool may_inline);
  aio::Task<Result<Intake>> take_in_file(Body& body);
  /// Names what came in as the object of the request; on failure it goes again.
  aio::Task<Result<ObjectRef>> keep(S3Request& request, ObjectRecord record, Intake intake,
                                    Precondition condition);
  aio::Task<Result<>> stream_to_file(Body& body, DataFiles::Draft& draft, Digests& digests,
                                     uint64_t& size);
  /// The same from an object's bytes [first, first + length).
  aio::Task<Result<Intake>> copy_in(ObjectRef source, uint64_t first, uint64_t length,
                                    std::optional<Checksum> checksum, bool may_inline);
  aio::Task<Result<>> copy_to_file(ObjectRef source, uint64_t first, uint64_t length,
                                   DataFiles::Draft& draft, Digests& digests);
  aio::Task<Result<>> discard(Intake intake);
  struct CopySource {
    ObjectRef object;
    std::string bucket, key;
    std::string version;     ///< as asked for; empty: the latest
    bool versioned = false;  ///< its bucket keeps versions, or did
  };
  aio::Task<Result<CopySource>> copy_source(S3Request& request);

  Context& context_;
  ServiceOptions options_;
  DataFiles files_;
  Index index_;
};

// ---- shared by the handlers (request_fields.cpp) ----

inline constexpr std::string_view s3_namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Content-Type, Cache-Control, ..., metadata, tags, storage class and encryption of an object to
/// be.
Result<ObjectRecord> object_from_headers(const S3Request& request, WallTime now);
/// Where the client asked for none: what the bucket says.
void use_default_encryption(const Bucket& bucket, ObjectRecord& record);
/// x-amz-server-side-encryption and what belongs to it.
void add_encryption(wire::Headers& headers, const ObjectRecord& record);
/// Headers that describe an object in an answer to GET and HEAD.
wire::Headers object_headers(const ObjectRecord& record, const S3Request& request);
/// If-Match, If-None-Match, -Modified-Since, -Unmodified-Since of a read: PreconditionFailed, or
/// NotModified (status 304).
Result<> check_read_conditions(const S3Request& request, const ObjectRecord& record);
/// If-None-Match: * and If-Match of a write.
Precondition write_conditions(const S3Request& request);
/// x-amz-version-id of an answer, where the bucket keeps versions or did.
void add_version(wire::Headers& headers, const Bucket& bucket, const ObjectRecord& record);
/// The same of an answer to a write: the null version is not told.
void add_new_version(wire::Headers& headers, const ObjectRecord& record);
std::string shown_version(const ObjectRecord& record);  ///< "null" for the one without an id
Error malformed_xml();
/// A number in the query within [low, high]; absent: fallback. InvalidArgument.
Result<int64_t> query_number(const S3Request& request, std::string_view name, int64_t low,
                             int64_t high, int64_t fallback);
/// Does an If-Match list name this ETag?
bool etag_listed(std::string_view list, std::string_view etag);
bool known_storage_class(std::string_view name);
std::string quoted(std::string_view etag);
std::string unquoted(std::string_view etag);
Error no_such_key(std::string_view key);
Error not_implemented_header(std::string_view header);
/// "2008-04-07T10:00:00.000Z"
std::string xml_time(WallTime time);

}  // namespace croft::farm::s3
