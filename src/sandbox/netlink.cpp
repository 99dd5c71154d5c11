#include "sandbox/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace croft::sandbox {

namespace {
constexpr size_t aligned(size_t size) {
  return (size + 3) & ~size_t{3};
}
}  // namespace

void NetlinkBatch::begin(std::string what, uint16_t type, uint16_t flags) {
  start_ = bytes_.size();
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  raw(&head, sizeof head);
  names_.push_back(std::move(what));
  acknowledged_.push_back((flags & NLM_F_ACK) != 0);
}

void NetlinkBatch::raw(const void* data, size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.resize(aligned(bytes_.size()), '\0');
}

void NetlinkBatch::attribute(uint16_t type, const void* data, size_t size) {
  nlattr head{static_cast<uint16_t>(sizeof(nlattr) + size), type};
  bytes_.append(reinterpret_cast<const char*>(&head), sizeof head);
  raw(data, size);
}

size_t NetlinkBatch::open_nest(uint16_t type) {
  size_t at = bytes_.size();
  nlattr head{0, static_cast<uint16_t>(type | NLA_F_NESTED)};
  raw(&head, sizeof head);
  return at;
}

void NetlinkBatch::close_nest(size_t nest) {
  auto size = static_cast<uint16_t>(bytes_.size() - nest);
  memcpy(bytes_.data() + nest, &size, sizeof size);
}

void NetlinkBatch::end() {
  auto size = static_cast<uint32_t>(bytes_.size() - start_);
  memcpy(bytes_.data() + start_, &size, sizeof size);
}

Result<Netlink> Netlink::open(int protocol) {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!socket.valid()) return fail_system("open a netlink socket");
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0) {
    return fail_system("bind a netlink socket");
  }
  int on = 1;
  setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  timeval patience{10, 0};  // the kernel answers within the call; only a lost answer gets here
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return Netlink(std::move(socket));
}

