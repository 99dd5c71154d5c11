// The disk's system calls, blocking: what the pool threads of RealDisk run. Any thread.
#pragma once
#include <string>
#include <vector>

#include "aio/world.h"

namespace croft::aio::blocking_disk {

/// A descriptor, close-on-exec.
Result<int> open(const std::string& path, OpenMode mode);
Result<size_t> read_at(int fd, uint64_t offset, std::span<char> into);
Result<> write_at(int fd, uint64_t offset, std::string_view data);
Result<std::string> read_file(const std::string& path, Bytes limit);
Result<> write_file(const std::string& path, std::string_view data, uint32_t mode);
Result<> rename(const std::string& from, const std::string& to);
Result<> remove(const std::string& path);
Result<> remove_tree(const std::string& path);
Result<> make_dirs(const std::string& path, uint32_t mode);
Result<> sync_dir(const std::string& path);
Result<std::vector<std::string>> list(const std::string& path);
Result<FileInfo> info(const std::string& path);

}  // namespace croft::aio::blocking_disk
