// Files of a RealWorld: system calls on the disk pool. What surely does not wait (cached names and
// pages) is done on the loop at once, which spares two thread switches. Loop thread only.
#pragma once
#include "aio/world.h"

namespace croft::aio {

class RealDisk final : public Disk {
 public:
  explicit RealDisk(Pools& pools) : pools_(pools) {}
  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override;
  Task<Result<std::string>> read_file(std::string path, Bytes limit) override;
  Task<Result<>> write_file(std::string path, std::string data, uint32_t mode) override;
  Task<Result<>> rename(std::string from, std::string to) override;
  Task<Result<>> remove(std::string path) override;
  Task<Result<>> remove_tree(std::string path) override;
  Task<Result<>> make_dirs(std::string path, uint32_t mode) override;
  Task<Result<>> sync_dir(std::string path) override;
  Task<Result<std::vector<std::string>>> list(std::string path) override;
  Task<Result<FileInfo>> info(std::string path) override;

 private:
  Pools& pools_;
};

}  // namespace croft::aio
