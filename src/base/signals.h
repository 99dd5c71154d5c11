// Names and numbers of signals (signal(7)). Pure.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace croft {

/// The number of "TERM", "SIGTERM" or "15". Code::invalid_argument with the nearest name.
Result<int> signal_number(std::string_view name);
std::string signal_name(int number);  ///< "TERM"; the number where it has no name

}  // namespace croft
