// DeleteObjects: up to a thousand keys in one request, each answered for itself.
#include <fmt/format.h>

#include "aio/scope.h"
#include "base/text.h"
#include "farm/s3/names.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr size_t max_keys = 1000;
constexpr size_t at_once = 64;  ///< deletions whose commits are grouped
constexpr Bytes max_body = Bytes::mib(2);

struct Item {
  std::string key;
  std::string version;
  std::string etag;
  std::optional<uint64_t> size;
  std::string modified;
  Erased erased;
  std::optional<Error> error;
  bool bypass = false;  ///< passes over GOVERNANCE
};

Result<std::vector<Item>> read_items(const wire::xml::Document& document) {
  std::vector<Item> out;
  for (const wire::xml::Element& element : document.root().children("Object")) {
    auto key = element.text_of("Key");
    if (!key || key->empty()) return fail(malformed_xml());
    Item item{.key = *key,
              .version = element.text_of("VersionId").value_or(""),
              .etag = element.text_of("ETag").value_or(""),
              .modified = element.text_of("LastModifiedTime").value_or("")};
    if (auto size = element.text_of("Size")) {
      item.size = parse_u64(trim(*size));
      if (!item.size) return fail(malformed_xml());
    }
    out.push_back(std::move(item));
  }
  if (out.empty() || out.size() > max_keys) return fail(malformed_xml());
  return out;
}

/// What the item says about the object to delete, if it says something.
Precondition condition_of(const Item& item) {
  if (item.etag.empty() && !item.size && item.modified.empty()) return {};
  return [etag = item.etag, size = item.size,
          modified = item.modified](const ObjectRecord* current) -> Result<> {
    Error other = aws_error("PreconditionFailed", 412,
                            "At least one of the pre-conditions you specified did not hold");
    if (!current) return fail(aws_error("NoSuchKey", 404, "The specified key does not exist."));
    if (!etag.empty() && !etag_listed(etag, current->etag)) return fail(std::move(other));
    if (size && *size != current->size) return fail(std::move(other));
    if (modified.empty()) return {};
    auto time = WallTime::parse_http_date(modified);
    if (!time) time = WallTime::parse_iso8601(modified);
    if (!time || time->unix_seconds() != current->modified.unix_seconds())
      return fail(std::move(other));
    return {};
  };
}

aio::Task<Result<>> erase_one(Index& index, std::string bucket, Item& item) {
  auto form = check_key(item.key);
  if (form && !item.version.empty()) form = check_version_id(item.version);
  if (!form) {
    item.error = std::move(form).error();
    co_return Result<>{};
  }
  auto erased =
      co_await index.erase(bucket, item.key, item.version, condition_of(item), item.bypass);
  if (erased)
    item.erased = std::move(*erased);
  else
    item.error = std::move(erased).error();
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<>> Service::delete_objects(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::string body = CO_TRY(co_await read_small_body(request, max_body, true));
  auto document = wire::xml::Document::parse(body, "Delete");
  if (!document || document->root().name() != "Delete") co_return fail(malformed_xml());
  std::vector<Item> items = CO_TRY(read_items(*document));
  bool quiet = trim(document->root().text_of("Quiet").value_or("")) == "true";
  for (Item& item : items) {
    auto allowed = co_await allow(request, bucket, "DeleteObject", item.key, item.version);
    if (!allowed) item.error = std::move(allowed).error();
    if (item.error) continue;
    auto bypass = co_await bypasses(request, bucket, item.key, item.version);
    if (bypass)
      item.bypass = *bypass;
    else
      item.error = std::move(bypass).error();
  }
  for (size_t begin = 0; begin < items.size(); begin += at_once) {
    aio::Scope scope(co_await aio::here());
    for (size_t i = begin; i < std::min(items.size(), begin + at_once); ++i)
      if (!items[i].error) scope.spawn(erase_one(index_, request.bucket, items[i]));
    CO_TRY(co_await scope.join());
  }
  wire::xml::Writer writer;
  writer.open("DeleteResult", {{"xmlns", s3_namespace}});
  for (const Item& item : items) {
    if (item.error) {
      AwsError shown = as_s3_error(*item.error);
      writer.open("Error").element("Key", item.key);
      if (!item.version.empty()) writer.element("VersionId", item.version);
      writer.element("Code", shown.code).element("Message", shown.message).close();
    } else if (!quiet) {
      writer.open("Deleted").element("Key", item.key);
      if (!item.version.empty()) writer.element("VersionId", item.version);
      if (item.erased.delete_marker)
        writer.element("DeleteMarker", true).element("DeleteMarkerVersionId", item.erased.version);
      writer.close();
    }
  }
  co_return co_await request.answer.xml(200, writer.take());
}

}  // namespace croft::farm::s3
