#include "lang/library.h"

#include <algorithm>

#include "lang/lang.h"

namespace croft::lang {

std::optional<std::string_view> library_file(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string at_home = library_path(path);
  path = at_home;
  const LibraryFile* end = library_table + library_size;
  const LibraryFile* found = std::lower_bound(
      library_table, end, path,
      [](const LibraryFile& file, std::string_view wanted) { return file.path < wanted; });
  if (found == end || found->path != path) return std::nullopt;
  return found->text;
}

std::vector<std::string_view> library_files() {
  std::vector<std::string_view> out;
  for (size_t i = 0; i < library_size; ++i) out.push_back(library_table[i].path);
  return out;
}

std::string defined_by_library(std::string_view name) {
  std::string_view best;
  std::string first = std::string(name) + " extends", later = "\n" + first;
  for (size_t i = 0; i < library_size; ++i) {
    const LibraryFile& file = library_table[i];
    bool defines = file.text.starts_with(first) || file.text.find(later) != std::string_view::npos;
    if (defines && (best.empty() || file.path.size() < best.size())) best = file.path;
  }
  return best.empty() ? "" : "/" + std::string(best);
}

}  // namespace croft::lang
