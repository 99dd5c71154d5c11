// How many calls an account may make: a bucket of tokens for each action, as EC2 has them, and for
// launches, starts and ends one more by instances. Off unless the farm is told to. Pure but for the
// time it is given. Loop thread only.
// Limits: most_buckets; when there are more, all begin anew.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace croft::farm::ec2 {

class RequestLimits {
 public:
  static constexpr size_t most_buckets = 10'000;

  struct Use {
    std::string_view action;
    std::string_view account;
    bool changes = false;   ///< something
    bool narrow = false;    ///< a read of named things, with a filter, or of one page
    int64_t instances = 0;  ///< that it is about
  };
  /// Takes the tokens; RequestLimitExceeded when there are too few.
  Result<> take(const Use& use, Moment now);

 private:
  struct Limit {
    double burst;
    double rate;  ///< tokens a second
  };
  struct Bucket {
    double tokens = 0;
    Moment at;
  };
  bool take(std::string key, Limit limit, double tokens, Moment now);

  std::map<std::string, Bucket> buckets_;
};

}  // namespace croft::farm::ec2
