// Objects: put, get, head, delete, lists, multipart.
#include <fmt/format.h>

#include "aio/scope.h"
#include "base/digest.h"
#include "base/text.h"
#include "cloud/aws_error.h"
#include "cloud/s3.h"
#include "wire/uri.h"
#include "wire/xml.h"

namespace croft::cloud {
namespace {

using wire::xml::Document;
using wire::xml::Element;

constexpr wire::xml::Limits answer_limits{Bytes::mib(64), 32};
constexpr size_t delete_max = 1000;
constexpr size_t parts_max = 10'000;
constexpr int64_t part_size_min = 5 << 20;

Result<Document> parse_answer(const net::Response& answer, std::string_view root,
                              const net::Url& url) {
  auto document = Document::parse(answer.body, "the answer", answer_limits);
  if (!document) return fail(unreadable(Service::s3, root, url, answer, document.error().line()));
  if (document->root().name() != root)
    return fail(unreadable(
        Service::s3, root, url, answer,
        fmt::format("it begins with <{}>, expected <{}>", document->root().name(), root)));
  return std::move(*document);
}

/// Names in lists come percent-encoded when asked for so: XML cannot carry every key.
class Names {
 public:
  explicit Names(Element root) : encoded_(root.child("EncodingType").text() == "url") {}
  Result<std::string> read(Element element) const {
    std::string text = element.text();
    if (!encoded_) return text;
    return wire::percent_decode(replace_all(text, "+", " "));
  }

 private:
  bool encoded_;
};

bool is_true(Element element) {
  return trim(element.text()) == "true";
}

uint64_t number(Element element) {
  return parse_u64(trim(element.text())).value_or(0);
}

ObjectInfo info_from_headers(std::string key, const net::Response& answer) {
  ObjectInfo out;
  out.key = std::move(key);
  out.size = parse_u64(answer.headers.value("content-length")).value_or(answer.body.size());
  out.etag = std::string(answer.headers.value("etag"));
  out.modified = std::string(answer.headers.value("last-modified"));
  out.content_type = std::string(answer.headers.value("content-type"));
  out.version_id = std::string(answer.headers.value("x-amz-version-id"));
  constexpr std::string_view prefix = "x-amz-meta-";
  for (const auto& [name, value] : answer.headers.fields()) {
    std::string lower = to_lower(name);
    if (lower.starts_with(prefix)) out.metadata.emplace_back(lower.substr(prefix.size()), value);
  }
  return out;
}

S3Request object_call(std::string method, std::string bucket, std::string key) {
  S3Request out;
  out.method = std::move(method);
  out.bucket = std::move(bucket);
  out.key = std::move(key);
  return out;
}

void add_content_md5(S3Request& request) {
  request.headers.set("Content-MD5", base64(digest(Hash::md5, request.body)));
}

/// One part of a larger source.
class Slice : public net::BodySource {
 public:
  Slice(std::shared_ptr<net::BodySource> whole, uint64_t from, uint64_t size)
      : whole_(std::move(whole)), from_(from), size_(size) {}
  uint64_t size() const override { return size_; }
  aio::Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) override {
    if (offset >= size_) co_return size_t{0};
    size_t room = static_cast<size_t>(std::min<uint64_t>(into.size(), size_ - offset));
    co_return co_await whole_->read_at(from_ + offset, into.first(room));
  }

 private:
  std::shared_ptr<net::BodySource> whole_;
  uint64_t from_, size_;
};

}  // namespace

S3Request S3::object_request(const GetObject& request) {
  S3Request out = object_call("GET", request.bucket, request.key);
  if (!request.version_id.empty()) out.query.emplace_back("versionId", request.version_id);
  if (request.offset > 0 || request.length) {
    std::string end =
        request.length ? std::to_string(request.offset + std::max<uint64_t>(*request.length, 1) - 1)
                       : "";
    out.headers.set("Range", fmt::format("bytes={}-{}", request.offset, end));
  }
  out.answer_limit = request.limit;
  return out;
}

