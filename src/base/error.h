// What went wrong, where, on the way to what, and what the reader can do about it.
// Every fallible function of croft returns Result<T> = T or Error; nothing throws across a module.
#pragma once
#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft {

/// The class of a failure: what a caller can decide on. The words for people are in Error::what.
enum class Code {
  invalid_argument,  ///< the caller's input is wrong; trying again does not help
  syntax,            ///< text that does not parse
  unresolved,        ///< a reference that names nothing
  type_mismatch,     ///< a value of another type than the schema says
  not_found,
  already_exists,
  conflict,  ///< the world is not in the state the request assumed
  permission_denied,
  unauthenticated,
  resource_exhausted,  ///< quota, capacity, limit, full disk
  throttled,           ///< asked to slow down
  unavailable,         ///< refused, reset, 5xx: may work later
  timeout,
  cancelled,
  io,
  corrupt,
  unsupported,
  internal,  ///< a defect of croft
};

/// "invalid_argument", "syntax", ...: stable words for JSON.
std::string_view name_of(Code code);
/// The reverse of name_of; Code::internal for an unknown word.
Code code_from_name(std::string_view name);

/// A place in a text file (1-based line and column), or an attribute path, or a request field.
/// `source` is the text of the line for the caret; empty where not known.
struct Where {
  std::string file;
  int line = 0;
  int column = 0;
  int length = 0;    ///< how many columns the caret underlines (0 and 1: one)
  std::string path;  ///< "sfConfig:web:port", "RunInstances.MinCount"
  std::string source;

  bool known() const { return !file.empty() || !path.empty(); }
  /// "file:line:column" or the path; empty when nothing is known.
  std::string text() const;
};

/// One step of the way that led to an error: "included from", "extends", "deploying".
struct Frame {
  std::string what;
  Where where;
};

struct Error {
  Code code = Code::internal;
  std::string what;  ///< no period at the end, no line breaks
  Where where;
  std::vector<Frame> trace;        ///< innermost first
  std::vector<std::string> hints;  ///< "did you mean 'S3Bucket'?"
  /// Machine-readable extras: {"aws_code","InsufficientInstanceCapacity"}, {"http_status","400"}.
  std::vector<std::pair<std::string, std::string>> facts;
  /// More errors of the same run (a parser that recovers reports several).
  std::vector<Error> others;

  Error() = default;
  // Defined once: every function that may fail would carry them.
  Error(const Error&);
  Error(Error&&) noexcept;
  Error& operator=(const Error&);
  Error& operator=(Error&&) noexcept;
  ~Error();
  Error(Code c, std::string text) : code(c), what(std::move(text)) {}
  Error(Code c, std::string text, Where at)
      : code(c), what(std::move(text)), where(std::move(at)) {}

  Error& at(Where place) & {
    where = std::move(place);
    return *this;
  }
  Error&& at(Where place) && {
    where = std::move(place);
    return std::move(*this);
  }
  Error& frame(std::string text, Where place = {}) & {
    trace.push_back({std::move(text), std::move(place)});
    return *this;
  }
  Error&& frame(std::string text, Where place = {}) && {
    frame(std::move(text), std::move(place));
    return std::move(*this);
  }
  /// One that is there already is not said twice.
  Error& hint(std::string text) & {
    for (const std::string& known : hints)
      if (known == text) return *this;
    hints.push_back(std::move(text));
    return *this;
  }
  Error&& hint(std::string text) && {
    hint(std::move(text));
    return std::move(*this);
  }
  Error& fact(std::string key, std::string value) & {
    facts.emplace_back(std::move(key), std::move(value));
    return *this;
  }
  Error&& fact(std::string key, std::string value) && {
    fact(std::move(key), std::move(value));
    return std::move(*this);
  }
  /// The value of a fact; empty when absent.
  std::string_view fact(std::string_view key) const;

  /// For people: "file:3:8: error: ...", the source line, a caret, frames and hints, then `others`.
  std::string render() const;
  /// One line: "where: what".
  std::string line() const;
};

template <class T = void>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string what) {
  return std::unexpected<Error>(Error(code, std::move(what)));
}
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string what, Where where) {
  return std::unexpected<Error>(Error(code, std::move(what), std::move(where)));
}

/// The nearest of `candidates` to a mistyped `word`, or empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
/// "did you mean 'x'?" for the nearest candidate, else empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

[[noreturn]] void check_failed(const char* condition, std::string_view why,
                               std::source_location where = std::source_location::current());

}  // namespace croft

/// The value of a Result, or return its Error from this function.
#define TRY(...)                                                              \
  ({                                                                          \
    auto&& croft_try_ = (__VA_ARGS__);                                        \
    if (!croft_try_) return ::std::unexpected(std::move(croft_try_).error()); \
    *std::move(croft_try_);                                                   \
  })

/// The same in a coroutine: CO_TRY(co_await f()).
#define CO_TRY(...)                                                              \
  ({                                                                             \
    auto croft_try_ = (__VA_ARGS__);                                             \
    if (!croft_try_) co_return ::std::unexpected(std::move(croft_try_).error()); \
    *std::move(croft_try_);                                                      \
  })

/// A broken invariant of croft itself ends the process with its reason. Never used on input.
#define CHECK(condition, why)                 \
  do {                                        \
    if (!(condition)) [[unlikely]]            \
      ::croft::check_failed(#condition, why); \
  } while (false)
