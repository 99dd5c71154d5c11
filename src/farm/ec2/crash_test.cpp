// kill -9 of the farm at every crash point of a life of three instances: the next farm goes on with
// exactly what was promised; nothing is doubled, nothing forgotten, every interval metered once.
#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"
#include "farm/meter/intervals.h"

namespace croft::farm::ec2 {
namespace {

constexpr std::string_view account_id = "111122223333";

Error dead() {
  return Error(Code::cancelled, "the process is dead");
}

/// The store of a process that can die: what it asks for afterwards does not happen.
class MortalStore final : public store::Store {
 public:
  MortalStore(aio::SimProcess& process, store::Store& inner) : process_(process), inner_(inner) {}
  aio::Task<Result<uint64_t>> commit(std::vector<store::Condition> conditions,
                                     std::vector<store::Change> changes) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.commit(std::move(conditions), std::move(changes));
  }
  aio::Task<Result<std::optional<store::Entry>>> get(std::string key) override {
    co_return co_await inner_.get(std::move(key));
  }
  aio::Task<Result<std::vector<store::Entry>>> range(store::Range range) override {
    co_return co_await inner_.range(std::move(range));
  }
  Result<std::unique_ptr<store::Watch>> watch(store::Range range) override {
    return inner_.watch(std::move(range));
  }
  aio::Task<Result<uint64_t>> grant(Duration ttl) override { co_return co_await inner_.grant(ttl); }
  aio::Task<Result<>> renew(uint64_t lease) override { co_return co_await inner_.renew(lease); }
  aio::Task<Result<>> revoke(uint64_t lease) override { co_return co_await inner_.revoke(lease); }
  uint64_t revision() const override { return inner_.revision(); }
  aio::Task<Result<>> close() override { co_return Result<>{}; }

 private:
  aio::SimProcess& process_;
  store::Store& inner_;
};

class MortalMachines final : public sandbox::Machines {
 public:
  MortalMachines(aio::SimProcess& process, sandbox::Machines& inner)
      : process_(process), inner_(inner) {}
  aio::Task<Result<sandbox::Machine>> start(sandbox::MachineSpec spec) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.start(std::move(spec));
  }
  aio::Task<Result<>> stop(std::string id, Duration grace) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.stop(std::move(id), grace);
  }
  aio::Task<Result<>> destroy(std::string id) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.destroy(std::move(id));
  }
  aio::Task<Result<>> reboot(std::string id) override {
    co_return co_await inner_.reboot(std::move(id));
  }
  aio::Task<Result<std::vector<sandbox::Machine>>> find_running(
      std::map<std::string, std::vector<sandbox::InsideListener>> listeners) override {
    co_return co_await inner_.find_running(std::move(listeners));
  }
  aio::Task<Result<sandbox::MachineExit>> next_exit() override {
    co_return co_await inner_.next_exit();
  }
  aio::Task<Result<std::string>> console(std::string id, Bytes limit) override {
    co_return co_await inner_.console(std::move(id), limit);
  }
  aio::Task<Result<>> close() override { co_return Result<>{}; }
  aio::Task<Result<>> signal(std::string id, int number) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.signal(std::move(id), number);
  }
  aio::Task<Result<>> attach_volume(std::string id, sandbox::VolumeSpec volume) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.attach_volume(std::move(id), std::move(volume));
  }
  aio::Task<Result<>> detach_volume(std::string id, std::string name, bool force) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.detach_volume(std::move(id), std::move(name), force);
  }
  aio::Task<Result<>> copy_disk(std::string id, std::string from, std::string to) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.copy_disk(std::move(id), std::move(from), std::move(to));
  }
  aio::Task<Result<>> remove_disk(std::string image) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.remove_disk(std::move(image));
  }
  aio::Task<Result<>> set_groups(std::vector<sandbox::PacketGroup> groups) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.set_groups(std::move(groups));
  }
  aio::Task<Result<>> forget_group(std::string name) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.forget_group(std::move(name));
  }
  aio::Task<Result<>> join_groups(std::string id, std::vector<std::string> groups) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.join_groups(std::move(id), std::move(groups));
  }
  aio::Task<Result<>> set_public(std::string address, std::string inside) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.set_public(std::move(address), std::move(inside));
  }
  aio::Task<Result<>> set_networks(sandbox::PacketNetworks networks) override {
    if (process_.dead()) co_return fail(dead());
    co_return co_await inner_.set_networks(std::move(networks));
  }

 private:
  aio::SimProcess& process_;
  sandbox::Machines& inner_;
};

/// One farm process with its parts.
struct Life {
  Life(aio::SimProcess& process, store::Store& shared, sandbox::Machines& iron, Accounts& accounts,
       AccountRef who)
      : store(process, shared),
        machines(process, iron),
        context{process.world(), store, accounts, meter, admin},
        state(process.world(), store),
        fleet(process.world(), state, machines, {}),
        core{context, state, fleet, {}},
        account(std::move(who)) {}

  MortalStore store;
  MortalMachines machines;
  NoMeter meter;
  AdminRoutes admin;
  Context context;
  State state;
  Fleet fleet;
  Core core;
  AccountRef account;

