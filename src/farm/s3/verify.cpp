#include "farm/s3/verify.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::s3 {
namespace {

namespace json = wire::json;

constexpr size_t page = 500;
constexpr size_t block = 1 << 20;

/// "s3/o/BUCKET/KEY" -> "BUCKET/KEY"; of "s3/v/BUCKET/KEY\0ORDER" the order goes.
std::string shown_place(std::string_view entry, const ObjectRecord& record) {
  std::string out(entry.substr(5));
  if (entry.starts_with("s3/v/")) {
    if (size_t zero = out.rfind('\0'); zero != std::string::npos) out.resize(zero);
    out += "?versionId=" + (record.version.empty() ? "null" : record.version);
  }
  return printable(out);
}

/// "s3/p/UPLOAD/00007"
std::string shown_part(std::string_view entry, const PartRecord& part) {
  std::string_view upload = entry.substr(5, entry.rfind('/') - 5);
  return fmt::format("part {} of upload {}", part.number, upload);
}

/// A part looked at as an object of one piece.
ObjectRecord as_object(const PartRecord& part) {
  ObjectRecord out;
  out.id = part.piece.id;
  out.size = part.piece.size;
  out.etag = part.etag;
  out.checksum = part.checksum;
  out.pieces = {part.piece};
  return out;
}

}  // namespace

std::string to_json(const VerifyReport& report) {
  json::Array damages;
  for (const VerifyReport::Damage& damage : report.damages)
    damages.push_back(json::Object{{"where", damage.where}, {"what", damage.what}});
  return json::compact(json::Object{{"objects", report.objects},
                                    {"parts", report.parts},
                                    {"bytes", report.bytes},
                                    {"damaged", report.damaged},
                                    {"changed", report.changed},
                                    {"strays", report.strays},
                                    {"damages", std::move(damages)}});
}

aio::Task<Result<VerifyReport>> Verifier::run() {
  for (std::string_view prefix : {"s3/o/", "s3/v/"})
    CO_TRY(co_await walk(std::string(prefix), false));
  CO_TRY(co_await walk("s3/p/", true));
  CO_TRY(co_await look_for_strays());
  co_return std::move(report_);
}

aio::Task<Result<>> Verifier::walk(std::string prefix, bool parts) {
  store::Range range = store::prefix(prefix, page);
  for (;;) {
    std::vector<store::Entry> entries = CO_TRY(co_await store_.range(range));
    for (store::Entry& entry : entries) {
      Item item{entry.key, {}, {}};
      if (parts) {
        PartRecord part = CO_TRY(decode_part(entry.value));
        item.where = shown_part(entry.key, part);
        item.record = as_object(part);
        ++report_.parts;
      } else {
        item.record = CO_TRY(decode_object(entry.value));
        item.where = shown_place(entry.key, item.record);
        if (item.record.delete_marker) continue;
        ++report_.objects;
      }
      CO_TRY(co_await check(std::move(item)));
    }
    if (entries.size() < page) co_return Result<>{};
    range.from = entries.back().key + '\0';
    co_await aio::yield();  // the farm serves meanwhile
  }
}

aio::Task<Result<>> Verifier::check(Item item) {
  report_.bytes += item.record.size;
  if (item.record.in_store || item.record.pieces.empty()) co_return co_await check_stored(item);
  if (!files_.pin(item.record.id)) {
    ++report_.changed;
    co_return Result<>{};
  }
  Result<> done = co_await check_files(item);
  files_.unpin(item.record.id);
  co_return done;
}

aio::Task<Result<>> Verifier::check_stored(const Item& item) {
  std::string body;
  if (item.record.in_store && item.record.size > 0) {
    auto entry = CO_TRY(co_await store_.get_cold("s3/d/" + item.record.id));
    if (!entry) co_return co_await damage(item, "its body is missing from the store");
    body = std::move(*entry);
  }
  if (body.size() != item.record.size)
    co_return co_await damage(
        item, fmt::format("its record says {} bytes, there are {}", item.record.size, body.size()));
  auto kind = item.record.checksum ? std::optional(item.record.checksum->kind) : std::nullopt;
  Digests digests(false, kind);
  co_await aio::blocking(world_, aio::Pool::hash, [&] {
    digests.update(body);
    digests.finish();
  });
  if (hex(digests.md5) != item.record.etag)
    co_return co_await damage(
        item, fmt::format("its ETag says {}, its bytes {}", item.record.etag, hex(digests.md5)));
  if (kind && base64(digests.checksum) != item.record.checksum->value)
    co_return co_await damage(item, fmt::format("its {} does not match", name_of(*kind)));
  co_return Result<>{};
}

