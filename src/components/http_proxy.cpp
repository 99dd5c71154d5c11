#include "components/http_proxy.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"
#include "wire/uri.h"

namespace croft::components {

using engine::Context;

namespace {

constexpr int64_t usual_port = 8080;

bool on_this_machine(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// "http://user:password@host:port", the scheme may be missing.
Result<std::shared_ptr<const net::Proxy>> from_text(std::string text, const Where& where) {
  auto proxy = std::make_shared<net::Proxy>();
  if (text.find("://") == std::string::npos) text = "http://" + text;
  size_t begin = text.find("://") + 3, at = text.rfind('@');
  if (at != std::string::npos && at > begin) {
    std::string user = TRY(wire::percent_decode(text.substr(begin, at - begin)));
    proxy->authorization = Secret("Basic " + base64(user));
    text.erase(begin, at + 1 - begin);
  }
  auto url = net::Url::parse(text);
  if (!url) return fail(std::move(url).error().frame("reading the address of the proxy", where));
  if (url->scheme != "http")
    return fail(Code::unsupported, fmt::format("a proxy is reached by http, not {}", url->scheme),
                where);
  proxy->url = *std::move(url);
  return std::shared_ptr<const net::Proxy>(std::move(proxy));
}

Result<std::shared_ptr<const net::Proxy>> from_host(const std::string& host, int64_t port,
                                                    const Where& where) {
  return from_text(fmt::format("http://{}:{}/", host, port), where);
}

Result<std::shared_ptr<const net::Proxy>> from_properties(const Context& context,
                                                          const net::Url& url) {
  std::string prefix = url.scheme + ".";
  auto host = context.property(prefix + "proxyHost");
  if (!host || host->empty()) return std::shared_ptr<const net::Proxy>{};
  auto except = context.property("http.nonProxyHosts");
  if (except && named_in(*except, url.host)) return std::shared_ptr<const net::Proxy>{};
  auto port = context.property(prefix + "proxyPort");
  Where where = context.where("useSystemProxySettings");
  auto number = port ? parse_i64(*port) : std::optional(usual_port);
  if (!number || *number < 1 || *number > 65535)
    return fail(Code::invalid_argument,
                fmt::format("the property {}proxyPort is '{}', no port", prefix, *port), where);
  return from_host(*host, *number, where);
}

}  // namespace

bool named_in(std::string_view list, std::string_view host) {
  std::string wanted = to_lower(host);
  for (const std::string& part :
       split(std::string_view(list), list.find('|') != list.npos ? '|' : ',')) {
    std::string name = to_lower(trim(part));
    if (name.empty()) continue;
    if (name == "*") return true;
    if (name.starts_with("*.")) name.erase(0, 1);
    if (name.ends_with('*') && wanted.starts_with(name.substr(0, name.size() - 1))) return true;
    if (name.starts_with('.') && (wanted.ends_with(name) || wanted == name.substr(1))) return true;
    if (wanted == name || wanted.ends_with("." + name)) return true;
  }
  return false;
}

Result<std::shared_ptr<const net::Proxy>> proxy_for(const Context& context, const net::Url& url) {
  if (url.scheme != "http" && url.scheme != "https") return std::shared_ptr<const net::Proxy>{};
  std::string host = TRY(context.string_or("proxyHost", ""));
  if (!host.empty())
    return from_host(host, TRY(context.integer_or("proxyPort", usual_port)),
                     context.where("proxyHost"));
  if (!TRY(context.boolean_or("useSystemProxySettings", true)) || on_this_machine(url.host))
    return std::shared_ptr<const net::Proxy>{};
  if (auto proxy = TRY(from_properties(context, url))) return proxy;
  if (auto except = context.variable("no_proxy"); except && named_in(*except, url.host))
    return std::shared_ptr<const net::Proxy>{};
  auto text = context.variable(url.scheme + "_proxy");
  if (!text || text->empty()) return std::shared_ptr<const net::Proxy>{};
  return from_text(*text, context.where("useSystemProxySettings"));
}

}  // namespace croft::components
