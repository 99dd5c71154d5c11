#include "farm/s3/range.h"

#include <algorithm>

#include "base/text.h"

namespace croft::farm::s3 {
namespace {

/// A number of any length: one that no object reaches counts as the largest there is.
std::optional<uint64_t> position(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
  return parse_u64(text).value_or(UINT64_MAX);
}

}  // namespace

RangeKind parse_range(std::string_view header, uint64_t size, ByteRange& out) {
  header = trim(header);
  if (header.size() < 6 || !equals_ignore_case(header.substr(0, 6), "bytes="))
    return RangeKind::whole;
  auto ends = cut(header.substr(6), '-');
  if (!ends) return RangeKind::whole;
  std::string_view low = trim(ends->first), high = trim(ends->second);
  if (low.empty()) {
    auto last = position(high);
    if (!last) return RangeKind::whole;
    if (*last == 0 || size == 0) return RangeKind::unsatisfiable;
    uint64_t length = std::min(*last, size);
    out = {size - length, length};
    return RangeKind::part;
  }
  auto first = position(low);
  if (!first) return RangeKind::whole;
  uint64_t end = size == 0 ? 0 : size - 1;
  if (!high.empty()) {
    auto last = position(high);
    if (!last || *last < *first) return RangeKind::whole;
    end = std::min(*last, end);
  }
  if (*first >= size) return RangeKind::unsatisfiable;
  out = {*first, end - *first + 1};
  return RangeKind::part;
}

}  // namespace croft::farm::s3
