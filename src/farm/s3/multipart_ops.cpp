// Objects in parts. Parts are files of their own; completing names them in one commit, no byte
// moves.
#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "farm/s3/list_page.h"
#include "farm/s3/service.h"
#include "wire/uri.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr int64_t max_part_number = 10'000;
constexpr int64_t max_page = 1000;
constexpr Bytes max_complete_body = Bytes::mib(4);

Error invalid_part(int number) {
  return aws_error("InvalidPart", 400,
                   "One or more of the specified parts could not be found. The part may not have "
                   "been uploaded, or the "
                   "specified entity tag may not match the part's entity tag.")
      .fact("xml:PartNumber", std::to_string(number));
}

struct Wanted {
  int number = 0;
  std::string etag;
  std::string checksum;  ///< base64; empty: not given
};

/// The list of <Part>s, in ascending order.
Result<std::vector<Wanted>> read_parts(std::string_view body, std::optional<Checksum> kind) {
  auto document = wire::xml::Document::parse(body, "CompleteMultipartUpload");
  if (!document || document->root().name() != "CompleteMultipartUpload")
    return fail(malformed_xml());
  std::vector<Wanted> out;
  for (const wire::xml::Element& element : document->root().children("Part")) {
    auto number = parse_i64(trim(element.text_of("PartNumber").value_or("")));
    auto etag = element.text_of("ETag");
    if (!number || *number < 1 || *number > max_part_number || !etag) return fail(malformed_xml());
    Wanted part{static_cast<int>(*number), unquoted(trim(*etag)), {}};
    if (kind) part.checksum = element.text_of(element_of(*kind)).value_or("");
    if (!out.empty() && part.number <= out.back().number)
      return fail(aws_error(
          "InvalidPartOrder", 400,
          "The list of parts was not in ascending order. Parts must be ordered by part number."));
    out.push_back(std::move(part));
  }
  if (out.empty()) return fail(malformed_xml());
  return out;
}

/// MD5 of the parts' MD5s, and the same of their checksums where each has one; or the checksum of
/// the whole, made of the parts'.
struct Combined {
  std::string etag;
  std::optional<StoredChecksum> checksum;
};

Combined combine(const std::vector<const PartRecord*>& parts, std::optional<Checksum> kind,
                 bool full) {
  std::string md5s, sums, whole;
  bool all_have = kind.has_value();
  for (const PartRecord* part : parts) {
    md5s += unhex(part->etag).value_or("");
    all_have = all_have && part->checksum && part->checksum->kind == *kind;
    if (!all_have) continue;
    std::string sum = unbase64(part->checksum->value).value_or("");
    sums += sum;
    if (full) whole = whole.empty() ? sum : combine_checksums(*kind, whole, sum, part->piece.size);
  }
  Combined out;
  out.etag = fmt::format("{}-{}", hex(digest(Hash::md5, md5s)), parts.size());
  if (all_have && full) out.checksum = StoredChecksum{*kind, base64(whole)};
  if (all_have && !full)
    out.checksum =
        StoredChecksum{*kind, fmt::format("{}-{}", base64(checksum_of(*kind, sums)), parts.size())};
  return out;
}

/// x-amz-checksum-algorithm and -type of a new upload.
Result<> read_checksum(const S3Request& request, UploadRecord& upload) {
  auto wanted = request.head().headers.get("x-amz-checksum-algorithm");
  std::string type = to_upper(request.header("x-amz-checksum-type"));
  if (!type.empty() && (!wanted || (type != "COMPOSITE" && type != "FULL_OBJECT")))
    return fail(aws_error("InvalidRequest", 400,
                          "The x-amz-checksum-type header needs a checksum algorithm, and is "
                          "COMPOSITE or FULL_OBJECT"));
  if (!wanted) return {};
  upload.checksum = checksum_from_name(*wanted);
  if (!upload.checksum)
    return fail(aws_error("InvalidRequest", 400, "Checksum algorithm provided is unsupported."));
  bool whole_only = *upload.checksum == Checksum::crc64nvme;
  upload.full_checksum = type == "FULL_OBJECT" || (type.empty() && whole_only);
  if ((upload.full_checksum && !can_combine(*upload.checksum)) ||
      (!upload.full_checksum && whole_only))
    return fail(aws_error("InvalidRequest", 400,
                          fmt::format("The {} checksum type cannot be used with the {} checksum "
                                      "algorithm.",
                                      type, to_lower(name_of(*upload.checksum)))));
  return {};
}

