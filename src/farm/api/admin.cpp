#include "farm/api/admin.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "wire/json.h"

namespace croft::farm {
namespace {

constexpr Bytes max_body = Bytes::mib(1);

int status_of(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::syntax:
    case Code::unresolved:
    case Code::type_mismatch:
      return 400;
    case Code::unauthenticated:
    case Code::permission_denied:
      return 403;
    case Code::not_found:
      return 404;
    case Code::already_exists:
    case Code::conflict:
      return 409;
    case Code::resource_exhausted:
      return 507;
    case Code::throttled:
    case Code::unavailable:
    case Code::timeout:
    case Code::cancelled:
      return 503;
    case Code::unsupported:
      return 501;
    case Code::io:
    case Code::corrupt:
    case Code::internal:
      break;
  }
  return 500;
}

std::string error_json(const Error& error) {
  wire::json::Array hints;
  for (const std::string& hint : error.hints) hints.push_back(wire::json::Value(hint));
  wire::json::Object inner{{"code", name_of(error.code)}, {"what", error.what}};
  if (!hints.empty()) inner["hints"] = std::move(hints);
  return wire::json::compact(wire::json::Object{{"error", std::move(inner)}});
}

aio::Task<Result<>> answer(net::Exchange& exchange, int status, std::string body) {
  wire::Headers headers{{"Content-Type", "application/json"}};
  co_return co_await exchange.respond(status, std::move(headers), std::move(body));
}

}  // namespace

void AdminRoutes::route(std::string method, std::string path, Handler handler) {
  std::string name = method + " " + path;
  CHECK(!find(method, path), "an admin route is declared twice");
  routes_.emplace_back(std::move(name), std::move(handler));
}

const AdminRoutes::Handler* AdminRoutes::find(std::string_view method,
                                              std::string_view path) const {
  std::string name = fmt::format("{} {}", method, path);
  for (const auto& [known, handler] : routes_)
    if (known == name) return &handler;
  return nullptr;
}

aio::Task<Result<>> serve_admin(const AdminRoutes& routes, net::Exchange& exchange) {
  // The socket's mode keeps others out already; a folder made readable by mistake must not undo
  // that.
  int64_t uid = exchange.credentials().uid;
  if (uid > 0 && uid != static_cast<int64_t>(getuid()))
    co_return co_await answer(
        exchange, 403,
        error_json(Error(Code::permission_denied, "this farm belongs to another user")));
  const wire::RequestHead& head = exchange.request();
  const AdminRoutes::Handler* handler = routes.find(head.method, head.path());
  if (!handler)
    co_return co_await answer(
        exchange, 404,
        error_json(Error(Code::not_found, fmt::format("no admin request {} {}", head.method,
                                                      printable(head.path())))));
  std::string body = CO_TRY(co_await exchange.read_all(max_body));
  Result<std::string> done = co_await (*handler)(std::move(body));
  if (!done)
    co_return co_await answer(exchange, status_of(done.error().code), error_json(done.error()));
  co_return co_await answer(exchange, 200, std::move(*done));
}

}  // namespace croft::farm