/// False: the file is missing or of another size.
aio::Task<Result<bool>> Verifier::hash_piece(const Piece& piece, Digests& own, Digests* whole) {
  auto file = co_await files_.open(piece.id);
  if (!file && file.error().code == Code::not_found) co_return false;
  if (!file) co_return fail(std::move(file).error());
  if (CO_TRY(co_await (*file)->size()) != piece.size) co_return false;
  buffer_.resize(block);
  for (uint64_t at = 0; at < piece.size;) {
    size_t want = static_cast<size_t>(std::min<uint64_t>(block, piece.size - at));
    size_t got = CO_TRY(co_await (*file)->read_at(at, std::span<char>(buffer_.data(), want)));
    if (got == 0) co_return false;
    std::string_view data(buffer_.data(), got);
    co_await aio::blocking(world_, aio::Pool::hash, [&own, whole, data] {
      own.update(data);
      if (whole) whole->update(data);
    });
    at += got;
  }
  own.finish();
  co_return true;
}

aio::Task<Result<>> Verifier::check_files(const Item& item) {
  const ObjectRecord& record = item.record;
  bool of_parts = record.etag.find('-') != std::string::npos;
  auto kind = record.checksum ? std::optional(record.checksum->kind) : std::nullopt;
  bool composite = record.checksum && record.checksum->composite();
  Digests whole(false, composite ? std::nullopt : kind);
  std::string md5s, sums;
  for (const Piece& piece : record.pieces) {
    Digests own(false, composite ? kind : std::nullopt);
    auto good = co_await hash_piece(piece, own, &whole);
    if (!good && good.error().code == Code::io)
      co_return co_await damage(item, "a data file cannot be read: " + good.error().what);
    if (!good) co_return fail(std::move(good).error());
    if (!*good)
      co_return co_await damage(
          item, fmt::format("data file {} is missing or of another size", piece.id));
    md5s += own.md5;
    sums += own.checksum;
  }
  whole.finish();
  std::string etag = of_parts
                         ? fmt::format("{}-{}", hex(digest(Hash::md5, md5s)), record.pieces.size())
                         : hex(whole.md5);
  if (etag != record.etag)
    co_return co_await damage(item,
                              fmt::format("its ETag says {}, its bytes {}", record.etag, etag));
  if (!kind) co_return Result<>{};
  std::string sum =
      composite ? fmt::format("{}-{}", base64(checksum_of(*kind, sums)), record.pieces.size())
                : base64(whole.checksum);
  if (sum != record.checksum->value)
    co_return co_await damage(item, fmt::format("its {} does not match", name_of(*kind)));
  co_return Result<>{};
}

/// Not damage if the object is another one by now.
aio::Task<Result<>> Verifier::damage(const Item& item, std::string what) {
  auto entry = CO_TRY(co_await store_.get(item.entry));
  bool same = entry && entry->value.find(item.record.id) != std::string::npos;
  if (!same) {
    ++report_.changed;
    co_return Result<>{};
  }
  ++report_.damaged;
  if (report_.damages.size() < VerifyReport::damages_max)
    report_.damages.push_back({item.where, std::move(what)});
  co_return Result<>{};
}

aio::Task<Result<>> Verifier::look_for_strays() {
  for (const std::string& shelf : CO_TRY(co_await files_.shelves()))
    for (const std::string& id : CO_TRY(co_await files_.on_shelf(shelf))) {
      if (CO_TRY(co_await store_.get("s3/f/" + id))) continue;
      // Its removal may have been under way when the shelf was listed.
      auto file = co_await files_.open(id);
      if (file) ++report_.strays;
    }
  co_return Result<>{};
}

}  // namespace croft::farm::s3
