#include "store/leadership.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "aio/sync.h"
#include "base/log.h"

namespace croft::store {
namespace {

constexpr Duration look_again = Duration::seconds(5);  // a watch is a hint
// A hand-over that a watch has missed is to be seen within a second.
constexpr Duration look_for_a_vacancy = Duration::milliseconds(500);
constexpr Duration pause_max = Duration::milliseconds(300);

/// Up to `most`, so that those who failed together do not come back together.
Duration drawn(aio::World& world, Duration most) {
  return Duration::nanoseconds(
      static_cast<int64_t>(world.random.unit() * static_cast<double>(most.ns())));
}

bool passes(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timeout ||
         error.code == Code::throttled || error.code == Code::resource_exhausted ||
         error.code == Code::io;
}

}  // namespace

/// Shared by the Leadership and its renewals, so that either may end first.
struct Leadership::State {
  State(aio::World& world_in, Store& store_in, Candidacy candidacy_in)
      : world(world_in), store(store_in), candidacy(std::move(candidacy_in)) {}

  aio::World& world;
  Store& store;
  Candidacy candidacy;
  uint64_t lease = 0;
  uint64_t fencing = 0;
  Moment renewed;  ///< sent the last renewal that worked: the lease lives `ttl` from then, at least
  std::optional<Error> over;
  aio::Event ended;
  aio::CancelState renewals;

