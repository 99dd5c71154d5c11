#include "farm/ec2/filter.h"

#include "base/text.h"
#include "farm/api/error.h"

namespace croft::farm::ec2 {

Result<std::vector<Filter>> read_filters(const Params& params) {
  std::vector<Filter> out;
  for (const Params& group : params.items("Filter")) {
    Filter filter{group.text("Name"), group.list("Value")};
    if (filter.name.empty())
      return fail(aws_error("InvalidParameterValue", 400, "A filter must have a name"));
    if (filter.values.size() > Filter::max_values)
      return fail(aws_error("FilterLimitExceeded", 400,
                            fmt::format("The filter '{}' has more than {} values",
                                        printable(filter.name), Filter::max_values)));
    if (filter.values.empty())
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("The filter '{}' has no value", printable(filter.name))));
    out.push_back(std::move(filter));
  }
  return out;
}

Error unknown_filter(std::string_view name, const std::vector<std::string>& known) {
  std::string hint = did_you_mean(name, known);
  return aws_error("InvalidParameterValue", 400,
                   fmt::format("The filter '{}' is invalid{}", printable(name),
                               hint.empty() ? "" : "; " + hint));
}

bool filter_value_matches(const Filter& filter, std::string_view value) {
  for (const std::string& pattern : filter.values)
    if (wildcard_match(pattern, value)) return true;
  return false;
}

bool is_tag_filter(std::string_view name) {
  return (name.starts_with("tag:") && name.size() > 4) || name == "tag-key" || name == "tag-value";
}

bool filter_tags_match(const Filter& filter, const Tags& tags) {
  if (filter.name.starts_with("tag:")) {
    auto tag = tags.find(filter.name.substr(4));
    return tag != tags.end() && filter_value_matches(filter, tag->second);
  }
  for (const auto& [key, value] : tags)
    if (filter_value_matches(filter, filter.name == "tag-key" ? key : value)) return true;
  return false;
}

}  // namespace croft::farm::ec2
