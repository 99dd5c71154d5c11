// The socket behind NOTIFY_SOCKET (sd_notify(3)): a process says there that it is ready. Bound by
// path, so that the next agent takes it over. Loop thread only.
#pragma once
#include <string>

#include "aio/world.h"

namespace croft::agent {

class NotifySocket {
 public:
  NotifySocket(aio::World& world, std::string path) : world_(world), path_(std::move(path)) {}
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  Result<> open();
  const std::string& path() const { return path_; }
  /// The next message: lines NAME=VALUE.
  aio::Task<Result<std::string>> receive();
  /// The socket's file goes with the item, not with the agent.
  void remove_file() const;

 private:
  aio::World& world_;
  std::string path_;
  int fd_ = -1;
};

/// The value of the last line `name`=...; empty without.
std::string notified(std::string_view message, std::string_view name);

}  // namespace croft::agent
