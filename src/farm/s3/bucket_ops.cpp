#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/acl.h"
#include "farm/s3/names.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr Bytes max_configuration = Bytes::kib(64);

/// The region asked for in <CreateBucketConfiguration>; empty for none.
Result<std::string> wanted_region(std::string_view body) {
  if (trim(body).empty()) return std::string();
  auto document = wire::xml::Document::parse(body, "CreateBucketConfiguration");
  if (!document || document->root().name() != "CreateBucketConfiguration")
    return fail(aws_error("MalformedXML", 400,
                          "The XML you provided was not well-formed or did not validate against "
                          "our published schema"));
  return document->root().text_of("LocationConstraint").value_or("");
}

}  // namespace

aio::Task<Result<>> Service::list_buckets(S3Request& request) {
  int64_t most = CO_TRY(query_number(request, "max-buckets", 1, 10'000, 10'000));
  std::string prefix(request.query.value("prefix"));
  std::string after(request.query.value("continuation-token"));
  wire::xml::Writer writer;
  writer.open("ListAllMyBucketsResult", {{"xmlns", s3_namespace}});
  writer.open("Owner").element("ID", request.caller.account->canonical_id);
  writer.element("DisplayName", request.caller.account->name).close();
  writer.open("Buckets");
  int64_t count = 0;
  std::string last;
  bool more = false;
  for (const BucketRef& bucket : index_.buckets_of(request.caller.account->account_id)) {
    const std::string& name = bucket->record.name;
    if (!name.starts_with(prefix) || (!after.empty() && name <= after)) continue;
    if (count == most) {
      more = true;
      break;
    }
    writer.open("Bucket")
        .element("Name", name)
        .element("CreationDate", xml_time(bucket->record.created))
        .close();
    last = name;
    ++count;
  }
  writer.close();
  if (more) writer.element("ContinuationToken", last);
  if (!prefix.empty()) writer.element("Prefix", prefix);
  co_return co_await request.answer.xml(200, writer.take());
}

aio::Task<Result<>> Service::create_bucket(S3Request& request) {
  CO_TRY(check_bucket_name(request.bucket));
  std::string body = CO_TRY(co_await read_small_body(request, max_configuration));
  std::string region = CO_TRY(wanted_region(body));
  if (!region.empty() && region != context_.region)
    co_return fail(aws_error(
        "IllegalLocationConstraintException", 400,
        fmt::format("The {} location constraint is incompatible for the region specific endpoint "
                    "this request was sent to.",
                    printable(region))));
  BucketRecord record{.name = request.bucket,
                      .owner = request.caller.account->account_id,
                      .created = context_.world.clock.wall()};
  const std::string& canonical = request.caller.account->canonical_id;
  bool told = false;
  record.acl = CO_TRY(
      acl_from_headers(request.head().headers, {canonical, canonical}, context_.accounts, told));
  if (std::string_view owner = request.header("x-amz-object-ownership"); !owner.empty()) {
    auto ownership = ownership_from_name(owner);
    if (!ownership)
      co_return fail(aws_error("InvalidArgument", 400, "Invalid x-amz-object-ownership header")
                         .fact("xml:ArgumentValue", printable(owner)));
    if (*ownership == Ownership::bucket_owner_enforced && record.acl)
      co_return fail(aws_error("InvalidBucketAclWithObjectOwnership", 400,
                               "Bucket cannot have ACLs set with ObjectOwnership's "
                               "BucketOwnerEnforced setting"));
    record.configuration["ownershipControls"] = ownership_document(owner);
  }
  if (equals_ignore_case(request.header("x-amz-bucket-object-lock-enabled"), "true")) {
    record.versioning = Versioning::enabled;
    record.configuration["object-lock"] = empty_lock_document();
  }
  Result<> made = co_await index_.create_bucket(std::move(record));
  // us-east-1 answers 200 when the bucket is one's own already; the other regions refuse.
  bool own = !made && made.error().fact("aws_code") == "BucketAlreadyOwnedByYou";
  if (!made && !(own && context_.region == "us-east-1")) co_return made;
  wire::Headers headers{{"Location", "/" + request.bucket}};
  co_return co_await request.answer.respond(200, std::move(headers), "");
}

aio::Task<Result<>> Service::head_bucket(S3Request& request) {
  CO_TRY(own_bucket(request));
  wire::Headers headers{{"x-amz-bucket-region", context_.region},
                        {"Content-Type", "application/xml"}};
  co_return co_await request.answer.respond(200, std::move(headers), "");
}

aio::Task<Result<>> Service::delete_bucket(S3Request& request) {
  CO_TRY(own_bucket(request));
  auto objects = CO_TRY(co_await index_.scan(request.bucket, "", "", 1));
  auto versions = CO_TRY(co_await index_.scan_versions(request.bucket, "", "", 1));
  // Uploads that were never completed do not hold the bucket; they go with it.
  while (objects.empty() && versions.empty()) {
    auto uploads = CO_TRY(co_await index_.scan_uploads(request.bucket, "", "", 100));
    if (uploads.empty()) break;
    for (UploadRecord& upload : uploads) CO_TRY(co_await index_.abort_upload(std::move(upload)));
  }
  CO_TRY(co_await index_.delete_bucket(request.bucket));
  co_return co_await request.answer.respond(204, {}, "");
}

aio::Task<Result<>> Service::bucket_location(S3Request& request) {
  CO_TRY(own_bucket(request));
  wire::xml::Writer writer;
  writer.open("LocationConstraint", {{"xmlns", s3_namespace}});
  // us-east-1 is older than the idea of regions: it has no name here.
  if (context_.region != "us-east-1") writer.text(context_.region);
  co_return co_await request.answer.xml(200, writer.take());
}

}  // namespace croft::farm::s3
