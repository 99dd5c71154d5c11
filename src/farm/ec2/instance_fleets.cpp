#include "farm/ec2/instance_fleets.h"

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/launch_templates.h"
#include "farm/ec2/spot.h"

namespace croft::farm::ec2 {

namespace {

constexpr Duration look = Duration::seconds(5);

/// One way to launch: a template with one of its overrides.
struct Pool {
  Params specification, overrides;
  std::string type;
  int64_t price = 0;  ///< an hour, on demand
  int64_t weight = 1;
  double priority = 0;
};

std::string token_prefix(const Plain& fleet) {
  return fleet.id + "/";
}

std::string type_of(Core& core, const Plain& fleet, const Params& specification,
                    const Params& overrides) {
  if (overrides.has("InstanceType")) return overrides.text("InstanceType");
  Call call;
  call.caller.account = core.context.accounts.find(fleet.account);
  Fields fields{{"MinCount", "1"}, {"MaxCount", "1"}};
  for (const auto& [name, value] : specification.fields())
    fields.emplace_back("LaunchTemplate." + name, value);
  auto params = Params::check(run_instances_schema(), {}, fields);
  if (!params) return "";
  call.params = std::move(*params);
  auto whole = with_template(core, call);
  return whole ? whole->text("InstanceType", "m1.small") : "";
}

std::vector<Pool> pools_of(Core& core, const Plain& fleet, const Params& config) {
  std::vector<Pool> out;
  auto add = [&](const Params& specification, const Params& overrides) {
    Pool pool{specification, overrides, type_of(core, fleet, specification, overrides), 0, 1, 0};
    // What it would cost on demand is what a spot price is a share of.
    pool.price = spot_price(core, pool.type);
    pool.weight = std::max<int64_t>(1, overrides.number("WeightedCapacity", 1));
    pool.priority = std::atof(overrides.text("Priority", "1000000").c_str());
    out.push_back(std::move(pool));
  };
  for (const Params& one : config.items("LaunchTemplateConfigs")) {
    Params specification = one.under("LaunchTemplateSpecification");
    auto overrides = one.items("Overrides");
    if (overrides.empty()) add(specification, {});
    for (const Params& each : overrides) add(specification, each);
  }
  return out;
}

/// The order in which pools are tried.
void sort_pools(std::vector<Pool>& pools, std::string_view strategy) {
  if (strategy == "prioritized" || strategy == "capacity-optimized-prioritized")
    std::ranges::stable_sort(pools, {}, &Pool::priority);
  else if (strategy != "diversified")
    std::ranges::stable_sort(pools, {}, [](const Pool& p) { return p.price / p.weight; });
}

Fields launch_fields(Core& core, const Plain& fleet, const Params& config, const Pool& pool,
                     bool spot, int64_t count, const std::string& token) {
  Fields out{{"MinCount", "1"}, {"MaxCount", std::to_string(count)}, {"ClientToken", token}};
  for (const auto& [name, value] : pool.specification.fields())
    out.emplace_back("LaunchTemplate." + name, value);
  for (auto [from, to] : {std::pair("InstanceType", "InstanceType"),
                          std::pair("SubnetId", "SubnetId"), std::pair("ImageId", "ImageId"),
                          std::pair("AvailabilityZone", "Placement.AvailabilityZone")})
    // A subnet says the zone.
    if (pool.overrides.has(from) &&
        (std::string_view(from) != "AvailabilityZone" || !pool.overrides.has("SubnetId")))
      out.emplace_back(to, pool.overrides.text(from));
  // Whatever zone the template names, this counts.
  if (const SubnetRecord* subnet = core.state.subnets.find(pool.overrides.text("SubnetId")))
    out.emplace_back("Placement.AvailabilityZone", subnet->zone);
  if (spot) {
    out.emplace_back("InstanceMarketOptions.MarketType", "spot");
    if (pool.overrides.has("MaxPrice"))
      out.emplace_back("InstanceMarketOptions.SpotOptions.MaxPrice",
                       pool.overrides.text("MaxPrice"));
  }
  if (fleet.value("type") != "instant") return out;
  // Only a fleet that is filled once tags what it launches.
  for (const auto& [name, value] : config.fields())
    if (name.starts_with("TagSpecification.")) {
      std::string group =
          name.substr(0, name.find('.', std::string_view("TagSpecification.").size()));
      if (config.text(group + ".ResourceType") == "instance") out.emplace_back(name, value);
    }
  return out;
}

/// Launches `count` instances of a pool, or fewer; nothing else of the farm is asked.
aio::Task<Answer> launch(Core& core, std::string account, Fields fields) {
  Call call;
  call.action = "RunInstances";
  call.caller.account = core.context.accounts.find(account);
  if (!call.caller.account) co_return fail(Code::not_found, "the account is gone");
  call.params = CO_TRY(Params::check(run_instances_schema(), {}, fields));
  co_return co_await run_instances(core, std::move(call));
}

/// Fills one side of the target. Each round every pool gets its share, so that what is diversified
/// is; else the first pool gets all.
aio::Task<Result<>> fill_side(Core& core, std::string id, bool spot, int64_t missing,
                              std::string strategy, std::vector<FleetFailure>& failures) {
  const Plain* fleet = core.state.plains.find(id);
  if (!fleet || missing <= 0) co_return Result<>{};
  const Params config = config_of(*fleet);
  auto pools = pools_of(core, *fleet, config);
  sort_pools(pools, strategy);
  size_t sharing = strategy == "diversified" ? pools.size() : 1;
  // What some pools could not launch of their share is asked of all once more.
  size_t turns = sharing > 1 ? 2 * pools.size() : pools.size();
  for (size_t turn = 0; turn < turns && missing > 0; ++turn) {
    size_t at = turn % pools.size();
    if (turn >= pools.size()) sharing = 1;
    const Pool& pool = pools[at];
    size_t left = std::max<size_t>(1, sharing > at ? sharing - at : 1);
    int64_t share = (missing + static_cast<int64_t>(left) - 1) / static_cast<int64_t>(left);
    int64_t count = (share + pool.weight - 1) / pool.weight;
    std::string token = token_prefix(*fleet) + core.context.world.random.hex_id(12);
    auto done = co_await launch(core, fleet->account,
                                launch_fields(core, *fleet, config, pool, spot, count, token));
    if (!done && done.error().code == Code::cancelled) co_return fail(std::move(done).error());
    fleet = core.state.plains.find(id);
    if (!fleet) co_return Result<>{};
    if (!done) {
      failures.push_back({std::string(done.error().fact("aws_code")), done.error().what, spot});
      continue;
    }
    for (const Instance* instance : instances_of_fleet(core, *fleet))
      if (instance->client_token == token) missing -= pool.weight;
  }
  co_return Result<>{};
}

}  // namespace

Params config_of(const Plain& fleet) {
  Fields fields;
  for (const TemplateField& field : fleet.lists) fields.emplace_back(field.name, field.value);
  return Params().over(fields);
}

FleetTarget target_of(const Params& config) {
  Params target = config.under("TargetCapacitySpecification");
  FleetTarget out{target.number("OnDemandTargetCapacity", 0),
                  target.number("SpotTargetCapacity", 0)};
  int64_t rest = target.number("TotalTargetCapacity", 0) - out.on_demand - out.spot;
  bool spot = target.text("DefaultTargetCapacityType", "on-demand") == "spot";
  (spot ? out.spot : out.on_demand) += std::max<int64_t>(rest, 0);
  return out;
}

int64_t weight_of(const Params& config, const Instance& instance) {
  for (const Params& one : config.items("LaunchTemplateConfigs"))
    for (const Params& each : one.items("Overrides"))
      if (each.text("InstanceType") == instance.type)
        return std::max<int64_t>(1, each.number("WeightedCapacity", 1));
  return 1;
}

std::vector<Instance*> instances_of_fleet(Core& core, const Plain& fleet) {
  auto out = core.state.instances_of(fleet.account);
  const std::string prefix = token_prefix(fleet);
  std::erase_if(out, [&](const Instance* instance) {
    return !instance->client_token.starts_with(prefix) ||
           instance->state == InstanceState::shutting_down ||
           instance->state == InstanceState::terminated;
  });
  std::ranges::sort(out, {}, &Instance::sequence);
  return out;
}

namespace {

/// Whoever comes while it is being filled would launch the same a second time.
class Filling {
 public:
  Filling(Core& core, std::string id)
      : core_(core), id_(std::move(id)), first_(core.filling.insert(id_).second) {}
  ~Filling() {
    if (first_) core_.filling.erase(id_);
  }
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;
  bool first() const { return first_; }

