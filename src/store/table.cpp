#include "store/table.h"

namespace croft::store {

Range prefix(std::string prefix, size_t limit) {
  std::string end = prefix;
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  // Keys are text: no UTF-8 byte is 0xff, so it lies after all of them.
  if (end.empty())
    end = "\xff";
  else
    end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return {std::move(prefix), std::move(end), limit, false};
}

bool contains(const Range& range, std::string_view key) {
  if (range.to.empty()) return key == range.from;
  return key >= range.from && key < range.to;
}

const Row* Table::find(std::string_view key) const {
  auto it = rows_.find(key);
  return it == rows_.end() ? nullptr : &it->second;
}

std::vector<Entry> Table::range(const Range& range) const {
  std::vector<Entry> out;
  for (auto it = rows_.lower_bound(range.from);
       it != rows_.end() && out.size() < range.limit && contains(range, it->first); ++it) {
    const Row& row = it->second;
    out.push_back({it->first, range.keys_only ? std::string() : row.value, row.created,
                   row.modified, row.lease});
  }
  return out;
}

std::vector<Watched> Table::apply(std::vector<Write> writes) {
  std::vector<Watched> told;
  told.reserve(writes.size());
  for (Write& write : writes) {
    auto it = rows_.find(write.key);
    if (it != rows_.end() && it->second.lease) unbind(it->second.lease, write.key);
    if (write.deleted) {
      told.push_back({{write.key, "", 0, write.row.modified, 0}, true});
      if (it != rows_.end()) rows_.erase(it);
      continue;
    }
    if (write.row.lease) bound_[write.row.lease].insert(write.key);
    const Row& row = write.row;
    told.push_back({{write.key, row.value, row.created, row.modified, row.lease}, false});
    if (it != rows_.end())
      it->second = std::move(write.row);
    else
      rows_.emplace(std::move(write.key), std::move(write.row));
  }
  return told;
}

void Table::load(std::string key, Row row) {
  if (row.lease) bound_[row.lease].insert(key);
  rows_.emplace_hint(rows_.end(), std::move(key), std::move(row));
}

std::vector<std::string> Table::keys_of(uint64_t lease) const {
  auto it = bound_.find(lease);
  if (it == bound_.end()) return {};
  return {it->second.begin(), it->second.end()};
}

void Table::unbind(uint64_t lease, const std::string& key) {
  auto it = bound_.find(lease);
  if (it == bound_.end()) return;
  it->second.erase(key);
  if (it->second.empty()) bound_.erase(it);
}

}  // namespace croft::store
