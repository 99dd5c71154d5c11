#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/names.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr Bytes max_tagging = Bytes::kib(64);

Result<Pairs> read_tagging(std::string_view body, size_t limit) {
  Error malformed = aws_error(
      "MalformedXML", 400,
      "The XML you provided was not well-formed or did not validate against our published schema");
  auto document = wire::xml::Document::parse(body, "Tagging");
  if (!document || document->root().name() != "Tagging") return fail(std::move(malformed));
  wire::xml::Element set = document->root().child("TagSet");
  if (!set) return fail(std::move(malformed));
  Pairs out;
  for (const wire::xml::Element& tag : set.children("Tag")) {
    auto key = tag.text_of("Key");
    auto value = tag.text_of("Value");
    if (!key || !value) return fail(std::move(malformed));
    out.emplace_back(*key, *value);
  }
  TRY(check_tags(out, limit));
  return out;
}

std::string tagging_body(Pairs tags) {
  std::ranges::sort(tags);
  wire::xml::Writer writer;
  writer.open("Tagging", {{"xmlns", s3_namespace}}).open("TagSet");
  for (const auto& [key, value] : tags)
    writer.open("Tag").element("Key", key).element("Value", value).close();
  return writer.take();
}

}  // namespace

aio::Task<Result<>> Service::get_bucket_tagging(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  if (bucket->record.tags.empty())
    co_return fail(aws_error("NoSuchTagSet", 404, "The TagSet does not exist")
                       .fact("xml:BucketName", request.bucket));
  co_return co_await request.answer.xml(200, tagging_body(bucket->record.tags));
}

aio::Task<Result<>> Service::put_bucket_tagging(S3Request& request) {
  CO_TRY(own_bucket(request));
  std::string body = CO_TRY(co_await read_small_body(request, max_tagging));
  Pairs tags = CO_TRY(read_tagging(body, max_bucket_tags));
  CO_TRY(co_await index_.modify_bucket(request.bucket, [&tags](BucketRecord& record) -> Result<> {
    record.tags = std::move(tags);
    return {};
  }));
  co_return co_await request.answer.respond(204, {}, "");
}

aio::Task<Result<>> Service::delete_bucket_tagging(S3Request& request) {
  CO_TRY(own_bucket(request));
  CO_TRY(co_await index_.modify_bucket(request.bucket, [](BucketRecord& record) -> Result<> {
    record.tags.clear();
    return {};
  }));
  co_return co_await request.answer.respond(204, {}, "");
}

aio::Task<Result<>> Service::get_object_tagging(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  ObjectRef object = CO_TRY(co_await existing(request));
  wire::Headers headers{{"Content-Type", "application/xml"}};
  add_version(headers, *bucket, object->record);
  co_return co_await request.answer.respond(200, std::move(headers),
                                            tagging_body(object->record.tags));
}

aio::Task<Result<>> Service::put_object_tagging(S3Request& request) {
  CO_TRY(own_bucket(request));
  std::string body = CO_TRY(co_await read_small_body(request, max_tagging));
  Pairs tags = CO_TRY(read_tagging(body, max_object_tags));
  co_return co_await replace_tags(request, std::move(tags), 200);
}

aio::Task<Result<>> Service::delete_object_tagging(S3Request& request) {
  co_return co_await replace_tags(request, {}, 204);
}

aio::Task<Result<>> Service::replace_tags(S3Request& request, Pairs tags, int status) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::string version(request.query.value("versionId"));
  ObjectRef now = CO_TRY(co_await index_.modify(request.bucket, request.key, std::move(version),
                                                [&tags](ObjectRecord& record) -> Result<> {
                                                  record.tags = std::move(tags);
                                                  return {};
                                                }));
  wire::Headers headers;
  add_version(headers, *bucket, now->record);
  co_return co_await request.answer.respond(status, std::move(headers), "");
}

}  // namespace croft::farm::s3
