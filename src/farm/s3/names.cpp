#include "farm/s3/names.h"

#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "farm/api/error.h"
#include "wire/uri.h"

namespace croft::farm::s3 {
namespace {

constexpr std::string_view metadata_prefix = "x-amz-meta-";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looks_like_ip(std::string_view name) {
  std::vector<std::string> parts = split(name, '.');
  if (parts.size() != 4) return false;
  return std::ranges::all_of(parts,
                             [](const std::string& part) { return parse_u64(part).has_value(); });
}

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

Error invalid_tag(std::string text) {
  return aws_error("InvalidTag", 400, std::move(text));
}

}  // namespace

Result<> check_bucket_name(std::string_view name) {
  bool good =
      name.size() >= 3 && name.size() <= 63 && is_lower_or_digit(name.front()) &&
      is_lower_or_digit(name.back()) && !looks_like_ip(name) &&
      name.find("..") == std::string_view::npos && name.find(".-") == std::string_view::npos &&
      name.find("-.") == std::string_view::npos && !name.starts_with("xn--") &&
      !name.starts_with("sthree-") && !name.ends_with("-s3alias") && !name.ends_with("--ol-s3") &&
      std::ranges::all_of(name,
                          [](char c) { return is_lower_or_digit(c) || c == '.' || c == '-'; });
  if (good) return {};
  return fail(aws_error("InvalidBucketName", 400, "The specified bucket is not valid.")
                  .fact("xml:BucketName", printable(name.substr(0, 255))));
}

Result<> check_key(std::string_view key) {
  if (key.size() > max_key_bytes)
    return fail(aws_error("KeyTooLongError", 400, "Your key is too long")
                    .fact("xml:Size", std::to_string(key.size()))
                    .fact("xml:MaxSizeAllowed", std::to_string(max_key_bytes)));
  if (!valid_utf8(key))
    return fail(aws_error("InvalidURI", 400, "Couldn't parse the specified URI."));
  return {};
}

Result<> check_version_id(std::string_view id) {
  bool form = id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (form || id == "null") return {};
  return fail(aws_error("InvalidArgument", 400, "Invalid version id specified")
                  .fact("xml:ArgumentName", "versionId")
                  .fact("xml:ArgumentValue", printable(id.substr(0, 1024))));
}

Result<> check_tags(const Pairs& tags, size_t limit) {
  if (tags.size() > limit)
    return fail(
        aws_error("BadRequest", 400, fmt::format("Object tags cannot be greater than {}", limit)));
  std::set<std::string_view> seen;
  for (const auto& [key, value] : tags) {
    if (key.empty() || characters(key) > 128 || !valid_utf8(key))
      return fail(invalid_tag("The TagKey you have provided is invalid"));
    if (characters(value) > 256 || !valid_utf8(value))
      return fail(invalid_tag("The TagValue you have provided is invalid"));
    if (key.starts_with("aws:"))
      return fail(invalid_tag("System tags cannot be added/updated by requester"));
    if (!seen.insert(key).second)
      return fail(invalid_tag("Cannot provide multiple Tags with the same key"));
  }
  return {};
}

Result<Pairs> tags_from_header(std::string_view text) {
  auto query = wire::Query::parse(text);
  if (!query)
    return fail(aws_error("InvalidArgument", 400,
                          "The header 'x-amz-tagging' shall be encoded as UTF-8 then "
                          "URLEncoded URL query parameters without tag name duplicates."));
  Pairs out;
  for (const wire::Query::Pair& pair : query->pairs()) out.emplace_back(pair.name, pair.value);
  TRY(check_tags(out, max_object_tags));
  return out;
}

Result<Pairs> metadata_from(const wire::Headers& headers) {
  Pairs out;
  size_t bytes = 0;
  for (const auto& [name, value] : headers.fields()) {
    std::string lower = to_lower(name);
    if (!lower.starts_with(metadata_prefix)) continue;
    std::string short_name = lower.substr(metadata_prefix.size());
    if (short_name.empty() || !valid_utf8(value))
      return fail(aws_error(
          "InvalidArgument", 400,
          fmt::format("The header '{}' must have a name and be UTF-8 text", printable(lower))));
    bytes += short_name.size() + value.size();
    auto same = std::ranges::find(out, short_name, &std::pair<std::string, std::string>::first);
    if (same != out.end())
      same->second += "," + value;  // as the service joins a repeated header
    else
      out.emplace_back(std::move(short_name), value);
  }
  if (bytes > max_metadata_bytes)
    return fail(aws_error("MetadataTooLarge", 400,
                          "Your metadata headers exceed the maximum allowed metadata size")
                    .fact("xml:Size", std::to_string(bytes))
                    .fact("xml:MaxSizeAllowed", std::to_string(max_metadata_bytes)));
  return out;
}

}  // namespace croft::farm::s3
