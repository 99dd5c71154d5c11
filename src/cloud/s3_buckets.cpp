// Buckets: make, look at, tag, empty, delete.
#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"
#include "cloud/aws_error.h"
#include "cloud/s3.h"
#include "wire/xml.h"

namespace croft::cloud {
namespace {

using wire::xml::Document;
using wire::xml::Element;

constexpr std::string_view name_space = "http://s3.amazonaws.com/doc/2006-03-01/";
constexpr int pages_max = 1'000'000;
constexpr size_t deleted_at_once = 1000;

S3Request bucket_call(std::string method, std::string bucket) {
  S3Request out;
  out.method = std::move(method);
  out.bucket = std::move(bucket);
  return out;
}

}  // namespace

std::optional<std::string> bucket_name_problem(std::string_view name) {
  if (name.size() < 3 || name.size() > 63)
    return fmt::format("a bucket's name has 3 to 63 characters, '{}' has {}", printable(name),
                       name.size());
  for (char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
      return fmt::format(
          "'{}' in a bucket's name: lower-case letters, digits, '-' and '.' are taken",
          printable(std::string_view(&c, 1)));
  auto edge = [](char c) { return c == '-' || c == '.'; };
  if (edge(name.front()) || edge(name.back()))
    return "a bucket's name begins and ends with a letter or digit";
  if (name.find("..") != std::string_view::npos)
    return "a bucket's name has no two dots side by side";
  if (std::all_of(name.begin(), name.end(),
                  [](char c) { return c == '.' || (c >= '0' && c <= '9'); }) &&
      std::count(name.begin(), name.end(), '.') == 3)
    return "a bucket's name does not look like an IP address";
  return std::nullopt;
}

aio::Task<Result<std::vector<Bucket>>> S3::list_buckets() const {
  net::Response answer = CO_TRY(co_await send(bucket_call("GET", "")));
  auto document = Document::parse(answer.body, "the answer");
  if (!document || document->root().name() != "ListAllMyBucketsResult")
    co_return fail(
        unreadable(Service::s3, "list buckets", endpoint_.url, answer,
                   document ? "it is not a ListAllMyBucketsResult" : document.error().line()));
  std::vector<Bucket> out;
  for (Element item : document->root().child("Buckets").children("Bucket"))
    out.push_back({item.child("Name").text(), item.child("CreationDate").text()});
  co_return out;
}

aio::Task<Result<>> S3::create_bucket(std::string bucket) const {
  S3Request request = bucket_call("PUT", std::move(bucket));
  if (endpoint_.region != "us-east-1") {
    wire::xml::Writer writer;
    writer.open("CreateBucketConfiguration", {{"xmlns", name_space}});
    writer.element("LocationConstraint", endpoint_.region);
    request.body = writer.take();
    request.headers.set("Content-Type", "application/xml");
  }
  Result<net::Response> answer = co_await send(std::move(request));
  if (!answer && answer.error().fact("aws_code") != "BucketAlreadyOwnedByYou")
    co_return fail(std::move(answer).error());
  co_return Result<>{};
}

aio::Task<Result<>> S3::head_bucket(std::string bucket) const {
  CO_TRY(co_await send(bucket_call("HEAD", std::move(bucket))));
  co_return Result<>{};
}

aio::Task<Result<>> S3::delete_bucket(std::string bucket) const {
  CO_TRY(co_await send(bucket_call("DELETE", std::move(bucket))));
  co_return Result<>{};
}

aio::Task<Result<>> S3::put_bucket_tags(std::string bucket, std::vector<Tag> tags) const {
  wire::xml::Writer writer;
  writer.open("Tagging", {{"xmlns", name_space}}).open("TagSet");
  for (const Tag& tag : tags)
    writer.open("Tag").element("Key", tag.key).element("Value", tag.value).close();
  S3Request request = bucket_call("PUT", std::move(bucket));
  request.query = {{"tagging", ""}};
  request.body = writer.take();
  request.headers.set("Content-Type", "application/xml");
  request.headers.set("Content-MD5", base64(digest(Hash::md5, request.body)));
  CO_TRY(co_await send(std::move(request)));
  co_return Result<>{};
}

aio::Task<Result<std::vector<Tag>>> S3::get_bucket_tags(std::string bucket) const {
  S3Request request = bucket_call("GET", std::move(bucket));
  request.query = {{"tagging", ""}};
  Result<net::Response> answer = co_await send(std::move(request));
  if (!answer && answer.error().fact("aws_code") == "NoSuchTagSet") co_return std::vector<Tag>{};
  if (!answer) co_return fail(std::move(answer).error());
  auto document = Document::parse(answer->body, "the answer");
  if (!document)
    co_return fail(
        unreadable(Service::s3, "bucket tags", endpoint_.url, *answer, document.error().line()));
  // A farm that does not know "?tagging" may answer with the list of objects.
  if (document->root().name() != "Tagging")
    co_return fail(Code::unsupported,
                   fmt::format("{} does not keep tags on buckets", endpoint_.url.authority()));
  std::vector<Tag> out;
  for (Element item : document->root().child("TagSet").children("Tag"))
    out.push_back({item.child("Key").text(), item.child("Value").text()});
  co_return out;
}

namespace {

aio::Task<Result<>> delete_all(S3 s3, std::string bucket, std::vector<ObjectVersion> which,
                               uint64_t& gone) {
  for (size_t from = 0; from < which.size(); from += deleted_at_once) {
    size_t to = std::min(which.size(), from + deleted_at_once);
    std::vector<ObjectVersion> some(which.begin() + static_cast<ptrdiff_t>(from),
                                    which.begin() + static_cast<ptrdiff_t>(to));
    size_t asked = some.size();
    std::vector<DeleteFailure> stayed = CO_TRY(co_await s3.delete_many(bucket, std::move(some)));
    gone += asked - std::min(asked, stayed.size());
    if (!stayed.empty())
      co_return fail(
          Error(Code::conflict,
                fmt::format("{} objects of bucket {} could not be deleted, first '{}': {} {}",
                            stayed.size(), bucket, printable(stayed[0].key), stayed[0].code,
                            stayed[0].message))
              .fact("aws_code", stayed[0].code));
  }
  co_return Result<>{};
}

aio::Task<Result<>> delete_objects(S3 s3, std::string bucket, uint64_t& gone) {
  for (int page = 0; page < pages_max; ++page) {
    ListObjects list;
    list.bucket = bucket;
    // Always from the start: what was listed is gone.
    ObjectPage found = CO_TRY(co_await s3.list_objects(list));
    if (found.objects.empty()) co_return Result<>{};
    std::vector<ObjectVersion> which;
    for (const ObjectInfo& info : found.objects)
      which.push_back({info.key, "", false, true, info.size});
    CO_TRY(co_await delete_all(s3, bucket, std::move(which), gone));
  }
  co_return fail(
      Code::conflict,
      fmt::format("bucket {} does not become empty: something goes on writing to it", bucket));
}

aio::Task<Result<>> delete_versions(S3 s3, std::string bucket, uint64_t& gone) {
  for (int page = 0; page < pages_max; ++page) {
    Result<VersionPage> found = co_await s3.list_versions(bucket);
    if (!found && (found.error().code == Code::unsupported || found.error().code == Code::corrupt))
      co_return co_await delete_objects(s3, bucket, gone);
    if (!found) co_return fail(std::move(found).error());
    if (found->versions.empty()) co_return Result<>{};
    CO_TRY(co_await delete_all(s3, bucket, std::move(found->versions), gone));
  }
  co_return fail(
      Code::conflict,
      fmt::format("bucket {} does not become empty: something goes on writing to it", bucket));
}

aio::Task<Result<>> abort_uploads(S3 s3, std::string bucket, uint64_t& gone) {
  for (int page = 0; page < pages_max; ++page) {
    Result<UploadPage> found = co_await s3.list_uploads(bucket);
    if (!found && found.error().code == Code::unsupported) co_return Result<>{};
    if (!found) co_return fail(std::move(found).error());
    if (found->uploads.empty()) co_return Result<>{};
    for (const Upload& upload : found->uploads) {
      Result<> aborted = co_await s3.abort_upload(bucket, upload.key, upload.id);
      if (!aborted && aborted.error().code != Code::not_found) co_return aborted;
      ++gone;
    }
  }
  co_return fail(Code::conflict, fmt::format("bucket {} goes on getting new uploads", bucket));
}

}  // namespace

aio::Task<Result<uint64_t>> empty_bucket(S3 s3, std::string bucket) {
  uint64_t gone = 0;
  CO_TRY(co_await delete_versions(s3, bucket, gone));
  CO_TRY(co_await abort_uploads(s3, bucket, gone));
  co_return gone;
}

}  // namespace croft::cloud
