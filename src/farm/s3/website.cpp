#include "farm/s3/website.h"

#include <fmt/format.h>

#include "base/text.h"
#include "farm/s3/service.h"
#include "wire/uri.h"
#include "wire/xml.h"

namespace croft::farm::s3 {
namespace {

Error invalid_request(std::string text) {
  return aws_error("InvalidRequest", 400, std::move(text));
}

std::string text_at(const wire::xml::Element& element, std::string_view name) {
  return std::string(trim(element.text_of(name).value_or("")));
}

/// A status out of [low, high]; nullopt where the element is absent.
Result<std::optional<int>> status_at(const wire::xml::Element& element, std::string_view name,
                                     int low, int high) {
  auto text = element.text_of(name);
  if (!text) return std::nullopt;
  auto number = parse_i64(trim(*text));
  if (!number || *number < low || *number > high)
    return fail(invalid_request(
        fmt::format("The provided {} ({}) is not valid: it must be a status from {} to {}", name,
                    printable(*text), low, high)));
  return static_cast<int>(*number);
}

Result<Website::Route> route_from(const wire::xml::Element& element) {
  Website::Route out;
  wire::xml::Element to = element.child("Redirect");
  if (!to || to.children().empty()) return fail(malformed_xml());
  if (wire::xml::Element when = element.child("Condition")) {
    out.prefix = when.text_of("KeyPrefixEquals").value_or("");
    out.error = TRY(status_at(when, "HttpErrorCodeReturnedEquals", 400, 599));
    if (!out.error && !when.child("KeyPrefixEquals"))
      return fail(
          invalid_request("Condition cannot be empty. To redirect all requests without a "
                          "condition, the condition element shouldn't be present."));
  }
  out.protocol = text_at(to, "Protocol");
  if (!out.protocol.empty() && out.protocol != "http" && out.protocol != "https")
    return fail(
        invalid_request("Invalid protocol, protocol can be http or https. If not defined "
                        "the protocol will be selected automatically."));
  out.host = text_at(to, "HostName");
  if (out.host.find_first_of("/ ") != std::string::npos)
    return fail(invalid_request("The HostName of a redirection is a name, without a path"));
  out.whole_key = to.text_of("ReplaceKeyWith");
  out.new_prefix = to.text_of("ReplaceKeyPrefixWith");
  if (out.whole_key && out.new_prefix)
    return fail(
        invalid_request("You can only define ReplaceKeyPrefix or ReplaceKey but not "
                        "both."));
  out.status = TRY(status_at(to, "HttpRedirectCode", 300, 399)).value_or(301);
  return out;
}

Result<> read_redirect_all(const wire::xml::Element& all, const wire::xml::Element& root,
                           Website& out) {
  out.redirect_host = text_at(all, "HostName");
  out.redirect_protocol = text_at(all, "Protocol");
  if (out.redirect_protocol.empty()) out.redirect_protocol = "http";
  bool known = out.redirect_protocol == "http" || out.redirect_protocol == "https";
  bool more = root.child("IndexDocument") || root.child("RoutingRules");
  if (out.redirect_host.empty() || !known || more) return fail(malformed_xml());
  return {};
}

}  // namespace

Result<Website> website_from(std::string_view xml) {
  auto document = wire::xml::Document::parse(xml, "WebsiteConfiguration");
  if (!document || document->root().name() != "WebsiteConfiguration") return fail(malformed_xml());
  wire::xml::Element root = document->root();
  Website out;
  if (wire::xml::Element all = root.child("RedirectAllRequestsTo")) {
    TRY(read_redirect_all(all, root, out));
    return out;
  }
  out.index = root.child("IndexDocument").text_of("Suffix").value_or("");
  out.error = root.child("ErrorDocument").text_of("Key").value_or("");
  if (out.index.empty() || out.index.find('/') != std::string::npos)
    return fail(aws_error("InvalidArgument", 400,
                          "The IndexDocument Suffix is not well formed: no '/' and not empty"));
  if (wire::xml::Element rules = root.child("RoutingRules")) {
    for (const wire::xml::Element& rule : rules.children("RoutingRule"))
      out.routes.push_back(TRY(route_from(rule)));
    if (out.routes.empty()) return fail(malformed_xml());
    if (out.routes.size() > max_routing_rules)
      return fail(invalid_request(fmt::format(
          "{} routing rules provided, the number of routing rules in a website configuration is "
          "limited to {}.",
          out.routes.size(), max_routing_rules)));
  }
  return out;
}

const Website::Route* route_of(const Website& site, std::string_view key,
                               std::optional<int> error) {
  for (const Website::Route& route : site.routes)
    if (route.error == error && key.starts_with(route.prefix)) return &route;
  return nullptr;
}

std::string location_of(const Website::Route& route, std::string_view host, std::string_view key) {
  std::string to(key);
  if (route.whole_key) to = *route.whole_key;
  if (route.new_prefix) to = *route.new_prefix + std::string(key.substr(route.prefix.size()));
  return fmt::format("{}://{}/{}", route.protocol.empty() ? "http" : route.protocol,
                     route.host.empty() ? host : std::string_view(route.host),
                     wire::percent_encode_path(to));
}

}  // namespace croft::farm::s3
