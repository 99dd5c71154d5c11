// Turns waiting commits into one batch: each commit's conditions are checked against the table as
// the commits before it in the same batch leave it. Pure; used and thrown away within one turn of
// the loop.
#pragma once
#include <functional>
#include <unordered_map>

#include "store/queued_store.h"

namespace croft::store {

class BatchPlanner {
 public:
  BatchPlanner(const Table& table, uint64_t revision) : table_(table) {
    batch_.revision = revision;
  }

  /// The revision this commit gets, or why it must not happen (it then leaves no trace).
  Result<uint64_t> commit(const std::vector<Condition>& conditions, std::vector<Change> changes,
                          const std::function<bool(uint64_t)>& lease_lives);
  void grant(uint64_t lease, Duration ttl) { batch_.leases.push_back({lease, ttl, false}); }
  /// Ends a lease and deletes its keys.
  void drop(uint64_t lease);
  bool empty() const {
    return batch_.writes.empty() && batch_.leases.empty() && batch_.cold.empty();
  }
  Batch& batch() { return batch_; }

 private:
  /// The row as it stands after what is planned; nullptr when absent.
  const Row* look(const std::string& key) const;
  void put(Write write);
  Result<> check(const Condition& condition) const;

  const Table& table_;
  Batch batch_;
  std::unordered_map<std::string, size_t> touched_;  ///< key -> its last write in the batch
};

}  // namespace croft::store
