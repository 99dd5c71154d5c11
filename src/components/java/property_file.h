// The format of Java's property files, as far as they are text. Pure.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace croft::components {

using Properties = std::vector<std::pair<std::string, std::string>>;

/// "name=value", "name: value" or "name value" a line; lines that begin with # or ! and empty ones
/// are passed over; a backslash at the end goes on with the next line; \t \n \r \f \uXXXX. Sorted
/// by name; of two with one name the later one stays. Code::syntax with the line for a wrong \u.
Result<Properties> parse_properties(std::string_view text);

}  // namespace croft::components
