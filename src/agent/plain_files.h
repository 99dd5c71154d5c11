// Small files read and written at once: the kernel's own, and marks in the page cache, whose point
// is that they cost microseconds. Anything that must outlive the machine goes through aio::Disk.
#pragma once
#include <string>

#include "base/error.h"

namespace croft::agent {

Result<std::string> read_plain(const std::string& path);
Result<> write_plain(const std::string& path, const std::string& text, int mode = 0600);

}  // namespace croft::agent
