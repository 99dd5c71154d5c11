// What the handlers share: reading headers into a record, writing a record as headers, conditions.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/lock.h"
#include "farm/s3/names.h"
#include "farm/s3/service.h"

namespace croft::farm::s3 {
namespace {

/// Headers kept with an object as they were sent.
constexpr std::array kept_headers{"Cache-Control",    "Content-Disposition",
                                  "Content-Encoding", "Content-Language",
                                  "Expires",          "x-amz-website-redirect-location"};

constexpr std::array storage_classes{"STANDARD",     "REDUCED_REDUNDANCY",  "STANDARD_IA",
                                     "ONEZONE_IA",   "INTELLIGENT_TIERING", "GLACIER",
                                     "DEEP_ARCHIVE", "GLACIER_IR"};

/// Features whose silent absence would surprise: better refused than ignored.
constexpr std::array refused_headers{"x-amz-server-side-encryption-customer-algorithm",
                                     "x-amz-server-side-encryption-customer-key",
                                     "x-amz-write-offset-bytes"};

/// "aws-chunked, gzip" -> "gzip": the coding of the transfer is not the object's. The rest stays as
/// it was written.
std::string without_aws_chunked(std::string_view coding) {
  std::vector<std::string> kept;
  for (const std::string& part : split(coding, ','))
    if (!equals_ignore_case(trim(part), "aws-chunked")) kept.push_back(part);
  return std::string(trim(join(kept, ",")));
}

}  // namespace

bool etag_listed(std::string_view list, std::string_view etag) {
  for (const std::string& item : split(list, ',')) {
    std::string_view one = trim(item);
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (unquoted(one) == etag) return true;
  }
  return false;
}

namespace {

/// What the client asks of encryption at rest is kept and told again: the disk is the farm's own.
Result<> read_encryption(const wire::Headers& headers, ObjectRecord& record) {
  std::string_view key = headers.value("x-amz-server-side-encryption-aws-kms-key-id");
  auto wanted = headers.get("x-amz-server-side-encryption");
  if (!wanted && !key.empty())
    return fail(aws_error("InvalidArgument", 400,
                          "x-amz-server-side-encryption header is not applicable without its key"));
  if (!wanted) return {};
  bool kms = *wanted == "aws:kms" || *wanted == "aws:kms:dsse";
  if (*wanted != "AES256" && !kms)
    return fail(
        aws_error("InvalidArgument", 400, "The encryption method specified is not supported")
            .fact("xml:ArgumentName", "x-amz-server-side-encryption")
            .fact("xml:ArgumentValue", printable(*wanted)));
  if (!kms && !key.empty())
    return fail(aws_error("InvalidArgument", 400,
                          "x-amz-server-side-encryption-aws-kms-key-id is for aws:kms alone"));
  record.encryption = std::string(*wanted);
  record.kms_key = std::string(key);
  return {};
}

Error precondition_failed(std::string_view condition) {
  return aws_error("PreconditionFailed", 412,
                   "At least one of the pre-conditions you specified did not hold")
      .fact("xml:Condition", std::string(condition));
}

}  // namespace

bool known_storage_class(std::string_view name) {
  return std::ranges::find(storage_classes, name) != storage_classes.end();
}

std::string quoted(std::string_view etag) {
  std::string out;
  out.reserve(etag.size() + 2);
  return out.append("\"").append(etag).append("\"");
}

std::string unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

Error no_such_key(std::string_view key) {
  return aws_error("NoSuchKey", 404, "The specified key does not exist.")
      .fact("xml:Key", std::string(key));
}

Error not_implemented_header(std::string_view header) {
  return aws_error("NotImplemented", 501,
                   "A header you provided implies functionality that is not implemented")
      .fact("xml:Header", std::string(header));
}

std::string shown_version(const ObjectRecord& record) {
  return record.version.empty() ? "null" : record.version;
}

void add_version(wire::Headers& headers, const Bucket& bucket, const ObjectRecord& record) {
  if (bucket.record.versioning == Versioning::never && record.version.empty()) return;
  headers.add("x-amz-version-id", shown_version(record));
}

void add_new_version(wire::Headers& headers, const ObjectRecord& record) {
  if (!record.version.empty()) headers.add("x-amz-version-id", record.version);
}

Error malformed_xml() {
  return aws_error(
      "MalformedXML", 400,
      "The XML you provided was not well-formed or did not validate against our published schema");
}

std::string xml_time(WallTime time) {
  return time.iso8601();
}

Result<ObjectRecord> object_from_headers(const S3Request& request, WallTime now) {
  const wire::Headers& headers = request.head().headers;
  for (std::string_view name : refused_headers)
    if (headers.has(name)) return fail(not_implemented_header(name));
  ObjectRecord record;
  record.modified = now;
  record.content_type = std::string(headers.get("Content-Type").value_or("binary/octet-stream"));
  for (std::string_view name : kept_headers) {
    auto value = headers.get(name);
    if (!value) continue;
    std::string text(*value);
    if (name == "Content-Encoding") text = without_aws_chunked(text);
    if (!valid_utf8(text))
      return fail(aws_error("InvalidArgument", 400, fmt::format("{} must be UTF-8 text", name)));
    bool redirects = name == "x-amz-website-redirect-location" && !text.empty();
    if (redirects && !text.starts_with('/') && !text.starts_with("http://") &&
        !text.starts_with("https://"))
      return fail(aws_error("InvalidRedirectLocation", 400,
                            "The website redirect location must have a prefix of 'http://' or "
                            "'https://' or '/'."));
    if (!text.empty()) record.headers.emplace_back(std::string(name), std::move(text));
  }
  if (!valid_utf8(record.content_type))
    return fail(aws_error("InvalidArgument", 400, "Content-Type must be UTF-8 text"));
  record.metadata = TRY(metadata_from(headers));
  if (auto tags = headers.get("x-amz-tagging")) record.tags = TRY(tags_from_header(*tags));
  if (auto wanted = headers.get("x-amz-storage-class")) {
    if (!known_storage_class(*wanted))
      return fail(
          aws_error("InvalidStorageClass", 400, "The storage class you specified is not valid"));
    record.storage_class = std::string(*wanted);
  }
  TRY(read_encryption(headers, record));
  return record;
}

void use_default_encryption(const Bucket& bucket, ObjectRecord& record) {
  const DefaultEncryption& wanted = bucket.rules->encryption;
  if (!record.encryption.empty() || wanted.algorithm.empty()) return;
  record.encryption = wanted.algorithm;
  record.kms_key = wanted.kms_key;
}

void add_encryption(wire::Headers& headers, const ObjectRecord& record) {
  if (record.encryption.empty()) return;
  headers.add("x-amz-server-side-encryption", record.encryption);
  if (!record.kms_key.empty())
    headers.add("x-amz-server-side-encryption-aws-kms-key-id", record.kms_key);
}

wire::Headers object_headers(const ObjectRecord& record, const S3Request& request) {
  wire::Headers out;
  out.add("Last-Modified", record.modified.http_date());
  out.add("ETag", quoted(record.etag));
  out.add("Accept-Ranges", "bytes");
  auto put = [&](std::string_view name, std::string_view override_name, std::string_view value) {
    auto wanted = request.query.get(override_name);
    std::string text(wanted && !wanted->empty() ? *wanted : value);
    bool clean = std::ranges::none_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (!text.empty() && clean) out.add(std::string(name), std::move(text));
  };
  put("Content-Type", "response-content-type", record.content_type);
  auto kept = [&](std::string_view name) -> std::string_view {
    for (const auto& [header, value] : record.headers)
      if (header == name) return value;
    return {};
  };
  put("Cache-Control", "response-cache-control", kept("Cache-Control"));
  put("Content-Disposition", "response-content-disposition", kept("Content-Disposition"));
  put("Content-Encoding", "response-content-encoding", kept("Content-Encoding"));
  put("Content-Language", "response-content-language", kept("Content-Language"));
  put("Expires", "response-expires", kept("Expires"));
  put("x-amz-website-redirect-location", "", kept("x-amz-website-redirect-location"));
  for (const auto& [name, value] : record.metadata) out.add("x-amz-meta-" + name, value);
  if (!record.tags.empty()) out.add("x-amz-tagging-count", std::to_string(record.tags.size()));
  if (record.storage_class != "STANDARD") out.add("x-amz-storage-class", record.storage_class);
  add_encryption(out, record);
  add_lock_headers(out, record);
  if (record.checksum && equals_ignore_case(request.header("x-amz-checksum-mode"), "ENABLED")) {
    out.add(std::string(header_of(record.checksum->kind)), record.checksum->value);
    out.add("x-amz-checksum-type", record.checksum->composite() ? "COMPOSITE" : "FULL_OBJECT");
  }
  return out;
}

Result<> check_read_conditions(const S3Request& request, const ObjectRecord& record) {
  const wire::Headers& headers = request.head().headers;
  int64_t modified = record.modified.unix_seconds();
  if (auto match = headers.get("If-Match")) {
    if (!etag_listed(*match, record.etag)) return fail(precondition_failed("If-Match"));
  } else if (auto since = headers.get("If-Unmodified-Since")) {
    auto time = WallTime::parse_http_date(*since);
    if (time && modified > time->unix_seconds())
      return fail(precondition_failed("If-Unmodified-Since"));
  }
  auto unchanged = [&record] {
    return fail(aws_error("NotModified", 304, "Not Modified")
                    .fact("hdr:ETag", quoted(record.etag))
                    .fact("hdr:Last-Modified", record.modified.http_date()));
  };
  if (auto match = headers.get("If-None-Match")) {
    if (etag_listed(*match, record.etag)) return unchanged();
  } else if (auto since = headers.get("If-Modified-Since")) {
    auto time = WallTime::parse_http_date(*since);
    // A moment in the future is no condition (RFC 9110 13.1.3).
    if (time && modified <= time->unix_seconds()) return unchanged();
  }
  return {};
}

Precondition write_conditions(const S3Request& request) {
  const wire::Headers& headers = request.head().headers;
  std::string match(headers.value("If-Match"));
  std::string none_match(headers.value("If-None-Match"));
  if (match.empty() && none_match.empty()) return {};
  return [match, none_match](const ObjectRecord* current) -> Result<> {
    if (!none_match.empty() && current && etag_listed(none_match, current->etag))
      return fail(precondition_failed("If-None-Match"));
    if (match.empty()) return {};
    if (!current) return fail(aws_error("NoSuchKey", 404, "The specified key does not exist."));
    if (!etag_listed(match, current->etag)) return fail(precondition_failed("If-Match"));
    return {};
  };
}

Result<int64_t> query_number(const S3Request& request, std::string_view name, int64_t low,
                             int64_t high, int64_t fallback) {
  auto text = request.query.get(name);
  if (!text || text->empty()) return fallback;
  auto number = parse_i64(*text);
  if (!number || *number < low || *number > high)
    return fail(
        aws_error("InvalidArgument", 400,
                  fmt::format("Argument {} must be an integer between {} and {}", name, low, high))
            .fact("xml:ArgumentName", std::string(name))
            .fact("xml:ArgumentValue", printable(*text)));
  return *number;
}

}  // namespace croft::farm::s3
