// The times an account had something: one entry when an interval opens and one when it closes, each
// committed together with the change of state that caused it, so an interval is opened and closed
// exactly once also over kill -9. Append-only: meter/time/ACCOUNT/NANOSECONDS/ID/EVENT.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/world.h"
#include "store/store.h"

namespace croft::farm::meter {

/// What is charged for, as it was when the interval opened.
struct Thing {
  std::string resource;                ///< "i-...", "vol-...", "snap-...", "eipalloc-..."
  std::string kind;                    ///< "m1.small", "volume.gp2", "snapshot", "address.idle"
  std::string zone;                    ///< empty: of no zone
  int64_t quantity = 1;                ///< GiB of disks
  int64_t price_micros = 0;            ///< agreed for this one; 0: what the book says
  std::string image, reseller;         ///< who earns the margin of the image
  int64_t margin_micros = 0;           ///< an hour, on top
  std::string application, component;  ///< from the tags croft:application, croft:component
};

struct Mark {
  std::string account;
  Thing thing;
  bool started = true;  ///< else ended; only the resource counts then
  WallTime at;
};

/// The change to commit.
store::Change record(const Mark& mark);

struct Interval {
  Thing thing;
  WallTime from;
  std::optional<WallTime> to;  ///< nullopt: still open
};
/// All intervals of an account, in order of their beginning.
aio::Task<Result<std::vector<Interval>>> intervals(store::Store& store, std::string account);

}  // namespace croft::farm::meter
