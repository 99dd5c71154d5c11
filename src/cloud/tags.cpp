#include "cloud/tags.h"

namespace croft::cloud {

std::string tag_value(const std::vector<Tag>& tags, std::string_view key) {
  for (const Tag& tag : tags)
    if (tag.key == key) return tag.value;
  return {};
}

}  // namespace croft::cloud
