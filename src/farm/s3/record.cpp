#include "farm/s3/record.h"

#include "wire/json.h"

namespace croft::farm::s3 {
namespace {

namespace json = wire::json;

json::Array to_json(const Pairs& pairs) {
  json::Array out;
  for (const auto& [name, value] : pairs)
    out.push_back(json::Array{json::Value(name), json::Value(value)});
  return out;
}

void put_pairs(json::Object& object, std::string_view name, const Pairs& pairs) {
  if (!pairs.empty()) object[name] = to_json(pairs);
}

void put_text(json::Object& object, std::string_view name, std::string_view text) {
  if (!text.empty()) object[name] = text;
}

Error damaged(std::string_view what) {
  return Error(Code::corrupt, std::string(what));
}

Result<Pairs> pairs_at(const json::Object& object, std::string_view name) {
  Pairs out;
  const json::Array* items = TRY(json::array_if(object, name));
  if (!items) return out;
  for (const json::Value& item : *items) {
    const json::Array* pair = item.if_array();
    if (!pair || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      return fail(damaged("a pair of texts was expected"));
    out.emplace_back(std::string((*pair)[0].get_string()), std::string((*pair)[1].get_string()));
  }
  return out;
}

void put_checksum(json::Object& object, const std::optional<StoredChecksum>& checksum) {
  if (!checksum) return;
  object["checksum"] = name_of(checksum->kind);
  object["checksumValue"] = checksum->value;
}

Result<std::optional<StoredChecksum>> checksum_at(const json::Object& object) {
  std::string name = TRY(json::string_or(object, "checksum", ""));
  if (name.empty()) return std::nullopt;
  auto kind = checksum_from_name(name);
  if (!kind) return fail(damaged("unknown checksum " + name));
  return StoredChecksum{*kind, TRY(json::string_at(object, "checksumValue"))};
}

json::Object to_json(const ObjectRecord& record) {
  json::Object out{{"id", record.id},
                   {"size", record.size},
                   {"etag", record.etag},
                   {"modified", record.modified.ns}};
  put_text(out, "type", record.content_type);
  put_pairs(out, "headers", record.headers);
  put_pairs(out, "metadata", record.metadata);
  put_pairs(out, "tags", record.tags);
  if (record.storage_class != "STANDARD") out["class"] = record.storage_class;
  put_text(out, "encryption", record.encryption);
  put_checksum(out, record.checksum);
  if (record.in_store) out["inStore"] = true;
  if (record.multipart) out["multipart"] = true;
  if (!record.pieces.empty()) {
    json::Array pieces;
    for (const Piece& piece : record.pieces)
      pieces.push_back(json::Array{json::Value(piece.id), json::Value(piece.size)});
    out["pieces"] = std::move(pieces);
  }
  return out;
}

Result<uint64_t> unsigned_of(const json::Value& value) {
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<uint64_t>(value.get_int64());
  if (value.is_uint64()) return value.get_uint64();
  return fail(damaged("a size was expected"));
}

Result<ObjectRecord> object_from(const json::Object& object) {
  ObjectRecord out;
  out.id = TRY(json::string_at(object, "id"));
  out.size = static_cast<uint64_t>(TRY(json::int_at(object, "size")));
  out.etag = TRY(json::string_at(object, "etag"));
  out.modified.ns = TRY(json::int_at(object, "modified"));
  out.content_type = TRY(json::string_or(object, "type", ""));
  out.headers = TRY(pairs_at(object, "headers"));
  out.metadata = TRY(pairs_at(object, "metadata"));
  out.tags = TRY(pairs_at(object, "tags"));
  out.storage_class = TRY(json::string_or(object, "class", "STANDARD"));
  out.encryption = TRY(json::string_or(object, "encryption", ""));
  out.checksum = TRY(checksum_at(object));
  out.in_store = TRY(json::bool_or(object, "inStore", false));
  out.multipart = TRY(json::bool_or(object, "multipart", false));
  const json::Array* pieces = TRY(json::array_if(object, "pieces"));
  if (!pieces) return out;
  for (const json::Value& item : *pieces) {
    const json::Array* pair = item.if_array();
    if (!pair || pair->size() != 2 || !(*pair)[0].is_string()) return fail(damaged("a bad piece"));
    out.pieces.push_back({std::string((*pair)[0].get_string()), TRY(unsigned_of((*pair)[1]))});
  }
  return out;
}

constexpr json::Limits record_limits{.size = Bytes::mib(64)};

}  // namespace

std::string encode(const BucketRecord& record) {
  json::Object out{{"name", record.name}, {"owner", record.owner}, {"created", record.created.ns}};
  put_pairs(out, "tags", record.tags);
  return json::compact(out);
}

std::string encode(const ObjectRecord& record) {
  return json::compact(to_json(record));
}

std::string encode(const UploadRecord& record) {
  json::Object out{{"id", record.id},
                   {"bucket", record.bucket},
                   {"key", record.key},
                   {"started", record.started.ns},
                   {"object", to_json(record.object)}};
  if (record.checksum) out["checksum"] = name_of(*record.checksum);
  return json::compact(out);
}

std::string encode(const PartRecord& record) {
  json::Object out{{"number", record.number},
                   {"id", record.piece.id},
                   {"size", record.piece.size},
                   {"etag", record.etag},
                   {"modified", record.modified.ns}};
  put_checksum(out, record.checksum);
  return json::compact(out);
}

Result<BucketRecord> decode_bucket(std::string_view text) {
  json::Object object = TRY(json::parse_object(text, "bucket record", record_limits));
  BucketRecord out;
  out.name = TRY(json::string_at(object, "name"));
  out.owner = TRY(json::string_at(object, "owner"));
  out.created.ns = TRY(json::int_at(object, "created"));
  out.tags = TRY(pairs_at(object, "tags"));
  return out;
}

Result<ObjectRecord> decode_object(std::string_view text) {
  return object_from(TRY(json::parse_object(text, "object record", record_limits)));
}

Result<UploadRecord> decode_upload(std::string_view text) {
  json::Object object = TRY(json::parse_object(text, "upload record", record_limits));
  UploadRecord out;
  out.id = TRY(json::string_at(object, "id"));
  out.bucket = TRY(json::string_at(object, "bucket"));
  out.key = TRY(json::string_at(object, "key"));
  out.started.ns = TRY(json::int_at(object, "started"));
  out.object = TRY(object_from(*TRY(json::object_at(object, "object"))));
  out.checksum = checksum_from_name(TRY(json::string_or(object, "checksum", "")));
  return out;
}

Result<PartRecord> decode_part(std::string_view text) {
  json::Object object = TRY(json::parse_object(text, "part record", record_limits));
  PartRecord out;
  out.number = static_cast<int>(TRY(json::int_at(object, "number")));
  out.piece = {TRY(json::string_at(object, "id")),
               static_cast<uint64_t>(TRY(json::int_at(object, "size")))};
  out.etag = TRY(json::string_at(object, "etag"));
  out.modified.ns = TRY(json::int_at(object, "modified"));
  out.checksum = TRY(checksum_at(object));
  return out;
}

}  // namespace croft::farm::s3
