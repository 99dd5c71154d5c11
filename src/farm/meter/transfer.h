// What instances sent and received: counters that are read from time to time. One record an
// instance holds the last reading of each of its starts and what all came to by month, so that a
// reading counts once however the farm dies: meter/transfer/ACCOUNT/RESOURCE. Pure but for
// transfers_of().
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "aio/world.h"
#include "farm/meter/invoice.h"
#include "store/store.h"

namespace croft::farm::meter {

struct TransferReading {
  uint64_t boot = 0;  ///< which start of the instance; another one counts from zero
  int64_t in = 0, out = 0;
  int64_t public_in = 0, public_out = 0;  ///< of these, by way of a public address
};

struct Transfer {
  struct Moved {
    int64_t in = 0, out = 0;
    int64_t public_in = 0, public_out = 0;  ///< of these
    WallTime from, to;  ///< of the first and the last reading that came to something
  };
  std::string account, resource;
  std::string application, component;
  std::vector<TransferReading> last;    ///< one for each of the last starts
  std::map<std::string, Moved> months;  ///< by name: "2008-04"

  /// False when nothing was moved since the last reading: there is nothing to keep.
  bool add(const TransferReading& reading, WallTime now);
};

/// The change to commit.
store::Change record(const Transfer& transfer);
/// All of an account, or of all with an empty one.
aio::Task<Result<std::vector<Transfer>>> transfers_of(store::Store& store, std::string account);

/// One line each way for what went by way of public addresses and for what stayed inside, where
/// there was some.
std::vector<InvoiceLine> lines_of(const std::vector<Transfer>& transfers, const Month& month,
                                  const PriceBook& book);

}  // namespace croft::farm::meter
