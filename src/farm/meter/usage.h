// What an account used of the farm's S3, hour by hour: requests by kind, bytes in and out, bytes
// stored by class over time, and what that costs by the price table. Kept in the store
// (meter/use/ACCOUNT/HOUR); a killed farm loses at most the counts of flush_interval. Traffic
// between instances and the store is counted and free. Loop thread only.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/world.h"
#include "farm/api/context.h"
#include "store/store.h"

namespace croft::farm::meter {

inline constexpr Duration flush_interval = Duration::seconds(10);

/// Amounts of one account in one hour, by what they are of: "requests.write", "requests.read",
/// "requests.delete", "requests.refused", "bytes.in", "bytes.out", "bytes.internal",
/// "storage.STANDARD" (byte-seconds), ...
using Amounts = std::map<std::string, int64_t, std::less<>>;

/// Dollars for all of it, used within one month, at the prices of S3 when the talk was given
/// (docs/farm.md).
Money cost_of(const Amounts& amounts);

/// How much an account stores in a class, now.
struct Stored {
  std::string account_id;
  std::string storage_class;
  uint64_t bytes = 0;
};

class UsageMeter final : public Meter {
 public:
  UsageMeter(aio::World& world, store::Store& store) : world_(world), store_(store) {}

  /// Asked at every flush what is stored.
  void sample(std::function<std::vector<Stored>()> stored) { stored_ = std::move(stored); }
  void request(const Usage& usage) override;
  /// Flushes from time to time until cancelled.
  aio::Task<Result<>> run();
  aio::Task<Result<>> flush();

  struct Hour {
    WallTime begin;
    Amounts amounts;
  };
  /// All hours of an account, flushed first.
  aio::Task<Result<std::vector<Hour>>> hours(std::string account_id);

  uint64_t requests() const { return requests_; }
  uint64_t failures() const { return failures_; }
  uint64_t bytes_in() const { return bytes_in_; }
  uint64_t bytes_out() const { return bytes_out_; }

 private:
  Amounts& now(std::string_view account_id);
  void sample_storage();

  aio::World& world_;
  store::Store& store_;
  std::function<std::vector<Stored>()> stored_;
  std::map<std::string, Amounts, std::less<>> fresh_;  ///< since the last flush, by store key
  std::optional<Moment> sampled_;
  uint64_t requests_ = 0, failures_ = 0, bytes_in_ = 0, bytes_out_ = 0;
};

}  // namespace croft::farm::meter
