#include "components/cloudfarmer/allocation.h"

#include <fmt/format.h>

#include <algorithm>

namespace croft::components {

Result<int64_t> allocate(const Allocation& wanted) {
  if (wanted.least < 0 || wanted.most < wanted.least)
    return fail(Code::invalid_argument,
                fmt::format("{} to {} machines of role {} cannot be asked for", wanted.least,
                            wanted.most, wanted.role));
  if (!wanted.limits)
    return fail(Code::not_found, fmt::format("the farm has no role '{}'", wanted.role));
  int64_t count = wanted.most;
  if (wanted.limits->max >= 0) {
    int64_t space = wanted.limits->max - wanted.in_role;
    count = space <= 0 || space < wanted.least ? 0 : std::min(space, wanted.most);
  }
  if (count == 0) {
    if (wanted.least == 0) return 0;
    return fail(Code::resource_exhausted,
                fmt::format("no space for {} more of role {}: {} of at most {} are there",
                            wanted.least, wanted.role, wanted.in_role, wanted.limits->max));
  }
  if (wanted.farm_limit < 0) return count;
  int64_t free = wanted.farm_limit - wanted.in_all;
  if (free < wanted.least)
    return fail(Code::resource_exhausted,
                fmt::format("the farm has {} of {} machines left, at least {} are wanted",
                            std::max<int64_t>(0, free), wanted.farm_limit, wanted.least));
  return std::min(count, std::max<int64_t>(0, free));
}

}  // namespace croft::components
