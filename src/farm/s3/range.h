// The Range header of a read (RFC 9110 14.2): one range of bytes, or the whole. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace croft::farm::s3 {

struct ByteRange {
  uint64_t first = 0;
  uint64_t length = 0;
};

enum class RangeKind { whole, part, unsatisfiable };

/// Malformed texts and several ranges mean the whole, as on the service. `out` is set for `part`.
RangeKind parse_range(std::string_view header, uint64_t size, ByteRange& out);

}  // namespace croft::farm::s3
