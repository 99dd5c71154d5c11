// The filters of Describe calls, one engine for all: the values of one filter are ORed, filters are
// ANDed, `*` and `?` are wildcards, `tag:KEY`, `tag-key` and `tag-value` look at tags. A resource
// says what it can be filtered by in a table of fields. Thread-compatible.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "farm/ec2/params.h"

namespace croft::farm::ec2 {

using Tags = std::map<std::string, std::string>;

struct Filter {
  static constexpr size_t max_values = 200;
  std::string name;
  std::vector<std::string> values;
};

inline constexpr Param filter_params[] = {
    {"Filter.N.Name", Kind::text, false, "", 1, 255},
    {"Filter.N.Value.N", Kind::text, false, "", 0, 1024},
};

/// Filter.N of a call. A filter without a name, or with too many values: InvalidParameterValue.
Result<std::vector<Filter>> read_filters(const Params& params);
Error unknown_filter(std::string_view name, const std::vector<std::string>& known);
bool filter_value_matches(const Filter& filter, std::string_view value);
/// For tag:KEY, tag-key and tag-value; anything else is false.
bool filter_tags_match(const Filter& filter, const Tags& tags);
bool is_tag_filter(std::string_view name);

/// One thing a resource of type T can be filtered by: adds its values to `out`.
template <class T>
struct FilterField {
  std::string_view name;
  void (*values)(const T&, std::vector<std::string>& out);
};

template <class T>
class Matcher {
 public:
  /// `tags` may be null: then tag filters are unknown.
  static Result<Matcher> make(std::vector<Filter> filters, std::span<const FilterField<T>> fields,
                              const Tags& (*tags)(const T&)) {
    Matcher out;
    out.tags_ = tags;
    for (Filter& filter : filters) {
      const FilterField<T>* found = nullptr;
      for (const auto& field : fields)
        if (field.name == filter.name) found = &field;
      if (!found && !(tags && is_tag_filter(filter.name))) {
        std::vector<std::string> known;
        for (const auto& field : fields) known.emplace_back(field.name);
        return fail(unknown_filter(filter.name, known));
      }
      out.tests_.push_back({std::move(filter), found});
    }
    return out;
  }

  bool operator()(const T& item) const {
    std::vector<std::string> values;
    for (const Test& test : tests_) {
      if (!test.field) {
        if (!filter_tags_match(test.filter, tags_(item))) return false;
        continue;
      }
      values.clear();
      test.field->values(item, values);
      bool any = false;
      for (const std::string& value : values) any = any || filter_value_matches(test.filter, value);
      if (!any) return false;
    }
    return true;
  }

 private:
  struct Test {
    Filter filter;
    const FilterField<T>* field = nullptr;
  };
  std::vector<Test> tests_;
  const Tags& (*tags_)(const T&) = nullptr;
};

}  // namespace croft::farm::ec2
