// How many machines of a role a farmer gives. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"

namespace croft::components {

struct RoleLimits {
  int64_t min = 0;
  int64_t max = -1;  ///< negative: no limit
};

struct Allocation {
  std::string role;
  std::optional<RoleLimits> limits;  ///< nullopt: the farmer has no such role
  int64_t least = 1, most = 1;       ///< asked for
  int64_t in_role = 0;               ///< machines of the role now
  int64_t in_all = 0;
  int64_t farm_limit = -1;  ///< of all roles together; negative: none
};

/// Code::invalid_argument for a range that is none, Code::not_found for an unknown role,
/// Code::resource_exhausted where fewer than `least` can be had. 0 only where `least` is 0.
Result<int64_t> allocate(const Allocation& wanted);

}  // namespace croft::components
