// Objects that were asked for lately, with the bodies of small ones, so that a read of what is hot
// needs neither the store nor the disk. Least recently used out first. Loop thread only.
#pragma once
#include <array>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "farm/s3/record.h"

namespace croft::farm::s3 {

/// An object as found: the record, and the data where they lie in the store.
struct Object {
  ObjectRecord record;
  std::string data;
};
using ObjectRef = std::shared_ptr<const Object>;

class ObjectCache {
 public:
  explicit ObjectCache(Bytes limit) : limit_(static_cast<size_t>(limit.count())) {}

  ObjectRef find(std::string_view key);
  /// After a commit: what is there now; null for a deleted object.
  void replace(const std::string& key, ObjectRef object);
  /// Before a look into the store, and with what it found: kept only if nothing was committed to
  /// that key meanwhile.
  uint64_t ticket(std::string_view key) const { return changes_[slot(key)]; }
  void offer(const std::string& key, ObjectRef object, uint64_t ticket);
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    ObjectRef object;
    size_t weight = 0;
  };
  static size_t slot(std::string_view key) { return std::hash<std::string_view>{}(key) % 4096; }
  void insert(const std::string& key, ObjectRef object);
  void erase(const std::string& key);

  size_t limit_;
  size_t bytes_ = 0;
  std::list<Entry> entries_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // views into entries_
  std::array<uint64_t, 4096> changes_{};
};

}  // namespace croft::farm::s3
