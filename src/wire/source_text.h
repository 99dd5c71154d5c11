// Two helpers that the text codecs (json, xml) share: places in a text, and repair of bad UTF-8.
// Pure.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace croft::wire {

/// Line and column of the byte at `offset`, for an Error; `what` stands as the file.
Where place_in(std::string_view text, size_t offset, std::string_view what);
/// Each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string repair_utf8(std::string_view text);

}  // namespace croft::wire
