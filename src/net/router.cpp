#include "net/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "wire/json.h"

namespace croft::net {
namespace {

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}
bool is_rest(std::string_view segment) {
  return is_parameter(segment) && segment.ends_with("...}");
}
std::string_view parameter_name(std::string_view segment) {
  segment = segment.substr(1, segment.size() - 2);
  return segment.ends_with("...") ? segment.substr(0, segment.size() - 3) : segment;
}

/// The raw segments of a path, without the leading '/'.
std::vector<std::string> segments_of(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return split(path, '/');
}

/// More literal segments first; a rest parameter last.
std::vector<int> rank(const std::vector<std::string>& segments) {
  std::vector<int> out;
  for (const std::string& segment : segments)
    out.push_back(is_rest(segment) ? 2 : is_parameter(segment) ? 1 : 0);
  return out;
}

}  // namespace

const std::string& RouteMatch::operator[](std::string_view name) const {
  auto found = parameters.find(name);
  CHECK(found != parameters.end(),
        "a route handler asks for a parameter that its pattern does not have");
  return found->second;
}

Result<> Router::add(std::string method, std::string_view pattern, RouteHandler handler) {
  Route route{std::move(method), segments_of(pattern), std::move(handler)};
  for (size_t i = 0; i + 1 < route.segments.size(); ++i)
    if (is_rest(route.segments[i]))
      return fail(Code::invalid_argument,
                  fmt::format("{}: '...' may stand only at the end", pattern));
  for (const Route& other : routes_)
    if (other.method == route.method && other.segments == route.segments)
      return fail(Code::already_exists,
                  fmt::format("the route {} {} is there already", route.method, pattern));
  auto place = std::ranges::upper_bound(routes_, rank(route.segments), std::less<>{},
                                        [](const Route& other) { return rank(other.segments); });
  routes_.insert(place, std::move(route));
  return {};
}

std::optional<RouteMatch> Router::match(const Route& route,
                                        const std::vector<std::string>& segments) {
  RouteMatch out;
  for (size_t i = 0; i < route.segments.size(); ++i) {
    const std::string& wanted = route.segments[i];
    if (is_rest(wanted)) {
      if (i > segments.size()) return std::nullopt;
      std::string rest = join(
          {segments.begin() + static_cast<ptrdiff_t>(std::min(i, segments.size())), segments.end()},
          "/");
      auto decoded = wire::percent_decode(rest);
      if (!decoded) return std::nullopt;
      out.parameters.emplace(parameter_name(wanted), std::move(*decoded));
      return out;
    }
    if (i >= segments.size()) return std::nullopt;
    auto decoded = wire::percent_decode(segments[i]);
    if (!decoded) return std::nullopt;
    if (is_parameter(wanted)) {
      if (decoded->empty()) return std::nullopt;
      out.parameters.emplace(parameter_name(wanted), std::move(*decoded));
    } else if (*decoded != wanted) {
      return std::nullopt;
    }
  }
  if (segments.size() != route.segments.size()) return std::nullopt;
  return out;
}

aio::Task<Result<>> Router::handle(Exchange& exchange) const {
  const wire::RequestHead& request = exchange.request();
  auto query = wire::Query::parse(request.query());
  if (!query) co_return co_await refuse(exchange, 400, {}, std::move(query).error());
  std::vector<std::string> segments = segments_of(request.path());
  std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::set<std::string> allowed;
  for (const Route& route : routes_) {
    auto found = match(route, segments);
    if (!found) continue;
    if (route.method != method) {
      allowed.insert(route.method);
      if (route.method == "GET") allowed.insert("HEAD");
      continue;
    }
    found->query = std::move(*query);
    co_return co_await route.handler(exchange, *found);
  }
  std::string path = printable(request.path().substr(0, 200));
  if (allowed.empty())
    co_return co_await refuse(exchange, 404, {}, Error(Code::not_found, "there is no " + path));
  std::string list = join({allowed.begin(), allowed.end()}, ", ");
  wire::Headers headers{{"Allow", list}};
  co_return co_await refuse(exchange, 405, std::move(headers),
                            Error(Code::unsupported, fmt::format("{} does not take {}, but {}",
                                                                 path, request.method, list)));
}

aio::Task<Result<>> Router::refuse(Exchange& exchange, int status, wire::Headers headers,
                                   Error error) const {
  if (on_error_)
    co_return co_await on_error_(exchange, status, std::move(headers), std::move(error));
  headers.set("Content-Type", "application/json");
  std::string body =
      fmt::format("{{\"error\":{{\"code\":{},\"what\":{}}}}}\n",
                  wire::json::quote(name_of(error.code)), wire::json::quote(error.what));
  co_return co_await exchange.respond(status, std::move(headers), std::move(body));
}

}  // namespace croft::net
