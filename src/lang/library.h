// The table of descriptions in the binary; generated from lib/ by cmake/embed.cmake.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace croft::lang {

struct LibraryFile {
  std::string_view path;  ///< "org/smartfrog/components.sf"
  std::string_view text;
};
/// Where the file is that old descriptions include by another name; `path` itself otherwise.
std::string library_path(std::string_view path);

extern const LibraryFile library_table[];  ///< sorted by path
extern const size_t library_size;

}  // namespace croft::lang