  aio::Task<Answer> call(std::string action, Fields fields) {
    Ec2Request request;
    request.action = std::move(action);
    request.parameters = std::move(fields);
    request.caller.account = account;
    co_return co_await dispatch(core, request);
  }

  aio::Task<Result<>> use() {
    CO_TRY(co_await call("RunInstances", {{"ImageId", std::string(builtin_image)},
                                          {"MinCount", "3"},
                                          {"MaxCount", "3"},
                                          {"ClientToken", "life"}}));
    CO_TRY(co_await call(
        "CreateVolume",
        {{"AvailabilityZone", "us-east-1a"}, {"Size", "5"}, {"ClientToken", "disk"}}));
    CO_TRY(co_await context.world.clock.sleep(Duration::seconds(2)));
    std::string first = state.instances_of(account_id).front()->id;
    CO_TRY(co_await call("TerminateInstances", {{"InstanceId.1", first}}));
    std::string second = state.instances_of(account_id)[1]->id;
    CO_TRY(co_await context.world.clock.sleep(Duration::seconds(2)));
    for (Volume* volume : state.volumes.of(account_id))
      CO_TRY(co_await call("DeleteVolume", {{"VolumeId", volume->id}}));
    if (state.find_instance(second)->state == InstanceState::running)
      CO_TRY(co_await call("StopInstances", {{"InstanceId.1", second}}));
    co_return co_await context.world.clock.sleep(Duration::seconds(2));
  }

  aio::Task<Result<>> live() {
    CO_TRY(co_await state.load());
    if (!state.find_image(builtin_image))
      CO_TRY(co_await add_image(core, {std::string(builtin_image), "builtin", "", "", ""}));
    CO_TRY(co_await fleet.recover());
    aio::Scope scope(co_await aio::here());
    scope.spawn(fleet.run());
    auto used = co_await use();
    scope.cancel();
    auto ended = co_await scope.join();
    if (!used) co_return used;
    co_return ended;
  }
};

struct Outcome {
  bool crashed = false;
  std::vector<std::string> points;
};

Outcome crash_once(uint64_t point) {
  aio::SimWorld sim(point + 1);
  auto store = store::open_memory(sim.world());
  sandbox::FakeMachines machines(sim.world());
  std::map<std::string, int> boots;
  machines.on_user_data = [&](const sandbox::MachineSpec& spec) {
    return std::to_string(++boots[spec.id]);
  };
  PlainSealer sealer;
  auto accounts = std::move(*sim.run(Accounts::open(sim.world(), *store, sealer)));
  auto alice = std::make_shared<Account>();
  alice->account_id = account_id;

  aio::SimProcess& first = sim.start_process("farm");
  auto one = std::make_unique<Life>(first, *store, machines, *accounts, alice);
  first.crash_at(point);
  auto lived = sim.run_in(first, one->live());
  Outcome out{first.dead(), first.crash_log()};
  if (!out.crashed) EXPECT_TRUE(lived) << lived.error().render();

  aio::SimProcess& next = sim.start_process("next farm");
  auto two = std::make_unique<Life>(next, *store, machines, *accounts, alice);
  auto again = sim.run_in(next, two->live());
  EXPECT_TRUE(again) << again.error().render();

  auto all = two->state.instances_of(account_id);
  EXPECT_EQ(all.size(), 3u);
  EXPECT_EQ(name_of(all[0]->state), "terminated");
  EXPECT_EQ(name_of(all[1]->state), "stopped");
  EXPECT_EQ(name_of(all[2]->state), "running");
  EXPECT_EQ(machines.running(), (std::set<std::string>{all[2]->id}));
  EXPECT_EQ(machines.existing(), (std::set<std::string>{all[1]->id, all[2]->id}));
  auto intervals = sim.run(meter::intervals(*store, std::string(account_id)));
  std::map<std::string, int> open;
  for (const auto& interval : *intervals) open[interval.thing.resource] += !interval.to;
  EXPECT_EQ(open[all[0]->id] + open[all[1]->id], 0);
  EXPECT_EQ(open[all[2]->id], 1);
  // The disk that came and went is charged for once, and no longer.
  int disks = 0, open_disks = 0;
  for (const auto& interval : *intervals)
    if (interval.thing.resource.starts_with("vol-")) {
      ++disks;
      open_disks += !interval.to;
    }
  EXPECT_EQ(disks, 1);
  EXPECT_EQ(open_disks, 0);
  two.reset();
  one.reset();
  return out;
}

TEST(FarmCrash, at_every_point_the_next_farm_goes_on_with_what_was_promised) {
  uint64_t point = 1;
  for (;; ++point) {
    SCOPED_TRACE(fmt::format("crash point {}", point));
    Outcome out = crash_once(point);
    if (!out.crashed) break;
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "after " << (out.points.empty() ? "nothing" : out.points.back());
      break;
    }
    ASSERT_LT(point, 1000u);
  }
  EXPECT_GT(point, 20u);
}

}  // namespace
}  // namespace croft::farm::ec2
