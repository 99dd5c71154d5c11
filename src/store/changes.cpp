#include "store/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace croft::store {
namespace {

constexpr size_t changes_max = 16'384;  // of one commit
constexpr Duration lease_ttl_max = Duration::hours(24 * 365);

}  // namespace

Result<> check_changes(const std::vector<Change>& changes) {
  if (changes.size() > changes_max)
    return fail(Code::invalid_argument,
                fmt::format("a commit holds {} changes, at most {} are taken", changes.size(),
                            changes_max));
  std::set<std::string_view> seen;
  for (const Change& change : changes) {
    Where where;
    where.path = change.key;
    if (change.key.empty() || change.key.size() > key_bytes_max)
      return fail(
          Code::invalid_argument,
          fmt::format("a key has {} bytes, expected 1 to {}", change.key.size(), key_bytes_max),
          std::move(where));
    if (change.value && change.value->size() > value_bytes_max)
      return fail(Code::invalid_argument,
                  fmt::format("a value has {} bytes, at most {} are taken", change.value->size(),
                              value_bytes_max),
                  std::move(where));
    if (change.cold && change.lease)
      return fail(Code::invalid_argument, "a cold value cannot be bound to a lease",
                  std::move(where));
    if (!seen.insert(change.key).second)
      return fail(Code::invalid_argument, "a commit changes the same key twice", std::move(where));
  }
  return {};
}

Result<> check_ttl(Duration ttl) {
  if (ttl > Duration() && ttl <= lease_ttl_max) return {};
  return fail(Code::invalid_argument,
              "a lease needs a time to live above 0 and at most " + lease_ttl_max.text());
}

bool frees(const std::vector<Change>& changes, const Table& table) {
  auto goes = [](const Change& change) { return !change.value; };
  if (std::ranges::none_of(changes, goes)) return false;
  int64_t more = 0;
  for (const Change& change : changes) {
    if (change.value) more += static_cast<int64_t>(change.value->size());
    const Row* old = change.cold ? nullptr : table.find(change.key);
    if (old) more -= static_cast<int64_t>(old->value.size());
    if (old && !change.value) more -= static_cast<int64_t>(change.key.size());
    if (!old && change.value) more += static_cast<int64_t>(change.key.size());
  }
  return more <= 0;
}

}  // namespace croft::store
