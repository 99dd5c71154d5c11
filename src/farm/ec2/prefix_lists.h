// What a managed prefix list holds, for the rules that name it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "farm/ec2/state.h"

namespace croft::farm::ec2 {

/// Its IPv4 networks; none when there is no such list.
std::vector<std::string> networks_of_list(State& state, std::string_view id);

}  // namespace croft::farm::ec2
