#include "farm/ec2/request_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "farm/api/error.h"

namespace croft::farm::ec2 {

bool RequestLimits::take(std::string key, Limit limit, double tokens, Moment now) {
  if (buckets_.size() >= most_buckets) buckets_.clear();
  auto [at, fresh] = buckets_.try_emplace(std::move(key), Bucket{limit.burst, now});
  Bucket& bucket = at->second;
  double seconds = static_cast<double>((now - bucket.at).ns()) / 1e9;
  bucket.tokens = std::min(limit.burst, bucket.tokens + seconds * limit.rate);
  bucket.at = now;
  if (bucket.tokens < tokens) return false;
  bucket.tokens -= tokens;
  return true;
}

Result<> RequestLimits::take(const Use& use, Moment now) {
  // EC2's own figures: "Request throttling for the Amazon EC2 API".
  constexpr Limit reads{100, 20}, wide_reads{50, 10}, changes{50, 5};
  constexpr Limit begun{1000, 2}, ended{1000, 20};
  Limit limit = use.changes ? changes : use.narrow ? reads : wide_reads;
  std::string key = fmt::format("{}/{}", use.account, use.action);
  bool good = take(key, limit, 1, now);
  if (good && use.instances > 0) {
    bool ends = use.action == "TerminateInstances" || use.action == "StopInstances";
    good = take(key + "/instances", ends ? ended : begun, static_cast<double>(use.instances), now);
  }
  if (good) return {};
  return fail(aws_error("RequestLimitExceeded", 503, "Request limit exceeded."));
}

}  // namespace croft::farm::ec2
