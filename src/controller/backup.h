// All that a controller knows, in one file: its store, entry by entry, and the keys that open what
// is sealed in it. Whoever has the file has the secrets: it is made with mode 0600.
//
// Format: lines of JSON. First {"croft":"backup","format":1,"files":{NAME: base64}}, then
// {"key","value" (base64)} for each entry, last {"entries":N,"sha256":HEX of all lines before}.
#pragma once
#include <functional>
#include <string>

#include "aio/world.h"
#include "store/store.h"

namespace croft::controller {

/// Hands the lines to `write`, some at a time. The entries are those of one moment only where
/// nothing is written meanwhile; each by itself is whole, and a controller that goes on from them
/// finishes what was under way, as after a crash.
aio::Task<Result<>> back_up(aio::World& world, store::Store& store, std::string home,
                            std::function<aio::Task<Result<>>(std::string lines)> write);

/// How many entries a backup has. Code::corrupt for a text that is none, or not whole.
Result<uint64_t> entries_of(std::string_view text);

/// Puts it into a home where no controller has been: Code::conflict where one has. Code::corrupt
/// for a file that is none or not whole; nothing is left of it then. How many entries.
aio::Task<Result<uint64_t>> restore(aio::World& world, std::string home, std::string text);

}  // namespace croft::controller
