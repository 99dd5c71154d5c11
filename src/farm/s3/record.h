// What the farm's S3 remembers of buckets, objects, uploads and parts, and how that is written into
// the store. Pure data; JSON text, unknown members are ignored so that newer farms may add some.
#pragma once
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

struct BucketRecord {
  std::string name;
  std::string owner;  ///< account id
  WallTime created;
  Pairs tags;
};

struct StoredChecksum {
  Checksum kind = Checksum::crc32;
  std::string value;  ///< base64; "...-3" for a composite one
};

/// One stretch of data in a file of its own.
struct Piece {
  std::string id;
  uint64_t size = 0;
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
};

struct UploadRecord {
  std::string id;
  std::string bucket;
  std::string key;
  WallTime started;
  ObjectRecord object;  ///< headers, metadata, tags for the object to be
  std::optional<Checksum> checksum;
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
