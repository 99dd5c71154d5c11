#include "farm/s3/range.h"

#include <algorithm>

#include "base/text.h"

namespace croft::farm::s3 {

RangeKind parse_range(std::string_view header, uint64_t size, ByteRange& out) {
  header = trim(header);
  if (header.size() < 6 || !equals_ignore_case(header.substr(0, 6), "bytes="))
    return RangeKind::whole;
  auto ends = cut(header.substr(6), '-');
  if (!ends) return RangeKind::whole;
  std::string_view low = trim(ends->first), high = trim(ends->second);
  if (low.empty()) {
    auto last = parse_u64(high);
    if (!last) return RangeKind::whole;
    if (*last == 0 || size == 0) return RangeKind::unsatisfiable;
    uint64_t length = std::min(*last, size);
    out = {size - length, length};
    return RangeKind::part;
  }
  auto first = parse_u64(low);
  if (!first) return RangeKind::whole;
  uint64_t end = size == 0 ? 0 : size - 1;
  if (!high.empty()) {
    auto last = parse_u64(high);
    if (!last || *last < *first) return RangeKind::whole;
    end = std::min(*last, end);
  }
  if (*first >= size) return RangeKind::unsatisfiable;
  out = {*first, end - *first + 1};
  return RangeKind::part;
}

}  // namespace croft::farm::s3
