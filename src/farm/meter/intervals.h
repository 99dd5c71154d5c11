// The times an account's instances ran, for later bills: one entry when an interval opens and one
// when it closes, each committed together with the change of state that caused it, so an interval
// is opened and closed exactly once also over kill -9. Append-only:
// meter/time/ACCOUNT/NANOSECONDS/ID.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "aio/world.h"
#include "store/store.h"

namespace croft::farm::meter {

struct Mark {
  std::string account;
  std::string resource;  ///< "i-..."
  std::string kind;      ///< "m1.small"
  std::string zone;
  bool started = true;  ///< else ended
  WallTime at;
};

/// The change to commit.
store::Change record(const Mark& mark);

struct Interval {
  std::string resource;
  std::string kind;
  std::string zone;
  WallTime from;
  std::optional<WallTime> to;  ///< nullopt: still open
};
/// All intervals of an account, in order of their beginning.
aio::Task<Result<std::vector<Interval>>> intervals(store::Store& store, std::string account);

}  // namespace croft::farm::meter
