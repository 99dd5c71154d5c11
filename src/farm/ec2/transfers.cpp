#include "farm/ec2/transfers.h"

#include "base/log.h"
#include "farm/ec2/metering.h"

namespace croft::farm::ec2 {

aio::Task<Result<>> Transfers::open() {
  for (meter::Transfer& one : CO_TRY(co_await meter::transfers_of(core_.context.store, "")))
    if (core_.state.find_instance(one.resource)) known_[one.resource] = std::move(one);
  co_return Result<>{};
}

aio::Task<Result<>> Transfers::run() {
  for (;;) {
    CO_TRY(co_await core_.context.world.clock.sleep(period));
    auto done = co_await sample();
    if (!done && done.error().code == Code::cancelled) co_return done;
    if (!done) log::warn("ec2", "what instances moved was not read: {}", done.error().line());
  }
}

aio::Task<Result<>> Transfers::sample() {
  auto lock = CO_TRY(co_await one_.lock());
  std::map<std::string, meter::Transfer> changed;
  auto all = CO_TRY(co_await core_.fleet.machines().traffic());
  for (const sandbox::Traffic& read : all) {
    const Instance* instance = core_.state.find_instance(read.id);
    if (!instance) continue;
    meter::Transfer next;
    if (auto before = known_.find(read.id); before != known_.end()) next = before->second;
    if (auto again = changed.find(read.id); again != changed.end()) next = again->second;
    const meter::Thing thing = thing_of(*instance);
    next.account = instance->account;
    next.resource = instance->id;
    next.application = thing.application;
    next.component = thing.component;
    if (next.add({read.start_time, read.in, read.out, read.public_in, read.public_out},
                 core_.now()))
      changed[read.id] = std::move(next);
  }
  std::erase_if(known_, [&](const auto& one) { return !core_.state.find_instance(one.first); });
  std::vector<store::Change> changes;
  for (const auto& [id, one] : changed) changes.push_back(meter::record(one));
  if (!changes.empty()) CO_TRY(co_await core_.state.commit("transfer", std::move(changes)));
  for (auto& [id, one] : changed) known_[id] = std::move(one);
  // Told again if the farm dies before this: the same readings come to nothing.
  co_return co_await core_.fleet.machines().traffic_taken(std::move(all));
}

}  // namespace croft::farm::ec2