/// x-amz-checksum-type of a completion: that of the upload. Without a checksum of its own an upload
/// is as one of FULL_OBJECT, which is the service's default.
Result<> check_type(const S3Request& request, const UploadRecord& upload) {
  auto told = request.head().headers.get("x-amz-checksum-type");
  if (!told) return {};
  std::string type = to_upper(*told);
  if (type != "COMPOSITE" && type != "FULL_OBJECT")
    return fail(
        aws_error("InvalidRequest", 400, "Value for x-amz-checksum-type header is invalid."));
  bool full = !upload.checksum || upload.full_checksum;
  if (full == (type == "FULL_OBJECT")) return {};
  return fail(aws_error("BadDigest", 400,
                        fmt::format("The upload was created using the {} checksum type. The "
                                    "complete request must use the same checksum type.",
                                    full ? "FULL_OBJECT" : "COMPOSITE")));
}

/// A checksum of checksums says nothing where the client does not say which ones it means.
Result<> check_part_sums(const std::vector<Wanted>& parts, const UploadRecord& upload) {
  if (!upload.checksum || upload.full_checksum) return {};
  auto without = std::ranges::find(parts, std::string(), &Wanted::checksum);
  if (without == parts.end()) return {};
  return fail(aws_error(
      "InvalidRequest", 400,
      fmt::format("The upload was created using a {} checksum. The complete request must include "
                  "the checksum for each part. It was missing for part {} in the request.",
                  to_lower(name_of(*upload.checksum)), without->number)));
}

/// What the client says about the whole: its checksum and size.
Result<> check_whole(const S3Request& request, const Combined& combined, uint64_t size) {
  if (auto told = request.head().headers.get("x-amz-mp-object-size");
      told && parse_u64(*told) != size)
    return fail(aws_error("InvalidRequest", 400,
                          fmt::format("The provided 'x-amz-mp-object-size' header value {} does "
                                      "not match what was computed: {}",
                                      printable(*told), size)));
  for (Checksum kind : checksums) {
    auto told = request.head().headers.get(header_of(kind));
    if (!told) continue;
    // Without "-N" the composite one is meant as well.
    bool same = combined.checksum && combined.checksum->kind == kind &&
                (combined.checksum->value == *told ||
                 combined.checksum->value.starts_with(std::string(*told) + "-"));
    if (!same)
      return fail(aws_error(
          "BadDigest", 400,
          fmt::format("The {} you specified did not match what we received.", name_of(kind))));
  }
  return {};
}

/// Who began the upload, and whose the object will be.
void write_people(wire::xml::Writer& writer, const Accounts& accounts,
                  const std::string& bucket_owner, const UploadRecord& upload) {
  const std::string& initiator = upload.initiator.empty() ? bucket_owner : upload.initiator;
  const std::string& owner = upload.object.owner.empty() ? bucket_owner : upload.object.owner;
  write_account(writer, "Initiator", accounts.find(initiator).get(), initiator);
  write_account(writer, "Owner", accounts.find(owner).get(), owner);
}

Result<int> part_number(const S3Request& request) {
  auto text = request.query.get("partNumber");
  auto number = text ? parse_i64(*text) : std::nullopt;
  if (number && *number >= 1 && *number <= max_part_number) return static_cast<int>(*number);
  return fail(aws_error("InvalidArgument", 400,
                        "Part number must be an integer between 1 and 10000, inclusive")
                  .fact("xml:ArgumentName", "partNumber")
                  .fact("xml:ArgumentValue", printable(text.value_or(""))));
}

}  // namespace

aio::Task<Result<>> Service::create_upload(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  WallTime now = context_.world.clock.wall();
  UploadRecord upload{.id = context_.world.random.hex_id(32),
                      .bucket = request.bucket,
                      .key = request.key,
                      .started = now};
  upload.object = CO_TRY(object_from_headers(request, now));
  upload.object.id = upload.id;
  CO_TRY(set_owner_and_acl(request, *bucket, upload.object));
  use_default_encryption(*bucket, upload.object);
  CO_TRY(set_lock(request, *bucket, upload.object));
  CO_TRY(read_checksum(request, upload));
  if (request.caller.account) upload.initiator = request.caller.account->account_id;
  wire::xml::Writer writer;
  writer.open("InitiateMultipartUploadResult", {{"xmlns", s3_namespace}});
  writer.element("Bucket", request.bucket)
      .element("Key", request.key)
      .element("UploadId", upload.id);
  wire::Headers headers{{"Content-Type", "application/xml"}};
  if (upload.checksum) {
    headers.add("x-amz-checksum-algorithm", std::string(name_of(*upload.checksum)));
    headers.add("x-amz-checksum-type", upload.full_checksum ? "FULL_OBJECT" : "COMPOSITE");
  }
  add_encryption(headers, upload.object);
  CO_TRY(co_await index_.create_upload(std::move(upload)));
  co_return co_await request.answer.respond(200, std::move(headers), writer.take());
}

