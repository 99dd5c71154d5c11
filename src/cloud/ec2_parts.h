// What calls and answers of EC2 have in common. For cloud/ec2*.cpp alone.
#pragma once
#include <fmt/format.h>

#include "cloud/ec2.h"
#include "wire/xml.h"

namespace croft::cloud {

using wire::xml::Element;

inline void add_list(Ec2::Parameters& out, std::string_view name,
                     const std::vector<std::string>& values) {
  for (size_t i = 0; i < values.size(); ++i)
    out.emplace_back(fmt::format("{}.{}", name, i + 1), values[i]);
}

inline void add_filters(Ec2::Parameters& out, const std::vector<Filter>& filters) {
  for (size_t i = 0; i < filters.size(); ++i) {
    out.emplace_back(fmt::format("Filter.{}.Name", i + 1), filters[i].name);
    for (size_t j = 0; j < filters[i].values.size(); ++j)
      out.emplace_back(fmt::format("Filter.{}.Value.{}", i + 1, j + 1), filters[i].values[j]);
  }
}

inline void add_tags(Ec2::Parameters& out, std::string_view prefix, const std::vector<Tag>& tags) {
  for (size_t i = 0; i < tags.size(); ++i) {
    out.emplace_back(fmt::format("{}Tag.{}.Key", prefix, i + 1), tags[i].key);
    out.emplace_back(fmt::format("{}Tag.{}.Value", prefix, i + 1), tags[i].value);
  }
}

inline void add_tag_specification(Ec2::Parameters& out, std::string_view resource,
                                  const std::vector<Tag>& tags) {
  if (tags.empty()) return;
  out.emplace_back("TagSpecification.1.ResourceType", resource);
  add_tags(out, "TagSpecification.1.", tags);
}

inline std::string text(Element element, std::string_view name) {
  return element.child(name).text();
}

inline std::vector<Tag> tags_of(Element element) {
  std::vector<Tag> out;
  for (Element item : element.child("tagSet").children("item"))
    out.push_back({text(item, "key"), text(item, "value")});
  return out;
}

}  // namespace croft::cloud
