// What the farm's S3 remembers of buckets, objects, uploads and parts, and how that is written into
// the store. Pure data; JSON text, unknown members are ignored so that newer farms may add some.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "farm/s3/checksum.h"

namespace croft::farm::s3 {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// One line of an access control list.
struct Grant {
  std::string grantee;     ///< canonical id of an account, or the URI of a group
  std::string permission;  ///< READ, WRITE, READ_ACP, WRITE_ACP, FULL_CONTROL
};
/// Absent: private, the owner's FULL_CONTROL alone.
using Acl = std::optional<std::vector<Grant>>;

/// Has a bucket ever kept versions, and does it now?
enum class Versioning { never, enabled, suspended };

struct BucketRecord {
  std::string name;
  std::string owner;  ///< account id
  WallTime created;
  Pairs tags;
  Versioning versioning = Versioning::never;
  Acl acl;
  /// A list or a policy let others in at some time: objects of theirs may lie here.
  bool shared = false;
  /// Sub-resource ("policy", "cors", ...) -> document as the client sent it.
  std::map<std::string, std::string, std::less<>> configuration;
};

struct StoredChecksum {
  Checksum kind = Checksum::crc32;
  std::string value;  ///< base64; "...-3" for a composite one

  bool composite() const { return value.find('-') != std::string::npos; }
};

/// One stretch of data in a file of its own.
struct Piece {
  std::string id;
  uint64_t size = 0;
  std::string checksum;  ///< base64, of the object's checksum's kind; empty: not kept
};

struct ObjectRecord {
  std::string id;  ///< of this version's data; never used twice
  uint64_t size = 0;
  std::string etag;  ///< without quotes
  WallTime modified;
  std::string content_type;
  Pairs headers;   ///< Cache-Control, Content-Disposition, ... as sent
  Pairs metadata;  ///< of x-amz-meta-: names in lower case, without the prefix
  Pairs tags;
  std::string storage_class = "STANDARD";
  std::string encryption;  ///< "AES256" where the client asked for it
  std::optional<StoredChecksum> checksum;
  bool in_store = false;      ///< the data lie in the store itself
  std::vector<Piece> pieces;  ///< else: its files, in order; none for an empty object
  bool multipart = false;
  std::string version;  ///< id; empty: the null version
  bool delete_marker = false;
  std::string owner;  ///< account id; empty: the bucket's owner
  Acl acl;
  std::string kms_key;          ///< with encryption "aws:kms": as told
  std::string lock_mode;        ///< GOVERNANCE or COMPLIANCE; empty: no retention
  WallTime retain_until;        ///< with lock_mode
  bool legal_hold = false;      ///< not to be removed until taken off
  bool lock_hold_told = false;  ///< a legal hold was set or taken off once
  WallTime restored_until;      ///< of an archived class: to be read until then
};

struct UploadRecord {
  std::string id;
  std::string bucket;
  std::string key;
  WallTime started;
  ObjectRecord object;  ///< headers, metadata, tags for the object to be
  std::optional<Checksum> checksum;
  bool full_checksum = false;  ///< of the whole object, not of the parts' checksums
  std::string initiator;       ///< account id
};

struct PartRecord {
  int number = 0;
  Piece piece;
  std::string etag;
  WallTime modified;
  std::optional<StoredChecksum> checksum;
};

std::string encode(const BucketRecord& record);
std::string encode(const ObjectRecord& record);
std::string encode(const UploadRecord& record);
std::string encode(const PartRecord& record);
Result<BucketRecord> decode_bucket(std::string_view text);
Result<ObjectRecord> decode_object(std::string_view text);
Result<UploadRecord> decode_upload(std::string_view text);
Result<PartRecord> decode_part(std::string_view text);

}  // namespace croft::farm::s3
