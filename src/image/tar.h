// Reads tar archives: ustar, pax and GNU names and numbers, as docker, GNU tar and libarchive write
// them. Pure but for where its bytes come from. Nothing is believed: numbers are bounded, names
// that lead outside are refused, what it does not know is an error. Limits: path_max bytes a name,
// header_max bytes of extended headers an entry.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"

namespace croft::image {

/// Up to `into.size()` bytes; 0 at the end.
using ReadBytes = std::function<Result<size_t>(std::span<char> into)>;

struct TarEntry {
  enum class Kind { file, folder, link, hard_link, device };
  Kind kind = Kind::file;
  std::string path;    ///< relative, without "." or ".."; empty: the top folder
  std::string target;  ///< link: as it is; hard_link: a path like the above
  uint64_t size = 0;   ///< of a file's data
  uint32_t mode = 0644, uid = 0, gid = 0;
  int64_t modified = 0;  ///< seconds since 1970
};

class TarReader {
 public:
  static constexpr size_t path_max = 4096;
  static constexpr size_t header_max = 1 << 20;

  explicit TarReader(ReadBytes read) : read_(std::move(read)) {}
  /// The next entry; nullopt at the end. What was not read of the one before is skipped.
  Result<std::optional<TarEntry>> next();
  /// Data of the file that next() gave; 0 at its end.
  Result<size_t> read(std::span<char> into);

 private:
  using Extended = std::map<std::string, std::string, std::less<>>;
  Result<bool> block(std::span<char> into);
  Result<std::string> text(uint64_t size);
  Result<> skip(uint64_t bytes);
  Result<> read_pax(uint64_t size, Extended& into);
  Result<TarEntry> entry_of(std::string_view head, const Extended& extended);

  ReadBytes read_;
  uint64_t left_ = 0, padding_ = 0;
  Extended global_;
};

/// "./usr//bin/sh" -> "usr/bin/sh"; Code::invalid_argument for "..", NUL and names that are too
/// long.
Result<std::string> inner_path(std::string_view name);

}  // namespace croft::image
