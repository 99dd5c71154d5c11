#include "farm/s3/cors.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "farm/s3/service.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

constexpr std::array methods{"GET", "PUT", "POST", "DELETE", "HEAD"};

Error invalid_request(std::string text) {
  return aws_error("InvalidRequest", 400, std::move(text));
}

std::vector<std::string> texts(const wire::xml::Element& rule, std::string_view name) {
  std::vector<std::string> out;
  for (const wire::xml::Element& element : rule.children(name))
    out.emplace_back(trim(element.text()));
  return out;
}

bool header_allowed(const std::vector<std::string>& allowed, std::string_view header) {
  std::string name = to_lower(trim(header));
  return std::ranges::any_of(
      allowed, [&](const std::string& pattern) { return wildcard_match(to_lower(pattern), name); });
}

}  // namespace

Result<CorsRules> CorsRules::parse(std::string_view xml) {
  auto document = wire::xml::Document::parse(xml, "CORSConfiguration");
  if (!document || document->root().name() != "CORSConfiguration") return fail(malformed_xml());
  CorsRules out;
  for (const wire::xml::Element& element : document->root().children("CORSRule")) {
    Rule rule{.origins = texts(element, "AllowedOrigin"),
              .methods = texts(element, "AllowedMethod"),
              .allowed = texts(element, "AllowedHeader"),
              .exposed = texts(element, "ExposeHeader"),
              .max_age = {}};
    if (rule.origins.empty() || rule.methods.empty()) return fail(malformed_xml());
    for (const std::string& method : rule.methods)
      if (std::ranges::find(methods, method) == methods.end())
        return fail(
            invalid_request("Found unsupported HTTP method in CORS config. Unsupported "
                            "method is " +
                            printable(method)));
    for (const auto* list : {&rule.origins, &rule.allowed})
      for (const std::string& text : *list)
        if (std::ranges::count(text, '*') > 1)
          return fail(
              invalid_request("\"" + printable(text) + "\" can not have more than one wildcard."));
    if (auto age = element.text_of("MaxAgeSeconds")) {
      rule.max_age = parse_i64(trim(*age));
      if (!rule.max_age || *rule.max_age < 0) return fail(malformed_xml());
    }
    out.rules_.push_back(std::move(rule));
  }
  if (out.rules_.empty() || out.rules_.size() > max_cors_rules) return fail(malformed_xml());
  return out;
}

wire::Headers CorsRules::headers_for(std::string_view origin, std::string_view method,
                                     std::string_view asked_headers, bool preflight) const {
  wire::Headers out;
  std::vector<std::string> asked;
  for (const std::string& name : split(asked_headers, ','))
    if (!trim(name).empty()) asked.emplace_back(trim(name));
  for (const Rule& rule : rules_) {
    bool origin_fits = std::ranges::any_of(
        rule.origins, [&](const std::string& pattern) { return wildcard_match(pattern, origin); });
    if (!origin_fits || std::ranges::find(rule.methods, method) == rule.methods.end()) continue;
    bool headers_fit = std::ranges::all_of(
        asked, [&](const std::string& name) { return header_allowed(rule.allowed, name); });
    if (!headers_fit) continue;
    bool any = std::ranges::find(rule.origins, "*") != rule.origins.end();
    out.add("Access-Control-Allow-Origin", any ? "*" : std::string(origin));
    out.add("Access-Control-Allow-Methods", join(rule.methods, ", "));
    if (preflight && !asked.empty())
      out.add("Access-Control-Allow-Headers", to_lower(join(asked, ", ")));
    if (!rule.exposed.empty()) out.add("Access-Control-Expose-Headers", join(rule.exposed, ", "));
    if (preflight && rule.max_age) out.add("Access-Control-Max-Age", std::to_string(*rule.max_age));
    if (!any) out.add("Access-Control-Allow-Credentials", "true");
    out.add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    return out;
  }
  return out;
}

}  // namespace croft::farm::s3
