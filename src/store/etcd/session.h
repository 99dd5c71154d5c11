// What makes a commit happen once although its answer may be lost: each takes a lane, a key of this
// client that the transaction compares and writes. A repeat after the first has worked finds the
// lane changed, and one that arrives late finds so too. Lanes hang on a lease, the session: those
// of a dead client go with it. Loop thread only.
#pragma once
#include <map>

#include "aio/sync.h"
#include "store/etcd/gateway.h"

namespace croft::store::etcd {

struct Lane {
  std::string key;
  uint64_t session = 0;   ///< the lease it hangs on
  uint64_t modified = 0;  ///< as this client knows it; 0: not made yet
  uint64_t uses = 0;
  bool settled = false;  ///< no attempt of its current use can have an effect any more
  /// What the current use writes; differs for each use.
  std::string token() const { return std::to_string(uses); }
};

class Session {
 public:
  static constexpr size_t lanes_max = 32;  // commits under way at once

  Session(Gateway& gateway, std::string prefix)
      : gateway_(gateway), prefix_(std::move(prefix)), places_(lanes_max) {}

  aio::Task<Result<>> open();
  /// Renews the session until it is cancelled.
  aio::Task<Result<>> keep();
  /// Ends the session at once, and its lanes with it.
  aio::Task<Result<>> close();

  aio::Task<Result<Lane>> acquire();
  /// One that is not settled is not used again.
  void release(Lane lane);
  /// After it, no attempt of a commit that was given up can have an effect any more.
  aio::Task<Result<>> settle();

  uint64_t lease() const { return lease_; }
  /// True when the lease has not ended.
  aio::Task<Result<bool>> lives(uint64_t lease);
  /// A new session when `ended` is still the current one.
  aio::Task<Result<>> replace(uint64_t ended);

 private:
  Gateway& gateway_;
  std::string prefix_;
  uint64_t lease_ = 0;
  uint64_t made_ = 0;  ///< lanes
  std::vector<Lane> free_;
  std::vector<Lane> retired_;
  aio::Semaphore places_;
  aio::Mutex settling_;
};

/// A lease of `ttl` (whole seconds, rounded up) with this id.
aio::Task<Result<>> grant_lease(Gateway& gateway, uint64_t lease, Duration ttl);
/// Code::not_found when it has ended.
aio::Task<Result<>> renew_lease(Gateway& gateway, uint64_t lease);
aio::Task<Result<>> revoke_lease(Gateway& gateway, uint64_t lease);
uint64_t new_lease_id(aio::World& world);

}  // namespace croft::store::etcd
