// Bytes of a file, unpacked where they are gzip. Blocking.
#pragma once
#include <memory>

#include "image/tar.h"

namespace croft::image {

class Source {
 public:
  virtual ~Source() = default;
  virtual Result<size_t> read(std::span<char> into) = 0;
};

/// By the file's first bytes: gzip or as it is; zstd and xz are refused by name.
Result<std::unique_ptr<Source>> open_source(const std::string& path);
/// Code::corrupt when its bytes do not have this SHA-256 (in hex).
Result<> check_digest(const std::string& path, const std::string& sha256);

}  // namespace croft::image
