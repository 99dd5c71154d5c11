// A descriptor handed from one process to another over a unix socket (SCM_RIGHTS): a socket in a
// network namespace that the receiver does not live in. Real processes only.
#pragma once
#include <string>

#include "aio/world.h"

namespace croft::aio {

/// As many open files as this process may have: 1024 is the usual limit until somebody asks, and a
/// server with a connection to each of its agents needs more.
void allow_many_files();

/// Connects to the socket file and hands the descriptor over; does not wait for the other side to
/// take it. The sender's own stays open. Blocks no longer than a local connect.
Result<> send_descriptor(const std::string& socket_file, int descriptor);

/// A socket file, mode 0600, that takes descriptors; the file goes with it.
class DescriptorInbox {
 public:
  static Result<DescriptorInbox> open(std::string socket_file);
  ~DescriptorInbox();
  DescriptorInbox(DescriptorInbox&& other) noexcept;
  DescriptorInbox& operator=(DescriptorInbox&&) = delete;

  const std::string& file() const { return file_; }
  /// The next one; the receiver owns it. Only from this user or root.
  Task<Result<int>> take(Net& net);

 private:
  DescriptorInbox(std::string file, int socket) : file_(std::move(file)), socket_(socket) {}
  std::string file_;
  int socket_ = -1;
};

}  // namespace croft::aio
