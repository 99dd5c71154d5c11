#include "farm/s3/object_cache.h"

namespace croft::farm::s3 {
namespace {

size_t weight_of(const std::string& key, const Object& object) {
  size_t weight = sizeof(Object) + 2 * key.size() + object.data.size() + 256;
  for (const Pairs* pairs : {&object.record.headers, &object.record.metadata, &object.record.tags})
    for (const auto& [name, value] : *pairs) weight += name.size() + value.size() + 64;
  return weight + object.record.pieces.size() * (sizeof(Piece) + 48);
}

}  // namespace

ObjectRef ObjectCache::find(std::string_view key) {
  auto at = by_key_.find(key);
  if (at == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at->second);
  return at->second->object;
}

void ObjectCache::replace(const std::string& key, ObjectRef object) {
  ++changes_[slot(key)];
  erase(key);
  if (object) insert(key, std::move(object));
}

void ObjectCache::offer(const std::string& key, ObjectRef object, uint64_t ticket) {
  if (!object || changes_[slot(key)] != ticket) return;
  erase(key);
  insert(key, std::move(object));
}

void ObjectCache::insert(const std::string& key, ObjectRef object) {
  size_t weight = weight_of(key, *object);
  if (weight > limit_ / 8) return;
  entries_.push_front({key, std::move(object), weight});
  by_key_[entries_.front().key] = entries_.begin();
  bytes_ += weight;
  while (bytes_ > limit_ && !entries_.empty()) {
    std::string oldest = entries_.back().key;
    erase(oldest);
  }
}

void ObjectCache::erase(const std::string& key) {
  auto at = by_key_.find(key);
  if (at == by_key_.end()) return;
  auto entry = at->second;
  bytes_ -= entry->weight;
  by_key_.erase(at);
  entries_.erase(entry);
}

}  // namespace croft::farm::s3