namespace {

/// The kernel's own words about a refused request, where it has some.
std::string kernel_words(const nlmsghdr* head) {
  if ((head->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  size_t at = NLMSG_HDRLEN + aligned(sizeof(nlmsgerr));
  if ((head->nlmsg_flags & NLM_F_CAPPED) == 0) {
    const auto* refused = static_cast<const nlmsgerr*>(NLMSG_DATA(head));
    at +=
        refused->msg.nlmsg_len > NLMSG_HDRLEN ? aligned(refused->msg.nlmsg_len - NLMSG_HDRLEN) : 0;
  }
  const char* base = reinterpret_cast<const char*>(head);
  while (at + sizeof(nlattr) <= head->nlmsg_len) {
    nlattr entry{};
    memcpy(&entry, base + at, sizeof entry);
    if (entry.nla_len < sizeof(nlattr) || at + entry.nla_len > head->nlmsg_len) return {};
    if ((entry.nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
      std::string text(base + at + sizeof(nlattr), entry.nla_len - sizeof(nlattr));
      return std::string(text.c_str());
    }
    at += aligned(entry.nla_len);
  }
  return {};
}

}  // namespace

Result<> Netlink::run(NetlinkBatch batch) {
  uint32_t first = sequence_;
  size_t waiting = 0;
  size_t at = 0;
  for (size_t i = 0; i < batch.names_.size(); ++i) {
    nlmsghdr head{};
    memcpy(&head, batch.bytes_.data() + at, sizeof head);
    head.nlmsg_seq = sequence_++;
    memcpy(batch.bytes_.data() + at, &head, sizeof head);
    at += aligned(head.nlmsg_len);
    if (batch.acknowledged_[i]) ++waiting;
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(socket_.get(), batch.bytes_.data(), batch.bytes_.size(), 0,
             reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0) {
    return fail_system(batch.names_.empty() ? "send to netlink" : batch.names_.front());
  }
  Result<> result;
  alignas(nlmsghdr) char buffer[32768];
  while (waiting > 0) {
    ssize_t got = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system("hear the kernel's answer on netlink");
    auto left = static_cast<uint32_t>(got);
    for (auto* head = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_type != NLMSG_ERROR || head->nlmsg_seq < first) continue;
      const auto* answer = static_cast<const nlmsgerr*>(NLMSG_DATA(head));
      size_t index = head->nlmsg_seq - first;
      if (index >= batch.names_.size()) continue;
      if (answer->error != 0 && result) {
        Error error = system_error(batch.names_[index], -answer->error);
        if (std::string words = kernel_words(head); !words.empty())
          error.what += " (" + words + ")";
        result = fail(std::move(error));
      }
      // nfnetlink answers a refused batch as a whole, under the number of its first message.
      if (!batch.acknowledged_[index] && answer->error != 0) return result;
      if (batch.acknowledged_[index]) --waiting;
    }
  }
  return result;
}

Result<Netlink::Listing> Netlink::dump(NetlinkBatch request) {
  const std::string what = request.names_.empty() ? "list" : request.names_.front();
  nlmsghdr head{};
  memcpy(&head, request.bytes_.data(), sizeof head);
  const uint32_t sequence = head.nlmsg_seq = sequence_++;
  memcpy(request.bytes_.data(), &head, sizeof head);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(socket_.get(), request.bytes_.data(), request.bytes_.size(), 0,
             reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
    return fail_system(what);
  Listing out;
  alignas(nlmsghdr) char buffer[65536];
  for (;;) {
    ssize_t got = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_system("hear the kernel's answer on netlink");
    auto left = static_cast<uint32_t>(got);
    for (auto* part = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(part, left);
         part = NLMSG_NEXT(part, left)) {
      if (part->nlmsg_seq != sequence) continue;
      if ((part->nlmsg_flags & NLM_F_DUMP_INTR) != 0) out.whole = false;
      if (part->nlmsg_type == NLMSG_ERROR)
        return fail(system_error(what, -static_cast<const nlmsgerr*>(NLMSG_DATA(part))->error));
      if (part->nlmsg_type == NLMSG_DONE) return out;
      out.messages.emplace_back(static_cast<const char*>(NLMSG_DATA(part)), NLMSG_PAYLOAD(part, 0));
    }
  }
}

Result<uint32_t> ipv4(std::string_view text) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) {
    return fail(Code::invalid_argument, fmt::format("'{}' is not an IPv4 address", text));
  }
  return address.s_addr;
}

std::string ipv4_text(uint32_t network_order) {
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &network_order, text, sizeof text);
  return text;
}

namespace link {

void add_pair(NetlinkBatch& batch, const std::string& name, uint32_t index,
              const std::string& peer_name, uint32_t peer_index, int peer_namespace) {
  batch.begin(fmt::format("add the link pair {}", name), RTM_NEWLINK,
              NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
  ifinfomsg here{};
  here.ifi_index = static_cast<int>(index);
  here.ifi_flags = IFF_UP;
  here.ifi_change = IFF_UP;
  batch.body(here);
  batch.attribute(IFLA_IFNAME, name);
  size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.attribute(IFLA_INFO_KIND, std::string("veth"));
  size_t data = batch.open_nest(IFLA_INFO_DATA);
  size_t peer = batch.open_nest(VETH_INFO_PEER);
  ifinfomsg there{};
  there.ifi_index = static_cast<int>(peer_index);
  batch.body(there);
  batch.attribute(IFLA_IFNAME, peer_name);
  batch.attribute(IFLA_NET_NS_FD, static_cast<uint32_t>(peer_namespace));
  batch.close_nest(peer);
  batch.close_nest(data);
  batch.close_nest(info);
  batch.end();
}

void up(NetlinkBatch& batch, uint32_t index) {
  batch.begin(fmt::format("bring link {} up", index), RTM_NEWLINK, NLM_F_ACK);
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  body.ifi_flags = IFF_UP;
  body.ifi_change = IFF_UP;
  batch.body(body);
  batch.end();
}

void add_address(NetlinkBatch& batch, uint32_t index, uint32_t address, bool host_scope) {
  batch.begin(fmt::format("add the address {}", ipv4_text(address)), RTM_NEWADDR,
              NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
  ifaddrmsg body{};
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = 32;
  body.ifa_scope = host_scope ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  body.ifa_index = index;
  batch.body(body);
  batch.attribute(IFA_LOCAL, address);
  batch.attribute(IFA_ADDRESS, address);
  batch.end();
}

void add_route(NetlinkBatch& batch, uint32_t destination, uint32_t index, uint32_t gateway) {
  batch.begin(fmt::format("add the route to {}", destination == 0 ? "all" : ipv4_text(destination)),
              RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK);
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_dst_len = destination == 0 ? 0 : 32;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = gateway == 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  if (gateway != 0) body.rtm_flags = RTNH_F_ONLINK;
  batch.body(body);
  if (destination != 0) batch.attribute(RTA_DST, destination);
  if (gateway != 0) batch.attribute(RTA_GATEWAY, gateway);
  batch.attribute(RTA_OIF, index);
  batch.end();
}

void add_public_route(NetlinkBatch& batch, uint32_t destination, uint32_t index, uint32_t gateway,
                      uint32_t source) {
  batch.begin(fmt::format("add the route to {}", ipv4_text(destination)), RTM_NEWROUTE,
              NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_dst_len = 32;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  body.rtm_flags = RTNH_F_ONLINK;
  batch.body(body);
  batch.attribute(RTA_DST, destination);
  batch.attribute(RTA_GATEWAY, gateway);
  batch.attribute(RTA_PREFSRC, source);
  batch.attribute(RTA_OIF, index);
  batch.end();
}

void remove_route(NetlinkBatch& batch, uint32_t destination, uint32_t index) {
  batch.begin(fmt::format("remove the route to {}", ipv4_text(destination)), RTM_DELROUTE,
              NLM_F_ACK);
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_dst_len = 32;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_scope = RT_SCOPE_NOWHERE;
  batch.body(body);
  batch.attribute(RTA_DST, destination);
  batch.attribute(RTA_OIF, index);
  batch.end();
}

void remove(NetlinkBatch& batch, uint32_t index) {
  batch.begin(fmt::format("remove link {}", index), RTM_DELLINK, NLM_F_ACK);
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(index);
  batch.body(body);
  batch.end();
}

}  // namespace link

namespace nft {

std::string bytes(uint32_t value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

namespace {

void frame(NetlinkBatch& batch, uint16_t type) {
  batch.begin("change the packet filter", type, 0);
  nfgenmsg body{};
  body.nfgen_family = AF_UNSPEC;
  body.res_id = htons(NFNL_SUBSYS_NFTABLES);
  batch.body(body);
  batch.end();
}

void value(NetlinkBatch& batch, uint16_t type, const std::string& bytes) {
  size_t outer = batch.open_nest(type);
  batch.attribute(NFTA_DATA_VALUE, bytes.data(), bytes.size());
  batch.close_nest(outer);
}

void jump(NetlinkBatch& batch, const std::string& chain) {
  size_t outer = batch.open_nest(NFTA_SET_ELEM_DATA);
  size_t verdict = batch.open_nest(NFTA_DATA_VERDICT);
  batch.attribute(NFTA_VERDICT_CODE, htonl(static_cast<uint32_t>(NFT_JUMP)));
  batch.attribute(NFTA_VERDICT_CHAIN, chain);
  batch.close_nest(verdict);
  batch.close_nest(outer);
}

void put(NetlinkBatch& batch, const Element& element, bool add, bool last) {
  auto type = static_cast<uint16_t>((NFNL_SUBSYS_NFTABLES << 8) |
                                    (add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM));
  batch.begin(fmt::format("{} an element of the packet filter's set '{}'", add ? "add" : "remove",
                          element.set),
              type, static_cast<uint16_t>((last ? NLM_F_ACK : 0) | (add ? NLM_F_CREATE : 0)));
  nfgenmsg body{};
  body.nfgen_family = NFPROTO_IPV4;
  batch.body(body);
  batch.attribute(NFTA_SET_ELEM_LIST_TABLE, element.table);
  batch.attribute(NFTA_SET_ELEM_LIST_SET, element.set);
  size_t list = batch.open_nest(NFTA_SET_ELEM_LIST_ELEMENTS);
  size_t item = batch.open_nest(NFTA_LIST_ELEM);
  value(batch, NFTA_SET_ELEM_KEY, element.key);
  if (!element.data.empty()) value(batch, NFTA_SET_ELEM_DATA, element.data);
  if (!element.jump.empty()) jump(batch, element.jump);
  batch.close_nest(item);
  batch.close_nest(list);
  batch.end();
}

}  // namespace

NetlinkBatch change(const std::vector<Element>& remove, const std::vector<Element>& add) {
  NetlinkBatch batch;
  frame(batch, NFNL_MSG_BATCH_BEGIN);
  // A refused element is told of in any case. Some 300 words that all went well are more than the
  // socket holds: the kernel drops the rest, and the last is waited for in vain.
  size_t left = remove.size() + add.size();
  for (const Element& element : remove) put(batch, element, false, --left == 0);
  for (const Element& element : add) put(batch, element, true, --left == 0);
  frame(batch, NFNL_MSG_BATCH_END);
  return batch;
}

namespace {

/// Calls `each(type, content)` for the attributes one after the other.
template <class Each>
void for_attributes(std::string_view bytes, Each each) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr head{};
    memcpy(&head, bytes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > bytes.size()) return;
    each(head.nla_type & NLA_TYPE_MASK, bytes.substr(sizeof head, head.nla_len - sizeof head));
    bytes.remove_prefix(std::min(aligned(head.nla_len), bytes.size()));
  }
}

std::string_view attribute_of(std::string_view bytes, int wanted) {
  std::string_view out;
  for_attributes(bytes, [&](int type, std::string_view content) {
    if (type == wanted) out = content;
  });
  return out;
}

}  // namespace

NetlinkBatch list_elements(const std::string& table, const std::string& set) {
  NetlinkBatch batch;
  batch.begin(fmt::format("list the packet filter's set '{}'", set),
              static_cast<uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETSETELEM), NLM_F_DUMP);
  nfgenmsg body{};
  body.nfgen_family = NFPROTO_IPV4;
  batch.body(body);
  batch.attribute(NFTA_SET_ELEM_LIST_TABLE, table);
  batch.attribute(NFTA_SET_ELEM_LIST_SET, set);
  batch.end();
  return batch;
}

void add_counted(std::string_view message, std::map<std::string, int64_t>& counted) {
  if (message.size() < sizeof(nfgenmsg)) return;
  message.remove_prefix(sizeof(nfgenmsg));
  auto elements = attribute_of(message, NFTA_SET_ELEM_LIST_ELEMENTS);
  for_attributes(elements, [&](int, std::string_view element) {
    auto key = attribute_of(attribute_of(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
    auto counter = attribute_of(attribute_of(element, NFTA_SET_ELEM_EXPR), NFTA_EXPR_DATA);
    auto seen = attribute_of(counter, NFTA_COUNTER_BYTES);
    uint64_t bytes = 0;
    if (key.empty() || seen.size() != sizeof bytes) return;
    memcpy(&bytes, seen.data(), sizeof bytes);
    counted[std::string(key)] = static_cast<int64_t>(be64toh(bytes));
  });
}

}  // namespace nft
}  // namespace croft::sandbox
