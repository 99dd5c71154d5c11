// What all Describe actions over a Table have in common: ids that must exist, filters, pages.
#pragma once
#include <algorithm>

#include "farm/ec2/core.h"
#include "farm/ec2/ids.h"

namespace croft::farm::ec2 {

template <class T>
const Tags& tags_of_record(const T& item) {
  return item.tags;
}

/// The items that ID.N names (all of the account without), matching the filters, cut to the page.
template <class T>
struct Chosen {
  std::vector<std::pair<std::string, T*>> items;
  std::string next;
};
template <class T>
Result<Chosen<T>> choose(const Call& call, Table<T>& table, std::string_view ids,
                         std::string_view prefix, std::span<const FilterField<T>> fields) {
  auto matches = TRY(Matcher<T>::make(call.filters, fields, tags_of_record<T>));
  std::string account = call.account();
  Chosen<T> out;
  std::vector<std::string> missing;
  for (const std::string& id : call.params.list(ids)) {
    if (T* item = table.find(account, id))
      out.items.emplace_back(id, item);
    else
      missing.push_back(id);
  }
  if (!missing.empty()) return fail(not_found(*id_kind(prefix), missing));
  if (out.items.empty() && call.params.list(ids).empty())
    for (T* item : table.of(account)) out.items.emplace_back(item->id, item);
  std::erase_if(out.items, [&](const auto& item) { return !matches(*item.second); });
  std::ranges::sort(out.items);
  out.items.erase(std::unique(out.items.begin(), out.items.end()), out.items.end());
  out.next = cut_page(call.action, call.page, out.items);
  return out;
}

/// choose(), written as a list; `write(xml, item)` writes the inside of one <item>.
template <class T, class Write>
Answer describe_table(const Call& call, Table<T>& table, std::string_view ids,
                      std::string_view prefix, std::span<const FilterField<T>> fields,
                      std::string_view list, Write&& write) {
  auto chosen = TRY(choose(call, table, ids, prefix, fields));
  Xml xml;
  xml.list(list, chosen.items, [&](const auto& item) { write(xml, *item.second); });
  xml.optional("nextToken", chosen.next);
  return xml.take();
}

/// The record that a parameter names, of this account.
template <class T>
Result<T*> named(const Call& call, Table<T>& table, std::string_view parameter,
                 std::string_view prefix) {
  std::string id = call.params.text(parameter);
  T* found = table.find(call.account(), id);
  if (!found) return fail(not_found(*id_kind(prefix), {id}));
  return found;
}

}  // namespace croft::farm::ec2
