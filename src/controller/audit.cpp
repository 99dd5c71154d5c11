// POST /v1/audit: what is on an account with croft's tags, and whose it is. POST /v1/lost/NAME:
// removes what carries the tags of an application that this controller does not hold.
#include <fmt/format.h>

#include "cloud/credentials.h"
#include "cloud/sweep.h"
#include "controller/routes.h"
#include "controller/views.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;

namespace {

constexpr Bytes request_limit = Bytes::mib(1);
constexpr int patience = 60;
constexpr Duration look_again = Duration::seconds(1);

struct Account {
  cloud::Ec2 ec2;
  cloud::S3 s3;
  std::string farm;
  std::string access_key;
};

aio::Task<Result<Account>> account_of(State& state, AccountBody body) {
  auto variables = body.environment;
  if (body.farm.kind == cloud::FarmKind::embedded && !body.farm_admin.empty())
    for (auto& [name, text] :
         CO_TRY(co_await state.prepare_farm(body.farm_admin, nullptr, body.environment, {})))
      variables[name] = text;
  cloud::CredentialsSearch search;
  search.environment = cloud::fixed_environment(std::move(variables));
  auto credentials = CO_TRY(co_await cloud::find_credentials(state.world, std::move(search)));
  if (!body.farm.ec2 || !body.farm.s3)
    co_return fail(Code::invalid_argument,
                   "an audit asks a farm's EC2 and its S3: both are needed");
  cloud::Connection connection{state.world, state.http, state.retrier};
  co_return Account{cloud::Ec2(connection, *body.farm.ec2, credentials),
                    cloud::S3(connection, *body.farm.s3, credentials), body.farm.text(),
                    credentials.access_key};
}

/// Why it belongs to nothing that runs; empty where it does.
std::string orphaned(const State& state, const cloud::Found& found) {
  auto application = state.applications.find(found.application);
  if (application == state.applications.end())
    return "this controller has no application of that name";
  std::string life = cloud::tag_value(found.tags, engine::tag_incarnation);
  const auto& record = application->second->record();
  if (!life.empty() && life != record.uid)
    return "of an earlier life of that application, or of another controller's";
  bool over = record.state == protocol::ApplicationState::down;
  return over && !found.keep ? "that application is down" : "";
}

json::Object found_view(const cloud::Found& found) {
  json::Object out{{"kind", found.kind},
                   {"id", found.id},
                   {"application", found.application},
                   {"component", found.component}};
  if (!found.state.empty()) out["state"] = found.state;
  if (found.keep) out["keep"] = true;
  if (std::string owner = cloud::tag_value(found.tags, cloud::tag_owner); !owner.empty())
    out["owner"] = owner;
  return out;
}

json::Array notes_view(const std::vector<std::string>& notes) {
  json::Array out;
  for (const auto& note : notes) out.emplace_back(note);
  return out;
}

/// Security groups and volumes are in use until their machines are gone, which takes a while.
aio::Task<Result<>> remove_patiently(State& state, const Account& account, cloud::Found found) {
  for (int tries = 0;; ++tries) {
    auto gone = co_await cloud::remove_found(account.ec2, account.s3, found);
    if (gone || gone.error().code != Code::conflict || tries == patience || found.kind == "bucket")
      co_return gone;
    CO_TRY(co_await state.world.clock.sleep(look_again));
  }
}

}  // namespace

aio::Task<Result<>> audit(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  auto body = CO_TRY(account_body(CO_TRY(co_await exchange.read_all(request_limit))));
  Account account = CO_TRY(co_await account_of(state, std::move(body)));
  cloud::SweepRequest request;
  request.everything_of_ec2();
  auto swept = CO_TRY(co_await cloud::sweep(account.ec2, account.s3, request));
  json::Array orphans, held;
  for (const cloud::Found& found : swept.found) {
    json::Object line = found_view(found);
    std::string why = orphaned(state, found);
    if (!why.empty()) line["why"] = why;
    (why.empty() ? held : orphans).emplace_back(std::move(line));
  }
  co_return co_await reply(exchange, 200,
                           {{"farm", account.farm},
                            {"account", account.access_key},
                            {"orphans", std::move(orphans)},
                            {"held", std::move(held)},
                            {"notes", notes_view(swept.notes)}});
}

aio::Task<Result<>> remove_lost(State& state, net::Exchange& exchange,
                                const net::RouteMatch& match) {
  std::string name(match["name"]);
  CO_TRY(check_name(name));
  auto known = state.applications.find(name);
  if (known != state.applications.end() &&
      known->second->record().state != protocol::ApplicationState::down)
    co_return fail(
        Error(Code::conflict, fmt::format("{} is not lost: this controller holds it", name))
            .hint(fmt::format("croft down {} removes it", name)));
  auto body = CO_TRY(account_body(CO_TRY(co_await exchange.read_all(request_limit))));
  Account account = CO_TRY(co_await account_of(state, std::move(body)));
  cloud::SweepRequest request;
  request.application = name;
  request.everything_of_ec2();
  auto swept = CO_TRY(co_await cloud::sweep(account.ec2, account.s3, request));
  json::Array rented, returned, kept, left;
  for (const cloud::Found& found : swept.found) {
    json::Object line = found_view(found);
    rented.emplace_back(line);
    if (found.keep && !asked(match, "kept")) {
      kept.emplace_back(std::move(line));
    } else if (!asked(match, "remove")) {
      left.emplace_back(std::move(line));
    } else if (auto gone = co_await remove_patiently(state, account, found); gone) {
      line["returned"] = protocol::time_text(state.world.clock.wall());
      returned.emplace_back(std::move(line));
    } else {
      line["note"] = gone.error().line();
      left.emplace_back(std::move(line));
    }
  }
  // What was asked to go is looked for again: the statement rests on the farm's word alone.
  auto after = CO_TRY(co_await cloud::sweep(account.ec2, account.s3, request));
  for (const cloud::Found& found : after.found)
    for (const auto& line : returned)
      if (line.get_object().at("id").get_string() == found.id) {
        json::Object still = found_view(found);
        still["note"] = "it was asked to go and is still there";
        left.emplace_back(std::move(still));
      }
  co_return co_await reply(exchange, 200,
                           {{"name", name},
                            {"farm", account.farm},
                            {"rented", std::move(rented)},
                            {"returned", std::move(returned)},
                            {"kept", std::move(kept)},
                            {"left", std::move(left)},
                            {"checked", after.notes.empty()},
                            {"notes", notes_view(after.notes)}});
}

}  // namespace croft::controller
