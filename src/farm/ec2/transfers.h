// Reads what instances sent and received, every few seconds and before a bill, into their records
// (meter/transfer.h). Loop thread only.
#pragma once
#include <map>

#include "aio/sync.h"
#include "farm/ec2/core.h"
#include "farm/meter/transfer.h"

namespace croft::farm::ec2 {

class Transfers {
 public:
  static constexpr Duration period = Duration::seconds(10);

  explicit Transfers(Core& core) : core_(core) {}
  /// Reads the records of the instances that there are.
  aio::Task<Result<>> open();
  /// Until cancelled.
  aio::Task<Result<>> run();
  /// What was moved up to now is in the store afterwards.
  aio::Task<Result<>> sample();

 private:
  Core& core_;
  aio::Mutex one_;
  std::map<std::string, meter::Transfer, std::less<>> known_;  ///< by instance
};

}  // namespace croft::farm::ec2
