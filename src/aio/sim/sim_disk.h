// A machine's disk in the simulation: files in memory that know what of them is durable. What is
// durable after a power cut follows the rules of POSIX at their strictest: data by sync(), names by
// sync_dir(). It outlives the processes that use it. One thread.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/sim/sim_loop.h"
#include "aio/sync_disk.h"

namespace croft::aio {

class SimDisk final : public SyncDisk {
 public:
  explicit SimDisk(SimLoop& loop) : loop_(loop) {}

  Result<std::unique_ptr<SyncFile>> open(const std::string& path, OpenMode mode) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> remove(const std::string& path) override;
  Result<> remove_tree(const std::string& path) override;
  /// Durable on return, as RealDisk's.
  Result<> make_dirs(const std::string& path) override;
  Result<> sync_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<FileInfo> info(const std::string& path) override;

  /// The power goes: of every change that was not synced, a drawn part stays. A write may be torn
  /// at a sector. Files opened before refer to what was, as in a killed process.
  void crash();

  // Faults, one switch each.
  bool full = false;        ///< writes fail with Code::resource_exhausted
  bool sync_fails = false;  ///< sync() fails with Code::io
  uint64_t bytes_written = 0;

  /// From the `at`th write (or sync) from now on it fails as if the disk were full (or broken), for
  /// `lasts`; then all is well again.
  enum class Fault { full, broken };
  void fail_at(Fault fault, uint64_t at, Duration lasts);
  bool fault_came() const { return outage_.until.has_value(); }
  uint64_t writes() const { return writes_; }
  uint64_t syncs() const { return syncs_; }

  static constexpr size_t sector = 512;

 private:
  friend class SimFile;
  struct Outage {
    Fault fault = Fault::full;
    uint64_t at = 0;  // number of the write or sync; 0: none
    Duration lasts;
    std::optional<Moment> until;
  };
  bool fails_now(Fault fault, uint64_t number);
  struct Change {
    uint64_t offset = 0;
    std::string data;
    bool truncates = false;  // to `offset` bytes
  };
  struct Node {
    std::string data;
    std::string durable;
    std::vector<Change> unsynced;
    WallTime modified;
    static void apply(std::string& data, const Change& change);
  };
  using NodePtr = std::shared_ptr<Node>;
  Outage outage_;
  uint64_t writes_ = 0, syncs_ = 0;
  struct NameChange {
    std::string from, to;  // to empty: removal; from empty: creation
    NodePtr node;
    static void apply(std::map<std::string, NodePtr>& names, const NameChange& change);
  };
  Result<> parent_exists(const std::string& path) const;
  void change_name(NameChange change);
  void lose(Node& node);

  SimLoop& loop_;
  std::map<std::string, NodePtr> names_, durable_names_;
  std::set<std::string> folders_{"/"};
  std::list<NameChange> unsynced_names_;
};

/// "/a//b/./c/" as "/a/b/c"; relative paths start at "/".
std::string sim_path(std::string_view path);

}  // namespace croft::aio