aio::Task<Result<std::string>> S3::put_object(PutObject put) const {
  S3Request request = object_call("PUT", std::move(put.bucket), std::move(put.key));
  request.body = std::move(put.body);
  request.source = std::move(put.source);
  request.headers.set("Content-Type", put.content_type);
  for (auto& [name, value] : put.metadata) request.headers.set("x-amz-meta-" + name, value);
  if (put.if_absent) request.headers.set("If-None-Match", "*");
  if (!put.if_etag.empty()) request.headers.set("If-Match", put.if_etag);
  // After a lost answer a repeated conditional PUT would meet its own object and report a conflict.
  request.repeatable = !put.if_absent && put.if_etag.empty();
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  co_return std::string(answer.headers.value("etag"));
}

aio::Task<Result<Object>> S3::get_object(GetObject get) const {
  net::Response answer = CO_TRY(co_await send(object_request(get)));
  ObjectInfo info = info_from_headers(std::move(get.key), answer);
  info.size = answer.body.size();
  co_return Object{std::move(info), std::move(answer.body)};
}

aio::Task<Result<ObjectInfo>> S3::head_object(std::string bucket, std::string key) const {
  net::Response answer = CO_TRY(co_await send(object_call("HEAD", std::move(bucket), key)));
  co_return info_from_headers(std::move(key), answer);
}

aio::Task<Result<>> S3::delete_object(std::string bucket, std::string key,
                                      std::string version_id) const {
  S3Request request = object_call("DELETE", std::move(bucket), std::move(key));
  if (!version_id.empty()) request.query.emplace_back("versionId", std::move(version_id));
  CO_TRY(co_await send(std::move(request)));
  co_return Result<>{};
}

aio::Task<Result<ObjectPage>> S3::list_objects(ListObjects list) const {
  S3Request request = object_call("GET", list.bucket, "");
  request.query = {
      {"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", std::to_string(list.max_keys)}};
  if (!list.prefix.empty()) request.query.emplace_back("prefix", list.prefix);
  if (!list.delimiter.empty()) request.query.emplace_back("delimiter", list.delimiter);
  if (!list.start_after.empty()) request.query.emplace_back("start-after", list.start_after);
  if (!list.token.empty()) request.query.emplace_back("continuation-token", list.token);
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  Document document = CO_TRY(parse_answer(answer, "ListBucketResult", endpoint_.url));
  Element root = document.root();
  Names names(root);
  ObjectPage out;
  for (Element item : root.children("Contents")) {
    ObjectInfo info;
    info.key = CO_TRY(names.read(item.child("Key")));
    info.size = number(item.child("Size"));
    info.etag = item.child("ETag").text();
    info.modified = item.child("LastModified").text();
    out.objects.push_back(std::move(info));
  }
  for (Element item : root.children("CommonPrefixes"))
    out.common_prefixes.push_back(CO_TRY(names.read(item.child("Prefix"))));
  if (is_true(root.child("IsTruncated"))) {
    out.next = root.child("NextContinuationToken").text();
    if (out.next.empty())
      co_return fail(
          unreadable(Service::s3, "list", endpoint_.url, answer, "more pages without a token"));
  }
  co_return out;
}

aio::Task<Result<VersionPage>> S3::list_versions(std::string bucket, std::string prefix,
                                                 std::string key_marker,
                                                 std::string version_marker) const {
  S3Request request = object_call("GET", std::move(bucket), "");
  request.query = {{"versions", ""}, {"encoding-type", "url"}, {"max-keys", "1000"}};
  if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
  if (!key_marker.empty()) request.query.emplace_back("key-marker", key_marker);
  if (!version_marker.empty()) request.query.emplace_back("version-id-marker", version_marker);
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  Document document = CO_TRY(parse_answer(answer, "ListVersionsResult", endpoint_.url));
  Element root = document.root();
  Names names(root);
  VersionPage out;
  for (Element item : root.children()) {
    bool marker = item.name() == "DeleteMarker";
    if (!marker && item.name() != "Version") continue;
    out.versions.push_back({CO_TRY(names.read(item.child("Key"))), item.child("VersionId").text(),
                            marker, is_true(item.child("IsLatest")), number(item.child("Size"))});
  }
  if (is_true(root.child("IsTruncated"))) {
    out.next_key = CO_TRY(names.read(root.child("NextKeyMarker")));
    out.next_version = root.child("NextVersionIdMarker").text();
    if (out.next_key.empty())
      co_return fail(unreadable(Service::s3, "list versions", endpoint_.url, answer,
                                "more pages without a marker"));
  }
  co_return out;
}

