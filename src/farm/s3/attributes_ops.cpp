// GetObjectAttributes: what is known of an object, without its body.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/list_page.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr std::array attribute_names{"ETag", "Checksum", "ObjectParts", "StorageClass",
                                     "ObjectSize"};

Error invalid_argument(std::string text) {
  return aws_error("InvalidArgument", 400, std::move(text));
}

/// x-amz-object-attributes: one header with a list, or several.
Result<std::vector<std::string>> wanted_attributes(const S3Request& request) {
  std::vector<std::string> out;
  for (const auto& [name, value] : request.head().headers.fields()) {
    if (!equals_ignore_case(name, "x-amz-object-attributes")) continue;
    for (const std::string& item : split(value, ',')) {
      std::string one(trim(item));
      if (std::ranges::find(attribute_names, one) == attribute_names.end())
        return fail(invalid_argument("Invalid attribute name specified."));
      out.push_back(std::move(one));
    }
  }
  if (out.empty())
    return fail(aws_error("InvalidRequest", 400,
                          "The x-amz-object-attributes header specifying the attributes to be "
                          "retrieved is either missing or empty"));
  return out;
}

Result<int64_t> header_number(const S3Request& request, std::string_view name, int64_t fallback) {
  auto text = request.head().headers.get(name);
  if (!text) return fallback;
  auto number = parse_i64(*text);
  if (!number || *number < 0)
    return fail(invalid_argument(fmt::format("{} must be a number", name)));
  return *number;
}

Result<> write_parts(wire::xml::Writer& writer, const S3Request& request,
                     const ObjectRecord& record) {
  int64_t most =
      std::min(TRY(header_number(request, "x-amz-max-parts", max_list_page)), max_list_page);
  int64_t marker = TRY(header_number(request, "x-amz-part-number-marker", 0));
  writer.open("ObjectParts").element("PartsCount", record.pieces.size());
  writer.element("PartNumberMarker", marker).element("MaxParts", most);
  int64_t shown = 0, last = marker;
  bool truncated = false;
  wire::xml::Writer list(false);
  list.open("List");
  for (size_t i = 0; i < record.pieces.size(); ++i) {
    const Piece& piece = record.pieces[i];
    int64_t number = static_cast<int64_t>(i) + 1;
    if (number <= marker) continue;
    truncated = shown == most;
    if (truncated) break;
    list.open("Part").element("PartNumber", number).element("Size", piece.size);
    if (record.checksum && !piece.checksum.empty())
      list.element(element_of(record.checksum->kind), piece.checksum);
    list.close();
    last = number;
    ++shown;
  }
  if (truncated) writer.element("NextPartNumberMarker", last);
  writer.element("IsTruncated", truncated);
  std::string text = list.take();
  constexpr std::string_view open = "<List>", close = "</List>";
  if (text.starts_with(open))
    writer.raw(
        std::string_view(text).substr(open.size(), text.size() - open.size() - close.size()));
  writer.close();
  return {};
}

}  // namespace

aio::Task<Result<>> Service::get_attributes(S3Request& request) {
  BucketRef bucket = CO_TRY(own_bucket(request));
  std::vector<std::string> wanted = CO_TRY(wanted_attributes(request));
  ObjectRef object = CO_TRY(co_await existing(request));
  const ObjectRecord& record = object->record;
  auto wants = [&wanted](std::string_view name) {
    return std::ranges::find(wanted, name) != wanted.end();
  };
  wire::xml::Writer writer;
  writer.open("GetObjectAttributesResponse", {{"xmlns", s3_namespace}});
  if (wants("ETag")) writer.element("ETag", record.etag);
  if (wants("Checksum") && record.checksum) {
    writer.open("Checksum").element(element_of(record.checksum->kind), record.checksum->value);
    writer.element("ChecksumType", record.checksum->composite() ? "COMPOSITE" : "FULL_OBJECT");
    writer.close();
  }
  if (wants("ObjectParts") && record.multipart) CO_TRY(write_parts(writer, request, record));
  if (wants("StorageClass")) writer.element("StorageClass", record.storage_class);
  if (wants("ObjectSize")) writer.element("ObjectSize", record.size);
  wire::Headers headers{{"Content-Type", "application/xml"},
                        {"Last-Modified", record.modified.http_date()}};
  add_version(headers, *bucket, record);
  co_return co_await request.answer.respond(200, std::move(headers), writer.take());
}

}  // namespace croft::farm::s3
