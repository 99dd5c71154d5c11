// What a bucket's configuration says about requests, read once when it is set: policy, public
// access block, ownership, CORS, website, default encryption. Pure; shared by all requests.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "farm/s3/cors.h"
#include "farm/s3/lifecycle.h"
#include "farm/s3/lock.h"
#include "farm/s3/policy.h"
#include "farm/s3/record.h"
#include "farm/s3/website.h"

namespace croft::farm::s3 {

struct PublicAccessBlock {
  bool block_acls = false;        ///< public ACLs are refused when they are set
  bool ignore_acls = false;       ///< and do not count where they are
  bool block_policy = false;      ///< a public policy is refused when it is set
  bool restrict_buckets = false;  ///< and lets nobody in but the owner's account
};

enum class Ownership { object_writer, bucket_owner_preferred, bucket_owner_enforced };

struct DefaultEncryption {
  std::string algorithm;  ///< "AES256", "aws:kms"; empty: none
  std::string kms_key;
};

struct BucketRules {
  std::optional<Policy> policy;
  PublicAccessBlock public_access;
  Ownership ownership = Ownership::object_writer;
  CorsRules cors;
  std::optional<Website> website;
  std::optional<Lifecycle> lifecycle;
  DefaultEncryption encryption;
  std::optional<LockRules> lock;
};

/// Readers of the documents, which also judge them when they are set: MalformedXML and the like.
Result<PublicAccessBlock> public_access_from(std::string_view xml);
Result<Ownership> ownership_from(std::string_view xml);
Result<DefaultEncryption> encryption_from(std::string_view xml);
std::optional<Ownership> ownership_from_name(std::string_view name);
std::string ownership_document(std::string_view name);

/// All that stand in the record. A document that cannot be read any more counts as closed: it lets
/// nobody in.
std::shared_ptr<const BucketRules> rules_of(const BucketRecord& record);

}  // namespace croft::farm::s3
