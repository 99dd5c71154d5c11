// The format of what controllers keep in their store, whichever that is (the file of SQLite has one
// of its own: store/sqlite/migration.h). An older one is brought up to date when a controller opens
// the store, step by step, after all of it was written to a backup; a newer one is refused and left
// as it is. Loop thread only.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "aio/world.h"
#include "store/store.h"

namespace croft::controller {

/// Turns the format before it into this one. It may be cut off anywhere and is begun again then:
/// what it has done already it finds done.
struct FormatStep {
  int to = 0;
  std::string what;  ///< for people
  std::function<aio::Task<Result<>>(store::Store&)> change;
};

/// The first format has no step; each later one has the next.
inline constexpr int first_format = 1;
/// Those of this croft, in order.
const std::vector<FormatStep>& format_steps();
/// What this croft writes.
int present_format();

/// A fresh store is marked with the last format of `steps`; an older one becomes that, its backup
/// is HOME/controller/format-N.backup (mode 0600) from then on. Code::unsupported for a newer one.
aio::Task<Result<>> bring_up_to_date(aio::World& world, store::Store& store, std::string home,
                                     const std::vector<FormatStep>& steps);

}  // namespace croft::controller
