// Parts of Package and Cron that tests look at.
#pragma once
#include <string_view>

#include "base/error.h"

namespace croft::components {

/// Five fields as crontab(5) has them, numbers only.
Result<> check_schedule(std::string_view schedule);
/// What a shell on the host runs; its arguments are the packages.
std::string_view package_script();

}  // namespace croft::components
