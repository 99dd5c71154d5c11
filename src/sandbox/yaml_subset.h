// The part of YAML that #cloud-config files are written in: block and flow collections, plain and
// quoted scalars, literal and folded blocks, comments. No anchors, tags, complex keys, documents.
// Every scalar stays text. Pure; bounded in depth and size.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft::sandbox {

struct YamlEntry;

struct Yaml {
  enum class Kind { null, text, list, map } kind = Kind::null;
  std::string text;
  std::vector<Yaml> list;
  std::vector<YamlEntry> map;

  /// The value of a key; null when absent or when this is no map.
  const Yaml* find(std::string_view key) const;
  /// Of a text; else empty.
  std::string text_of(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  Yaml value;
};

/// Errors carry the line.
Result<Yaml> parse_yaml(std::string_view text);

}  // namespace croft::sandbox
