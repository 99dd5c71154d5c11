// Versioning of a bucket, and the listing of all versions: the latest ones and those behind them
// lie in two ranges of the store, which are read side by side and merged by key.
#include <fmt/format.h>

#include <deque>

#include "base/text.h"
#include "farm/s3/list_page.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr Bytes max_document = Bytes::kib(64);

/// The versions of a bucket in the order of their listing, from some place on.
class VersionWalk {
 public:
  VersionWalk(Index& index, std::string bucket, std::string end)
      : index_(index), bucket_(std::move(bucket)), end_(std::move(end)) {}

  /// Goes on with the first key that is not before `key`, which lies ahead. What was read of the
  /// keys behind it is kept.
  void jump(const std::string& key) {
    for (Side* side : {&latest_, &older_}) {
      while (!side->items.empty() && side->items.front().key < key) side->items.pop_front();
      if (!side->items.empty()) continue;
      side->next = std::max(side->next, key);
      side->ahead.skipped();
    }
  }
  /// Goes on behind this version of `key`; `order` empty: behind the one that is in front.
  void jump_behind(const std::string& key, const std::string& order) {
    latest_ = {.next = key + '\0'};
    older_ = {.next = Index::version_order(key, order) + (order.empty() ? "" : std::string(1, 0))};
  }

  /// The next one; nullopt at the end. `is_latest` tells whether it is the first of its key.
  aio::Task<Result<std::optional<Listed>>> next(bool& is_latest) {
    CO_TRY(co_await fill());
    if (latest_.items.empty() && older_.items.empty()) co_return std::nullopt;
    bool from_latest =
        !latest_.items.empty() &&
        (older_.items.empty() || latest_.items.front().key <= older_.items.front().key);
    std::deque<Listed>& source = from_latest ? latest_.items : older_.items;
    Listed item = std::move(source.front());
    source.pop_front();
    is_latest = item.key != last_key_;
    last_key_ = item.key;
    co_return item;
  }
  /// As if `key` had been given out already: none of its versions is the latest.
  void set_last(std::string key) { last_key_ = std::move(key); }

 private:
  struct Side {
    std::deque<Listed> items;
    std::string next;
    bool done = false;
    ReadAhead ahead;
  };
  aio::Task<Result<>> fill() {
    if (latest_.items.empty() && !latest_.done) {
      size_t want = latest_.ahead.next();
      auto found = CO_TRY(co_await index_.scan(bucket_, latest_.next, end_, want));
      latest_.done = found.size() < want;
      if (!found.empty()) latest_.next = found.back().key + '\0';
      latest_.items.assign(std::make_move_iterator(found.begin()),
                           std::make_move_iterator(found.end()));
    }
    if (older_.items.empty() && !older_.done) {
      size_t want = older_.ahead.next();
      auto found = CO_TRY(co_await index_.scan_versions(bucket_, older_.next, end_, want));
      older_.done = found.size() < want;
      if (!found.empty())
        older_.next = Index::version_order(found.back().key, found.back().order) + '\0';
      older_.items.assign(std::make_move_iterator(found.begin()),
                          std::make_move_iterator(found.end()));
    }
    co_return Result<>{};
  }

  Index& index_;
  std::string bucket_;
  std::string end_;
  std::string last_key_ = "\xff";  // no key: it is not UTF-8
  Side latest_, older_;
};

struct VersionQuery {
  std::string prefix, delimiter, key_marker, version_marker;
  size_t limit = 0;
};

struct Version {
  Listed item;
  bool is_latest = false;
};

struct VersionPage {
  std::vector<Version> versions;
  std::vector<std::string> prefixes;
  bool truncated = false;
  std::string last_key, last_version;
};

std::string_view fold(std::string_view key, const VersionQuery& query) {
  if (query.delimiter.empty()) return {};
  size_t at = key.find(query.delimiter, query.prefix.size());
  if (at == std::string_view::npos) return {};
  return key.substr(0, at + query.delimiter.size());
}

/// Puts the walk behind the markers.
aio::Task<Result<>> start(Index& index, VersionWalk& walk, std::string bucket, VersionQuery query) {
  const std::string& marker = query.key_marker;
  if (marker.empty() || marker < query.prefix) {
    walk.jump(query.prefix);
    co_return Result<>{};
  }
  if (fold(marker, query) == marker && !query.delimiter.empty()) {
    walk.jump(after_prefix(marker));
    co_return Result<>{};
  }
  if (query.version_marker.empty()) {
    walk.jump_behind(marker, std::string(32, '~'));
    co_return Result<>{};
  }
  std::string order = query.version_marker;
  if (order == "null") {
    ObjectRef object = CO_TRY(co_await index.find_version(bucket, marker, "null"));
    order = object ? Index::order_of(object->record) : std::string(32, '~');
  }
  walk.jump_behind(marker, order);
  walk.set_last(marker);
  co_return Result<>{};
}

