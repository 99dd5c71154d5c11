// The bodies of requests, read. Errors name the member.
#pragma once
#include <string>

#include "engine/application.h"

namespace croft::controller {

struct UpBody {
  std::string name;
  engine::Wanted wanted;
};

/// UpRequest of controller.h.
Result<UpBody> up_body(std::string_view text);
/// 1 to 64 of letters, digits, '-', '_' and '.', not starting with '.'.
Result<> check_name(std::string_view name);

}  // namespace croft::controller
