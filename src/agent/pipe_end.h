// One end of a pipe, or a terminal's master side, read and written as the loop allows. Writing to a
// reader that is slow looks again now and then. Loop thread only.
#pragma once
#include <span>
#include <string>

#include "aio/world.h"

namespace croft::agent {

class PipeEnd {
 public:
  PipeEnd(aio::World& world, int fd);  ///< takes `fd` over
  PipeEnd(PipeEnd&& other) noexcept : world_(other.world_), fd_(std::exchange(other.fd_, -1)) {}
  PipeEnd& operator=(PipeEnd&&) = delete;
  ~PipeEnd() { close(); }
  int fd() const { return fd_; }
  /// 0 at the end, which a terminal whose last program went has too.
  aio::Task<Result<size_t>> read(std::span<char> into);
  aio::Task<Result<>> write(std::string bytes);
  void close();

 private:
  aio::World& world_;
  int fd_;
};

/// Reader's end first.
Result<std::pair<int, int>> make_pipe();

}  // namespace croft::agent
