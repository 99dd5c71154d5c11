// The text format of Prometheus (and of OpenMetrics, as far as samples go), read by who wants a few
// figures of a program: one number a name. Pure.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft::wire {

/// Samples by name; those of one name that differ in their labels are added up. Left out are parts
/// of histograms and summaries (NAME_bucket, a label `quantile`), whose sum means nothing, and what
/// is no finite number. With `names`, only those; else the first `most`. Code::syntax names the
/// line that is no sample.
Result<std::map<std::string, double>> metrics_in(std::string_view page,
                                                 const std::vector<std::string>& names,
                                                 size_t most);

}  // namespace croft::wire
