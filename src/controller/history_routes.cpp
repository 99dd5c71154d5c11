// GET .../history, GET .../difference, POST .../rollback: controller.h describes them.
#include <fmt/format.h>

#include "base/text.h"
#include "controller/routes.h"
#include "controller/views.h"
#include "plan/difference.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;

namespace {

Result<uint64_t> version_at(const net::RouteMatch& match, std::string_view name,
                            const engine::Application& application) {
  std::string given(match.query.value(name));
  auto number = parse_u64(given);
  uint64_t last = application.record().version;
  if (number && *number >= 1 && *number <= last) return *number;
  return fail(Error(Code::invalid_argument,
                    fmt::format("{} has no version '{}'", application.name(), given))
                  .hint(fmt::format("its versions are 1 to {}; croft history {} lists them", last,
                                    application.name())));
}

}  // namespace

aio::Task<Result<>> show_history(State& state, net::Exchange& exchange,
                                 const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  json::Array entries;
  for (const auto& entry : CO_TRY(co_await application->ledger().all_history()))
    entries.emplace_back(to_json(entry));
  co_return co_await reply(exchange, 200,
                           {{"name", application->name()},
                            {"version", application->record().version},
                            {"history", std::move(entries)}});
}

aio::Task<Result<>> show_difference(State& state, net::Exchange& exchange,
                                    const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  uint64_t from = CO_TRY(version_at(match, "from", *application));
  uint64_t to = CO_TRY(version_at(match, "to", *application));
  auto before = CO_TRY(co_await application->stored_description(from));
  auto after = CO_TRY(co_await application->stored_description(to));
  json::Array lines;
  for (const auto& line :
       plan::differences(before.config.get(), after.config.get(), application->name()))
    lines.emplace_back(difference_view(line));
  co_return co_await reply(exchange, 200,
                           {{"name", application->name()},
                            {"from", from},
                            {"to", to},
                            {"differences", std::move(lines)}});
}

aio::Task<Result<>> roll_back(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  uint64_t version = CO_TRY(version_at(match, "version", *application));
  auto description = CO_TRY(co_await application->stored_description(version));
  engine::Options options = application->record().options;
  options.scope = {};
  CO_TRY(planned(state, application->name(), description, options, application.get()));
  uint64_t seq = application->last_event() + 1;
  CO_TRY(co_await application->roll_back(version, caller_of(state, exchange)));
  co_return co_await reply(
      exchange, 202,
      {{"name", application->name()}, {"version", application->record().version}, {"seq", seq}});
}

}  // namespace croft::controller
