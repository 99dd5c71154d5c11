// Pages of Describe results: MaxResults and an opaque NextToken that stays good over restarts,
// because it holds only the place where the next page begins. Pure.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "farm/ec2/params.h"

namespace croft::farm::ec2 {

struct Page {
  size_t limit = SIZE_MAX;
  std::string after;  ///< the sort key of the last item of the page before; empty: from the start
};

/// `key` as a NextToken for `action`; tokens of other actions are refused.
std::string page_token(std::string_view action, std::string_view key);

/// MaxResults and NextToken of a call. `ids` names the parameter that must not stand beside
/// MaxResults ("InstanceId"; empty: none). Errors: InvalidParameterCombination, InvalidNextToken.
Result<Page> read_page(std::string_view action, const Params& params, std::string_view ids);

/// Cuts `items` (sorted by first) to the page; returns the NextToken, empty at the end.
template <class T>
std::string cut_page(std::string_view action, const Page& page,
                     std::vector<std::pair<std::string, T>>& items) {
  size_t start = 0;
  while (start < items.size() && !page.after.empty() && items[start].first <= page.after) ++start;
  items.erase(items.begin(), items.begin() + static_cast<ptrdiff_t>(start));
  if (items.size() <= page.limit) return "";
  items.resize(page.limit);
  return page_token(action, items.back().first);
}

}  // namespace croft::farm::ec2
