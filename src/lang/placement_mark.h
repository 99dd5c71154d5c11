// How a placement key that has not been placed yet is named in a tree that is printed between passes:
// each of its names behind this mark, which no name that people write has.
#pragma once

namespace croft::lang {

constexpr char placement_mark = '\x1f';

}  // namespace croft::lang
