#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern.h"

#include <fmt/format.h>
#include <pcre2.h>

namespace croft {

namespace {
constexpr uint32_t steps_max = 1'000'000;
constexpr uint32_t depth_max = 1000;
constexpr uint32_t heap_kib_max = 20'000;
constexpr size_t expression_max = 100'000;
constexpr size_t message_max = 256;
}  // namespace

struct Pattern::State {
  pcre2_code* code = nullptr;
  pcre2_match_context* limits = nullptr;
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    pcre2_match_context_free(limits);
    pcre2_code_free(code);
  }
};

Result<Pattern> Pattern::compile(std::string_view expression) {
  if (expression.size() > expression_max)
    return fail(Code::resource_exhausted, "the regular expression is too long");
  int problem = 0;
  PCRE2_SIZE at = 0;
  auto state = std::make_shared<State>();
  state->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                              PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                              &problem, &at, nullptr);
  if (!state->code) {
    PCRE2_UCHAR text[message_max];
    pcre2_get_error_message(problem, text, sizeof text);
    return fail(Code::syntax, fmt::format("\"{}\" is no regular expression: {} at character {}",
                                          expression, reinterpret_cast<const char*>(text), at + 1));
  }
  state->limits = pcre2_match_context_create(nullptr);
  CHECK(state->limits, "out of memory");
  pcre2_set_match_limit(state->limits, steps_max);
  pcre2_set_depth_limit(state->limits, depth_max);
  pcre2_set_heap_limit(state->limits, heap_kib_max);
  return Pattern(std::move(state));
}

Result<bool> Pattern::run(std::string_view text, bool whole) const {
  pcre2_match_data* found = pcre2_match_data_create_from_pattern(state_->code, nullptr);
  CHECK(found, "out of memory");
  uint32_t options = whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
  int answer = pcre2_match(state_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                           options, found, state_->limits);
  pcre2_match_data_free(found);
  if (answer >= 0) return true;
  if (answer == PCRE2_ERROR_NOMATCH) return false;
  return fail(Code::resource_exhausted,
              fmt::format("the search for a regular expression was given up: {}",
                          answer == PCRE2_ERROR_MATCHLIMIT ? "it takes too long"
                                                           : "it needs too much memory"));
}

Result<bool> Pattern::found_in(std::string_view text) const {
  return run(text, false);
}
Result<bool> Pattern::matches(std::string_view text) const {
  return run(text, true);
}

}  // namespace croft