aio::Task<Result<>> Service::upload_part(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  int number = CO_TRY(part_number(request));
  std::string id(request.query.value("uploadId"));
  UploadRecord upload = CO_TRY(co_await index_.upload(request.bucket, request.key, id));
  auto length = request.exchange.content_length();
  if (length && *length <= static_cast<uint64_t>(options_.max_put.count()))
    CO_TRY(index_.check_quota(*bucket, *length));
  Intake intake = CO_TRY(co_await take_in(request, options_.max_put, false, upload.checksum));
  if (upload.checksum && intake.checksum->kind != *upload.checksum) {
    std::string other = fmt::format(
        "Checksum Type mismatch occurred, expected checksum Type: {}, "
        "actual checksum Type: {}",
        to_lower(name_of(*upload.checksum)), to_lower(name_of(intake.checksum->kind)));
    CO_TRY(co_await discard(std::move(intake)));
    co_return fail(aws_error("InvalidRequest", 400, std::move(other)));
  }
  PartRecord part{.number = number,
                  .piece = intake.piece,
                  .etag = hex(intake.md5),
                  .modified = context_.world.clock.wall(),
                  .checksum = intake.checksum};
  wire::Headers headers{{"ETag", quoted(part.etag)}};
  if (intake.checksum)
    headers.add(std::string(header_of(intake.checksum->kind)), intake.checksum->value);
  add_encryption(headers, upload.object);
  auto put = co_await index_.put_part(std::move(upload), std::move(part));
  if (!put) {
    CO_TRY(co_await discard(std::move(intake)));
    co_return put;
  }
  co_return co_await request.answer.respond(200, std::move(headers), "");
}

namespace {

/// The list of parts. The x-amz-checksum-... headers beside it speak of the object, not of the
/// list: they must not be held against this body.
aio::Task<Result<std::string>> read_completion(S3Request& request) {
  Body body = CO_TRY(Body::open(request, max_complete_body, true));
  std::string text;
  while (CO_TRY(co_await body.read(text, 64 << 10))) {
  }
  if (body.wants_sha256()) {
    Digests digests(true, std::nullopt);
    digests.update(text);
    digests.finish();
    CO_TRY(body.check_transport(digests));
  }
  co_return text;
}

}  // namespace

aio::Task<Result<>> Service::complete_upload(S3Request& request) {
  CO_TRY(own_bucket(request));
  std::string id(request.query.value("uploadId"));
  auto found = co_await index_.upload(request.bucket, request.key, id);
  if (!found) {
    // Asked again for what is done already: the same answer.
    ObjectRef done = CO_TRY(co_await index_.find(request.bucket, request.key));
    if (done && done->record.id == id) co_return co_await completed(request, done->record);
    co_return fail(std::move(found).error());
  }
  UploadRecord upload = std::move(*found);
  std::string body = CO_TRY(co_await read_completion(request));
  CO_TRY(check_type(request, upload));
  std::vector<Wanted> wanted = CO_TRY(read_parts(body, upload.checksum));
  std::vector<PartRecord> all;
  for (;;) {
    auto more = CO_TRY(co_await index_.parts(id, all.empty() ? 0 : all.back().number, max_page));
    bool last = more.size() < static_cast<size_t>(max_page);
    for (PartRecord& part : more) all.push_back(std::move(part));
    if (last) break;
  }
  std::map<int, const PartRecord*> by_number;
  for (const PartRecord& part : all) by_number[part.number] = &part;
  std::vector<const PartRecord*> used;
  ObjectRecord record = upload.object;
  for (const Wanted& part : wanted) {
    auto at = by_number.find(part.number);
    if (at == by_number.end() || at->second->etag != part.etag)
      co_return fail(invalid_part(part.number));
    const PartRecord& found = *at->second;
    if (!part.checksum.empty() && (!found.checksum || found.checksum->value != part.checksum))
      co_return fail(invalid_part(part.number));
    if (&part != &wanted.back() &&
        found.piece.size < static_cast<uint64_t>(options_.min_part.count()))
      co_return fail(aws_error("EntityTooSmall", 400,
                               "Your proposed upload is smaller than the minimum allowed size")
                         .fact("xml:ETag", found.etag)
                         .fact("xml:MinSizeAllowed", std::to_string(options_.min_part.count()))
                         .fact("xml:ProposedSize", std::to_string(found.piece.size))
                         .fact("xml:PartNumber", std::to_string(found.number)));
    used.push_back(&found);
    record.size += found.piece.size;
    record.pieces.push_back(found.piece);
    if (found.checksum && upload.checksum) record.pieces.back().checksum = found.checksum->value;
  }
  Combined combined = combine(used, upload.checksum, upload.full_checksum);
  CO_TRY(check_whole(request, combined, record.size));
  CO_TRY(check_part_sums(wanted, upload));
  record.etag = combined.etag;
  record.checksum = combined.checksum;
  record.multipart = true;
  record.modified = context_.world.clock.wall();
  ObjectRef made = CO_TRY(co_await index_.complete_upload(std::move(upload), std::move(record),
                                                          write_conditions(request)));
  co_return co_await completed(request, made->record);
}

