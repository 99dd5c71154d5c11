#include "aio/real/socket_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "aio/system_error.h"

namespace croft::aio {

SocketAddress::SocketAddress(SocketAddress&& other) noexcept
    : storage(other.storage), size(other.size), folder(std::exchange(other.folder, -1)) {}

SocketAddress::~SocketAddress() {
  if (folder >= 0) ::close(folder);
}

namespace {
Result<SocketAddress> from_path(const std::string& path) {
  SocketAddress out;
  auto* un = reinterpret_cast<sockaddr_un*>(&out.storage);
  un->sun_family = AF_UNIX;
  std::string text = path;
  if (text.size() >= sizeof un->sun_path) {
    size_t slash = text.rfind('/');
    std::string folder = slash == std::string::npos ? "." : text.substr(0, slash + 1);
    std::string name = slash == std::string::npos ? text : text.substr(slash + 1);
    out.folder = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (out.folder < 0)
      return fail(system_error(errno, fmt::format("cannot open the folder '{}'", folder)));
    text = fmt::format("/proc/self/fd/{}/{}", out.folder, name);
    if (text.size() >= sizeof un->sun_path)
      return fail(Code::invalid_argument, fmt::format("the socket's name '{}' is too long", name));
  }
  memcpy(un->sun_path, text.c_str(), text.size() + 1);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + 1);
  return out;
}
}  // namespace

Result<SocketAddress> SocketAddress::from(const Address& address) {
  if (address.is_unix()) return from_path(address.path);
  SocketAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    out.size = sizeof(sockaddr_in);
    return out;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    out.size = sizeof(sockaddr_in6);
    return out;
  }
  return fail(Code::invalid_argument, fmt::format("'{}' is not an IP address", address.host));
}

Address SocketAddress::address() const {
  Address out;
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    out.host = text;
    out.port = ntohs(v4->sin_port);
  } else if (family() == AF_INET6) {
    auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    out.host = text;
    out.port = ntohs(v6->sin6_port);
  } else if (family() == AF_UNIX && size > offsetof(sockaddr_un, sun_path)) {
    auto* un = reinterpret_cast<const sockaddr_un*>(&storage);
    out.path.assign(un->sun_path, strnlen(un->sun_path, size - offsetof(sockaddr_un, sun_path)));
  }
  return out;
}

}  // namespace croft::aio
