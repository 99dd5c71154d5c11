// The names in an archive of classes (zip). Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft::components {

/// As its directory lists them. Code::syntax for what is no archive or a broken one.
Result<std::vector<std::string>> names_in_jar(std::string_view bytes);

}  // namespace croft::components
