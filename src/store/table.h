// The whole content of a store, ordered, in memory: what memory/ is and what sqlite/ mirrors so
// that reads never wait behind a sync (one connection serves both, and a sync takes half a
// millisecond). Pure data: no clock, no I/O. Loop thread only. Cost: about 165 bytes a key beside
// key and value (store_bench): a million objects of 300 bytes take 500 MB and 4 s to open; 200,000
// gets a second.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace croft::store {

struct Row {
  std::string value;
  uint64_t created = 0;
  uint64_t modified = 0;
  uint64_t lease = 0;
};

/// One row as a commit leaves it.
struct Write {
  std::string key;
  bool deleted = false;
  Row row;  ///< of a deletion only `modified` counts: the revision that deleted
};

class Table {
 public:
  const Row* find(std::string_view key) const;
  std::vector<Entry> range(const Range& range) const;
  /// Returns what a watcher is told. Writes come in commit order.
  std::vector<Watched> apply(std::vector<Write> writes);
  /// For filling at opening: keys in ascending order cost O(1) each.
  void load(std::string key, Row row);
  /// The keys that go with a lease.
  std::vector<std::string> keys_of(uint64_t lease) const;
  size_t size() const { return rows_.size(); }

 private:
  void unbind(uint64_t lease, const std::string& key);

  std::map<std::string, Row, std::less<>> rows_;
  std::map<uint64_t, std::set<std::string>> bound_;
};

/// True when `key` lies in `range` (the limit does not matter).
bool contains(const Range& range, std::string_view key);

}  // namespace croft::store
