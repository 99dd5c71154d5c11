// One style for all descriptions: two-space indent, a statement a line, `;` behind every value but
// a component with braces, comments kept where they stand, at most one blank line. What the author
// wrote on one line stays there when it fits into 100 columns. Idempotent; the meaning never
// changes. Pure; one text at a time.
#pragma once
#include <string>

#include "base/error.h"

namespace croft::lang {

/// The formatted text. Code::syntax (all errors inside) when it does not parse: nothing is changed
/// then.
Result<std::string> format(const std::string& file, std::string text);

}  // namespace croft::lang
