// The bodies of requests, read. Errors name the member.
#pragma once
#include <string>

#include "engine/application.h"

namespace croft::controller {

/// Of an UpRequest.
inline constexpr Bytes up_body_limit = Bytes::mib(64);

struct UpBody {
  std::string name;
  engine::Wanted wanted;
};

/// UpRequest of controller.h.
Result<UpBody> up_body(std::string_view text);
/// Which account of which farm is meant: {"farm", "environment"} as in an UpRequest.
struct AccountBody {
  cloud::Farm farm;
  std::string farm_admin;
  std::map<std::string, std::string> environment;
};
Result<AccountBody> account_body(std::string_view text);
/// {"imports": {PATH: "ID ID"}}
Result<engine::Imports> imports_body(std::string_view text);
/// 1 to 64 of letters, digits, '-', '_' and '.', not starting with '.'.
Result<> check_name(std::string_view name);

}  // namespace croft::controller
