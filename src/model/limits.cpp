#include "model/limits.h"

#include <algorithm>

namespace croft::model {

std::optional<std::string> name_problem(std::string_view name) {
  constexpr unsigned char first_visible = 0x20, rubout = 0x7f;
  if (name.empty()) return "it is empty";
  if (name.find(':') != std::string_view::npos) return "':' stands between names";
  bool hidden = std::ranges::any_of(name, [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < first_visible || byte == rubout;
  });
  if (hidden) return "it holds a line break, or another character that no line can show";
  return std::nullopt;
}

}  // namespace croft::model
