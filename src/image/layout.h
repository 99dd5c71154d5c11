// OCI image layouts: index.json, manifests, layers, each held against its digest. Blocking.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"

namespace croft::image {

/// The archives of an image's layers, lowest first, of the folder that a layout lies in. Of several
/// images the one for linux/amd64 is taken.
Result<std::vector<std::string>> layers_of(const std::string& folder);
/// Whether a tar holds a layout and not a root file system.
Result<bool> is_layout_archive(const std::string& path);

}  // namespace croft::image
