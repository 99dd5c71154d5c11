// CONSTANT "package.Class.FIELD": the constants of Java that descriptions use, as a table.
#pragma once
#include <string_view>

#include "lang/passes/graph.h"

namespace croft::lang {

/// The value; otherwise an error that tells an unknown class from an unknown field.
Result<Val> constant_value(Run& run, std::string_view name);

}  // namespace croft::lang
