// S3 as croft uses it: REST, SigV4, path style or virtual-host style, typed. Cheap to copy; loop
// thread only. Source: Amazon S3 API reference, 2006-03-01.
// S3 calls are idempotent as they are (a PUT repeated leaves the same object), so all but
// create_upload are retried by the one policy. Errors carry the facts aws_code, http_status,
// request_id, host_id; NoSuchBucket and NoSuchKey -> Code::not_found, BucketAlreadyExists ->
// already_exists, BucketNotEmpty and PreconditionFailed -> conflict, SlowDown -> throttled,
// NotImplemented -> unsupported.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/connection.h"
#include "cloud/credentials.h"
#include "cloud/endpoint.h"
#include "cloud/tags.h"

namespace croft::cloud {

struct Bucket {
  std::string name;
  std::string created;  ///< ISO 8601, as sent
};

struct ObjectInfo {
  std::string key;
  uint64_t size = 0;
  std::string etag;          ///< with its quotes
  std::string modified;      ///< as sent: ISO 8601 in lists, HTTP date from head
  std::string content_type;  ///< head and get only
  std::string version_id;
  std::vector<std::pair<std::string, std::string>>
      metadata;  ///< x-amz-meta-*, names without prefix
};

struct PutObject {
  std::string bucket;
  std::string key;
  std::string body;
  std::shared_ptr<net::BodySource> source;  ///< instead of body; sent with an unsigned payload
  std::string content_type = "application/octet-stream";
  std::vector<std::pair<std::string, std::string>> metadata;
  bool if_absent = false;  ///< If-None-Match: *: Code::conflict when the key exists
  std::string if_etag;     ///< If-Match
};

struct GetObject {
  std::string bucket;
  std::string key;
  std::string version_id;
  uint64_t offset = 0;
  std::optional<uint64_t> length;  ///< unset: to the end
  Bytes limit = Bytes::mib(64);    ///< of the collected body
};

struct Object {
  ObjectInfo info;
  std::string body;
};

struct ListObjects {
  std::string bucket;
  std::string prefix;
  std::string delimiter;
  std::string start_after;
  std::string token;  ///< of the page before
  int max_keys = 1000;
};

struct ObjectPage {
  std::vector<ObjectInfo> objects;
  std::vector<std::string> common_prefixes;
  std::string next;  ///< token of the next page; empty at the end
};

struct ObjectVersion {
  std::string key;
  std::string version_id;
  bool delete_marker = false;
  bool latest = false;
  uint64_t size = 0;
};

struct VersionPage {
  std::vector<ObjectVersion> versions;
  std::string next_key;  ///< markers of the next page; both empty at the end
  std::string next_version;
};

struct Upload {
  std::string key;
  std::string id;
};

struct UploadPage {
  std::vector<Upload> uploads;
  std::string next_key;
  std::string next_id;
};

struct Part {
  int number = 1;
  std::string etag;
};

/// One key of a delete_many that stayed.
struct DeleteFailure {
  std::string key;
  std::string version_id;
  std::string code;
  std::string message;
};

/// A request of any shape: what the HTTP actions of a description need.
struct S3Request {
  std::string method = "GET";
  std::string bucket;  ///< empty: the service itself (list buckets)
  std::string key;     ///< raw text, encoded by the client
  std::vector<std::pair<std::string, std::string>> query;  ///< raw text; empty value: "?uploads="
  wire::Headers headers;
  std::string body;
  std::shared_ptr<net::BodySource> source;
  Bytes answer_limit = Bytes::mib(64);
  bool drop_excess = false;                   ///< as of net::ClientRequest
  Duration deadline = Duration::seconds(60);  ///< of one attempt
  bool repeatable = true;
};

class S3 {
 public:
  S3(Connection connection, Endpoint endpoint, Credentials credentials);

  /// A copy that tells `waiting` why a call is being repeated.
  S3 telling(Waiting waiting) const;
  const Endpoint& endpoint() const { return endpoint_; }

