// Percent-encoding and query strings, strict and lossless: what was parsed is written back as it
// was meant. For every HTTP client and server of croft, and for sigv4. Pure; bounded by
// max_query_pairs.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft::wire {

/// Everything but RFC 3986 unreserved characters (A-Z a-z 0-9 - . _ ~) becomes %XX, as AWS says.
std::string percent_encode(std::string_view text);
/// The same, appended.
void percent_encode_to(std::string& out, std::string_view text);
/// The same, '/' kept: for paths.
std::string percent_encode_path(std::string_view path);
/// Code::syntax on a '%' without two hex digits. '+' stays '+'.
Result<std::string> percent_decode(std::string_view text);
/// RFC 3986 5.2.4 with runs of '/' folded, as SigV4 normalises ("/a//./b/../c/" -> "/a/c/").
std::string normalize_path(std::string_view path);

inline constexpr size_t max_query_pairs = 10'000;

/// Names and values in the order sent, decoded. "a" and "a=" are told apart (S3's "?acl").
class Query {
 public:
  struct Pair {
    std::string name;
    std::string value;
    bool has_value = true;  ///< false: there was no '='
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  Query() = default;
  Query(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs);

  /// "a=1&b=%20&c": the part after '?', or a body of application/x-www-form-urlencoded. '+' is a
  /// space in both, as AWS reads it. Empty pieces ("&&") are skipped.
  static Result<Query> parse(std::string_view raw);

  /// The first value (empty for a name without '='); nullopt when absent. Names compare by case.
  std::optional<std::string_view> get(std::string_view name) const;
  std::string_view value(std::string_view name) const { return get(name).value_or(""); }
  bool has(std::string_view name) const { return get(name).has_value(); }
  size_t count(std::string_view name) const;
  void add(std::string name, std::string value) {
    pairs_.push_back({std::move(name), std::move(value), true});
  }
  void add_flag(std::string name) { pairs_.push_back({std::move(name), {}, false}); }  ///< "?acl"
  void remove(std::string_view name);
  const std::vector<Pair>& pairs() const { return pairs_; }
  bool empty() const { return pairs_.empty(); }
  /// Encoded, without '?'; parse(text()) gives the same pairs.
  std::string text() const;

 private:
  std::vector<Pair> pairs_;
};

/// "/a%20b?x=1" -> path decoded and query parsed. The path is not normalised.
struct Target {
  std::string path;
  Query query;
  static Result<Target> parse(std::string_view target);
  std::string text() const;  ///< encoded again
};

}  // namespace croft::wire
