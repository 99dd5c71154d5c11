#include "sandbox/lease.h"

#include <fcntl.h>

#include <set>

#include "base/text.h"

namespace croft::sandbox {

Result<uint32_t> IdRanges::take() {
  TRY(make_folders(registry_, 0755));
  for (uint32_t tried = 0; tried < slots; ++tried) {
    uint32_t slot = (next_ + tried) % slots;
    Fd file(open(path(slot).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.valid() && errno == EEXIST) {
      auto owner = read_whole(path(slot));
      // Empty: being written by another farm at this moment.
      if (!owner || owner->empty() || exists(*owner)) continue;
      unlink(path(slot).c_str());
      file.reset(open(path(slot).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!file.valid()) continue;
    }
    if (!file.valid()) return fail_system("take a range of user ids in " + registry_);
    TRY(write_all(file.get(), farm_folder_));
    next_ = slot + 1;
    return slot;
  }
  return fail(Code::resource_exhausted,
              "all ranges of user ids for machines are taken on this computer");
}

void IdRanges::give_back(uint32_t slot) {
  auto owner = read_whole(path(slot));
  if (owner && *owner == farm_folder_) unlink(path(slot).c_str());
  // With the last range the registry goes.
  if (rmdir(registry_.c_str()) == 0) rmdir(registry_.substr(0, registry_.rfind('/')).c_str());
}

void IdRanges::forget_others(const std::map<std::string, uint32_t>& used) {
  std::set<uint32_t> kept;
  for (const auto& [id, slot] : used) kept.insert(slot);
  for (const std::string& name : list_folder(registry_)) {
    auto slot = parse_u64(name);
    if (slot && !kept.contains(static_cast<uint32_t>(*slot)))
      give_back(static_cast<uint32_t>(*slot));
  }
}

}  // namespace croft::sandbox
