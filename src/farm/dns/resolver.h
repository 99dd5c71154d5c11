// The resolver at 169.254.169.253 inside each instance: names of the instances of its account,
// forward and reverse; every other name does not exist. UDP and TCP. Loop thread only.
// Limits: max_message a query, tcp_connections at once per instance, each query within tcp_time.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "aio/world.h"
#include "farm/dns/message.h"

namespace croft::farm::dns {

/// What names mean for the instance that asks.
struct Names {
  std::function<std::optional<std::string>(const std::string& asker, std::string_view name)>
      address;
  std::function<std::optional<std::string>(const std::string& asker, std::string_view address)>
      name;
  /// A black hole for this one: nothing is answered. May be empty.
  std::function<bool(const std::string& asker)> silent = {};
};

class Resolver {
 public:
  static constexpr size_t tcp_connections = 16;
  static constexpr Duration tcp_time = Duration::seconds(10);

  Resolver(aio::World& world, Names names) : world_(world), names_(std::move(names)) {}

  /// The answer to one message; empty: none is due.
  std::string answer(std::string_view message, const std::string& asker, size_t limit) const;
  /// Until cancelled or the socket dies. Owns `descriptor` (a bound datagram socket).
  aio::Task<Result<>> serve_udp(int descriptor, std::string asker);
  aio::Task<Result<>> serve_tcp(std::unique_ptr<aio::Listener> listener, std::string asker);

 private:
  aio::Task<Result<>> serve_stream(std::unique_ptr<aio::Stream> stream, std::string asker);
  aio::Task<Result<>> serve_one(aio::Stream& stream, std::string asker);

  aio::World& world_;
  Names names_;
};

}  // namespace croft::farm::dns
