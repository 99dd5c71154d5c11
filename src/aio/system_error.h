// Failures of system calls as croft errors: one table from errno to Code. Any thread.
#pragma once
#include <string>

#include "base/error.h"

namespace croft::aio {

/// "`what`: no such file or directory", with the Code that errno stands for.
Error system_error(int number, std::string what);

}  // namespace croft::aio
