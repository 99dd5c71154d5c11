// What is left of a machine, taken away bit by bit: its processes, control group, root disk, link
// and files. For the spawner's workers, which hold many of these at once: the kernel takes machines
// down side by side, and waiting for one is waiting for all.
#pragma once
#include <string>

#include "sandbox/cgroups.h"
#include "sandbox/plan.h"

namespace croft::sandbox {

/// Milliseconds of the monotonic clock.
int64_t now_ms();

/// Folders of destroyed machines, until somebody has time to delete them.
std::string trash_of(const FarmLayout& layout);
/// Deletes at most `most` of them.
Result<> empty_trash(const FarmLayout& layout, size_t most);

class Clearing {
 public:
  struct Work {
    std::string id;
    int process = -1;      ///< a descriptor of its init, which is killed first; -1: it has ended
    bool destroy = false;  ///< its disk and folder go too
    uint32_t link = 0;     ///< index of its veth in the caller's network; 0: it has none
    int64_t beside = 1;    ///< so many machines go at this time
  };
  Clearing(const FarmLayout& layout, const Cgroups& cgroups, Work work);

  /// Kills what is to be killed. What a disk that goes has not written yet is forgotten first:
  /// writing it out would take most of the time.
  void begin();
  /// True when nothing is left. To be called again a little later otherwise.
  Result<bool> step();
  const std::string& id() const { return work_.id; }

 private:
  Result<bool> link_is_gone();
  Result<> take_files();

  const FarmLayout* layout_;
  const Cgroups* cgroups_;
  Work work_;
  std::string folder_, image_, device_;
  int64_t until_ = 0, link_removal_ = 0;
  enum class Waits { process, cgroup, disk, link } waits_ = Waits::process;
};

}  // namespace croft::sandbox