  aio::Task<Result<std::vector<Bucket>>> list_buckets() const;
  /// Also succeeds where the account owns the bucket already (ask head_bucket first to know).
  aio::Task<Result<>> create_bucket(std::string bucket) const;
  /// Code::not_found, Code::permission_denied (somebody else's).
  aio::Task<Result<>> head_bucket(std::string bucket) const;
  aio::Task<Result<>> delete_bucket(std::string bucket) const;
  aio::Task<Result<>> put_bucket_tags(std::string bucket, std::vector<Tag> tags) const;
  /// Empty where the bucket has none; Code::unsupported where the farm cannot tag buckets.
  aio::Task<Result<std::vector<Tag>>> get_bucket_tags(std::string bucket) const;

  /// The new ETag.
  aio::Task<Result<std::string>> put_object(PutObject request) const;
  aio::Task<Result<Object>> get_object(GetObject request) const;
  /// The body as a stream; one attempt (repeat it from the offset that was reached).
  aio::Task<Result<std::unique_ptr<net::ResponseStream>>> open_object(GetObject request) const;
  aio::Task<Result<ObjectInfo>> head_object(std::string bucket, std::string key) const;
  aio::Task<Result<>> delete_object(std::string bucket, std::string key,
                                    std::string version_id = "") const;
  aio::Task<Result<ObjectPage>> list_objects(ListObjects request) const;
  aio::Task<Result<VersionPage>> list_versions(std::string bucket, std::string prefix = "",
                                               std::string key_marker = "",
                                               std::string version_marker = "") const;
  /// At most 1,000 at once. Returns those that stayed.
  aio::Task<Result<std::vector<DeleteFailure>>> delete_many(std::string bucket,
                                                            std::vector<ObjectVersion> which) const;

  /// `headers`: what the object has in the end; its Content-Type among them, else bytes.
  using Headers = std::vector<std::pair<std::string, std::string>>;
  aio::Task<Result<std::string>> create_upload(std::string bucket, std::string key,
                                               Headers headers = {}) const;
  aio::Task<Result<Part>> upload_part(std::string bucket, std::string key, std::string upload_id,
                                      int number, std::string body) const;
  /// The object's ETag. A 200 that carries an error in its body is an error.
  aio::Task<Result<std::string>> complete_upload(std::string bucket, std::string key,
                                                 std::string upload_id,
                                                 std::vector<Part> parts) const;
  aio::Task<Result<>> abort_upload(std::string bucket, std::string key,
                                   std::string upload_id) const;
  aio::Task<Result<UploadPage>> list_uploads(std::string bucket, std::string key_marker = "",
                                             std::string id_marker = "",
                                             std::string prefix = "") const;
  /// Ids of those under way to exactly `key`. Where a farm cannot list them: none.
  aio::Task<Result<std::vector<std::string>>> uploads_to(std::string bucket, std::string key) const;
  /// A body of any size in parts of `part_size` (at least 5 MiB), aborted on failure.
  aio::Task<Result<std::string>> upload(std::string bucket, std::string key,
                                        std::shared_ptr<net::BodySource> source,
                                        Headers headers = {},
                                        Bytes part_size = Bytes::mib(8)) const;

  /// A URL that works for `valid` (1 s to 7 days) without credentials.
  Result<std::string> presign(std::string method, std::string bucket, std::string key,
                              Duration valid) const;
  /// "http://host:port/bucket/key": for people and logs.
  std::string url_of(std::string_view bucket, std::string_view key = "") const;

  /// Whatever the farm answers, whatever the status: transport failures are retried, answers are
  /// not judged. For HTTP actions [verb, minCode, maxCode].
  aio::Task<Result<net::Response>> raw(S3Request request) const;
  /// The Error for an answer that a caller of raw() does not accept.
  Error refused(const S3Request& request, const net::Response& answer) const;

 private:
  /// Judged and retried: only 2xx comes back.
  aio::Task<Result<net::Response>> send(S3Request request) const;
  static S3Request object_request(const GetObject& request);

  Connection connection_;
  Endpoint endpoint_;
  Credentials credentials_;
  Waiting waiting_;
};

/// Deletes every object, version, delete marker and unfinished upload. Returns how many went;
/// Code::conflict when some stayed, with the first of them.
aio::Task<Result<uint64_t>> empty_bucket(S3 s3, std::string bucket);

/// "my-bucket": nullopt when fine, else what is wrong with it as a bucket's name.
std::optional<std::string> bucket_name_problem(std::string_view name);

}  // namespace croft::cloud
