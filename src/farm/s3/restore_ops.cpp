// Objects of the classes that lie in an archive: they are restored for some days before they can be
// read. The farm's archive is its own disk, so that this takes no time; the rules are the
// service's.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/restore.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr Bytes max_document = Bytes::kib(64);

bool lies_in_archive(const ObjectRecord& record) {
  return record.storage_class == "GLACIER" || record.storage_class == "DEEP_ARCHIVE";
}

Error invalid_state(const ObjectRecord& record, std::string message) {
  return aws_error("InvalidObjectState", 403, std::move(message))
      .fact("xml:StorageClass", record.storage_class);
}

/// For how many days, of <RestoreRequest><Days>.
Result<int64_t> days_from(std::string_view body) {
  auto document = wire::xml::Document::parse(body, "RestoreRequest");
  if (!document || document->root().name() != "RestoreRequest") return fail(malformed_xml());
  if (document->root().child("OutputLocation") || document->root().child("SelectParameters"))
    return fail(aws_error("NotImplemented", 501, "This farm restores whole objects, in place"));
  auto days = parse_i64(trim(document->root().text_of("Days").value_or("")));
  constexpr int64_t most = 36'500;
  if (!days) return fail(malformed_xml());
  if (*days < 1 || *days > most)
    return fail(
        aws_error("InvalidArgument", 400, fmt::format("Days must be between 1 and {}", most)));
  return *days;
}

}  // namespace

Result<> check_readable(const ObjectRecord& record, WallTime now) {
  if (!lies_in_archive(record) || record.restored_until > now) return {};
  return fail(invalid_state(record, "The operation is not valid for the object's storage class"));
}

void add_restore(wire::Headers& headers, const ObjectRecord& record, WallTime now) {
  if (lies_in_archive(record) && record.restored_until > now)
    headers.add("x-amz-restore", fmt::format("ongoing-request=\"false\", expiry-date=\"{}\"",
                                             record.restored_until.http_date()));
}

aio::Task<Result<>> Service::restore_object(S3Request& request) {
  CO_TRY(own_bucket(request));
  std::string body = CO_TRY(co_await read_small_body(request, max_document));
  int64_t days = CO_TRY(days_from(body));
  WallTime now = context_.world.clock.wall();
  std::string version(request.query.value("versionId"));
  bool again = false;
  CO_TRY(co_await index_.modify(
      request.bucket, request.key, version, [&](ObjectRecord& record) -> Result<> {
        if (!lies_in_archive(record))
          return fail(invalid_state(
              record, "Restore is not allowed for the object's current storage class"));
        again = record.restored_until > now;
        record.restored_until = now + options_.lifecycle_day * days;
        return {};
      }));
  // 202: it was not there yet; 200: it was, and now stays longer.
  co_return co_await request.answer.respond(again ? 200 : 202, {}, "");
}

}  // namespace croft::farm::s3
