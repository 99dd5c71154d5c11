// Regular expressions as people write them (Perl's, which are Java's nearly to the letter), over
// PCRE2 with bounds on time and memory. A Pattern is immutable; a copy shares it.
#pragma once
#include <memory>
#include <string_view>

#include "base/error.h"

namespace croft {

class Pattern {
 public:
  /// Code::syntax with the place in the expression.
  static Result<Pattern> compile(std::string_view expression);
  /// Somewhere in the text. Code::resource_exhausted where the search would take too long.
  Result<bool> found_in(std::string_view text) const;
  /// The whole text.
  Result<bool> matches(std::string_view text) const;

 private:
  struct State;
  explicit Pattern(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  Result<bool> run(std::string_view text, bool whole) const;
  std::shared_ptr<const State> state_;
};

}  // namespace croft
