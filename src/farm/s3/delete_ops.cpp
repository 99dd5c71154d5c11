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
  std::optional<Error> error;
};

Error malformed() {
  return aws_error(
      "MalformedXML", 400,
      "The XML you provided was not well-formed or did not validate against our published schema");
}

Result<std::vector<Item>> read_items(const wire::xml::Document& document) {
  std::vector<Item> out;
  for (const wire::xml::Element& element : document.root().children("Object")) {
    auto key = element.text_of("Key");
    if (!key || key->empty()) return fail(malformed());
    out.push_back({*key,
                   element.text_of("VersionId").value_or(""),
                   element.text_of("ETag").value_or(""),
                   {}});
  }
  if (out.empty() || out.size() > max_keys) return fail(malformed());
  return out;
}

aio::Task<Result<>> erase_one(Index& index, std::string bucket, Item& item) {
  auto form = check_key(item.key);
  if (!form) {
    item.error = std::move(form).error();
    co_return Result<>{};
  }
  if (!item.version.empty() && item.version != "null") {
    item.error = aws_error("NoSuchVersion", 404, "The specified version does not exist.");
    co_return Result<>{};
  }
  Precondition condition;
  if (!item.etag.empty())
    condition = [etag = unquoted(item.etag)](const ObjectRecord* current) -> Result<> {
      if (current && (etag == "*" || current->etag == etag)) return {};
      return fail(aws_error("PreconditionFailed", 412,
                            "At least one of the pre-conditions you specified did not hold"));
    };
  auto erased = co_await index.erase(bucket, item.key, std::move(condition));
  if (!erased) item.error = std::move(erased).error();
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<>> Service::delete_objects(S3Request& request) {
  CO_TRY(own_bucket(request));
  std::string body = CO_TRY(co_await read_small_body(request, max_body, true));
  auto document = wire::xml::Document::parse(body, "Delete");
  if (!document || document->root().name() != "Delete") co_return fail(malformed());
  std::vector<Item> items = CO_TRY(read_items(*document));
  bool quiet = trim(document->root().text_of("Quiet").value_or("")) == "true";
  for (size_t begin = 0; begin < items.size(); begin += at_once) {
    aio::Scope scope(co_await aio::here());
    for (size_t i = begin; i < std::min(items.size(), begin + at_once); ++i)
      scope.spawn(erase_one(index_, request.bucket, items[i]));
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
      writer.close();
    }
  }
  co_return co_await request.answer.xml(200, writer.take());
}

}  // namespace croft::farm::s3
