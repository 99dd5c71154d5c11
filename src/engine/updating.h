// What stands in a component's memory from the moment it reads another description until it has
// taken its changed attributes: an `up` that is interrupted meanwhile, by another one or by a
// crash, finds the texts equal and would take the component for up to date. Of use to engine/*.cpp
// alone.
#pragma once

namespace croft::engine {

inline constexpr const char* updating_note = "croft.updating";
/// It ends so that another takes its place, or because the description has it no longer: whoever
/// goes on after a crash, or describes it again, makes that one and does not hold it for ended by
/// itself.
inline constexpr const char* replaced_note = "croft.replaced";

}  // namespace croft::engine
