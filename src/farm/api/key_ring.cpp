#include "farm/api/key_ring.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/log.h"

namespace croft::farm {
namespace {

constexpr size_t stale_max = 10'000;
/// Callers whose key nobody has seen yet share one lane: making up keys buys no more turns.
constexpr std::string_view strangers;
constexpr Duration pause_after_failure = Duration::seconds(1);

GateLimits gate_limits(const KeyRingLimits& limits) {
  GateLimits out = limits.look_ups;
  if (!limits.defend) {
    out.max_wait = Duration::forever();
    out.waiting_max = SIZE_MAX;
  }
  return out;
}

}  // namespace

KeyRing::Known* KeyRing::Shelf::find(const std::string& key) {
  auto at = by_key_.find(key);
  if (at == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at->second);
  return &entries_.front();
}

void KeyRing::Shelf::put(Known known) {
  erase(known.key);
  entries_.push_front(std::move(known));
  by_key_[entries_.front().key] = entries_.begin();
  if (entries_.size() <= limit_) return;
  by_key_.erase(entries_.back().key);
  entries_.pop_back();
}

void KeyRing::Shelf::erase(const std::string& key) {
  auto at = by_key_.find(key);
  if (at == by_key_.end()) return;
  entries_.erase(at->second);
  by_key_.erase(at);
}

KeyRing::KeyRing(aio::World& world, const Accounts& accounts, KeyRingLimits limits)
    : world_(world),
      accounts_(accounts),
      limits_(limits),
      gate_(world.clock, gate_limits(limits)),
      known_(limits.known_max),
      absent_(limits.known_max) {}

void KeyRing::set_fault(KeyStoreFault fault) {
  fault_ = fault;
  log::info("farm", "the key store {}",
            fault.none() ? "answers at once"
            : fault.down ? "does not answer"
                         : "takes " + fault.time.text());
}

aio::Task<Result<Accounts::Found>> KeyRing::find(std::string access_key, Moment deadline) {
  if (immediate()) {
    Accounts::Found found = accounts_.find_key(access_key);
    // Kept for a store that turns slow later; an unknown key is not worth the memory.
    if (found.account) {
      Known* known = known_.find(access_key);
      if (!known || known->found.account != found.account)
        learn(access_key, found);
      else
        known->at = world_.clock.now();  // seen just now: the grace of a key in use begins anew
    }
    co_return found;
  }
  if (!limits_.defend) co_return co_await ask(std::move(access_key), Moment{INT64_MAX});
  Moment now = world_.clock.now();
  if (Known* known = known_.find(access_key)) {
    Duration age = now - known->at;
    if (age <= std::max(limits_.fresh, limits_.grace)) {
      if (age > limits_.fresh && !known->refreshing && stale_.size() < stale_max) {
        known->refreshing = true;
        stale_.push_back(access_key);
        stale_came_.notify();
      }
      ++from_memory_;
      co_return known->found;
    }
  }
  if (Known* absent = absent_.find(access_key); absent && now - absent->at <= limits_.absent) {
    ++from_memory_;
    co_return absent->found;
  }
  co_return co_await ask(std::move(access_key), deadline);
}

aio::Task<Result<Accounts::Found>> KeyRing::ask(std::string access_key, Moment deadline) {
  std::string lane(known_.find(access_key) ? std::string_view(access_key) : strangers);
  auto pass = CO_TRY(co_await gate_.enter(std::move(lane), deadline));
  auto found = co_await look_up(access_key);
  if (found) co_return found;
  if (found.error().code == Code::cancelled) co_return found;
  co_return fail(Error(Code::resource_exhausted, "the key store does not answer")
                     .fact("overload", "the key store does not answer"));
}

aio::Task<Result<Accounts::Found>> KeyRing::look_up(std::string access_key) {
  ++look_ups_;
  CO_TRY(co_await world_.clock.sleep(fault_.time));
  if (fault_.down) co_return fail(Code::unavailable, "the key store does not answer");
  Accounts::Found found = accounts_.find_key(access_key);
  learn(access_key, found);
  co_return found;
}

void KeyRing::learn(const std::string& access_key, Accounts::Found found) {
  Known known{access_key, found, world_.clock.now()};
  if (found.account) {
    known_.put(std::move(known));
    return;
  }
  known_.erase(access_key);
  absent_.put(std::move(known));
}

/// One after the other: news of keys that work meanwhile are no reason to press the store.
aio::Task<Result<>> KeyRing::run() {
  for (;;) {
    if (stale_.empty()) {
      CO_TRY(co_await stale_came_.wait());
      continue;
    }
    std::string key = std::move(stale_.front());
    stale_.pop_front();
    auto found = co_await look_up(key);
    if (found) continue;
    if (found.error().code == Code::cancelled) co_return fail(std::move(found).error());
    if (Known* known = known_.find(key)) known->refreshing = false;
    CO_TRY(co_await world_.clock.sleep(pause_after_failure));
  }
}

std::string KeyRing::info() const {
  return fmt::format("{{\"lookUps\":{},\"fromMemory\":{},\"refused\":{},\"waiting\":{}}}",
                     look_ups_, from_memory_, gate_.refused(), gate_.waiting());
}

}  // namespace croft::farm
