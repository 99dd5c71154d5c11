// The files of a simulated disk behind blocking calls, for a library that does its own input and
// output: a SQLite VFS sits on it. Loop thread only (in the simulation, pools run there too).
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aio/world.h"

namespace croft::aio {

/// An open file. Stays valid after remove() and rename(), as a descriptor does.
class SyncFile {
 public:
  virtual ~SyncFile() = default;
  /// Bytes read, fewer only at the end of the file.
  virtual Result<size_t> read_at(uint64_t offset, std::span<char> into) = 0;
  virtual Result<> write_at(uint64_t offset, std::string_view data) = 0;
  /// What was written before is durable; its name needs SyncDisk::sync_dir.
  virtual Result<> sync() = 0;
  virtual Result<uint64_t> size() = 0;
  virtual Result<> truncate(uint64_t size) = 0;
};

class SyncDisk {
 public:
  virtual ~SyncDisk() = default;
  virtual Result<std::unique_ptr<SyncFile>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const std::string& path) = 0;  ///< a file; Code::not_found
  virtual Result<> remove_tree(const std::string& path) = 0;
  virtual Result<> make_dirs(const std::string& path) = 0;
  virtual Result<> sync_dir(const std::string& path) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  virtual Result<FileInfo> info(const std::string& path) = 0;
  bool exists(const std::string& path) { return info(path).has_value(); }
};

}  // namespace croft::aio
