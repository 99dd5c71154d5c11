// The difference of two texts by lines, in the unified form with three lines of context. Pure.
#pragma once
#include <string>
#include <string_view>

namespace croft::cli {

/// Empty when the texts are the same.
std::string line_diff(std::string_view name, std::string_view before, std::string_view after);

}  // namespace croft::cli