aio::Task<Result<std::vector<DeleteFailure>>> S3::delete_many(
    std::string bucket, std::vector<ObjectVersion> which) const {
  if (which.size() > delete_max)
    co_return fail(Code::invalid_argument,
                   fmt::format("{} keys in one delete, S3 takes {}", which.size(), delete_max));
  if (which.empty()) co_return std::vector<DeleteFailure>{};
  wire::xml::Writer writer;
  writer.open("Delete", {{"xmlns", "http://s3.amazonaws.com/doc/2006-03-01/"}});
  writer.element("Quiet", true);
  for (const ObjectVersion& one : which) {
    writer.open("Object").element("Key", one.key);
    if (!one.version_id.empty()) writer.element("VersionId", one.version_id);
    writer.close();
  }
  S3Request request = object_call("POST", std::move(bucket), "");
  request.query = {{"delete", ""}};
  request.body = writer.take();
  request.headers.set("Content-Type", "application/xml");
  add_content_md5(request);
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  Document document = CO_TRY(parse_answer(answer, "DeleteResult", endpoint_.url));
  std::vector<DeleteFailure> out;
  for (Element item : document.root().children("Error"))
    out.push_back({item.child("Key").text(), item.child("VersionId").text(),
                   item.child("Code").text(), item.child("Message").text()});
  co_return out;
}

aio::Task<Result<std::string>> S3::create_upload(std::string bucket, std::string key,
                                                 Headers headers) const {
  S3Request request = object_call("POST", std::move(bucket), std::move(key));
  request.query = {{"uploads", ""}};
  request.headers.set("Content-Type", "application/octet-stream");
  for (auto& [name, value] : headers) request.headers.set(name, std::move(value));
  // A repeat makes a second upload that nobody would finish.
  request.repeatable = false;
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  Document document = CO_TRY(parse_answer(answer, "InitiateMultipartUploadResult", endpoint_.url));
  std::string id = document.root().child("UploadId").text();
  if (id.empty())
    co_return fail(unreadable(Service::s3, "upload", endpoint_.url, answer, "no UploadId"));
  co_return id;
}

aio::Task<Result<Part>> S3::upload_part(std::string bucket, std::string key, std::string upload_id,
                                        int part, std::string body) const {
  S3Request request = object_call("PUT", std::move(bucket), std::move(key));
  request.query = {{"partNumber", std::to_string(part)}, {"uploadId", std::move(upload_id)}};
  request.body = std::move(body);
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  co_return Part{part, std::string(answer.headers.value("etag"))};
}

aio::Task<Result<std::string>> S3::complete_upload(std::string bucket, std::string key,
                                                   std::string upload_id,
                                                   std::vector<Part> parts) const {
  wire::xml::Writer writer;
  writer.open("CompleteMultipartUpload", {{"xmlns", "http://s3.amazonaws.com/doc/2006-03-01/"}});
  for (const Part& part : parts)
    writer.open("Part").element("PartNumber", part.number).element("ETag", part.etag).close();
  S3Request request = object_call("POST", std::move(bucket), std::move(key));
  request.query = {{"uploadId", std::move(upload_id)}};
  request.body = writer.take();
  request.headers.set("Content-Type", "application/xml");
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  // Farms differ in the root's name (moto says ...Response): the ETag is what counts.
  auto document = Document::parse(answer.body, "the answer", answer_limits);
  if (!document)
    co_return fail(
        unreadable(Service::s3, "upload", endpoint_.url, answer, document.error().line()));
  std::optional<std::string> etag = document->root().text_of("ETag");
  if (!etag)
    co_return fail(unreadable(Service::s3, "upload", endpoint_.url, answer, "it has no ETag"));
  co_return std::move(*etag);
}

aio::Task<Result<>> S3::abort_upload(std::string bucket, std::string key,
                                     std::string upload_id) const {
  S3Request request = object_call("DELETE", std::move(bucket), std::move(key));
  request.query = {{"uploadId", std::move(upload_id)}};
  CO_TRY(co_await send(std::move(request)));
  co_return Result<>{};
}

