#include "store/batch_planner.h"

namespace croft::store {

const Row* BatchPlanner::look(const std::string& key) const {
  auto it = touched_.find(key);
  if (it == touched_.end()) return table_.find(key);
  const Write& write = batch_.writes[it->second];
  return write.deleted ? nullptr : &write.row;
}

void BatchPlanner::put(Write write) {
  touched_[write.key] = batch_.writes.size();
  batch_.writes.push_back(std::move(write));
}

Result<> BatchPlanner::check(const Condition& condition) const {
  const Row* row = look(condition.key);
  uint64_t actual = row ? row->modified : 0;
  if (actual == condition.modified) return {};
  Where where;
  where.path = condition.key;
  if (condition.modified == 0)
    return fail(Code::conflict, "the key exists already", std::move(where));
  if (!row) return fail(Code::conflict, "the key does not exist any more", std::move(where));
  return fail(
      Code::conflict,
      fmt::format("the key was changed at revision {}, expected {}", actual, condition.modified),
      std::move(where));
}

Result<uint64_t> BatchPlanner::commit(const std::vector<Condition>& conditions,
                                      std::vector<Change> changes,
                                      const std::function<bool(uint64_t)>& lease_lives) {
  for (const Condition& condition : conditions) TRY(check(condition));
  for (const Change& change : changes)
    if (change.value && change.lease && !lease_lives(change.lease))
      return fail(Code::not_found, fmt::format("lease {:x} has ended", change.lease));
  std::erase_if(changes, [&](Change& change) {
    if (change.cold) batch_.cold.push_back({std::move(change.key), std::move(change.value)});
    return change.cold || (!change.value && !look(change.key));
  });
  if (changes.empty()) return batch_.revision;
  uint64_t revision = ++batch_.revision;
  for (Change& change : changes) {
    const Row* old = look(change.key);
    Write write;
    write.deleted = !change.value;
    write.row.created = old ? old->created : revision;
    write.row.modified = revision;
    if (change.value) {
      write.row.value = std::move(*change.value);
      write.row.lease = change.lease;
    }
    write.key = std::move(change.key);
    put(std::move(write));
  }
  return revision;
}

void BatchPlanner::drop(uint64_t lease) {
  batch_.leases.push_back({lease, {}, true});
  std::vector<std::string> keys = table_.keys_of(lease);
  for (const auto& [key, index] : touched_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::erase_if(keys, [&](const std::string& key) {
    const Row* row = look(key);
    return !row || row->lease != lease;
  });
  if (keys.empty()) return;
  uint64_t revision = ++batch_.revision;
  for (std::string& key : keys) {
    Write write;
    write.key = std::move(key);
    write.deleted = true;
    write.row.modified = revision;
    put(std::move(write));
  }
}

}  // namespace croft::store
