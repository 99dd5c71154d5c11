// May an object be read, or does it lie in an archive (GLACIER, DEEP_ARCHIVE)? Pure.
#pragma once
#include "base/error.h"
#include "farm/s3/record.h"
#include "wire/http.h"

namespace croft::farm::s3 {

/// InvalidObjectState for what is archived and not restored at `now`.
Result<> check_readable(const ObjectRecord& record, WallTime now);
/// x-amz-restore of what is.
void add_restore(wire::Headers& headers, const ObjectRecord& record, WallTime now);

}  // namespace croft::farm::s3
