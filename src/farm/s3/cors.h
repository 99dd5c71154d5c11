// Cross-origin rules of a bucket: which pages of other sites may read an answer, and what the
// browser is told about it. Pure. Limits: max_cors_rules.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/http.h"

namespace croft::farm::s3 {

inline constexpr size_t max_cors_rules = 100;

class CorsRules {
 public:
  /// MalformedXML, InvalidRequest (an unknown method, two wildcards).
  static Result<CorsRules> parse(std::string_view xml);

  bool empty() const { return rules_.empty(); }
  /// What goes onto the answer to a request from `origin` with `method`; nothing where no rule
  /// fits. `asked_headers`: of a preflight's Access-Control-Request-Headers, else empty.
  wire::Headers headers_for(std::string_view origin, std::string_view method,
                            std::string_view asked_headers, bool preflight) const;

 private:
  struct Rule {
    std::vector<std::string> origins, methods, allowed, exposed;
    std::optional<int64_t> max_age;
  };
  std::vector<Rule> rules_;
};

}  // namespace croft::farm::s3
