// What a commit may hold, and which commits may go through on a full disk. Pure.
#pragma once
#include <vector>

#include "store/store.h"
#include "store/table.h"

namespace croft::store {

/// Sizes, no key twice: Code::invalid_argument with the key in Error::where.path.
Result<> check_changes(const std::vector<Change>& changes);

/// How long a lease may live.
Result<> check_ttl(Duration ttl);

/// At least one key goes, and what is written is no more than what goes.
bool frees(const std::vector<Change>& changes, const Table& table);

}  // namespace croft::store
