#include "store/etcd/cold.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::store::etcd {
namespace {

constexpr int attempts_max = 10;  // against others that change the same at the same time
constexpr size_t pieces_a_page = 16;
constexpr size_t lists_a_look = 100;  // below --max-txn-ops

struct Listed {
  std::string id;
  size_t size = 0;
};

/// "ID SIZE": what the list of a cut value says.
Result<Listed> listed(std::string_view text) {
  auto parts = cut(text, ' ');
  auto size = parts ? parse_u64(parts->second) : std::nullopt;
  if (!size) return fail(Code::corrupt, "the list of a cold value in etcd cannot be read");
  return Listed{std::string(parts->first), *size};
}

/// Compaction has taken the revision that is being read.
bool compacted(const Error& error) {
  return error.code == Code::corrupt && error.what.find("compacted") != std::string::npos;
}

aio::Task<Result<std::vector<Entry>>> read_once(Gateway& gateway, Range range, size_t strip,
                                                size_t page) {
  std::vector<Entry> out;
  uint64_t revision = 0;
  while (out.size() < range.limit) {
    size_t want = std::min(page, range.limit - out.size());
    auto answer = co_await gateway.call("kv/range", range_request(range, want, revision));
    if (!answer && answer.error().code == Code::resource_exhausted && page > 1) {
      page = (page + 7) / 8;
      continue;
    }
    if (!answer) co_return fail(std::move(answer).error());
    std::vector<Entry> some = CO_TRY(entries(*answer, 0));
    if (revision == 0) revision = CO_TRY(revision_of(*answer));
    bool more = CO_TRY(wire::json::bool_or(*answer, "more", false));
    if (!some.empty()) range.from = some.back().key + '\0';
    for (Entry& entry : some) {
      entry.key.erase(0, strip);
      out.push_back(std::move(entry));
    }
    if (!more || some.empty()) break;
  }
  co_return out;
}

}  // namespace

aio::Task<Result<std::vector<Entry>>> read_range(Gateway& gateway, Range range, size_t strip,
                                                 size_t page) {
  for (int attempt = 1;; ++attempt) {
    auto found = co_await read_once(gateway, range, strip, page);
    if (found || !compacted(found.error()) || attempt == attempts_max) co_return found;
  }
}

aio::Task<Result<std::string>> Cold::lay_down(const std::string& value, ColdPlan& plan) {
  std::string id = fmt::format("{:016x}-{}", session_.lease(), laid_++);
  plan.laid.push_back(id);
  size_t index = 0;
  for (size_t at = 0; at < value.size(); at += piece_bytes) {
    std::string key = fmt::format("{}{:04}", pieces(id), index++);
    Txn txn;
    txn.success.push_back(
        put(key, std::string_view(value).substr(at, piece_bytes), session_.lease()));
    CO_TRY(co_await gateway_.call("kv/txn", std::move(txn).object()));
    plan.parts.push_back(untie(key));
  }
  co_return fmt::format("{} {}", id, value.size());
}

aio::Task<Result<>> Cold::add(const Change& change, const std::optional<Entry>& old,
                              ColdPlan& plan) {
  std::string list_key = list(change.key);
  plan.guards.push_back(unchanged(list_key, old ? old->modified : 0));
  plan.guarded.push_back(list_key);
  if (old) plan.parts.push_back(remove_all(prefix(pieces(CO_TRY(listed(old->value)).id))));
  bool large = change.value && change.value->size() > whole_max;
  if (large) {
    std::string text = CO_TRY(co_await lay_down(*change.value, plan));
    plan.parts.push_back(put(list_key, text, 0));
    plan.parts.push_back(remove(whole(change.key)));
    co_return Result<>{};
  }
  if (change.value)
    plan.parts.push_back(put(whole(change.key), *change.value, 0));
  else
    plan.parts.push_back(remove(whole(change.key)));
  if (old) plan.parts.push_back(remove(list_key));
  co_return Result<>{};
}

aio::Task<Result<ColdPlan>> Cold::plan(const std::vector<Change>& changes) {
  ColdPlan plan;
  std::vector<const Change*> cold;
  for (const Change& change : changes)
    if (change.cold) cold.push_back(&change);
  for (size_t from = 0; from < cold.size(); from += lists_a_look) {
    size_t to = std::min(cold.size(), from + lists_a_look);
    Txn look;
    for (size_t i = from; i < to; ++i) look.success.push_back(get(list(cold[i]->key), false));
    Object answer = CO_TRY(co_await gateway_.call("kv/txn", std::move(look).object()));
    for (size_t i = from; i < to; ++i) {
      const Object* part = CO_TRY(part_at(answer, i - from, "response_range"));
      std::vector<Entry> found = CO_TRY(entries(*part, 0));
      std::optional<Entry> old;
      if (!found.empty()) old = std::move(found.front());
      CO_TRY(co_await add(*cold[i], old, plan));
    }
  }
  co_return plan;
}

aio::Task<void> Cold::discard(std::vector<std::string> laid) {
  for (const std::string& id : laid) {
    Txn txn;
    txn.success.push_back(remove_all(prefix(pieces(id))));
    // Where it fails they go with the session.
    auto ignored = co_await gateway_.call("kv/txn", std::move(txn).object());
    static_cast<void>(ignored);
  }
}

aio::Task<Result<std::string>> Cold::join(std::string text) {
  Listed list = CO_TRY(listed(text));
  auto found =
      CO_TRY(co_await read_range(gateway_, prefix(pieces(list.id), SIZE_MAX), 0, pieces_a_page));
  std::string value;
  value.reserve(list.size);
  for (const Entry& piece : found) value += piece.value;
  if (value.size() != list.size)
    co_return fail(Code::not_found, "the pieces of a cold value have gone");
  co_return value;
}

aio::Task<Result<std::optional<std::string>>> Cold::read(std::string key) {
  for (int attempt = 1;; ++attempt) {
    Txn look;
    look.success.push_back(get(whole(key), false));
    look.success.push_back(get(list(key), false));
    Object answer = CO_TRY(co_await gateway_.call("kv/txn", std::move(look).object()));
    auto whole = CO_TRY(entries(*CO_TRY(part_at(answer, 0, "response_range")), 0));
    auto list = CO_TRY(entries(*CO_TRY(part_at(answer, 1, "response_range")), 0));
    if (!whole.empty()) co_return std::move(whole.front().value);
    if (list.empty()) co_return std::nullopt;
    auto value = co_await join(list.front().value);
    if (value) co_return std::move(*value);
    // Replaced while it was read.
    if (value.error().code != Code::not_found || attempt == attempts_max)
      co_return fail(std::move(value).error());
  }
}

}  // namespace croft::store::etcd
