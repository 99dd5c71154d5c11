// A secret from the standard input: never from the command line, where all can read it.
#pragma once
#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace croft::cli {

/// A line of the terminal, unseen, or all of a pipe or file but the line break at its end.
/// `example`: how it is given, for the error about none.
Result<Secret> read_secret(std::string_view name, std::string example);

}  // namespace croft::cli