  Moment acts_until() const { return renewed + (candidacy.ttl - candidacy.margin); }
  void end(std::string why) {
    if (over) return;
    Where where;
    where.path = candidacy.key;
    over = Error(Code::conflict, "the leadership was lost: " + why, std::move(where));
    ended.set();
    renewals.request();
  }
  static aio::Task<void> renew(std::shared_ptr<State> self);
  aio::Task<Result<>> renew_once();
  aio::Task<Result<>> look();
};

namespace {

using StatePtr = std::shared_ptr<Leadership::State>;

}  // namespace

/// Nobody takes the key away, but an operator may: a lease that lives is not all.
aio::Task<Result<>> Leadership::State::look() {
  std::optional<Entry> entry = CO_TRY(co_await store.get(candidacy.key));
  if (!over && (!entry || entry->created != fencing)) end("its key is gone");
  co_return Result<>{};
}

aio::Task<Result<>> Leadership::State::renew_once() {
  // Counted from before it is sent: the store counts from when it arrives.
  Moment sent = world.clock.now();
  CO_TRY(co_await store.renew(lease));
  if (over) co_return Result<>{};
  renewed = std::max(renewed, sent);
  co_return co_await look();
}

aio::Task<void> Leadership::State::renew(std::shared_ptr<State> self) {
  aio::World& world = self->world;
  Duration pause = self->candidacy.renewal - (world.clock.now() - self->renewed);
  while (!self->over) {
    if (pause > Duration()) {
      auto slept = co_await world.clock.sleep(pause);
      if (!slept || self->over) break;
    }
    auto done = co_await aio::deadline(world.clock, self->candidacy.ttl, self->renew_once(),
                                       "renewing the leadership");
    if (self->over || (co_await aio::here()).cancelled()) break;
    if (!done && done.error().code == Code::not_found) self->end("its lease has ended");
    // A renewal that took long is followed by the next at once: it counts from when it was sent.
    pause = done ? self->candidacy.renewal - (world.clock.now() - self->renewed)
                 : drawn(world, std::min(pause_max, self->candidacy.renewal));
    if (!done) log::debug("store", "{}: {}", self->candidacy.key, done.error().line());
  }
}

Leadership::~Leadership() {
  state_->end("it was let go");
}

uint64_t Leadership::fencing() const {
  return state_->fencing;
}

bool Leadership::may_act() const {
  return !state_->over && state_->world.clock.now() < state_->acts_until();
}

Result<> Leadership::check() const {
  if (may_act()) return {};
  if (state_->over) return fail(*state_->over);
  Duration since = state_->world.clock.now() - state_->renewed;
  return fail(Code::unavailable,
              fmt::format("the leadership was confirmed {} ago: this controller does nothing until "
                          "its store answers again",
                          since.text()));
}

Condition Leadership::condition() const {
  return {state_->candidacy.key, state_->fencing};
}

aio::Task<Result<uint64_t>> Leadership::commit(std::vector<Condition> conditions,
                                               std::vector<Change> changes) {
  CO_TRY(check());
  StatePtr state = state_;
  conditions.push_back(condition());
  auto done = co_await state->store.commit(std::move(conditions), std::move(changes));
  bool deposed = !done && done.error().code == Code::conflict &&
                 done.error().where.path == state->candidacy.key;
  if (!deposed) co_return done;
  state->end("another has led since");
  co_return fail(*state->over);
}

aio::Task<Result<>> Leadership::lost() {
  StatePtr state = state_;
  co_return co_await state->ended.wait();
}

aio::Task<Result<>> Leadership::resign() {
  StatePtr state = state_;
  if (state->over) co_return Result<>{};
  state->end("it was handed over");
  // The key goes with its lease. Where nobody answers, it does so when its time is over.
  auto done = co_await state->store.revoke(state->lease);
  if (!done && done.error().code != Code::not_found) co_return done;
  co_return Result<>{};
}

namespace {

Result<> sound(const Candidacy& candidacy) {
  if (candidacy.margin <= Duration() || candidacy.renewal <= Duration() ||
      candidacy.renewal >= candidacy.ttl - candidacy.margin)
    return fail(Code::invalid_argument,
                fmt::format("a leadership of {} that stops {} before its end cannot be renewed "
                            "each {}: expected less than {}",
                            candidacy.ttl.text(), candidacy.margin.text(), candidacy.renewal.text(),
                            (candidacy.ttl - candidacy.margin).text()));
  return {};
}

/// Until the watch or the time says that it is worth looking again.
aio::Task<Result<>> wait_for_news(aio::World& world, Watch& watch, Duration most) {
  auto news = co_await aio::race(watch.next(), world.clock.sleep(most));
  if ((co_await aio::here()).cancelled()) co_return fail(aio::cancelled_error());
  if (news.index() == 1) co_return std::get<1>(std::move(news));
  auto& told = std::get<0>(news);
  bool usable = told || told.error().code == Code::resource_exhausted;
  if (!usable) co_return fail(std::move(told).error());
  co_return Result<>{};
}

/// Makes the key; true: we lead. Keeps `lease` when it is not known how that ended.
aio::Task<Result<bool>> try_to_lead(Leadership::State& state) {
  std::optional<Entry> entry = CO_TRY(co_await state.store.get(state.candidacy.key));
  if (entry && state.lease != 0 && entry->lease == state.lease) {
    // Made by a commit whose answer was lost.
    state.fencing = entry->created;
    co_return true;
  }
  if (entry) co_return false;
  if (state.lease == 0) {
    state.renewed = state.world.clock.now();
    state.lease = CO_TRY(co_await state.store.grant(state.candidacy.ttl));
  }
  std::vector<Condition> nobody{{state.candidacy.key, 0}};
  std::vector<Change> us{{state.candidacy.key, state.candidacy.who, state.lease}};
  auto made = co_await state.store.commit(std::move(nobody), std::move(us));
  if (made) {
    state.fencing = *made;
    co_return true;
  }
  if (made.error().code == Code::conflict) co_return false;
  if (made.error().code != Code::not_found) co_return fail(std::move(made).error());
  state.lease = 0;
  co_return fail(Code::unavailable, "the lease ended before it could be used");
}

}  // namespace

aio::Task<Result<std::unique_ptr<Leadership>>> campaign(aio::World& world, Store& store,
                                                        Candidacy candidacy) {
  CO_TRY(sound(candidacy));
  auto state = std::make_shared<Leadership::State>(world, store, std::move(candidacy));
  std::unique_ptr<Watch> watch = CO_TRY(store.watch(Range{state->candidacy.key, "", 1, true}));
  for (;;) {
    auto led = co_await try_to_lead(*state);
    if (led && *led) break;
    if (!led && !passes(led.error())) co_return fail(std::move(led).error());
    if (!led) {
      log::debug("store", "campaign for {}: {}", state->candidacy.key, led.error().line());
      CO_TRY(co_await world.clock.sleep(drawn(world, pause_max)));
      continue;
    }
    // While another leads, a lease of ours would only run out.
    if (state->lease != 0) {
      auto ignored = co_await store.revoke(std::exchange(state->lease, 0));
      static_cast<void>(ignored);
    }
    CO_TRY(co_await wait_for_news(world, *watch, look_for_a_vacancy));
  }
  auto leadership = std::make_unique<Leadership>(state);
  aio::detach(world.executor, Leadership::State::renew(state), &state->renewals);
  co_return leadership;
}

aio::Task<Result<std::optional<Leader>>> present_leader(Store& store, std::string key) {
  std::optional<Entry> entry = CO_TRY(co_await store.get(std::move(key)));
  if (!entry) co_return std::nullopt;
  co_return Leader{std::move(entry->value), entry->created};
}

aio::Task<Result<std::optional<Leader>>> next_leader(aio::World& world, Store& store,
                                                     std::string key, std::optional<Leader> known) {
  std::unique_ptr<Watch> watch = CO_TRY(store.watch(Range{key, "", 1, true}));
  for (;;) {
    std::optional<Leader> leader = CO_TRY(co_await present_leader(store, key));
    if (leader != known) co_return leader;
    CO_TRY(co_await wait_for_news(world, *watch, look_again));
  }
}

namespace {

class FencedStore final : public Store {
 public:
  FencedStore(Store& store, std::shared_ptr<Leadership> leadership)
      : store_(store), leadership_(std::move(leadership)) {}
  aio::Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                     std::vector<Change> changes) override {
    return leadership_->commit(std::move(conditions), std::move(changes));
  }
  aio::Task<Result<std::optional<Entry>>> get(std::string key) override {
    return store_.get(std::move(key));
  }
  aio::Task<Result<std::vector<Entry>>> range(Range range) override {
    return store_.range(std::move(range));
  }
  aio::Task<Result<std::optional<std::string>>> get_cold(std::string key) override {
    return store_.get_cold(std::move(key));
  }
  Result<std::unique_ptr<Watch>> watch(Range range) override {
    return store_.watch(std::move(range));
  }
  aio::Task<Result<uint64_t>> grant(Duration ttl) override { return store_.grant(ttl); }
  aio::Task<Result<>> renew(uint64_t lease) override { return store_.renew(lease); }
  aio::Task<Result<>> revoke(uint64_t lease) override { return store_.revoke(lease); }
  uint64_t revision() const override { return store_.revision(); }
  aio::Task<Result<>> close() override { return store_.close(); }

 private:
  Store& store_;
  std::shared_ptr<Leadership> leadership_;
};

}  // namespace

std::unique_ptr<Store> fenced(Store& store, std::shared_ptr<Leadership> leadership) {
  return std::make_unique<FencedStore>(store, std::move(leadership));
}

}  // namespace croft::store
