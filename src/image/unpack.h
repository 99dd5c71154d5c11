// Root file systems from archives: a tar (plain or gzip), or an OCI image layout as a folder or as
// a tar, its layers over each other. Blocking; for a pool. Runs as root, on files from anywhere: no
// link that an archive made is followed, nothing is written outside of the folder, device nodes are
// left out, and rights of other users (setuid) are not given.
#pragma once
#include <string>

#include "base/units.h"
#include "image/tar.h"

namespace croft::image {

struct UnpackLimits {
  Bytes bytes = Bytes::gib(64);  ///< unpacked
  uint64_t entries = 4'000'000;
};
struct Unpacked {
  uint64_t entries = 0, devices = 0;  ///< devices: those left out
  uint64_t bytes = 0;
  uint64_t layers = 0;
};

/// Fills `folder`, which must not exist; on failure nothing of it is left.
Result<Unpacked> unpack_image(const std::string& source, const std::string& folder,
                              UnpackLimits limits = {});

}  // namespace croft::image
