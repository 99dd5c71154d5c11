// Bucket policies: the JSON document of statements, read once, asked at every request of somebody
// who is not plainly the owner. Pure. Limits: max_policy_bytes, the JSON reader's depth.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "farm/s3/policy_conditions.h"

namespace croft::farm::s3 {

inline constexpr size_t max_policy_bytes = 20 << 10;

struct PolicyQuestion {
  std::string account_id;    ///< empty: anonymous
  std::string canonical_id;  ///< empty: anonymous
  std::string action;        ///< "s3:GetObject"
  std::string resource;      ///< "arn:aws:s3:::bucket/key"
  PolicyFacts facts;
};

enum class Verdict { none, allow, deny };

/// Who wrote it just now is told of what means nothing; what was kept by an earlier croft stays as
/// it is.
enum class PolicyFrom { caller, store };

class Policy {
 public:
  /// MalformedPolicy with the reason; every resource must be `bucket` or in it.
  static Result<Policy> parse(std::string_view text, std::string_view bucket,
                              PolicyFrom from = PolicyFrom::caller);

  Verdict ask(const PolicyQuestion& question) const;
  /// Some statement allows something to anybody at all.
  bool is_public() const;
  /// Some condition asks for the tags of the object that is there.
  bool asks_for_tags() const { return asks_for_tags_; }

 private:
  struct Condition {
    std::string op;   ///< lower case, without "IfExists" and without the set quantifier
    std::string key;  ///< lower case but for what stands behind a '/'
    std::vector<std::string> values;
    bool if_exists = false;
    bool for_all = false;
    bool for_any = false;
  };
  struct Names {
    bool present = false;
    bool negated = false;
    std::vector<std::string> values;
  };
  struct Statement {
    bool allow = true;
    Names principals, actions, resources;
    std::vector<Condition> conditions;
  };
  friend class PolicyReader;
  /// `allow`: the statement that it stands in lets somebody in.
  bool holds(const Condition& condition, const PolicyFacts& facts, bool allow) const;
  bool applies(const Statement& statement, const PolicyQuestion& question) const;

  std::vector<Statement> statements_;
  bool asks_for_tags_ = false;
  bool variables_ = false;  ///< since the version of 2012 "${...}" stands for something
};

}  // namespace croft::farm::s3
