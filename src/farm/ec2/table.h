// All records of one kind of resource in memory, by id, and their way to the store as
// ec2/KIND/ID. A record type has id, account and fields(io, record). Loop thread only. References
// stay good until erase().
#pragma once
#include <fmt/format.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "farm/ec2/record_io.h"
#include "store/store.h"

namespace croft::farm::ec2 {

template <class T>
class Table {
 public:
  explicit Table(std::string_view kind) : kind_(kind), prefix_(fmt::format("ec2/{}/", kind)) {}

  const std::string& prefix() const { return prefix_; }
  T* find(std::string_view id) {
    auto at = items_.find(id);
    return at == items_.end() ? nullptr : &at->second;
  }
  /// Null also when it belongs to another account.
  T* find(std::string_view account, std::string_view id) {
    T* found = find(id);
    return found && found->account == account ? found : nullptr;
  }
  /// Of one account, in order of their ids.
  std::vector<T*> of(std::string_view account) {
    std::vector<T*> out;
    for (auto& [id, item] : items_)
      if (item.account == account) out.push_back(&item);
    return out;
  }
  T& add(T item) {
    std::string id = item.id;
    return items_.insert_or_assign(std::move(id), std::move(item)).first->second;
  }
  void erase(const std::string& id) { items_.erase(id); }
  std::map<std::string, T, std::less<>>& all() { return items_; }
  const std::map<std::string, T, std::less<>>& all() const { return items_; }

  store::Change put(const T& item) const { return {prefix_ + item.id, encode_record(item)}; }
  store::Change remove(std::string_view id) const {
    return {prefix_ + std::string(id), std::nullopt};
  }
  Result<> load(const store::Entry& entry) {
    auto item = decode_record<T>(kind_, entry.value);
    if (!item) return fail(std::move(item).error().frame("reading " + entry.key));
    add(std::move(*item));
    return {};
  }

 private:
  std::string kind_;
  std::string prefix_;
  std::map<std::string, T, std::less<>> items_;
};

}  // namespace croft::farm::ec2
