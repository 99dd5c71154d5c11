// The tags on everything that croft rents, by which it is found again.
#pragma once
#include <string>
#include <vector>

namespace croft::cloud {

struct Tag {
  std::string key;
  std::string value;
  friend bool operator==(const Tag&, const Tag&) = default;
};

inline constexpr const char* tag_application = "croft:application";
inline constexpr const char* tag_component = "croft:component";
inline constexpr const char* tag_owner = "croft:owner";
inline constexpr const char* tag_keep = "croft:keep";
inline constexpr const char* tag_digest = "croft:digest";  ///< of an image: of what it was made
inline constexpr const char* tag_signature = "croft:signature";  ///< of an image's id and digest

/// The value of a tag; empty when absent.
std::string tag_value(const std::vector<Tag>& tags, std::string_view key);

}  // namespace croft::cloud