aio::Task<Result<UploadPage>> S3::list_uploads(std::string bucket, std::string key_marker,
                                               std::string id_marker, std::string prefix) const {
  S3Request request = object_call("GET", std::move(bucket), "");
  request.query = {{"uploads", ""}, {"encoding-type", "url"}, {"max-uploads", "1000"}};
  if (!key_marker.empty()) request.query.emplace_back("key-marker", key_marker);
  if (!id_marker.empty()) request.query.emplace_back("upload-id-marker", id_marker);
  if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
  net::Response answer = CO_TRY(co_await send(std::move(request)));
  Document document = CO_TRY(parse_answer(answer, "ListMultipartUploadsResult", endpoint_.url));
  Element root = document.root();
  Names names(root);
  UploadPage out;
  for (Element item : root.children("Upload"))
    out.uploads.push_back({CO_TRY(names.read(item.child("Key"))), item.child("UploadId").text()});
  if (is_true(root.child("IsTruncated"))) {
    out.next_key = CO_TRY(names.read(root.child("NextKeyMarker")));
    out.next_id = root.child("NextUploadIdMarker").text();
  }
  co_return out;
}

aio::Task<Result<std::vector<std::string>>> S3::uploads_to(std::string bucket,
                                                           std::string key) const {
  std::vector<std::string> out;
  std::string at_key, at_id;
  do {
    Result<UploadPage> page = co_await list_uploads(bucket, at_key, at_id, key);
    if (!page && page.error().code == Code::unsupported) break;
    if (!page) co_return fail(std::move(page).error());
    for (Upload& one : page->uploads)
      if (one.key == key) out.push_back(std::move(one.id));
    at_key = page->next_key;
    at_id = page->next_id;
  } while (!at_key.empty() && at_key == key);
  co_return out;
}

namespace {

aio::Task<Result<std::vector<Part>>> upload_parts(S3 s3, std::string bucket, std::string key,
                                                  std::string id,
                                                  std::shared_ptr<net::BodySource> source,
                                                  uint64_t part_size) {
  std::vector<Part> parts;
  uint64_t size = source->size();
  for (uint64_t from = 0; from < size || parts.empty(); from += part_size) {
    Slice slice(source, from, std::min(part_size, size - from));
    std::string body(static_cast<size_t>(slice.size()), '\0');
    size_t filled = 0;
    while (filled < body.size()) {
      size_t got = CO_TRY(co_await slice.read_at(filled, std::span(body).subspan(filled)));
      if (got == 0) co_return fail(Code::io, "the file became shorter while it was uploaded");
      filled += got;
    }
    int part = static_cast<int>(parts.size()) + 1;
    parts.push_back(CO_TRY(co_await s3.upload_part(bucket, key, id, part, std::move(body))));
  }
  co_return parts;
}

aio::Task<Result<std::string>> upload_all(S3 s3, std::string bucket, std::string key,
                                          std::string id, std::shared_ptr<net::BodySource> source,
                                          uint64_t part_size) {
  std::vector<Part> parts =
      CO_TRY(co_await upload_parts(s3, bucket, key, id, std::move(source), part_size));
  co_return co_await s3.complete_upload(bucket, key, id, std::move(parts));
}

}  // namespace

aio::Task<Result<std::string>> S3::upload(std::string bucket, std::string key,
                                          std::shared_ptr<net::BodySource> source, Headers headers,
                                          Bytes part_size) const {
  uint64_t size = static_cast<uint64_t>(std::max(part_size.count(), part_size_min));
  size = std::max<uint64_t>(size, source->size() / parts_max + 1);
  std::string id = CO_TRY(co_await create_upload(bucket, key, std::move(headers)));
  Result<std::string> etag = co_await upload_all(*this, bucket, key, id, std::move(source), size);
  if (etag) co_return etag;
  // What was stored already costs money until it is aborted, even when we are being cancelled.
  Result<> aborted =
      co_await aio::shield(aio::deadline(connection_.world.clock, Duration::seconds(30),
                                         abort_upload(bucket, key, id), "aborting the upload"));
  if (!aborted)
    etag.error().hint(
        fmt::format("the unfinished upload {} of {} is still there", id, url_of(bucket, key)));
  co_return etag;
}

}  // namespace croft::cloud
