// A text without its layout: its syntax tree, and its comments in order. What the formatter must
// not change; tests and the fuzz target hold it to that.
#pragma once
#include <string>
#include <vector>

#include "lang/syntax/tree.h"

namespace croft::lang {

/// Every node with its kind, flags and, where it has no children, its tokens.
std::string shape_of(const Tree& tree);
/// All comments, without the blanks at the ends of their lines and before them.
std::vector<std::string> comments_of(const Tree& tree);

}  // namespace croft::lang
