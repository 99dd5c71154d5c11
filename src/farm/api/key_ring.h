// Who an access key belongs to, for the front door. The keys of this farm are in memory and known
// at once; a key store elsewhere may be slow or gone, and `croft farm` can play one that is. Then
// what was learnt is kept: fresh for a minute, good for a quarter of an hour while the store does
// not answer. So an outage of the key store stops newcomers, never known callers; the outage of
// February 2008 was exactly the other way. Loop thread only. Memory: Limits::known_max entries.
#pragma once
#include <list>
#include <string>
#include <unordered_map>

#include "aio/sync.h"
#include "farm/api/accounts.h"
#include "farm/api/gate.h"

namespace croft::farm {

/// How the key store behaves: for tests and benches.
struct KeyStoreFault {
  Duration time;  ///< of one look-up; 0: the keys are in memory
  bool down = false;
  bool none() const { return time == Duration() && !down; }
};

struct KeyRingLimits {
  Duration fresh = Duration::seconds(60);
  Duration grace = Duration::minutes(15);  ///< when the store fails or is slow
  Duration absent = Duration::seconds(5);  ///< how long a key is known not to exist
  size_t known_max = 10'000;
  GateLimits look_ups{.places = 8, .max_wait = Duration::milliseconds(500), .waiting_max = 10'000};
  bool defend =
      true;  ///< false: every call asks, and waits as long as it takes (a bench's control)
};

class KeyRing {
 public:
  KeyRing(aio::World& world, const Accounts& accounts, KeyRingLimits limits = {});

  /// Found::account is null for a key that does not exist. Code::resource_exhausted with the fact
  /// "overload" when the store cannot be asked in time, or `deadline` is over.
  aio::Task<Result<Accounts::Found>> find(std::string access_key, Moment deadline);
  /// Known without waiting?
  bool immediate() const { return fault_.none(); }

  /// Asks again for keys whose news have grown old, until cancelled.
  aio::Task<Result<>> run();

  void set_fault(KeyStoreFault fault);
  /// JSON: look-ups, answers from memory, refused.
  std::string info() const;

 private:
  struct Known {
    std::string key;
    Accounts::Found found;
    Moment at;
    bool refreshing = false;
  };
  /// Least recently used out first.
  class Shelf {
   public:
    explicit Shelf(size_t limit) : limit_(limit) {}
    Known* find(const std::string& key);
    void put(Known known);
    void erase(const std::string& key);

   private:
    size_t limit_;
    std::list<Known> entries_;
    std::unordered_map<std::string, std::list<Known>::iterator> by_key_;
  };

  aio::Task<Result<Accounts::Found>> ask(std::string access_key, Moment deadline);
  aio::Task<Result<Accounts::Found>> look_up(std::string access_key);
  void learn(const std::string& access_key, Accounts::Found found);

  aio::World& world_;
  const Accounts& accounts_;
  KeyRingLimits limits_;
  KeyStoreFault fault_;
  Gate gate_;
  Shelf known_, absent_;
  std::deque<std::string> stale_;
  aio::Signal stale_came_;
  uint64_t look_ups_ = 0, from_memory_ = 0;
};

}  // namespace croft::farm
