// Parameters on the command line: --set PATH=VALUE, --values FILE (JSON or YAML), --environment
// NAME.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "lang/lang.h"

namespace croft::cli {

/// "sfConfig:web:port=8080". The value is what the language calls a literal (number, true, "text",
/// [vector], extends { ... }, ( expression )); anything else is a text.
Result<lang::Setting> setting_from_argument(const std::string& argument);

/// The settings of a file of values. JSON is read as the YAML that it is. Nested mappings are
/// paths; anchors and aliases are refused; numbers, true, false and null are what JSON calls so,
/// all else is text (`no` and `on` too).
Result<std::vector<lang::Setting>> settings_from_text(const std::string& name, std::string text);

}  // namespace croft::cli
