// The static init program, carried inside this binary.
#pragma once
#include <string_view>

namespace croft::sandbox {
std::string_view init_image();
}
