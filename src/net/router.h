// Which handler answers a method and path: "/v1/applications/{name}" for HTTP APIs on HttpServer.
// Built once, then read; loop thread only. Unknown paths get 404, unknown methods 405 with Allow.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "wire/uri.h"

namespace croft::net {

/// A request as a route sees it: decoded path parameters and query.
struct RouteMatch {
  std::map<std::string, std::string, std::less<>> parameters;
  wire::Query query;
  /// A parameter named in the pattern.
  const std::string& operator[](std::string_view name) const;
};

using RouteHandler = std::function<aio::Task<Result<>>(Exchange&, const RouteMatch&)>;

class Router {
 public:
  /// `pattern`: segments, "{name}" for one decoded segment (not empty), "{name...}" at the end for
  /// the rest. Literal segments win over parameters. Code::already_exists for the same route twice.
  Result<> add(std::string method, std::string_view pattern, RouteHandler handler);
  /// Dispatches. HEAD is served by GET's route.
  aio::Task<Result<>> handle(Exchange& exchange) const;
  /// What answers instead of the plain JSON {"error":{"code":...,"what":...}} for 400, 404 and 405.
  void on_error(
      std::function<aio::Task<Result<>>(Exchange&, int status, wire::Headers, Error)> answer) {
    on_error_ = std::move(answer);
  }

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    RouteHandler handler;
  };
  static std::optional<RouteMatch> match(const Route& route,
                                         const std::vector<std::string>& segments);
  aio::Task<Result<>> refuse(Exchange& exchange, int status, wire::Headers headers,
                             Error error) const;
  std::vector<Route> routes_;
  std::function<aio::Task<Result<>>(Exchange&, int, wire::Headers, Error)> on_error_;
};

}  // namespace croft::net
