#include "farm/ec2/spot.h"

#include "base/log.h"
#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/launch_templates.h"
#include "farm/meter/invoice.h"

namespace croft::farm::ec2 {

namespace {

constexpr int64_t share_percent = 30;  // of the list price
constexpr Duration look = Duration::seconds(1);

Error too_low(int64_t bid, int64_t price) {
  return aws_error("SpotMaxPriceTooLow", 400,
                   fmt::format("Your Spot request price of {:.6f} is lower than the minimum "
                               "required Spot request fulfillment price of {:.6f}.",
                               static_cast<double>(bid) / 1e6, static_cast<double>(price) / 1e6));
}

bool is_over(const Instance* instance) {
  return !instance || instance->state == InstanceState::terminated ||
         instance->state == InstanceState::shutting_down;
}

}  // namespace

int64_t spot_price(const Core& core, std::string_view type) {
  static const meter::PriceBook book = meter::PriceBook::standard();
  auto at = book.hourly.find(type);
  int64_t list = at == book.hourly.end() ? 0 : at->second;
  int64_t percent = share_percent * (core.faults ? core.faults->spot_percent() : 100) / 100;
  return std::max<int64_t>(list * percent / 100, 1);
}

Result<> read_market(Core& core, const Call& call, Instance& model) {
  const Params& p = call.params;
  if (p.text("InstanceMarketOptions.MarketType").empty()) return {};
  model.price_micros = spot_price(core, model.type);
  model.spot_request = call.spot_request;
  std::string most = p.text("InstanceMarketOptions.SpotOptions.MaxPrice");
  if (most.empty()) return {};
  auto bid = Money::parse(most);
  if (!bid || *bid <= Money())
    return fail(
        aws_error("InvalidParameterValue", 400, fmt::format("'{}' is no price", printable(most))));
  if (bid->micros() < model.price_micros) return fail(too_low(bid->micros(), model.price_micros));
  return {};
}

void add_spot_record(Core& core, Instance& instance, const std::string& interruption,
                     const std::string& type, std::vector<store::Change>& changes) {
  SpotRequest request;
  request.id = new_id(core.context.world.random, "sir");
  request.account = instance.account;
  request.price_micros = instance.price_micros;
  request.state = "active";
  request.code = "fulfilled";
  request.message = "Your spot request is fulfilled.";
  request.type = type;
  request.interruption = interruption;
  request.instance = instance.id;
  request.instance_type = instance.type;
  request.image = instance.image;
  request.zone = instance.zone;
  request.created = request.updated = core.now();
  instance.spot_request = request.id;
  changes.push_back(core.state.spots.put(core.state.spots.add(std::move(request))));
}

// ---- what happens to requests

bool Spots::idle() const {
  for (const auto& [id, request] : core_.state.spots.all())
    if (request.state == "open" || request.state == "active") return false;
  for (const auto& [id, instance] : core_.state.instances())
    if (instance.interrupted.ns != 0 && instance.state == InstanceState::running) return false;
  return true;
}

aio::Task<Result<>> Spots::run() {
  for (;;) {
    if (idle()) {
      CO_TRY(co_await work_.wait());
      continue;
    }
    if (auto done = co_await turn(); !done) {
      if (done.error().code == Code::cancelled) co_return done;
      log::warn("ec2", "spot requests: {}", done.error().line());
    }
    auto woken = co_await aio::race(work_.wait(), core_.context.world.clock.sleep(look));
    auto ended = woken.index() == 0 ? std::get<0>(std::move(woken)) : std::get<1>(std::move(woken));
    if (!ended && ended.error().code == Code::cancelled) co_return ended;
  }
}

aio::Task<Result<>> Spots::turn() {
  std::vector<std::string> open, active, due;
  for (const auto& [id, request] : core_.state.spots.all()) {
    if (request.state == "open") open.push_back(id);
    if (request.state == "active") active.push_back(id);
  }
  for (const auto& [id, instance] : core_.state.instances())
    if (instance.interrupted.ns != 0 && instance.interrupted <= core_.now() &&
        instance.state == InstanceState::running)
      due.push_back(id);
  for (std::string& id : due) CO_TRY(co_await take_away(std::move(id)));
  for (std::string& id : active) CO_TRY(co_await follow(std::move(id)));
  for (std::string& id : open) CO_TRY(co_await fulfil(std::move(id)));
  co_return Result<>{};
}

aio::Task<Result<>> Spots::update(std::string id, std::string state, std::string code,
                                  std::string message) {
  SpotRequest* request = core_.state.spots.find(id);
  if (!request || (request->state == state && request->code == code)) co_return Result<>{};
  request->state = std::move(state);
  request->code = std::move(code);
  request->message = std::move(message);
  request->updated = core_.now();
  co_return co_await core_.state.commit("spot", {core_.state.spots.put(*request)});
}

/// The launch bears the request's id as its token: asked again after a crash, it is the same one.
aio::Task<Result<>> Spots::fulfil(std::string id) {
  const SpotRequest request = *core_.state.spots.find(id);
  if (request.valid_until.ns != 0 && request.valid_until < core_.now())
    co_return co_await update(id, "cancelled", "schedule-expired",
                              "Your spot request expired before it was fulfilled.");
  if (request.price_micros < spot_price(core_, request.instance_type))
    co_return co_await update(id, "open", "price-too-low",
                              "Your price is lower than the minimum required price.");
  Fields fields;
  for (const TemplateField& field : request.launch) fields.emplace_back(field.name, field.value);
  Call call;
  call.action = "RunInstances";
  call.caller.account = core_.context.accounts.find(request.account);
  call.spot_request = id;
  auto params = Params::check(run_instances_schema(), {}, fields);
  if (!call.caller.account || !params)
    co_return co_await update(id, "failed", "bad-parameters", "The launch cannot be read.");
  call.params = std::move(*params);
  auto started = co_await run_instances(core_, std::move(call));
  if (!started) {
    bool wait = started.error().fact("aws_code") == "InsufficientInstanceCapacity";
    co_return co_await update(id, wait ? "open" : "failed",
                              wait ? "capacity-not-available" : "bad-parameters",
                              started.error().what);
  }
  SpotRequest* kept = core_.state.spots.find(id);
  if (!kept) co_return Result<>{};
  for (const Instance* instance : core_.state.instances_of(request.account))
    if (instance->spot_request == id && !is_over(instance)) {
      kept->instance = instance->id;
      kept->zone = instance->zone;
    }
  co_return co_await update(id, "active", "fulfilled", "Your spot request is fulfilled.");
}

/// Its instance may have ended; a persistent request then bids again.
aio::Task<Result<>> Spots::follow(std::string id) {
  SpotRequest* request = core_.state.spots.find(id);
  const Instance* instance = core_.state.find_instance(request->instance);
  if (!is_over(instance)) co_return Result<>{};
  bool taken = instance && instance->reason.code == "Server.SpotInstanceTermination";
  std::string code = taken ? "instance-terminated-no-capacity" : "instance-terminated-by-user";
  if (request->type != "persistent" || request->launch.empty())
    co_return co_await update(id, "closed", code, "The instance of this request has ended.");
  request->instance.clear();
  // Another launch: another token.
  for (TemplateField& field : request->launch)
    if (field.name == "ClientToken") field.value = id + "/" + core_.context.world.random.hex_id(16);
  co_return co_await update(id, "open", "pending-evaluation",
                            "Your spot request has been submitted for review.");
}

aio::Task<Result<>> Spots::take_away(std::string id) {
  Instance* instance = core_.state.find_instance(id);
  if (!instance || instance->state != InstanceState::running) co_return Result<>{};
  const SpotRequest* request = core_.state.spots.find(instance->spot_request);
  bool stop = request && request->interruption == "stop";
  instance->interrupted = {};
  std::vector<store::Change> changes;
  core_.fleet.set_state(
      *instance, stop ? InstanceState::stopping : InstanceState::shutting_down,
      {"Server.SpotInstanceTermination",
       "Server.SpotInstanceTermination: Spot instance was taken away"},
      fmt::format("Server.SpotInstanceTermination ({})", reason_time(core_.now())), changes);
  auto done = co_await core_.state.commit("spot-taken", std::move(changes));
  core_.fleet.kick(id);
  co_return done;
}

aio::Task<Result<>> Spots::interrupt(std::string id, Duration time) {
  Instance* instance = core_.state.find_instance(id);
  if (!instance || instance->state != InstanceState::running)
    co_return fail(Code::not_found, fmt::format("no instance '{}' runs", printable(id)));
  if (instance->spot_request.empty())
    co_return fail(Code::invalid_argument, fmt::format("{} is no spot instance", id));
  instance->interrupted = core_.now() + time;
  kick();
  co_return co_await core_.state.commit("spot-notice", {State::put(*instance)});
}

}  // namespace croft::farm::ec2
