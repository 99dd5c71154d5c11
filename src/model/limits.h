// How much a description that is deployed may hold, beside the limits of the language: what the
// store, the plan and the shape in which descriptions travel can take.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace croft::model {

/// Components and lists inside each other.
inline constexpr int deployed_levels_max = 200;
/// The path of a component, with the application's name: part of a key of the store.
inline constexpr size_t path_bytes_max = 3072;
/// The name that it begins with.
inline constexpr size_t application_bytes_max = 64;

/// Why this is no name of a component: paths join names with ':', and lines of text show them.
std::optional<std::string> name_problem(std::string_view name);

}  // namespace croft::model
