// ListObjects and ListObjectsV2: one walk over the keys in byte order that folds what shares a
// prefix up to the delimiter, and two ways to write the page.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/list_page.h"
#include "farm/s3/service.h"
#include "wire/uri.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr int64_t max_page = 1000;

struct ListQuery {
  std::string prefix;
  std::string delimiter;
  std::string after;  ///< keys and common prefixes up to and including this are left out
  size_t limit = max_page;
};

struct Page {
  std::vector<Listed> objects;
  std::vector<std::string> prefixes;
  bool truncated = false;
  std::string last;  ///< the last key or common prefix of the page
};

/// The common prefix that a key falls under; empty: it stands for itself.
std::string_view fold(std::string_view key, const ListQuery& query) {
  if (query.delimiter.empty()) return {};
  size_t at = key.find(query.delimiter, query.prefix.size());
  return at == std::string_view::npos ? std::string_view{}
                                      : key.substr(0, at + query.delimiter.size());
}

/// Where to begin: after `after`, and past the whole group when `after` is a common prefix.
std::string begin_of(const ListQuery& query) {
  if (query.after.empty() || query.after < query.prefix) return query.prefix;
  if (query.after.starts_with(query.prefix) && fold(query.after, query) == query.after &&
      !query.delimiter.empty()) {
    // A group of the last bytes there are has nothing after it; "" would be the beginning.
    std::string behind = after_prefix(query.after);
    if (!behind.empty()) return behind;
  }
  return query.after + '\0';
}

aio::Task<Result<Page>> walk(Index& index, std::string bucket, ListQuery query) {
  Page page;
  if (query.limit == 0) co_return page;
  std::string end = after_prefix(query.prefix);
  std::string from = begin_of(query);
  ReadAhead ahead;
  for (;;) {
    size_t want = query.delimiter.empty() ? query.limit - page.objects.size() + 1 : ahead.next();
    Index::SeenPage found = CO_TRY(co_await index.scan_seen(bucket, from, end, want));
    bool skipped = false;
    for (Listed& item : found.items) {
      bool full = page.objects.size() + page.prefixes.size() == query.limit;
      std::string_view common = fold(item.key, query);
      if (full) {
        page.truncated = true;
        co_return page;
      }
      if (common.empty()) {
        page.last = item.key;
        page.objects.push_back(std::move(item));
        continue;
      }
      // The rest of the group is not read at all: the walk goes on behind it.
      page.prefixes.emplace_back(common);
      page.last = page.prefixes.back();
      from = after_prefix(page.last);
      ahead.skipped();
      skipped = true;
      break;
    }
    if (skipped && from.empty()) co_return page;
    if (skipped) continue;
    if (!found.more) co_return page;
    from = std::move(found.next);
  }
}

/// `accounts` null: no owners are shown.
void write_page(wire::xml::Writer& writer, const Page& page, const Encoding& encode,
                const Accounts* accounts, const std::string& bucket_owner) {
  for (const Listed& item : page.objects) {
    writer.open("Contents").element("Key", encode(item.key));
    writer.element("LastModified", xml_time(item.record.modified));
    writer.element("ETag", quoted(item.record.etag));
    if (item.record.checksum) {
      writer.element("ChecksumAlgorithm", name_of(item.record.checksum->kind));
      writer.element("ChecksumType",
                     item.record.checksum->composite() ? "COMPOSITE" : "FULL_OBJECT");
    }
    writer.element("Size", item.record.size);
    if (accounts) {
      const std::string& owner = item.record.owner.empty() ? bucket_owner : item.record.owner;
      write_account(writer, "Owner", accounts->find(owner).get(), owner);
    }
    writer.element("StorageClass", item.record.storage_class).close();
  }
  for (const std::string& prefix : page.prefixes)
    writer.open("CommonPrefixes").element("Prefix", encode(prefix)).close();
}

}  // namespace

aio::Task<Result<>> Service::list_objects(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  Encoding encode = CO_TRY(encoding_of(request));
  int64_t most = CO_TRY(query_number(request, "max-keys", 0, INT32_MAX, max_page));
  ListQuery query{.prefix = std::string(request.query.value("prefix")),
                  .delimiter = std::string(request.query.value("delimiter")),
                  .after = std::string(request.query.value("marker")),
                  .limit = static_cast<size_t>(std::min(most, max_page))};
  Page page = CO_TRY(co_await walk(index_, request.bucket, query));
  wire::xml::Writer writer;
  writer.open("ListBucketResult", {{"xmlns", s3_namespace}});
  writer.element("Name", request.bucket).element("Prefix", encode(query.prefix));
  writer.element("Marker", encode(query.after));
  if (page.truncated && !query.delimiter.empty()) writer.element("NextMarker", encode(page.last));
  writer.element("MaxKeys", query.limit);
  if (!query.delimiter.empty()) writer.element("Delimiter", encode(query.delimiter));
  if (encode.url) writer.element("EncodingType", "url");
  writer.element("IsTruncated", page.truncated);
  write_page(writer, page, encode, &context_.accounts, bucket->record.owner);
  co_return co_await request.answer.xml(200, writer.take());
}

aio::Task<Result<>> Service::list_objects_v2(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  if (request.query.value("list-type") != "2")
    co_return fail(aws_error("InvalidArgument", 400, "Invalid List Type specified in Request"));
  Encoding encode = CO_TRY(encoding_of(request));
  int64_t most = CO_TRY(query_number(request, "max-keys", 0, INT32_MAX, max_page));
  std::string start_after(request.query.value("start-after"));
  auto token = request.query.get("continuation-token");
  ListQuery query{.prefix = std::string(request.query.value("prefix")),
                  .delimiter = std::string(request.query.value("delimiter")),
                  .after = start_after,
                  .limit = static_cast<size_t>(std::min(most, max_page))};
  if (token && !token->empty()) {
    auto decoded = unhex(*token);
    if (!decoded || decoded->empty())
      co_return fail(
          aws_error("InvalidArgument", 400, "The continuation token provided is incorrect")
              .fact("xml:ArgumentName", "continuation-token"));
    query.after = std::move(*decoded);
  }
  Page page = CO_TRY(co_await walk(index_, request.bucket, query));
  wire::xml::Writer writer;
  writer.open("ListBucketResult", {{"xmlns", s3_namespace}});
  writer.element("Name", request.bucket).element("Prefix", encode(query.prefix));
  if (token) writer.element("ContinuationToken", *token);
  if (page.truncated) writer.element("NextContinuationToken", hex(std::string_view(page.last)));
  writer.element("KeyCount", page.objects.size() + page.prefixes.size());
  writer.element("MaxKeys", query.limit);
  if (!query.delimiter.empty()) writer.element("Delimiter", encode(query.delimiter));
  if (encode.url) writer.element("EncodingType", "url");
  if (!start_after.empty()) writer.element("StartAfter", encode(start_after));
  writer.element("IsTruncated", page.truncated);
  bool with_owner = request.query.value("fetch-owner") == "true";
  write_page(writer, page, encode, with_owner ? &context_.accounts : nullptr, bucket->record.owner);
  co_return co_await request.answer.xml(200, writer.take());
}

}  // namespace croft::farm::s3
