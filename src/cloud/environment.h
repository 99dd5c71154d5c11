// Environment variables as a value, so that nothing reads the process's own behind the caller's
// back and tests give their own.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace croft::cloud {

/// The value of a variable; nullopt when unset or empty.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

Environment process_environment();
Environment fixed_environment(std::map<std::string, std::string> values);

}  // namespace croft::cloud
