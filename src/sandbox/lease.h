// Ranges of 65,536 user ids, one a running machine, unique on this computer: farms share a folder
// of small files, one a range, made with O_EXCL. Blocking; spawner only.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "sandbox/sys.h"

namespace croft::sandbox {

class IdRanges {
 public:
  /// `farm_folder` is written into each file, so that ranges of vanished farms can be taken again.
  explicit IdRanges(std::string farm_folder, std::string registry = "/run/croft/ids")
      : farm_folder_(std::move(farm_folder)), registry_(std::move(registry)) {}

  Result<uint32_t> take();
  void give_back(uint32_t slot);
  /// Gives back what this farm took before and no machine in `used` has.
  void forget_others(const std::map<std::string, uint32_t>& used);

  // Below 2^31, where some programs stop counting, and above what subuid files and nspawn hand out.
  static constexpr uint32_t first_id = 0x70000000;
  static constexpr uint32_t slots = 4094;
  static uint32_t id_of(uint32_t slot) { return first_id + slot * 65536; }

 private:
  std::string path(uint32_t slot) const { return registry_ + "/" + std::to_string(slot); }
  std::string farm_folder_;
  std::string registry_;
  uint32_t next_ = 0;
};

}  // namespace croft::sandbox
