#include "farm/ec2/gateway_request.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aio/real/descriptors.h"
#include "wire/json.h"

namespace croft::farm::ec2 {

aio::Task<Result<std::string>> post_gateway(Core& core, std::string body) {
  auto wanted = CO_TRY(wire::json::parse_object(body, "the request"));
  int64_t port = CO_TRY(wire::json::int_or(wanted, "port", 0));
  bool datagram = CO_TRY(wire::json::bool_or(wanted, "datagram", false));
  std::string to = CO_TRY(wire::json::string_at(wanted, "to"));
  if (port < 0 || port > 65535)
    co_return fail(Code::invalid_argument, fmt::format("{} is no port", port));
  int descriptor = CO_TRY(
      co_await core.fleet.machines().gateway_listener(static_cast<uint16_t>(port), datagram));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  bool known = getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  Result<> sent = known ? aio::send_descriptor(to, descriptor)
                        : fail(Code::internal, "the gateway's socket has no address");
  ::close(descriptor);
  CO_TRY(std::move(sent));
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  co_return wire::json::compact(
      wire::json::Object{{"address", text}, {"port", ntohs(address.sin_port)}});
}

}  // namespace croft::farm::ec2