aio::Task<Result<>> Service::completed(S3Request& request, ObjectRecord record) {
  wire::xml::Writer writer;
  writer.open("CompleteMultipartUploadResult", {{"xmlns", s3_namespace}});
  writer.element("Location", fmt::format("{}/{}/{}", context_.url, request.bucket,
                                         wire::percent_encode_path(request.key)));
  writer.element("Bucket", request.bucket)
      .element("Key", request.key)
      .element("ETag", quoted(record.etag));
  if (record.checksum) {
    writer.element(element_of(record.checksum->kind), record.checksum->value);
    writer.element("ChecksumType", record.checksum->composite() ? "COMPOSITE" : "FULL_OBJECT");
  }
  wire::Headers headers{{"Content-Type", "application/xml"}};
  add_new_version(headers, record);
  add_encryption(headers, record);
  co_return co_await request.answer.respond(200, std::move(headers), writer.take());
}

aio::Task<Result<>> Service::abort_upload(S3Request& request) {
  CO_TRY(own_bucket(request));
  std::string id(request.query.value("uploadId"));
  UploadRecord upload = CO_TRY(co_await index_.upload(request.bucket, request.key, id));
  CO_TRY(co_await index_.abort_upload(std::move(upload)));
  co_return co_await request.answer.respond(204, {}, "");
}

aio::Task<Result<>> Service::list_parts(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::string id(request.query.value("uploadId"));
  UploadRecord upload = CO_TRY(co_await index_.upload(request.bucket, request.key, id));
  int64_t most =
      std::min(CO_TRY(query_number(request, "max-parts", 0, INT32_MAX, max_page)), max_page);
  int64_t marker = CO_TRY(query_number(request, "part-number-marker", 0, INT32_MAX, 0));
  int after = static_cast<int>(std::min<int64_t>(marker, max_part_number));
  auto parts = CO_TRY(co_await index_.parts(id, after, static_cast<size_t>(most) + 1));
  bool truncated = parts.size() > static_cast<size_t>(most);
  if (truncated) parts.resize(static_cast<size_t>(most));
  wire::xml::Writer writer;
  writer.open("ListPartsResult", {{"xmlns", s3_namespace}});
  writer.element("Bucket", request.bucket).element("Key", request.key).element("UploadId", id);
  write_people(writer, context_.accounts, bucket->record.owner, upload);
  writer.element("StorageClass", upload.object.storage_class).element("PartNumberMarker", marker);
  if (truncated && !parts.empty()) writer.element("NextPartNumberMarker", parts.back().number);
  writer.element("MaxParts", most).element("IsTruncated", truncated);
  if (upload.checksum) {
    writer.element("ChecksumAlgorithm", name_of(*upload.checksum));
    writer.element("ChecksumType", upload.full_checksum ? "FULL_OBJECT" : "COMPOSITE");
  }
  for (const PartRecord& part : parts) {
    writer.open("Part")
        .element("PartNumber", part.number)
        .element("LastModified", xml_time(part.modified));
    writer.element("ETag", quoted(part.etag)).element("Size", part.piece.size);
    if (part.checksum) writer.element(element_of(part.checksum->kind), part.checksum->value);
    writer.close();
  }
  co_return co_await request.answer.xml(200, writer.take());
}

namespace {

/// One page of open uploads, and behind what the next one begins.
struct UploadPage {
  std::vector<UploadRecord> uploads;
  std::vector<std::string> prefixes;
  bool truncated = false;
  std::string last_key, last_id;  ///< the last group has no id
};

struct UploadQuery {
  std::string prefix, delimiter, key_marker, id_marker;
  size_t limit = 0;

