// Accounts as JSON between the admin socket and its callers. Pure.
#pragma once
#include <string>
#include <string_view>

#include "farm/api/accounts.h"

namespace croft::farm {

/// With secrets: only ever sent through the admin socket.
std::string to_json(const Account& account);
Result<Account> account_from_json(std::string_view text);
std::string to_json(const NewAccount& account);
Result<NewAccount> new_account_from_json(std::string_view text);

}  // namespace croft::farm