 private:
  Core& core_;
  std::string id_;
  bool first_;
};

}  // namespace

aio::Task<Result<std::vector<FleetFailure>>> fill_fleet(Core& core, std::string id) {
  std::vector<FleetFailure> failures;
  Filling filling(core, id);
  const Plain* fleet = core.state.plains.find(id);
  if (!fleet || !filling.first()) co_return failures;
  const Params config = config_of(*fleet);
  FleetTarget missing = target_of(config);
  for (const Instance* instance : instances_of_fleet(core, *fleet))
    (instance->spot_request.empty() ? missing.on_demand : missing.spot) -=
        weight_of(config, *instance);
  CO_TRY(co_await fill_side(core, id, false, missing.on_demand,
                            config.text("OnDemandOptions.AllocationStrategy", "lowest-price"),
                            failures));
  CO_TRY(co_await fill_side(core, id, true, missing.spot,
                            config.text("SpotOptions.AllocationStrategy", "lowest-price"),
                            failures));
  co_return failures;
}

aio::Task<Result<>> end_instances(Core& core, std::vector<std::string> ids) {
  std::vector<store::Change> changes;
  for (const std::string& id : ids) {
    Instance* instance = core.state.find_instance(id);
    if (!instance || instance->state == InstanceState::shutting_down ||
        instance->state == InstanceState::terminated)
      continue;
    core.fleet.set_state(
        *instance, InstanceState::shutting_down,
        {"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"},
        fmt::format("User initiated ({})", reason_time(core.now())), changes);
  }
  if (changes.empty()) co_return Result<>{};
  auto done = co_await core.state.commit("end-fleet", std::move(changes));
  for (const std::string& id : ids) core.fleet.kick(id);
  co_return done;
}

// ---- fleets that are kept

bool InstanceFleets::idle() const {
  return std::ranges::none_of(core_.state.plains.all(), [](const auto& one) {
    return one.second.kind == "fleet" && one.second.state == "active" &&
           one.second.value("type") == "maintain";
  });
}

aio::Task<Result<>> InstanceFleets::run() {
  for (;;) {
    if (idle()) {
      CO_TRY(co_await work_.wait());
      continue;
    }
    if (auto done = co_await turn(); !done) {
      if (done.error().code == Code::cancelled) co_return done;
      log::warn("ec2", "fleets: {}", done.error().line());
    }
    CO_TRY(co_await core_.context.world.clock.sleep(look));
  }
}

aio::Task<Result<>> InstanceFleets::turn() {
  std::vector<std::string> kept;
  for (const auto& [id, one] : core_.state.plains.all())
    if (one.kind == "fleet" && one.state == "active" && one.value("type") == "maintain")
      kept.push_back(id);
  for (std::string& id : kept) {
    const Plain* fleet = core_.state.plains.find(id);
    if (!fleet || fleet->state != "active") continue;
    std::string until = fleet->value("until");
    auto end = until.empty() ? fail(Code::not_found, "") : WallTime::parse_iso8601(until);
    // Nothing is launched after its time; what runs goes on unless it was told to end.
    if (!end || *end > core_.now()) CO_TRY(co_await fill_fleet(core_, std::move(id)));
  }
  co_return Result<>{};
}

}  // namespace croft::farm::ec2
