// POST .../refresh, .../forget, .../import: where the farm has it otherwise than the record, and
// how the record is brought to what is so.
#include "controller/routes.h"
#include "controller/views.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;

namespace {
constexpr Bytes request_limit = Bytes::mib(1);
}

aio::Task<Result<>> show_drift(State& state, net::Exchange& exchange,
                               const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  auto notes = CO_TRY(co_await application->refresh());
  json::Array drifts;
  for (const auto& node : application->nodes())
    for (auto& line : drift_view(*node)) drifts.push_back(std::move(line));
  co_return co_await reply(exchange, 200,
                           {{"name", application->name()},
                            {"checked", notes.empty()},
                            {"drifts", std::move(drifts)},
                            {"notes", json::Array(notes.begin(), notes.end())}});
}

aio::Task<Result<>> forget(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  std::string path(match.query.value("component"));
  auto ids = CO_TRY(co_await application->forget(path, caller_of(state, exchange)));
  co_return co_await reply(exchange, 200,
                           {{"name", application->name()},
                            {"component", path},
                            {"forgotten", json::Array(ids.begin(), ids.end())}});
}

aio::Task<Result<>> import_things(State& state, net::Exchange& exchange,
                                  const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  auto things = CO_TRY(imports_body(CO_TRY(co_await exchange.read_all(request_limit))));
  json::Object told;
  for (const auto& [path, ids] : things) told[path] = ids;
  CO_TRY(co_await application->import(std::move(things), caller_of(state, exchange)));
  co_return co_await reply(exchange, 200,
                           {{"name", application->name()}, {"imports", std::move(told)}});
}

}  // namespace croft::controller
