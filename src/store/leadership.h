// One of several controllers leads: it holds a key bound to a lease, and everybody else waits for
// that key to go. Works on any Store. The revision that made the key is the leader's fencing
// number: it grows with every leader, and who is told to act carries it and is refused when a
// higher one was seen. Loop thread only.
//
// Two things keep an old leader from acting. It stops by its own clock, a margin before its lease
// can have ended: ask may_act() right before each effect outside. And its commits carry the
// condition that the key is unchanged, so that one that comes late is refused by the store.
#pragma once
#include "store/store.h"

namespace croft::store {

struct Candidacy {
  std::string key;
  std::string who;  ///< for people and for finding the leader: its address
  Duration ttl = Duration::seconds(5);
  Duration margin = Duration::milliseconds(1500);  ///< stops acting so long before the lease ends
  Duration renewal = Duration::milliseconds(1500);
};

class Leadership {
 public:
  struct State;
  explicit Leadership(std::shared_ptr<State> state) : state_(std::move(state)) {}
  /// Stops renewing: without resign() the next leader has to wait for the lease to end.
  ~Leadership();
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;

  uint64_t fencing() const;
  /// Whether it may act now. False while the store does not answer; true again when it does and
  /// nobody else has led in between; false for good once lost.
  bool may_act() const;
  /// Code::conflict when it is lost for good, Code::unavailable while it may not act.
  Result<> check() const;
  /// Holds while nobody else leads; belongs into every commit of the leader.
  Condition condition() const;
  /// A commit of the leader: not when it may not act, and refused when another leads.
  aio::Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                     std::vector<Change> changes);
  /// Returns once it is lost for good.
  aio::Task<Result<>> lost();
  /// Hands over: from the call on it does not act, and the next one leads at once.
  aio::Task<Result<>> resign();

 private:
  std::shared_ptr<State> state_;
};

/// Waits until nobody leads, then leads. The store outlives what it returns. Fails only for good
/// reasons (a bad candidacy, no permission, cancelled): a store that does not answer is waited for.
aio::Task<Result<std::unique_ptr<Leadership>>> campaign(aio::World& world, Store& store,
                                                        Candidacy candidacy);

struct Leader {
  std::string who;
  uint64_t fencing = 0;
  friend bool operator==(const Leader&, const Leader&) = default;
};
/// nullopt: nobody leads.
aio::Task<Result<std::optional<Leader>>> present_leader(Store& store, std::string key);
/// Waits until the leader is another than `known`.
aio::Task<Result<std::optional<Leader>>> next_leader(aio::World& world, Store& store,
                                                     std::string key, std::optional<Leader> known);

/// `store`, all of whose commits are the leader's. Both outlive it; close() closes `store`.
std::unique_ptr<Store> fenced(Store& store, std::shared_ptr<Leadership> leadership);

}  // namespace croft::store
