// What EC2 has and this farm does not, and what to do instead: the words of InvalidAction.
#pragma once
#include <string_view>

#include "base/error.h"

namespace croft::farm::ec2 {

Error no_such_action(std::string_view action);

}  // namespace croft::farm::ec2
