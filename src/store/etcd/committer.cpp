#include "store/etcd/committer.h"

#include <fmt/format.h>

#include <algorithm>

#include "aio/scope.h"

namespace croft::store::etcd {
namespace {

constexpr int plans_max = 10;  // of one commit, when others are in its way
constexpr size_t waiting_max = 65'536;

Error witness_gone() {
  return Error(Code::unavailable,
               "the session at etcd ended while the outcome of a commit was asked for")
      .fact("outcome", "unknown");
}

/// As every store says it.
Error not_as_assumed(const Condition& condition, uint64_t actual) {
  Where where;
  where.path = condition.key;
  if (condition.modified == 0) return {Code::conflict, "the key exists already", where};
  if (actual == 0) return {Code::conflict, "the key does not exist any more", where};
  return {
      Code::conflict,
      fmt::format("the key was changed at revision {}, expected {}", actual, condition.modified),
      where};
}

/// What the `index`th part, which asks for one key, says of its `modified`.
Result<uint64_t> modified_at(const Object& answer, size_t index) {
  const Object* part = TRY(part_at(answer, index, "response_range"));
  std::vector<Entry> found = TRY(entries(*part, 0));
  return found.empty() ? 0 : found.front().modified;
}

}  // namespace

struct Committer::Work {
  std::vector<Condition> conditions;
  std::vector<Change> changes;
  /// Deletions of the table alone: where all are absent already, nothing is written.
  bool only_deletes = false;
  /// Needs a lane.
  bool writes() const { return !changes.empty(); }
};

aio::Task<Result<uint64_t>> Committer::commit(std::vector<Condition> conditions,
                                              std::vector<Change> changes) {
  if (order_.waiting() >= waiting_max)
    co_return fail(Code::resource_exhausted,
                   fmt::format("{} commits wait for etcd already", waiting_max));
  KeyOrder::TurnPtr turn = order_.enter(conditions, changes);
  auto waited = co_await KeyOrder::wait(turn);
  if (!waited) {
    order_.leave(turn);
    co_return fail(std::move(waited).error());
  }
  auto done = co_await aio::shield(carry_out(std::move(conditions), std::move(changes)));
  order_.leave(turn);
  co_return done;
}

aio::Task<Result<uint64_t>> Committer::carry_out(std::vector<Condition> conditions,
                                                 std::vector<Change> changes) {
  CO_TRY(co_await session_.settle());
  Work work{std::move(conditions), std::move(changes)};
  work.only_deletes = std::ranges::all_of(
      work.changes, [](const Change& change) { return !change.value && !change.cold; });
  for (int plan = 0; plan < plans_max; ++plan) {
    ColdPlan cold = CO_TRY(co_await cold_.plan(work.changes));
    auto done = co_await attempt(work, cold);
    if (done && *done) co_return **done;
    if (done || done.error().fact("outcome").empty()) co_await cold_.discard(cold.laid);
    if (!done) co_return fail(std::move(done).error());
  }
  co_return fail(Code::unavailable,
                 fmt::format("a commit to etcd found the ground changed {} times", plans_max));
}

Object Committer::transaction(const Work& work, const ColdPlan& cold, const Lane& lane,
                              bool unsure) const {
  Txn txn;
  txn.compare = cold.guards;
  for (const Condition& condition : work.conditions)
    txn.compare.push_back(unchanged(prefix_ + condition.key, condition.modified));
  if (work.writes()) txn.compare.push_back(unchanged(lane.key, lane.modified));
  Txn absent;
  Array parts = cold.parts;
  for (const Change& change : work.changes) {
    if (change.cold) continue;
    std::string key = prefix_ + change.key;
    if (work.only_deletes) absent.compare.push_back(unchanged(key, 0));
    parts.push_back(change.value ? put(key, *change.value, change.lease) : remove(key));
  }
  if (work.writes()) parts.push_back(put(lane.key, lane.token(), lane.session));
  absent.failure = std::move(parts);
  if (work.writes() && work.only_deletes)
    txn.success.push_back(std::move(absent).part());
  else if (work.writes())
    txn.success = std::move(absent.failure);
  // After an attempt that may have worked, "no" alone says too little: the lane tells whether it
  // has, and when it has not it never will.
  if (work.writes() && unsure) {
    Txn fence;
    fence.compare.push_back(unchanged(lane.key, lane.modified));
    fence.success.push_back(put(lane.key, "fenced", lane.session));
    fence.failure.push_back(get(lane.key, false));
    txn.failure.push_back(std::move(fence).part());
  }
  for (const Condition& condition : work.conditions)
    txn.failure.push_back(get(prefix_ + condition.key, true));
  return std::move(txn).object();
}

aio::Task<Committer::Outcome> Committer::attempt(const Work& work, const ColdPlan& cold) {
  Lane lane = CO_TRY(co_await session_.acquire());
  uint64_t session = lane.session;
  Outcome outcome = co_await ask(work, cold, lane);
  if (!work.writes()) lane.settled = true;
  session_.release(std::move(lane));
  if (!outcome || *outcome) co_return outcome;
  if (!CO_TRY(co_await session_.lives(session))) CO_TRY(co_await session_.replace(session));
  co_return outcome;
}

aio::Task<Committer::Outcome> Committer::ask(const Work& work, const ColdPlan& cold, Lane& lane) {
  gateway_.world().crash.pass("store.commit.before");
  auto body = [this, &work, &cold, &lane](bool unsure) {
    return transaction(work, cold, lane, unsure);
  };
  auto answer = co_await gateway_.call("kv/txn", Gateway::Body(body));
  gateway_.world().crash.pass("store.commit.after");
  if (!answer) co_return co_await refused(work, lane, std::move(answer).error());
  bool held = CO_TRY(wire::json::bool_or(answer->object, "succeeded", false));
  if (held) co_return succeeded(work, lane, answer->object);
  co_return failed(work, lane, answer->object, answer->unsure);
}

Committer::Outcome Committer::succeeded(const Work& work, Lane& lane, const Object& answer) {
  uint64_t revision = TRY(revision_of(answer));
  bool wrote = work.writes();
  if (wrote && work.only_deletes) {
    const Object* part = TRY(part_at(answer, 0, "response_txn"));
    wrote = !TRY(wire::json::bool_or(*part, "succeeded", false));
  }
  if (wrote) lane.modified = revision;
  lane.settled = true;
  return revision;
}

Committer::Outcome Committer::failed(const Work& work, Lane& lane, const Object& answer,
                                     bool unsure) {
  if (!work.writes() || !unsure) {
    lane.settled = true;
    return conflict(work, answer, 0);
  }
  const Object* fence = TRY(part_at(answer, 0, "response_txn"));
  if (TRY(wire::json::bool_or(*fence, "succeeded", false))) {
    lane.modified = TRY(revision_of(answer));
    lane.settled = true;
    return conflict(work, answer, 1);
  }
  const Object* part = TRY(part_at(*fence, 0, "response_range"));
  std::vector<Entry> found = TRY(entries(*part, 0));
  lane.settled = true;  // it is not as the attempts assume
  if (found.empty() || found.front().value != lane.token()) return fail(witness_gone());
  lane.modified = found.front().modified;
  return lane.modified;
}

/// The condition that did not hold; nullopt when it was one of our own.
Committer::Outcome Committer::conflict(const Work& work, const Object& answer, size_t first) {
  for (const Condition& condition : work.conditions) {
    uint64_t actual = TRY(modified_at(answer, first++));
    if (actual != condition.modified) return fail(not_as_assumed(condition, actual));
  }
  return std::nullopt;
}

/// etcd has answered with an error, or nobody has.
aio::Task<Committer::Outcome> Committer::refused(const Work& work, Lane& lane, Error error) {
  bool unsure = !error.fact("outcome").empty();
  if (error.code != Code::not_found || !work.writes()) {
    lane.settled = !unsure;
    if (unsure && work.writes()) error.frame("whether the commit has happened is not known yet");
    co_return fail(std::move(error));
  }
  // A lease has ended: the session's, a change's, or that of pieces from an earlier session. In the
  // last two cases no attempt can have worked or will.
  auto lives = co_await session_.lives(lane.session);
  if (!lives)
    co_return fail(unsure ? std::move(lives).error().fact("outcome", "unknown")
                          : std::move(lives).error());
  lane.settled = true;
  if (!*lives && unsure) co_return fail(witness_gone());
  for (const Change& change : work.changes)
    if (change.value && change.lease && !CO_TRY(co_await session_.lives(change.lease)))
      co_return fail(Code::not_found, fmt::format("lease {:x} has ended", change.lease));
  co_return std::nullopt;
}

}  // namespace croft::store::etcd
