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

/// The file of the library that defines the template, in the form to include
/// ("/org/smartfrog/components.sf"); the shortest where several do, empty where none does.
std::string defined_by_library(std::string_view name);

extern const LibraryFile library_table[];  ///< sorted by path
extern const size_t library_size;

}  // namespace croft::lang
