// Spot instances: bids that are met while the price is not above them, and instances that are taken
// away again, two minutes after a notice in their metadata. The price of a type is a fixed share of
// its list price until a fault raises it. Loop thread only.
#pragma once
#include "aio/sync.h"
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

class Spots {
 public:
  static constexpr Duration notice = Duration::minutes(2);

  explicit Spots(Core& core) : core_(core) {}
  /// Until cancelled: meets open bids, takes away what was given notice, follows what ended.
  aio::Task<Result<>> run();
  /// A bid came, or an instance was given notice.
  void kick() { work_.notify(); }
  /// The instance goes after `time`. Code::not_found, Code::invalid_argument (it is no spot one).
  aio::Task<Result<>> interrupt(std::string instance, Duration time);

 private:
  bool idle() const;
  aio::Task<Result<>> turn();
  aio::Task<Result<>> fulfil(std::string id);
  aio::Task<Result<>> follow(std::string id);
  aio::Task<Result<>> take_away(std::string instance);
  aio::Task<Result<>> update(std::string id, std::string state, std::string code,
                             std::string message);

  Core& core_;
  aio::Signal work_;
};

/// Micro-dollars an hour, now.
int64_t spot_price(const Core& core, std::string_view type);
/// InstanceMarketOptions of a launch: sets the price; SpotMaxPriceTooLow.
Result<> read_market(Core& core, const Call& call, Instance& model);
/// The request that stands for an instance launched as spot by RunInstances.
void add_spot_record(Core& core, Instance& instance, const std::string& interruption,
                     const std::string& type, std::vector<store::Change>& changes);

}  // namespace croft::farm::ec2
