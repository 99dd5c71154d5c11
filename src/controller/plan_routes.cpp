// POST /v1/plan: what `up` would do, attribute by attribute; with ?save=true sealed, to be carried
// out later exactly.
#include "controller/routes.h"
#include "controller/saved_plan.h"
#include "controller/views.h"
#include "plan/difference.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;

aio::Task<Result<>> make_plan(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  std::string text = CO_TRY(co_await exchange.read_all(up_body_limit));
  UpBody body = CO_TRY(up_body(text));
  auto found = state.applications.find(body.name);
  ApplicationRef current = found == state.applications.end() ? nullptr : found->second;
  std::vector<std::string> notes;
  bool runs = current && current->record().state != protocol::ApplicationState::down;
  if (runs && match.query.value("refresh") != "false") notes = CO_TRY(co_await current->refresh());
  auto plan = CO_TRY(
      planned(state, body.name, body.wanted.description, body.wanted.options, current.get()));
  std::vector<plan::Difference> differences;
  if (runs) {
    auto before = CO_TRY(co_await current->stored_description(current->record().version));
    differences =
        plan::differences(before.config.get(), body.wanted.description.config.get(), body.name);
  }
  json::Object document = plan_view(plan, differences);
  if (!notes.empty()) document["notes"] = json::Array(notes.begin(), notes.end());
  if (asked(match, "save"))
    document["sealed"] = CO_TRY(seal_plan({std::move(text), steps_of(plan)}, *state.sealer));
  co_return co_await reply(exchange, 200, std::move(document));
}

}  // namespace croft::controller
