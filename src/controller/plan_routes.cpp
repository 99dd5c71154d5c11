// POST /v1/plan: what `up` would do, attribute by attribute; with ?save=true sealed, to be carried
// out later exactly.
#include <fmt/format.h>

#include <algorithm>

#include "aio/scope.h"
#include "controller/routes.h"
#include "controller/saved_plan.h"
#include "controller/views.h"
#include "plan/difference.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;

namespace {

constexpr Duration resumed_within = Duration::seconds(10);

/// What is taken over is not made.
Result<> show_imports(plan::Plan& plan, const UpBody& body, const engine::Application* current) {
  engine::Imports all = current ? current->record().imports : engine::Imports{};
  for (const auto& [given, ids] : body.wanted.imports)
    all.insert_or_assign(plan::inside(given, body.name) ? given : body.name + ":" + given, ids);
  for (const auto& [path, ids] : all) {
    auto item = std::ranges::find(plan.items, path, &plan::Item::path);
    if (item == plan.items.end())
      return fail(Code::not_found,
                  fmt::format("{} is described nowhere: nothing can be imported there", path));
    if (item->change == plan::Change::create) item->why = "takes over " + ids;
  }
  return {};
}

}  // namespace

aio::Task<Result<>> until_resumed(State& state, engine::Application& application) {
  Moment until = state.world.clock.now() + resumed_within;
  while (application.resuming() && state.world.clock.now() < until) {
    auto woken = co_await aio::race(application.changed().wait(),
                                    state.world.clock.sleep(until - state.world.clock.now()));
    CO_TRY(woken.index() == 0 ? std::get<0>(std::move(woken)) : std::get<1>(std::move(woken)));
  }
  co_return Result<>{};
}

aio::Task<Result<>> make_plan(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  std::string text = CO_TRY(co_await exchange.read_all(up_body_limit));
  UpBody body = CO_TRY(up_body(text));
  auto found = state.applications.find(body.name);
  ApplicationRef current = found == state.applications.end() ? nullptr : found->second;
  std::vector<std::string> notes;
  bool runs = current && current->record().state != protocol::ApplicationState::down;
  if (runs) {
    CO_TRY(co_await until_resumed(state, *current));
    // Without its description: a plan makes no accounts of the embedded farm.
    engine::Wanted who;
    who.environment = body.wanted.environment;
    who.farm_admin = body.wanted.farm_admin;
    CO_TRY(co_await current->same_account(who));
  }
  if (runs && match.query.value("refresh") != "false") notes = CO_TRY(co_await current->refresh());
  auto plan = CO_TRY(
      planned(state, body.name, body.wanted.description, body.wanted.options, current.get()));
  CO_TRY(show_imports(plan, body, current.get()));
  std::vector<plan::Difference> differences;
  if (runs) {
    auto before = CO_TRY(co_await current->stored_description(current->record().version));
    differences =
        plan::differences(before.config.get(), body.wanted.description.config.get(), body.name);
  }
  json::Object document = plan_view(plan, differences);
  if (!notes.empty()) document["notes"] = json::Array(notes.begin(), notes.end());
  if (asked(match, "save"))
    document["sealed"] = CO_TRY(seal_plan(
        {std::move(text), steps_of(plan), things_of(plan, current.get())}, *state.sealer));
  co_return co_await reply(exchange, 200, std::move(document));
}

}  // namespace croft::controller