  /// Behind every key: a group of the last bytes there are has nothing after it.
  static constexpr std::string_view past_all = "\xff\xff\xff\xff\xff\xff\xff\xff";
  /// Where the page begins, in the order of uploads.
  std::string start() const {
    if (key_marker.empty()) return prefix;
    // A group that was told already is not told again.
    bool group = id_marker.empty() && key_marker.starts_with(prefix) && !delimiter.empty() &&
                 group_of(key_marker) == key_marker;
    if (group && after_prefix(key_marker).empty()) return std::string(past_all);
    std::string behind =
        group ? after_prefix(key_marker)
              : Index::upload_order(key_marker, id_marker.empty() ? "~" : id_marker + "~");
    return std::max(prefix, behind);
  }
  /// The group that a key belongs to; empty: none.
  std::string group_of(const std::string& key) const {
    size_t at = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    return at == std::string::npos ? "" : key.substr(0, at + delimiter.size());
  }
};

aio::Task<Result<UploadPage>> walk_uploads(Index& index, std::string bucket, UploadQuery query) {
  UploadPage page;
  std::string from = query.start();
  ReadAhead ahead;
  for (;;) {
    size_t want = ahead.next();
    auto found = CO_TRY(co_await index.scan_uploads(bucket, from, "", want));
    bool skipped = false;
    for (UploadRecord& upload : found) {
      from = Index::upload_order(upload.key, upload.id) + '\0';
      if (!upload.key.starts_with(query.prefix)) co_return page;
      std::string group = query.group_of(upload.key);
      if (page.uploads.size() + page.prefixes.size() == query.limit) {
        page.truncated = true;
        co_return page;
      }
      page.last_key = group.empty() ? upload.key : group;
      page.last_id = group.empty() ? upload.id : "";
      if (group.empty()) {
        page.uploads.push_back(std::move(upload));
        continue;
      }
      // The walk goes on behind the group: nobody wants the rest of it.
      from = after_prefix(group);
      page.prefixes.push_back(std::move(group));
      ahead.skipped();
      skipped = true;
      break;
    }
    if (!skipped && found.size() < want) co_return page;
    if (from.empty()) co_return page;
  }
}

}  // namespace

aio::Task<Result<>> Service::list_uploads(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  Encoding encode = CO_TRY(encoding_of(request));
  int64_t most =
      std::min(CO_TRY(query_number(request, "max-uploads", 1, INT32_MAX, max_page)), max_page);
  UploadQuery query{.prefix = std::string(request.query.value("prefix")),
                    .delimiter = std::string(request.query.value("delimiter")),
                    .key_marker = std::string(request.query.value("key-marker")),
                    .id_marker = std::string(request.query.value("upload-id-marker")),
                    .limit = static_cast<size_t>(most)};
  UploadPage page = CO_TRY(co_await walk_uploads(index_, request.bucket, query));
  wire::xml::Writer writer;
  writer.open("ListMultipartUploadsResult", {{"xmlns", s3_namespace}});
  writer.element("Bucket", request.bucket).element("KeyMarker", encode(query.key_marker));
  writer.element("UploadIdMarker", query.id_marker);
  if (page.truncated) {
    writer.element("NextKeyMarker", encode(page.last_key));
    if (!page.last_id.empty()) writer.element("NextUploadIdMarker", page.last_id);
  }
  if (!query.delimiter.empty()) writer.element("Delimiter", encode(query.delimiter));
  writer.element("Prefix", encode(query.prefix))
      .element("MaxUploads", most)
      .element("IsTruncated", page.truncated);
  if (encode.url) writer.element("EncodingType", "url");
  for (const UploadRecord& upload : page.uploads) {
    writer.open("Upload").element("Key", encode(upload.key)).element("UploadId", upload.id);
    write_people(writer, context_.accounts, bucket->record.owner, upload);
    if (upload.checksum)
      writer.element("ChecksumAlgorithm", name_of(*upload.checksum))
          .element("ChecksumType", upload.full_checksum ? "FULL_OBJECT" : "COMPOSITE");
    writer.element("StorageClass", upload.object.storage_class)
        .element("Initiated", xml_time(upload.started))
        .close();
  }
  for (const std::string& common : page.prefixes)
    writer.open("CommonPrefixes").element("Prefix", encode(common)).close();
  co_return co_await request.answer.xml(200, writer.take());
}

}  // namespace croft::farm::s3
