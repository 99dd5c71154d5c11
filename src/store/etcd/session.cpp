#include "store/etcd/session.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/log.h"

namespace croft::store::etcd {
namespace {

Object named(uint64_t lease) {
  return {{"ID", std::to_string(lease)}};
}

Error ended(uint64_t lease) {
  return {Code::not_found, fmt::format("lease {:x} has ended", lease)};
}

}  // namespace

uint64_t new_lease_id(aio::World& world) {
  uint64_t lease = 0;
  while (lease == 0) lease = world.random.next() >> 1;
  return lease;
}

aio::Task<Result<>> grant_lease(Gateway& gateway, uint64_t lease, Duration ttl) {
  int64_t seconds = (ttl.ms() + 999) / 1000;
  Object body = named(lease);
  body["TTL"] = std::to_string(std::max<int64_t>(seconds, 1));
  auto same = [body](bool) { return body; };
  auto granted = co_await gateway.call("lease/grant", Gateway::Body(same));
  if (granted) co_return Result<>{};
  // Our number, drawn at random: an attempt whose answer was lost has made it.
  if (granted.error().code == Code::already_exists) co_return Result<>{};
  co_return fail(std::move(granted).error());
}

aio::Task<Result<>> renew_lease(Gateway& gateway, uint64_t lease) {
  // One lease a request: the gateway answers only a part of many.
  Object answer = CO_TRY(co_await gateway.call("lease/keepalive", named(lease)));
  // A lease that has ended is answered with success, and no time to live.
  if (CO_TRY(number(answer, "TTL")) == 0) co_return fail(ended(lease));
  co_return Result<>{};
}

aio::Task<Result<>> revoke_lease(Gateway& gateway, uint64_t lease) {
  bool repeated = false;
  auto body = [lease, &repeated](bool unsure) {
    repeated = unsure;
    return named(lease);
  };
  auto done = co_await gateway.call("lease/revoke", Gateway::Body(body));
  if (done) co_return Result<>{};
  if (done.error().code != Code::not_found) co_return fail(std::move(done).error());
  // An attempt whose answer was lost has ended it.
  if (repeated) co_return Result<>{};
  co_return fail(ended(lease));
}

aio::Task<Result<>> Session::open() {
  uint64_t lease = new_lease_id(gateway_.world());
  CO_TRY(co_await grant_lease(gateway_, lease, gateway_.options().session));
  lease_ = lease;
  co_return Result<>{};
}

aio::Task<Result<>> Session::keep() {
  Duration pause = gateway_.options().session / 4;
  for (;;) {
    CO_TRY(co_await gateway_.world().clock.sleep(pause));
    uint64_t lease = lease_;
    auto renewed = co_await renew_lease(gateway_, lease);
    if (renewed) continue;
    if (renewed.error().code == Code::cancelled) co_return renewed;
    if (renewed.error().code == Code::not_found) renewed = co_await replace(lease);
    if (!renewed) log::warn("store", "the session at etcd: {}", renewed.error().line());
  }
}

aio::Task<Result<>> Session::close() {
  if (lease_ == 0) co_return Result<>{};
  auto gone = co_await revoke_lease(gateway_, std::exchange(lease_, 0));
  if (!gone && gone.error().code != Code::not_found) co_return gone;
  co_return Result<>{};
}

aio::Task<Result<>> Session::replace(uint64_t ended) {
  auto lock = CO_TRY(co_await settling_.lock());
  if (lease_ != ended) co_return Result<>{};
  co_return co_await open();
}

aio::Task<Result<Lane>> Session::acquire() {
  CO_TRY(co_await places_.acquire());
  Lane lane;
  while (!free_.empty() && lane.key.empty()) {
    if (free_.back().session == lease_) lane = std::move(free_.back());
    free_.pop_back();
  }
  if (lane.key.empty()) {
    lane.session = lease_;
    lane.key = fmt::format("{}{:016x}/{}", prefix_, lease_, made_++);
  }
  ++lane.uses;
  lane.settled = false;
  co_return lane;
}

void Session::release(Lane lane) {
  places_.release();
  if (!lane.settled)
    retired_.push_back(std::move(lane));
  else if (lane.session == lease_)
    free_.push_back(std::move(lane));
}

aio::Task<Result<>> Session::settle() {
  if (retired_.empty()) co_return Result<>{};
  auto lock = CO_TRY(co_await settling_.lock());
  while (!retired_.empty()) {
    Lane lane = retired_.back();
    Txn txn;
    txn.compare.push_back(unchanged(lane.key, lane.modified));
    txn.success.push_back(put(lane.key, "given up", lane.session));
    auto done = co_await gateway_.call("kv/txn", std::move(txn).object());
    // Without its session the lane can be neither found unchanged nor be made.
    if (!done && done.error().code != Code::not_found) co_return fail(std::move(done).error());
    // The mutex lets nobody else take away; others may have added at the end.
    std::erase_if(retired_, [&](const Lane& one) { return one.key == lane.key; });
  }
  co_return Result<>{};
}

aio::Task<Result<bool>> Session::lives(uint64_t lease) {
  Object answer = CO_TRY(co_await gateway_.call("lease/timetolive", named(lease)));
  co_return CO_TRY(number(answer, "TTL")) > 0;
}

}  // namespace croft::store::etcd
