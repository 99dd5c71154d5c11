// Netlink requests built by hand: links, addresses, routes (rtnetlink) and nftables set elements
// (nfnetlink). No program is spawned on the way of a machine's start. Blocking; spawner and
// builders only. Several requests travel in one sendmsg; each is acknowledged by the kernel.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/sys.h"

namespace croft::sandbox {

/// Requests in the order in which the kernel shall run them.
class NetlinkBatch {
 public:
  /// `what` names the request in errors: "add the route to 10.77.0.5".
  void begin(std::string what, uint16_t type, uint16_t flags);
  void raw(const void* data, size_t size);
  template <class T>
  void body(const T& value) {
    raw(&value, sizeof value);
  }
  void attribute(uint16_t type, const void* data, size_t size);
  void attribute(uint16_t type, uint32_t value) { attribute(type, &value, sizeof value); }
  /// With the closing NUL.
  void attribute(uint16_t type, const std::string& text) {
    attribute(type, text.c_str(), text.size() + 1);
  }
  size_t open_nest(uint16_t type);
  void close_nest(size_t nest);
  void end();

  const std::string& bytes() const { return bytes_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  friend class Netlink;
  std::string bytes_;
  std::vector<std::string> names_;
  std::vector<bool> acknowledged_;
  size_t start_ = 0;
};

class Netlink {
 public:
  /// In the network namespace of the caller, at the time of the call.
  static Result<Netlink> open(int protocol);
  /// Sends all, waits for all answers; the first refusal is the error. An EEXIST or ENOENT is an
  /// error like others, with the fact "errno".
  Result<> run(NetlinkBatch batch);
  struct Listing {
    std::vector<std::string> messages;  ///< their bodies
    bool whole = true;  ///< false: it changed meanwhile, parts may be missing or told twice
  };
  /// One request for a listing.
  Result<Listing> dump(NetlinkBatch request);

 private:
  explicit Netlink(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
  uint32_t sequence_ = 1;
};

/// "10.77.0.5" as four bytes in network order.
Result<uint32_t> ipv4(std::string_view text);
std::string ipv4_text(uint32_t network_order);

namespace link {
/// A veth pair: `name` with index `index` here, `peer_name` with index `peer_index` in the
/// namespace of `peer_namespace`. This end is up; the kernel lets the other be brought up only
/// afterwards.
/// Index 0 lets the kernel choose.
void add_pair(NetlinkBatch& batch, const std::string& name, uint32_t index,
              const std::string& peer_name, uint32_t peer_index, int peer_namespace);
void up(NetlinkBatch& batch, uint32_t index);
void add_address(NetlinkBatch& batch, uint32_t index, uint32_t address, bool host_scope);
/// To `destination`/32 (or to all, when 0) through the link; `gateway` 0: on the link itself.
void add_route(NetlinkBatch& batch, uint32_t destination, uint32_t index, uint32_t gateway);
void remove(NetlinkBatch& batch, uint32_t index);
/// To one address through a gateway on the link, from `source`. EEXIST where somebody has it.
void add_public_route(NetlinkBatch& batch, uint32_t destination, uint32_t index, uint32_t gateway,
                      uint32_t source);
void remove_route(NetlinkBatch& batch, uint32_t destination, uint32_t index);
constexpr uint32_t loopback = 1;
}  // namespace link

namespace nft {
/// One element of a set or map of a table (family ip). `key` as nft lays it out: each part
/// padded to four bytes, addresses and ports in network order, marks in host order.
struct Element {
  std::string set;
  std::string key;
  std::string data;  ///< of a map; else empty
  std::string jump;  ///< of a verdict map: the chain; else empty
  std::string table = "croft";
  friend bool operator==(const Element&, const Element&) = default;
};
/// All or nothing, in one transaction; what goes goes first.
NetlinkBatch change(const std::vector<Element>& remove, const std::vector<Element>& add);
std::string bytes(uint32_t value);
/// Of a set whose elements count: the bytes that each has seen, by key.
NetlinkBatch list_elements(const std::string& table, const std::string& set);
/// From one message of the answer. What the kernel does not say so is left out.
void add_counted(std::string_view message, std::map<std::string, int64_t>& counted);
}  // namespace nft

}  // namespace croft::sandbox
