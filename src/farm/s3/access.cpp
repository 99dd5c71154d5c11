// Who may do what: the owner's account may, unless the bucket's policy denies it; others may where
// the policy or an access control list lets them. Source: "How Amazon S3 authorizes a request".
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/acl.h"
#include "farm/s3/names.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

/// What an operation is called in a policy, and which ACL permission gives it to others.
struct Need {
  std::string_view operation;
  std::string_view action;
  std::string_view bucket_permission;  ///< of the bucket's ACL; empty: none gives it
  std::string_view object_permission;  ///< of the object's ACL
};

constexpr std::array needs{
    Need{"ListObjects", "s3:ListBucket", "READ", ""},
    Need{"ListObjectsV2", "s3:ListBucket", "READ", ""},
    Need{"HeadBucket", "s3:ListBucket", "READ", ""},
    Need{"ListObjectVersions", "s3:ListBucketVersions", "READ", ""},
    Need{"ListMultipartUploads", "s3:ListBucketMultipartUploads", "READ", ""},
    Need{"GetBucketAcl", "s3:GetBucketAcl", "READ_ACP", ""},
    Need{"PutBucketAcl", "s3:PutBucketAcl", "WRITE_ACP", ""},
    Need{"GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", "", ""},
    Need{"PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration", "", ""},
    Need{"DeleteBucketLifecycle", "s3:PutLifecycleConfiguration", "", ""},
    Need{"GetBucketEncryption", "s3:GetEncryptionConfiguration", "", ""},
    Need{"PutBucketEncryption", "s3:PutEncryptionConfiguration", "", ""},
    Need{"DeleteBucketEncryption", "s3:PutEncryptionConfiguration", "", ""},
    Need{"GetBucketCors", "s3:GetBucketCORS", "", ""},
    Need{"PutBucketCors", "s3:PutBucketCORS", "", ""},
    Need{"DeleteBucketCors", "s3:PutBucketCORS", "", ""},
    Need{"GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", "", ""},
    Need{"PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration", "", ""},
    Need{"GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", "", ""},
    Need{"PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock", "", ""},
    Need{"DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock", "", ""},
    Need{"DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls", "", ""},
    Need{"DeleteBucketTagging", "s3:PutBucketTagging", "", ""},
    Need{"GetObject", "s3:GetObject", "", "READ"},
    Need{"HeadObject", "s3:GetObject", "", "READ"},
    Need{"GetObjectAttributes", "s3:GetObject", "", "READ"},
    Need{"GetObjectAcl", "s3:GetObjectAcl", "", "READ_ACP"},
    Need{"PutObjectAcl", "s3:PutObjectAcl", "", "WRITE_ACP"},
    Need{"GetObjectTagging", "s3:GetObjectTagging", "", "owner"},
    Need{"PutObjectTagging", "s3:PutObjectTagging", "", "owner"},
    Need{"DeleteObjectTagging", "s3:DeleteObjectTagging", "", "owner"},
    Need{"RestoreObject", "s3:RestoreObject", "", "owner"},
    Need{"PutObject", "s3:PutObject", "WRITE", ""},
    Need{"PostObject", "s3:PutObject", "WRITE", ""},
    Need{"CopyObject", "s3:PutObject", "WRITE", ""},
    Need{"CreateMultipartUpload", "s3:PutObject", "WRITE", ""},
    Need{"UploadPart", "s3:PutObject", "WRITE", ""},
    Need{"UploadPartCopy", "s3:PutObject", "WRITE", ""},
    Need{"CompleteMultipartUpload", "s3:PutObject", "WRITE", ""},
    Need{"AbortMultipartUpload", "s3:AbortMultipartUpload", "WRITE", ""},
    Need{"ListParts", "s3:ListMultipartUploadParts", "WRITE", ""},
    Need{"DeleteObject", "s3:DeleteObject", "WRITE", ""},
};

Need need_of(std::string_view operation) {
  for (const Need& need : needs)
    if (need.operation == operation) return need;
  return Need{operation, "", "", ""};
}

