// Object lock: what a version must not lose before its time. The documents and headers that say so,
// and what they hold off. Pure. Source: "Locking objects with Object Lock".
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "farm/s3/record.h"
#include "wire/http.h"

namespace croft::farm::s3 {

/// Of a bucket: that it locks, and how long what comes in without a word of its own.
struct LockRules {
  std::string mode;  ///< GOVERNANCE, COMPLIANCE; empty: no default
  int64_t days = 0;  ///< with a mode; a year has 365
};

/// ObjectLockConfiguration. MalformedXML, InvalidRetentionPeriod.
Result<LockRules> lock_rules_from(std::string_view xml);
/// The document of a bucket that was made with a lock.
std::string empty_lock_document();

/// How long one version is kept; an empty mode takes the retention off.
struct Retention {
  std::string mode;
  WallTime until;
};
/// MalformedXML.
Result<Retention> retention_from(std::string_view xml);
std::string retention_document(const ObjectRecord& record);
/// LegalHold: ON or OFF. MalformedXML.
Result<bool> legal_hold_from(std::string_view xml);
std::string legal_hold_document(const ObjectRecord& record);

/// x-amz-object-lock-*, else the bucket's default, into the record of a new version. `rules`: null
/// where the bucket locks nothing. InvalidRequest, InvalidArgument.
Result<> lock_from_headers(const wire::Headers& headers, const LockRules* rules, WallTime now,
                           ObjectRecord& record);
void add_lock_headers(wire::Headers& headers, const ObjectRecord& record);

/// Is the version held? `bypass`: by one who may pass over GOVERNANCE.
bool is_locked(const ObjectRecord& record, WallTime now, bool bypass);
/// May the retention become that one? AccessDenied, InvalidArgument (a time that is over).
Result<> check_retention(const ObjectRecord& record, const Retention& wanted, WallTime now,
                         bool bypass);

}  // namespace croft::farm::s3
