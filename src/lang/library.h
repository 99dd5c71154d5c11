// The table of descriptions in the binary; generated from lib/ by cmake/embed.cmake.
#pragma once
#include <cstddef>
#include <string_view>

namespace croft::lang {

struct LibraryFile {
  std::string_view path;  ///< "org/smartfrog/components.sf"
  std::string_view text;
};
extern const LibraryFile library_table[];  ///< sorted by path
extern const size_t library_size;

}  // namespace croft::lang
