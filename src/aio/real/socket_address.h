// Between croft's Address and the kernel's sockaddr. Any thread.
#pragma once
#include <sys/socket.h>

#include "aio/world.h"

namespace croft::aio {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  /// Keeps a long unix path short while it is used: "/proc/self/fd/N/name". -1 where not needed.
  int folder = -1;

  SocketAddress() = default;
  SocketAddress(SocketAddress&& other) noexcept;
  SocketAddress& operator=(SocketAddress&&) = delete;
  ~SocketAddress();

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }

  /// Code::invalid_argument for a host that is no IP address.
  static Result<SocketAddress> from(const Address& address);
  Address address() const;
};

}  // namespace croft::aio
