// Lifecycle rules of a bucket: which objects, versions, markers and uploads have had their time,
// and which class an object is in by now. Pure. Limits: max_lifecycle_rules.
// Source: "Lifecycle configuration elements".
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "farm/s3/record.h"

namespace croft::farm::s3 {

inline constexpr size_t max_lifecycle_rules = 1000;

/// The document with an ID in every rule: those that have none get one. `xml` was parsed before.
std::string with_rule_ids(std::string_view xml);

class Lifecycle {
 public:
  /// MalformedXML, InvalidArgument, InvalidRequest.
  static Result<Lifecycle> parse(std::string_view xml);

  /// What makes no sense and is told to whoever sets it; what was kept before stays. `real_days`:
  /// then nothing moves to a class of infrequent access before it has been there for 30 of them.
  /// InvalidArgument, InvalidRequest.
  Result<> check(bool real_days) const;

  /// When the latest version of a key is to go; nullopt: never. `day`: how long a day is, so that
  /// a test need not wait for one. With the rule's id.
  struct Due {
    WallTime at;
    std::string rule;
  };
  std::optional<Due> expiry(std::string_view key, const ObjectRecord& record, Duration day) const;
  /// The same for a version that ceased to be the latest at `since`, with `newer` ones of its kind
  /// before it.
  std::optional<WallTime> noncurrent_expiry(std::string_view key, const ObjectRecord& record,
                                            WallTime since, size_t newer, Duration day) const;
  /// A delete marker with nothing behind it goes.
  bool drops_lone_marker(std::string_view key, const ObjectRecord& marker, WallTime now,
                         Duration day) const;
  std::optional<WallTime> upload_expiry(std::string_view key, WallTime started, Duration day) const;
  /// The storage class that the object should be in at `now`; empty: as it is.
  std::string transition(std::string_view key, const ObjectRecord& record, WallTime now,
                         Duration day) const;
  /// The same for a version that ceased to be the latest at `since`, with `newer` ones before it.
  std::string noncurrent_transition(std::string_view key, const ObjectRecord& record,
                                    WallTime since, size_t newer, WallTime now, Duration day) const;

 private:
  struct Move {
    std::optional<int64_t> days;
    std::optional<WallTime> date;
    std::string storage_class;
    size_t keep_newer = 0;  ///< of older versions: so many stay as they are
  };
  struct Rule {
    std::string id;
    bool enabled = true;
    std::string prefix;
    Pairs tags;
    std::optional<uint64_t> larger, smaller;
    std::optional<int64_t> days;
    std::optional<WallTime> date;
    bool lone_markers = false;
    std::optional<int64_t> noncurrent_days;
    size_t keep_newer = 0;
    std::optional<int64_t> upload_days;
    std::vector<Move> moves;
    std::vector<Move> noncurrent_moves;  ///< by days alone
  };
  friend class LifecycleReader;
  static Result<> check_filter(const Rule& rule);
  static Result<> check_order(const Rule& rule);
  Result<> check_classes() const;
  static bool covers(const Rule& rule, std::string_view key, const ObjectRecord* record);

  std::vector<Rule> rules_;
};

}  // namespace croft::farm::s3