/// With a version id the action is another one.
bool has_version_action(std::string_view action) {
  constexpr std::array with{"s3:GetObject",          "s3:DeleteObject",     "s3:GetObjectAcl",
                            "s3:PutObjectAcl",       "s3:GetObjectTagging", "s3:PutObjectTagging",
                            "s3:DeleteObjectTagging"};
  return std::ranges::find(with, action) != with.end();
}

Error access_denied() {
  return aws_error("AccessDenied", 403, "Access Denied");
}

/// Tags of x-amz-tagging, for conditions on what a request asks for.
std::optional<std::vector<std::string>> request_tag(const S3Request& request,
                                                    std::string_view key) {
  auto tags = tags_from_header(request.header("x-amz-tagging"));
  if (!tags) return {};
  std::vector<std::string> out;
  for (const auto& [name, value] : *tags) {
    if (key.empty())
      out.push_back(name);
    else if (name == key)
      out.push_back(value);
  }
  if (out.empty()) return {};
  return out;
}

/// Whether an object comes of it, or only a part of one.
bool creates_object(const S3Request& request) {
  constexpr std::array<std::string_view, 4> all{"PutObject", "PostObject", "CopyObject",
                                                "CompleteMultipartUpload"};
  return std::ranges::find(all, request.operation) != all.end();
}

using Values = std::optional<std::vector<std::string>>;

/// Facts about the request that conditions may ask for; `there`: the object that exists, or null.
Values fact_of(const S3Request& request, const ObjectRecord* there, WallTime now,
               std::string_view key) {
  auto one = [](std::string text) { return Values(std::vector<std::string>{std::move(text)}); };
  if (key.starts_with("s3:existingobjecttag/")) {
    if (!there) return {};
    for (const auto& [name, value] : there->tags)
      if (name == key.substr(21)) return one(value);
    return {};
  }
  if (key.starts_with("s3:requestobjecttag/")) return request_tag(request, key.substr(20));
  if (key == "s3:requestobjecttagkeys") return request_tag(request, "");
  if (key == "aws:sourceip") return one(request.exchange.peer().host);
  if (key == "aws:securetransport" || key == "aws:principalisawsservice" ||
      key == "aws:viaawsservice")
    return one("false");
  if (key == "aws:currenttime") return one(now.iso8601());
  if (key == "aws:epochtime") return one(std::to_string(now.unix_seconds()));
  // An account of this farm has no users: all of it is its root.
  const AccountRef& account = request.caller.account;
  if (key == "aws:principalaccount" || key == "aws:userid" || key == "aws:username" ||
      key == "aws:principalarn") {
    if (!account) return {};
    if (key == "aws:username") return one(account->name);
    if (key == "aws:principalarn")
      return one(fmt::format("arn:aws:iam::{}:root", account->account_id));
    return one(account->account_id);
  }
  if (key == "aws:principaltype") return one(request.caller.account ? "Account" : "Anonymous");
  struct Header {
    std::string_view key, header;
  };
  constexpr std::array headers{Header{"aws:useragent", "User-Agent"},
                               Header{"aws:referer", "Referer"}, Header{"s3:if-match", "If-Match"},
                               Header{"s3:if-none-match", "If-None-Match"}};
  for (const Header& row : headers)
    if (row.key == key) {
      auto value = request.head().headers.get(row.header);
      if (!value) return {};
      return one(std::string(*value));
    }
  if (key == "s3:objectcreationoperation") return one(creates_object(request) ? "true" : "false");
  if (key == "s3:authtype")
    return one(request.authorization.presigned ? "REST-QUERY-STRING" : "REST-HEADER");
  if (key == "s3:signatureage") {
    auto given = request.query.get("X-Amz-Date");
    if (!given) given = request.head().headers.get("x-amz-date");
    if (!given) return {};
    auto signed_at = WallTime::parse_iso8601(*given);
    if (!signed_at) return {};
    return one(std::to_string((now - *signed_at).ms()));
  }
  if (key == "s3:signatureversion") return one("AWS4-HMAC-SHA256");
  if (!key.starts_with("s3:")) return {};
  std::string_view name = key.substr(3);
  if (name.starts_with("x-amz-") || name.starts_with("object-lock-")) {
    auto value = request.head().headers.get(
        name.starts_with("x-amz-") ? std::string(name) : fmt::format("x-amz-{}", name));
    if (!value) return {};
    if (name == "x-amz-copy-source" && value->starts_with('/')) value->remove_prefix(1);
    return one(std::string(*value));
  }
  constexpr std::array queries{Header{"prefix", "prefix"}, Header{"delimiter", "delimiter"},
                               Header{"max-keys", "max-keys"}, Header{"versionid", "versionId"}};
  for (const Header& row : queries)
    if (row.key == name) {
      auto value = request.query.get(row.header);
      if (!value) return {};
      return one(std::string(*value));
    }
  return {};
}

}  // namespace

