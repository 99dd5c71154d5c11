// What may be called what in S3: buckets, keys, tags, metadata. Pure checks with the service's
// codes.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "farm/s3/record.h"
#include "wire/http.h"

namespace croft::farm::s3 {

inline constexpr size_t max_key_bytes = 1024;
inline constexpr size_t max_metadata_bytes = 2048;
inline constexpr size_t max_object_tags = 10;
inline constexpr size_t max_bucket_tags = 50;

/// Source: "Bucket naming rules". InvalidBucketName.
Result<> check_bucket_name(std::string_view name);
/// KeyTooLongError, InvalidURI (not UTF-8).
Result<> check_key(std::string_view key);
/// "null" or an id as this farm gives them: what else is asked for never was a version.
/// InvalidArgument.
Result<> check_version_id(std::string_view id);
/// InvalidTag; `limit` tags at most, keys differ, 128 and 256 characters, "aws:" reserved.
Result<> check_tags(const Pairs& tags, size_t limit);
/// "a=1&b=2" of x-amz-tagging. InvalidArgument, InvalidTag.
Result<Pairs> tags_from_header(std::string_view text);
/// x-amz-meta-*: MetadataTooLarge, InvalidArgument.
Result<Pairs> metadata_from(const wire::Headers& headers);

}  // namespace croft::farm::s3