aio::Task<Result<VersionPage>> collect(Index& index, std::string bucket, VersionQuery query) {
  VersionPage page;
  if (query.limit == 0) co_return page;
  VersionWalk walk(index, bucket, after_prefix(query.prefix));
  CO_TRY(co_await start(index, walk, bucket, query));
  for (;;) {
    bool is_latest = false;
    auto item = CO_TRY(co_await walk.next(is_latest));
    if (!item) co_return page;
    if (page.versions.size() + page.prefixes.size() == query.limit) {
      page.truncated = true;
      co_return page;
    }
    std::string_view common = fold(item->key, query);
    page.last_key = common.empty() ? item->key : std::string(common);
    page.last_version = common.empty() ? shown_version(item->record) : "";
    if (common.empty()) {
      page.versions.push_back({std::move(*item), is_latest});
      continue;
    }
    page.prefixes.emplace_back(common);
    std::string behind = after_prefix(page.prefixes.back());
    if (behind.empty()) co_return page;
    walk.jump(behind);
  }
}

void write_version(wire::xml::Writer& writer, const Version& version, const Encoding& encode) {
  const ObjectRecord& record = version.item.record;
  writer.open(record.delete_marker ? "DeleteMarker" : "Version");
  writer.element("Key", encode(version.item.key));
  writer.element("VersionId", shown_version(record)).element("IsLatest", version.is_latest);
  writer.element("LastModified", xml_time(record.modified));
  if (record.delete_marker) return;
  writer.element("ETag", quoted(record.etag));
  if (record.checksum) {
    writer.element("ChecksumAlgorithm", name_of(record.checksum->kind));
    writer.element("ChecksumType", record.checksum->composite() ? "COMPOSITE" : "FULL_OBJECT");
  }
  writer.element("Size", record.size).element("StorageClass", record.storage_class);
}

}  // namespace

aio::Task<Result<>> Service::list_versions(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  Encoding encode = CO_TRY(encoding_of(request));
  int64_t most = CO_TRY(query_number(request, "max-keys", 0, INT32_MAX, max_list_page));
  VersionQuery query{.prefix = std::string(request.query.value("prefix")),
                     .delimiter = std::string(request.query.value("delimiter")),
                     .key_marker = std::string(request.query.value("key-marker")),
                     .version_marker = std::string(request.query.value("version-id-marker")),
                     .limit = static_cast<size_t>(std::min(most, max_list_page))};
  if (query.key_marker.empty() && !query.version_marker.empty())
    co_return fail(aws_error("InvalidArgument", 400,
                             "A version-id marker cannot be specified without a key marker."));
  VersionPage page = CO_TRY(co_await collect(index_, request.bucket, query));
  wire::xml::Writer writer;
  writer.open("ListVersionsResult", {{"xmlns", s3_namespace}});
  writer.element("Name", request.bucket).element("Prefix", encode(query.prefix));
  writer.element("KeyMarker", encode(query.key_marker));
  writer.element("VersionIdMarker", query.version_marker);
  if (page.truncated) {
    writer.element("NextKeyMarker", encode(page.last_key));
    if (!page.last_version.empty()) writer.element("NextVersionIdMarker", page.last_version);
  }
  writer.element("MaxKeys", query.limit);
  if (!query.delimiter.empty()) writer.element("Delimiter", encode(query.delimiter));
  if (encode.url) writer.element("EncodingType", "url");
  writer.element("IsTruncated", page.truncated);
  for (const Version& version : page.versions) {
    write_version(writer, version, encode);
    const std::string& named = version.item.record.owner;
    const std::string& owner = named.empty() ? bucket->record.owner : named;
    write_account(writer, "Owner", context_.accounts.find(owner).get(), owner);
    writer.close();
  }
  for (const std::string& prefix : page.prefixes)
    writer.open("CommonPrefixes").element("Prefix", encode(prefix)).close();
  co_return co_await request.answer.xml(200, writer.take());
}

aio::Task<Result<>> Service::get_versioning(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  wire::xml::Writer writer;
  writer.open("VersioningConfiguration", {{"xmlns", s3_namespace}});
  switch (bucket->record.versioning) {
    case Versioning::never:
      break;
    case Versioning::enabled:
      writer.element("Status", "Enabled");
      break;
    case Versioning::suspended:
      writer.element("Status", "Suspended");
      break;
  }
  co_return co_await request.answer.xml(200, writer.take());
}

aio::Task<Result<>> Service::put_versioning(S3Request& request) {
  CO_TRY(own_bucket(request));
  std::string body = CO_TRY(co_await read_small_body(request, max_document));
  auto document = wire::xml::Document::parse(body, "VersioningConfiguration");
  if (!document || document->root().name() != "VersioningConfiguration")
    co_return fail(malformed_xml());
  if (document->root().text_of("MfaDelete").value_or("Disabled") != "Disabled")
    co_return fail(aws_error("NotImplemented", 501, "This farm has no MFA devices"));
  std::string status(trim(document->root().text_of("Status").value_or("")));
  if (status != "Enabled" && status != "Suspended") co_return fail(malformed_xml());
  Versioning wanted = status == "Enabled" ? Versioning::enabled : Versioning::suspended;
  CO_TRY(co_await index_.modify_bucket(request.bucket, [wanted](BucketRecord& record) -> Result<> {
    if (wanted == Versioning::suspended && record.configuration.contains("object-lock"))
      return fail(aws_error("InvalidBucketState", 409,
                            "An Object Lock configuration is present on this bucket, so the "
                            "versioning state cannot be changed."));
    record.versioning = wanted;
    return {};
  }));
  co_return co_await request.answer.respond(200, {}, "");
}

}  // namespace croft::farm::s3
