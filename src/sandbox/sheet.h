// Key-value sheets: how the farm talks to its spawner, the spawner to a machine's init, and how a
// machine is recorded on disk. Repeated keys keep their order. Also compiled into the static init:
// no dependency but the standard library. Format: for each entry, length of key and of value (4
// bytes each, little endian), key, value.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft::sandbox {

class Sheet {
 public:
  Sheet& add(std::string_view key, std::string_view value) {
    entries_.emplace_back(key, value);
    return *this;
  }
  Sheet& add(std::string_view key, int64_t value) { return add(key, std::to_string(value)); }

  const std::string* find(std::string_view key) const {
    for (const auto& [name, value] : entries_) {
      if (name == key) return &value;
    }
    return nullptr;
  }
  std::string text(std::string_view key) const {
    const std::string* value = find(key);
    return value != nullptr ? *value : std::string();
  }
  int64_t number(std::string_view key, int64_t otherwise = 0) const {
    const std::string* value = find(key);
    return value != nullptr ? strtoll(value->c_str(), nullptr, 10) : otherwise;
  }
  bool flag(std::string_view key) const { return number(key) != 0; }
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

  std::string encode() const {
    std::string out;
    for (const auto& [key, value] : entries_) {
      put(out, static_cast<uint32_t>(key.size()));
      put(out, static_cast<uint32_t>(value.size()));
      out += key;
      out += value;
    }
    return out;
  }
  /// False on anything that encode() did not write.
  static bool decode(std::string_view data, Sheet& into) {
    into.entries_.clear();
    while (!data.empty()) {
      if (data.size() < 8) return false;
      uint64_t key = get(data);
      uint64_t value = get(data.substr(4));
      data.remove_prefix(8);
      if (key + value > data.size()) return false;
      into.entries_.emplace_back(data.substr(0, key), data.substr(key, value));
      data.remove_prefix(key + value);
    }
    return true;
  }

 private:
  static void put(std::string& out, uint32_t n) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
  }
  static uint32_t get(std::string_view data) {
    uint32_t n = 0;
    for (int i = 0; i < 4; ++i)
      n |= static_cast<uint32_t>(static_cast<uint8_t>(data[i])) << (8 * i);
    return n;
  }
  std::vector<std::pair<std::string, std::string>> entries_;
};

}  // namespace croft::sandbox
