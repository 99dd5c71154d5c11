#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "net/http_client.h"
#include "wire/uri.h"

namespace croft::net {
namespace {

uint16_t default_port(std::string_view scheme) {
  return scheme == "https" ? 443 : scheme == "http" ? 80 : 0;
}

std::unexpected<Error> bad(std::string_view text, std::string why) {
  return fail(
      Error(Code::syntax, fmt::format("'{}' is not a URL: {}", printable(text.substr(0, 200)), why))
          .hint("like http://127.0.0.1:4566, https://host/path or unix:/run/x.sock"));
}

Result<Url> parse_unix(std::string_view text) {
  Url url;
  url.scheme = "unix";
  std::string_view rest = text.substr(5);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    size_t slash = std::min(rest.find('/'), rest.size());
    auto path = wire::percent_decode(rest.substr(0, slash));
    if (!path || !path->starts_with('/'))
      return bad(text, "the socket's path must stand %-encoded before the first '/'");
    url.host = *path;
    url.target = slash == rest.size() ? "/" : std::string(rest.substr(slash));
    return url;
  }
  if (!rest.starts_with('/')) return bad(text, "a socket's path must begin with '/'");
  url.host = std::string(rest);
  return url;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  for (char c : text)
    if (c <= 0x20 || c == 0x7f) return bad(text, "it has a blank or control character");
  if (text.starts_with("unix:")) return parse_unix(text);
  size_t colon = text.find("://");
  if (colon == std::string_view::npos) return bad(text, "the scheme is missing");
  Url url;
  url.scheme = to_lower(text.substr(0, colon));
  if (default_port(url.scheme) == 0) return bad(text, "the scheme must be http, https or unix");
  std::string_view rest = text.substr(colon + 3);
  size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  rest.remove_prefix(end);
  rest = rest.substr(0, rest.find('#'));
  if (authority.find('@') != std::string_view::npos)
    return bad(
        fmt::format("{}://***@{}{}", url.scheme, authority.substr(authority.rfind('@') + 1), rest),
        "a user name in a URL is not accepted");

  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    size_t close = authority.find(']');
    if (close == std::string_view::npos) return bad(text, "']' is missing");
    url.host = std::string(authority.substr(1, close - 1));
    std::string_view tail = authority.substr(close + 1);
    has_port = tail.starts_with(':');
    if (!tail.empty() && !has_port) return bad(text, "only ':PORT' may follow ']'");
    port = has_port ? tail.substr(1) : tail;
  } else {
    size_t at = authority.find(':');
    has_port = at != std::string_view::npos;
    url.host = to_lower(authority.substr(0, at));
    if (has_port) port = authority.substr(at + 1);
  }
  if (url.host.empty()) return bad(text, "the host is missing");
  url.port = default_port(url.scheme);
  if (has_port) {
    auto number = parse_u64(port);
    if (!number || *number == 0 || *number > 65535) return bad(text, "the port must be 1 to 65535");
    url.port = static_cast<uint16_t>(*number);
  }
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

std::string Url::authority() const {
  if (scheme == "unix") return "localhost";
  std::string name = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  return port == default_port(scheme) ? name : fmt::format("{}:{}", name, port);
}

std::string Url::text() const {
  if (scheme == "unix") return "unix://" + wire::percent_encode(host) + target;
  return scheme + "://" + authority() + target;
}

}  // namespace croft::net
