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

void put_acl(json::Object& object, const Acl& acl) {
  if (!acl) return;
  json::Array grants;
  for (const Grant& grant : *acl)
    grants.push_back(json::Array{json::Value(grant.grantee), json::Value(grant.permission)});
  object["acl"] = std::move(grants);
}

Result<Acl> acl_at(const json::Object& object) {
  if (!object.contains("acl")) return Acl{};
  Acl out(std::in_place);
  for (auto& [grantee, permission] : TRY(pairs_at(object, "acl")))
    out->push_back({std::move(grantee), std::move(permission)});
  return out;
}

/// A piece is [id, size], with more behind where there is more to tell.
json::Array to_json(const Piece& piece) {
  json::Array out{json::Value(piece.id), json::Value(piece.size)};
  if (!piece.checksum.empty()) out.push_back(json::Value(piece.checksum));
  return out;
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
    for (const Piece& piece : record.pieces) pieces.push_back(to_json(piece));
    out["pieces"] = std::move(pieces);
  }
  put_text(out, "version", record.version);
  if (record.delete_marker) out["marker"] = true;
  put_text(out, "owner", record.owner);
  put_acl(out, record.acl);
  put_text(out, "kmsKey", record.kms_key);
  if (!record.lock_mode.empty()) {
    out["lockMode"] = record.lock_mode;
    out["retainUntil"] = record.retain_until.ns;
  }
  if (record.legal_hold) out["legalHold"] = true;
  if (record.lock_hold_told) out["legalHoldTold"] = true;
  if (record.restored_until.ns != 0) out["restoredUntil"] = record.restored_until.ns;
  return out;
}

Result<uint64_t> unsigned_of(const json::Value& value) {
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<uint64_t>(value.get_int64());
  if (value.is_uint64()) return value.get_uint64();
  return fail(damaged("a size was expected"));
}

Result<Piece> piece_from(const json::Value& item) {
  const json::Array* parts = item.if_array();
  if (!parts || parts->size() < 2 || !(*parts)[0].is_string()) return fail(damaged("a bad piece"));
  Piece out{.id = std::string((*parts)[0].get_string()), .size = TRY(unsigned_of((*parts)[1]))};
  if (parts->size() > 2 && (*parts)[2].is_string())
    out.checksum = std::string((*parts)[2].get_string());
  return out;
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
  out.version = TRY(json::string_or(object, "version", ""));
  out.delete_marker = TRY(json::bool_or(object, "marker", false));
  out.owner = TRY(json::string_or(object, "owner", ""));
  out.acl = TRY(acl_at(object));
  out.kms_key = TRY(json::string_or(object, "kmsKey", ""));
  out.lock_mode = TRY(json::string_or(object, "lockMode", ""));
  out.retain_until.ns = TRY(json::int_or(object, "retainUntil", 0));
  out.legal_hold = TRY(json::bool_or(object, "legalHold", false));
  out.restored_until.ns = TRY(json::int_or(object, "restoredUntil", 0));
  out.lock_hold_told = TRY(json::bool_or(object, "legalHoldTold", false));
  const json::Array* pieces = TRY(json::array_if(object, "pieces"));
  if (!pieces) return out;
  for (const json::Value& item : *pieces) out.pieces.push_back(TRY(piece_from(item)));
  return out;
}

constexpr json::Limits record_limits{.size = Bytes::mib(64)};

}  // namespace

std::string encode(const BucketRecord& record) {
  json::Object out{{"name", record.name}, {"owner", record.owner}, {"created", record.created.ns}};
  put_pairs(out, "tags", record.tags);
  if (record.versioning != Versioning::never)
    out["versioning"] = record.versioning == Versioning::enabled ? "enabled" : "suspended";
  put_acl(out, record.acl);
  if (record.shared) out["shared"] = true;
  if (!record.configuration.empty()) {
    json::Object documents;
    for (const auto& [name, text] : record.configuration) documents[name] = text;
    out["configuration"] = std::move(documents);
  }
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
  if (record.full_checksum) out["fullChecksum"] = true;
  put_text(out, "initiator", record.initiator);
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
  std::string versioning = TRY(json::string_or(object, "versioning", ""));
  if (versioning == "enabled") out.versioning = Versioning::enabled;
  if (versioning == "suspended") out.versioning = Versioning::suspended;
  out.acl = TRY(acl_at(object));
  out.shared = TRY(json::bool_or(object, "shared", false));
  if (const json::Object* documents = TRY(json::object_if(object, "configuration")))
    for (const auto& [name, value] : *documents)
      if (value.is_string()) out.configuration[std::string(name)] = std::string(value.get_string());
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
  out.full_checksum = TRY(json::bool_or(object, "fullChecksum", false));
  out.initiator = TRY(json::string_or(object, "initiator", ""));
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
