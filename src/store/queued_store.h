// A Store over one place that can make a batch durable: commits that arrive while a batch is being
// written wait and go into the next one together (group commit). Readers see what is durable, from
// the Table in memory. memory/ and sqlite/ are this with two kinds of Backing.
// Loop thread only; the Backing does its blocking work on a pool.
#pragma once
#include <algorithm>
#include <map>
#include <memory>

#include "store/store.h"
#include "store/table.h"

namespace croft::store {

struct LeaseWrite {
  uint64_t lease = 0;
  Duration ttl;
  bool deleted = false;
};

struct ColdWrite {
  std::string key;
  std::optional<std::string> value;  ///< nullopt deletes
};
using ColdValues = std::vector<std::optional<std::string>>;

/// Everything that one transaction of the Backing makes durable.
struct Batch {
  std::vector<Write> writes;  ///< in order; a key may stand here several times
  std::vector<LeaseWrite> leases;
  std::vector<ColdWrite> cold;  ///< in order
  uint64_t revision = 0;        ///< after it
  /// Removes at least as much as it adds, and the disk is full: may use what is put by for that.
  bool frees = false;

  bool removes() const {
    return std::ranges::any_of(writes, &Write::deleted) ||
           std::ranges::any_of(cold, [](const ColdWrite& write) { return !write.value; });
  }
};

class Backing {
 public:
  virtual ~Backing() = default;
  /// All or nothing, durable on return. Never called twice at once. `batch` outlives the call.
  virtual aio::Task<Result<>> persist(const Batch& batch) = 0;
  /// The cold values of these keys, in their order. Never called while persist() runs.
  virtual aio::Task<Result<ColdValues>> read(const std::vector<std::string>& keys) = 0;
  /// As Store::started(); may be called while the others run.
  virtual void started() {}
  /// Space of removed values lies idle: tidy() would give it back.
  virtual bool untidy() const { return false; }
  /// One bounded step of that; a smaller one where others wait. Never called while the others run.
  virtual aio::Task<Result<>> tidy(bool busy);
  virtual aio::Task<Result<>> close() = 0;
};

/// What a Backing held when it was opened.
struct Content {
  Table table;
  std::map<uint64_t, Duration> leases;
  uint64_t revision = 0;
};

/// Leases found at opening start a full term: their holders could not renew while it was closed.
std::unique_ptr<Store> make_queued_store(aio::World& world, std::unique_ptr<Backing> backing,
                                         Content content);

}  // namespace croft::store
