// What a machine's user data asks for, as entries of its boot sheet: scripts to run, files to
// write, words for the console. As cloud-init reads it (DESIGN 8.12): "#!" scripts,
// "#cloud-config", MIME parts, all of them gzip'ed or not; anything else becomes a message on the
// console. Pure.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace croft::sandbox {

/// "script": name NUL text. "file": path NUL mode NUL owner NUL ("a" or "") NUL content.
/// "say": text.
using BootEntries = std::vector<std::pair<std::string, std::string>>;

/// Never fails: what cannot be used is said on the console, as a rented machine would.
BootEntries boot_entries(std::string_view user_data);

}  // namespace croft::sandbox
