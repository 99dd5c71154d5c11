// For tests: one EC2 side over a simulated world, a memory store and machines that are records.
// call() answers a request; settle() lets the fleet work for a (virtual) while; reopen() is a new
// farm process on the same store and machines. The fleet does nothing outside settle().
#pragma once
#include <memory>
#include <string>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"
#include "base/text.h"
#include "farm/ec2/core.h"
#include "farm/ec2/instance_fleets.h"
#include "farm/ec2/service.h"
#include "farm/ec2/spot.h"
#include "farm/ec2/transfers.h"
#include "farm/topology/topology.h"
#include "sandbox/fake.h"
#include "wire/xml.h"

namespace croft::farm::ec2 {

class PlainSealer final : public Sealer {
 public:
  Result<std::string> seal(const Secret& secret, std::string_view) override {
    return secret.reveal();
  }
  Result<Secret> unseal(std::string_view sealed, std::string_view) override {
    return Secret(std::string(sealed));
  }
};
class NoMeter final : public Meter {
 public:
  void request(const Usage&) override {}
};

class BenchFarm {
 public:
  explicit BenchFarm(uint64_t seed = 1) : sim(seed), store(store::open_memory(sim.world())) {
    machines.on_user_data = [this](const sandbox::MachineSpec& spec) {
      first_boots.push_back(spec.id);
      specs[spec.id] = spec;
      return "console of " + spec.id + "\n";
    };
    accounts = std::move(*sim.run(Accounts::open(sim.world(), *store, sealer)));
    alice = account("alice", "111122223333", 20);
    bob = account("bob", "444455556666", 5);
    open();
  }
  ~BenchFarm() { close(); }

  AccountRef account(std::string name, std::string id, int64_t instances) {
    auto made = std::make_shared<Account>();
    made->name = std::move(name);
    made->account_id = std::move(id);
    made->quotas.instances = instances;
    return made;
  }

  void open() {
    context = std::make_unique<Context>(Context{sim.world(), *store, *accounts, meter, admin});
    context->zones = {"us-east-1a", "us-east-1b"};
    context->url = "http://127.0.0.1:7480";
    state = std::make_unique<State>(sim.world(), *store);
    FleetOptions options;
    options.volumes = [this](const std::string& instance) {
      std::vector<sandbox::VolumeSpec> out;
      for (const auto& [id, volume] : state->volumes.all())
        if (volume.instance == instance) out.push_back(core->volume_spec(volume));
      return out;
    };
    options.disk_file = [this](const std::string& volume) { return core->disk_file(volume); };
    options.changed = [this] {
      if (faults) faults->changed();
    };
    fleet = std::make_unique<Fleet>(sim.world(), *state, machines, options);
    faults = std::make_unique<Faults>(*context, *state, machines);
    core = std::make_unique<Core>(Core{*context, *state, *fleet, capacity, faults.get()});
    context->topology = topology;
    if (topology) context->zones = topology->zones;
    spots = std::make_unique<Spots>(*core);
    core->spots = spots.get();
    fleets = std::make_unique<InstanceFleets>(*core);
    core->fleets = fleets.get();
    transfers = std::make_unique<Transfers>(*core);
    faults->interrupt = [this](std::string instance, Duration notice) {
      return spots->interrupt(std::move(instance), notice);
    };
    auto loaded = sim.run(start());
    CHECK(loaded, "the farm opens: " + (loaded ? "" : loaded.error().render()));
  }
  void close() {
    transfers.reset();
    fleets.reset();
    spots.reset();
    core.reset();
    faults.reset();
    fleet.reset();
    state.reset();
    context.reset();
  }
  void reopen() {
    close();
    open();
  }

  Result<std::string> call_as(AccountRef who, std::string action, Fields fields) {
    Ec2Request request;
    request.action = std::move(action);
    request.version = "2016-11-15";
    request.parameters = std::move(fields);
    request.caller.account = std::move(who);
    return sim.run(dispatch(*core, request));
  }
  Result<std::string> call(std::string action, Fields fields = {}) {
    return call_as(alice, std::move(action), std::move(fields));
  }
  /// The same, parsed; an error ends the test with its text.
  wire::xml::Document ask(std::string action, Fields fields = {}) {
    auto answer = call(action, std::move(fields));
    CHECK(answer, action + ": " + (answer ? "" : answer.error().render()));
    auto document = wire::xml::Document::parse("<answer>" + *answer + "</answer>");
    CHECK(document, "the answer is XML: " + *answer);
    return std::move(*document);
  }
  /// The AWS code of the refusal; "" when the call succeeded.
  std::string refusal(std::string action, Fields fields = {}) {
    auto answer = call(std::move(action), std::move(fields));
    return answer ? "" : std::string(answer.error().fact("aws_code"));
  }
  std::vector<std::string> run(int min, int max, Fields more = {}) {
    Fields fields{{"ImageId", std::string(builtin_image)},
                  {"MinCount", std::to_string(min)},
                  {"MaxCount", std::to_string(max)}};
    fields.insert(fields.end(), more.begin(), more.end());
    auto document = ask("RunInstances", fields);
    std::vector<std::string> ids;
    for (auto item : document.root().child("instancesSet").children("item"))
      ids.push_back(item.child("instanceId").text());
    return ids;
  }
  std::string state_of(const std::string& id) {
    return std::string(name_of(state->find_instance(id)->state));
  }
  void settle(Duration time = Duration::seconds(2)) {
    auto done = sim.run(work(time));
    CHECK(done, "the fleet works: " + (done ? "" : done.error().render()));
  }

  aio::SimWorld sim;
  PlainSealer sealer;
  NoMeter meter;
  AdminRoutes admin;
  sandbox::FakeMachines machines{sim.world()};
  std::map<std::string, sandbox::MachineSpec> specs;  ///< of machines that booted
  std::vector<std::string> first_boots;               ///< ids, in order
  Capacity capacity;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Accounts> accounts;
  AccountRef alice, bob;
  std::unique_ptr<Context> context;
  std::unique_ptr<State> state;
  std::unique_ptr<Fleet> fleet;
  std::unique_ptr<Faults> faults;
  std::unique_ptr<Core> core;
  std::unique_ptr<Spots> spots;
  std::unique_ptr<InstanceFleets> fleets;
  std::unique_ptr<Transfers> transfers;
  std::shared_ptr<const Topology> topology;  ///< of the next open()

 private:
  aio::Task<Result<>> start() {
    CO_TRY(co_await state->load());
    if (!state->find_image(builtin_image))
      CO_TRY(co_await add_image(*core, {std::string(builtin_image), "builtin", "", "", ""}));
    CO_TRY(co_await core->open());
    CO_TRY(co_await transfers->open());
    co_return co_await fleet->recover();
  }
  aio::Task<Result<>> work(Duration time) {
    aio::Scope scope(co_await aio::here());
    scope.spawn(fleet->run());
    scope.spawn(faults->run());
    scope.spawn(spots->run());
    scope.spawn(fleets->run());
    CO_TRY(co_await sim.world().clock.sleep(time));
    scope.cancel();
    co_return co_await scope.join();
  }
};

}  // namespace croft::farm::ec2
