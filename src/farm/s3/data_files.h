// Object data as files under one folder. A file is written under new/, synced, and only then named
// in the store; afterwards it moves to its shelf (data/xx/). So after a crash only new/ holds
// strays, and sweeping costs what was in flight, not what is stored. Readers pin an id against
// removal. Loop thread only. Files are removed in the background, by run(). Removals are not forced
// to the disk: after a power cut (not after a kill) a removed file may be back.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "aio/sync.h"
#include "aio/world.h"

namespace croft::farm::s3 {

class DataFiles {
 public:
  static constexpr size_t max_background = 100'000;  ///< more removals wait for the next start

  /// `sync` false: nothing is forced to the disk (benches against servers that do not either).
  DataFiles(aio::World& world, std::string folder, bool sync)
      : world_(world), folder_(std::move(folder)), sync_(sync) {}

  /// Makes the folder for what is on its way.
  aio::Task<Result<>> prepare();
  /// Ids of files that were not yet on their shelf when the farm ended.
  aio::Task<Result<std::vector<std::string>>> unsettled();

  /// A file being written. Dropped without keep(): call DataFiles::drop(id).
  struct Draft {
    std::string id;
    std::unique_ptr<aio::File> file;
  };
  std::string fresh_id();
  aio::Task<Result<Draft>> create();
  /// The data and the name are on the disk. The file is closed.
  aio::Task<Result<>> keep(Draft& draft);
  /// Removed at once; for drafts that failed. Safe in clean-up paths.
  aio::Task<void> drop(std::string id);
  /// The store names the file now: it may move to its shelf.
  void settle(std::string id);
  /// Moves a file that is kept under new/ to its shelf now.
  aio::Task<Result<>> settle_now(std::string id);

  /// Folders of files that have settled, and the ids in one.
  aio::Task<Result<std::vector<std::string>>> shelves();
  aio::Task<Result<std::vector<std::string>>> on_shelf(std::string shelf);

  aio::Task<Result<std::unique_ptr<aio::File>>> open(std::string id);
  aio::Task<Result<>> remove(std::string id);  ///< also when it is gone already

  /// Holds off removal of an object's files. False: they are being removed, look the object up
  /// again.
  bool pin(const std::string& object_id);
  void unpin(const std::string& object_id);
  /// Once nobody reads the object: removes its files, then calls `done` (loop thread, for the
  /// store's side of it).
  struct Doomed {
    std::string object_id;
    std::vector<std::string> files;
  };
  void doom(Doomed doomed);

  /// Background work until cancelled. `forget` takes objects whose files are gone, in batches.
  aio::Task<Result<>> run(std::function<aio::Task<Result<>>(std::vector<Doomed>)> forget);
  size_t waiting() const { return settling_.size() + doomed_.size(); }

 private:
  std::string new_path(std::string_view id) const;
  std::string shelf_path(std::string_view id) const;
  aio::Task<Result<>> sync_new();
  aio::Task<Result<bool>> settle_some();
  aio::Task<bool> remove_all(const Doomed& item);
  aio::Task<Result<bool>> remove_some(
      std::function<aio::Task<Result<>>(std::vector<Doomed>)>& forget);

  aio::World& world_;
  std::string folder_;
  bool sync_;
  std::set<std::string, std::less<>> on_new_;  ///< kept, not yet on the shelf
  std::map<std::string, size_t> pins_;
  std::set<std::string> doomed_ids_;
  std::deque<std::string> settling_;
  std::deque<Doomed> doomed_;
  aio::Signal work_;
  // Concurrent writers share one sync of the folder: whoever comes while one runs waits for the
  // next.
  aio::Mutex syncing_;
  uint64_t sync_asked_ = 0;
  uint64_t sync_done_ = 0;
};

}  // namespace croft::farm::s3