Verdict Service::policy_verdict(const S3Request& request, const Bucket& bucket,
                                std::string_view action, std::string_view key,
                                const ObjectRecord* there, std::string_view prefix) const {
  if (!bucket.rules->policy) return Verdict::none;
  const AccountRef& account = request.caller.account;
  WallTime now = context_.world.clock.wall();
  PolicyQuestion question{.account_id = account ? account->account_id : "",
                          .canonical_id = account ? account->canonical_id : "",
                          .action = std::string(action),
                          .resource = fmt::format("arn:aws:s3:::{}{}{}", bucket.record.name,
                                                  key.empty() ? "" : "/", key),
                          .facts = [&request, &bucket, there, now, prefix](std::string_view name) {
                            if (name == "aws:resourceaccount" || name == "s3:resourceaccount")
                              return Values(std::vector<std::string>{bucket.record.owner});
                            if (name == "s3:prefix" && !prefix.empty())
                              return Values(std::vector<std::string>{std::string(prefix)});
                            return fact_of(request, there, now, name);
                          }};
  Verdict verdict = bucket.rules->policy->ask(question);
  bool stranger = !account || account->account_id != bucket.record.owner;
  if (verdict == Verdict::allow && stranger && bucket.rules->public_access.restrict_buckets &&
      bucket.rules->policy->is_public())
    return Verdict::none;
  return verdict;
}

bool Service::bucket_acl_allows(const S3Request& request, const Bucket& bucket,
                                std::string_view permission) const {
  if (permission.empty() || bucket.rules->ownership == Ownership::bucket_owner_enforced)
    return false;
  const AccountRef& account = request.caller.account;
  return acl_allows(bucket.record.acl, account ? account->canonical_id : "", permission,
                    !bucket.rules->public_access.ignore_acls);
}

bool Service::object_acl_allows(const S3Request& request, const Bucket& bucket,
                                const ObjectRecord& object, std::string_view permission) const {
  if (permission.empty() || bucket.rules->ownership == Ownership::bucket_owner_enforced)
    return false;
  const AccountRef& account = request.caller.account;
  if (account && object.owner == account->account_id) return true;
  return acl_allows(object.acl, account ? account->canonical_id : "", permission,
                    !bucket.rules->public_access.ignore_acls);
}

aio::Task<Result<>> Service::authorize(S3Request& request, std::string_view operation) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::string version(request.query.value("versionId"));
  co_return co_await allow(request, std::move(bucket), operation, request.key, std::move(version));
}

