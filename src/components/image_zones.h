// How machines are dealt over availability zones. Pure.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace croft::components {

/// How many of `more` each zone gets, where `have` says how many it has: always the thinnest, the
/// first in order among equals. Zones that get none are left out.
std::map<std::string, int> dealt(const std::vector<std::string>& zones,
                                 const std::map<std::string, int>& have, int more);

}  // namespace croft::components
