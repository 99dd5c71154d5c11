#include "controller/backup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "controller/controller.h"
#include "engine/record.h"
#include "wire/json.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

constexpr int64_t format = 1;  // of the backup itself; that of the store is in it
constexpr size_t page = 500;
constexpr size_t entries_a_commit = 1000;
constexpr Bytes key_limit = Bytes::kib(64);

std::string key_file(const std::string& home, std::string_view name) {
  return fmt::format("{}/controller/{}", home, name);
}

aio::Task<Result<json::Object>> keys_of(aio::World& world, const std::string& home) {
  json::Object out;
  for (const char* name : shared_keys) {
    auto text = co_await world.disk.read_file(key_file(home, name), key_limit);
    if (text)
      out[name] = base64(*text);
    else if (text.error().code != Code::not_found)
      co_return fail(std::move(text).error());
  }
  co_return out;
}

struct Parsed {
  json::Object files;
  std::vector<store::Change> entries;
};

Result<Parsed> parse(std::string_view text) {
  auto damaged = [](std::string what) {
    return fail(Error(Code::corrupt, "this is no whole backup: " + what)
                    .hint("croft controller backup writes one"));
  };
  if (!text.ends_with('\n')) return damaged("its last line is cut");
  size_t last = text.rfind('\n', text.size() - 2);
  if (last == std::string_view::npos) return damaged("it has one line");
  auto end = json::parse_object(text.substr(last + 1), "the last line");
  if (!end || !end->contains("sha256")) return damaged("its last line tells no digest");
  if (TRY(json::string_at(*end, "sha256")) != sha256_hex(text.substr(0, last + 1)))
    return damaged("its digest is another");
  Parsed out;
  bool first = true;
  text = text.substr(0, last + 1);
  while (!text.empty()) {
    size_t size = text.find('\n');
    auto line = TRY(json::parse_object(text.substr(0, size), "a line",
                                       {Bytes(2 * store::value_bytes_max), 16}));
    text.remove_prefix(size + 1);
    if (std::exchange(first, false)) {
      if (TRY(json::string_or(line, "croft", "")) != "backup")
        return damaged("it begins otherwise");
      if (TRY(json::int_at(line, "format")) > format)
        return fail(Code::unsupported, "a newer croft has written this backup");
      out.files = *TRY(json::object_at(line, "files"));
      continue;
    }
    auto value = unbase64(TRY(json::string_at(line, "value")));
    if (!value) return damaged("a value is no base64");
    out.entries.push_back({.key = TRY(json::string_at(line, "key")), .value = *std::move(value)});
  }
  return out;
}

/// Its engine is told that the farm may have gone on without it.
Result<> mark_restored(store::Change& entry) {
  auto name = std::string_view(entry.key);
  std::string prefix = engine::application_key("", ""), end = "/record";
  prefix.pop_back();
  if (!name.starts_with(prefix) || !name.ends_with(end)) return {};
  name = name.substr(prefix.size(), name.size() - prefix.size() - end.size());
  if (entry.key != engine::application_key(name, "record") || !entry.value) return {};
  auto record = TRY(json::parse_object(*entry.value, entry.key));
  record["restored"] = true;
  entry.value = json::compact(record);
  return {};
}

aio::Task<Result<>> put(store::Store& store, std::vector<store::Change> entries) {
  for (size_t at = 0; at < entries.size(); at += entries_a_commit) {
    auto first = entries.begin() + static_cast<ptrdiff_t>(at);
    auto end = first + static_cast<ptrdiff_t>(std::min(entries_a_commit, entries.size() - at));
    CO_TRY(
        co_await store.commit({}, {std::make_move_iterator(first), std::make_move_iterator(end)}));
  }
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<>> back_up(aio::World& world, store::Store& store, std::string home,
                            std::function<aio::Task<Result<>>(std::string lines)> write) {
  json::Object head{
      {"croft", "backup"}, {"format", format}, {"files", CO_TRY(co_await keys_of(world, home))}};
  std::string lines = json::compact(head) + "\n";
  Hasher digest(Hash::sha256);
  uint64_t count = 0;
  store::Range range = store::prefix("", page);
  for (;;) {
    auto entries = CO_TRY(co_await store.range(range));
    for (const auto& entry : entries) {
      if (entry.lease != 0) continue;  // of somebody who lives now
      ++count;
      lines +=
          json::compact(json::Object{{"key", entry.key}, {"value", base64(entry.value)}}) + "\n";
    }
    digest.update(lines);
    CO_TRY(co_await write(std::exchange(lines, "")));
    if (entries.size() < page) break;
    range.from = entries.back().key + '\0';
  }
  co_return co_await write(
      json::compact(json::Object{{"entries", count}, {"sha256", hex(digest.finish())}}) + "\n");
}

Result<uint64_t> entries_of(std::string_view text) {
  return TRY(parse(text)).entries.size();
}

aio::Task<Result<uint64_t>> restore(aio::World& world, std::string home, std::string text) {
  std::string database = home + "/controller/controller.db";
  for (const std::string& file : {database, key_file(home, "secret.key")})
    if (co_await world.disk.info(file))
      co_return fail(Error(Code::conflict, fmt::format("{} has had a controller", home))
                         .hint("a backup goes into a fresh --home"));
  auto parsed = CO_TRY(parse(text));
  for (store::Change& entry : parsed.entries) CO_TRY(mark_restored(entry));
  CO_TRY(co_await world.disk.make_dirs(home + "/controller"));
  for (const auto& file : parsed.files) {
    auto bytes = unbase64(CO_TRY(json::string_at(parsed.files, file.key())));
    bool known = std::ranges::find(shared_keys, file.key()) != std::end(shared_keys);
    if (!bytes || !known)
      co_return fail(Code::corrupt, "this is no whole backup: a key is damaged");
    CO_TRY(co_await world.disk.write_file(key_file(home, file.key()), *bytes));
  }
  uint64_t count = parsed.entries.size();
  auto store = CO_TRY(co_await store::open_sqlite(world, database));
  auto done = co_await put(*store, std::move(parsed.entries));
  auto closed = co_await store->close();
  if (done) done = std::move(closed);
  if (done) co_return count;
  // Half of it would pass for the whole.
  for (std::string_view end : {"", "-wal", "-shm"})
    static_cast<void>(co_await world.disk.remove(database + std::string(end)));
  for (const char* name : shared_keys)
    static_cast<void>(co_await world.disk.remove(key_file(home, name)));
  co_return fail(std::move(done).error());
}

}  // namespace croft::controller