aio::Task<Result<>> Service::allow(S3Request& request, BucketRef bucket, std::string_view operation,
                                   std::string key, std::string version) {
  const AccountRef& account = request.caller.account;
  bool owner = account && account->account_id == bucket->record.owner;
  // Nearly always: nobody else can have put anything there.
  const BucketRecord& record = bucket->record;
  if (owner && !bucket->rules->policy && !record.shared) co_return Result<>{};
  Need need = need_of(operation);
  std::string action =
      need.action.empty() ? fmt::format("s3:{}", operation) : std::string(need.action);
  if (!version.empty() && has_version_action(action))
    action.insert(action.starts_with("s3:GetObject") || action.starts_with("s3:PutObject") ||
                          action.starts_with("s3:DeleteObject")
                      ? action.find("Object") + 6
                      : action.size(),
                  "Version");
  // Whoever owns the bucket can always repair its policy.
  bool about_policy = operation.ends_with("BucketPolicy");  // Get, Put, Delete
  if (owner && about_policy) co_return Result<>{};
  ObjectRef there;
  bool looks = !need.object_permission.empty() ||
               (bucket->rules->policy && bucket->rules->policy->asks_for_tags());
  if (looks && !key.empty())
    there =
        CO_TRY(version.empty() ? co_await index_.find(bucket->record.name, key)
                               : co_await index_.find_version(bucket->record.name, key, version));
  Verdict verdict = policy_verdict(request, *bucket, action, key, there ? &there->record : nullptr);
  if (verdict == Verdict::deny) co_return fail(access_denied());
  // Nobody else's business, whatever the policy says: else it could be turned against its owner.
  if (about_policy && verdict == Verdict::allow)
    co_return fail(aws_error("MethodNotAllowed", 405,
                             "The specified method is not allowed against this resource.")
                       .fact("xml:Method", request.head().method)
                       .fact("xml:ResourceType", "BUCKETPOLICY"));
  bool allowed =
      owner || verdict == Verdict::allow ||
      bucket_acl_allows(request, *bucket, need.bucket_permission) ||
      (there && object_acl_allows(request, *bucket, there->record, need.object_permission));
  // What another account put there and keeps is not the bucket's owner's to read.
  bool foreign = there && !there->record.owner.empty() &&
                 bucket->rules->ownership != Ownership::bucket_owner_enforced &&
                 !need.object_permission.empty();
  if (owner && foreign && verdict != Verdict::allow &&
      !object_acl_allows(request, *bucket, there->record, need.object_permission))
    co_return fail(access_denied());
  if (owner || (allowed && (there || need.object_permission.empty()))) co_return Result<>{};
  // Whether a key exists is told only to those who may list.
  if (!need.object_permission.empty() && !there) {
    bool may_list =
        bucket_acl_allows(request, *bucket, "READ") ||
        policy_verdict(request, *bucket, "s3:ListBucket", "", nullptr, key) == Verdict::allow;
    if (may_list) co_return Result<>{};
  }
  co_return fail(access_denied());
}

Result<> Service::set_owner_and_acl(const S3Request& request, const Bucket& bucket,
                                    ObjectRecord& record) const {
  const AccountRef& account = request.caller.account;
  AccountRef bucket_owner = context_.accounts.find(bucket.record.owner);
  std::string bucket_owner_id = bucket_owner ? bucket_owner->canonical_id : bucket.record.owner;
  std::string_view canned = request.header("x-amz-acl");
  bool enforced = bucket.rules->ownership == Ownership::bucket_owner_enforced;
  bool stranger = account && account->account_id != bucket.record.owner;
  bool given_away = bucket.rules->ownership == Ownership::bucket_owner_preferred &&
                    canned == "bucket-owner-full-control";
  if (stranger && !enforced && !given_away) record.owner = account->account_id;
  std::string owner_id = record.owner.empty() ? bucket_owner_id : account->canonical_id;
  bool told = false;
  Acl acl = TRY(acl_from_headers(request.head().headers, {owner_id, bucket_owner_id},
                                 context_.accounts, told));
  if (!told) return {};
  if (enforced) {
    if (canned == "bucket-owner-full-control") return {};
    return fail(aws_error("AccessControlListNotSupported", 400, "The bucket does not allow ACLs"));
  }
  if (bucket.rules->public_access.block_acls && is_public(acl)) return fail(access_denied());
  record.acl = std::move(acl);
  return {};
}

}  // namespace croft::farm::s3
