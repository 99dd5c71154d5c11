#include "sandbox/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace croft::sandbox {

namespace {

constexpr int icmp_protocol = 1;
constexpr int tcp_protocol = 6;
constexpr int udp_protocol = 17;

/// What stands before and after the rules of groups.
constexpr std::string_view frame =
    "add table ip croft; delete table ip croft; add table ip croft; "
    "add map ip croft network_of {{ type ipv4_addr : mark; }}; "
    "add set ip croft network_members {{ type ipv4_addr . mark; }}; "
    "add map ip croft egress_of {{ type ipv4_addr : verdict; }}; "
    "add map ip croft ingress_of {{ type ipv4_addr : verdict; }}; "
    "add map ip croft public_to {{ type ipv4_addr : ipv4_addr; }}; "
    "add map ip croft public_of {{ type ipv4_addr : ipv4_addr; }}; "
    "add set ip croft gateway_tcp {{ type inet_service; }}; "
    "add set ip croft gateway_udp {{ type inet_service; }}; "
    // The receiver's turn: what the sender's groups let out comes here.
    "add chain ip croft let_out; add rule ip croft let_out ip daddr vmap @ingress_of; "
    // What is hindered on purpose is so before anything else, answers included; then the borders,
    // the sender's before the receiver's.
    "add chain ip croft faults; "
    "add map ip croft border_out {{ type ipv4_addr : verdict; }}; "
    "add map ip croft border_in {{ type ipv4_addr : verdict; }}; "
    "add chain ip croft forward {{ type filter hook forward priority filter; policy drop; }}; "
    "add rule ip croft forward jump faults; "
    "add rule ip croft forward ip saddr vmap @border_out; "
    "add rule ip croft forward ip daddr vmap @border_in; "
    "add rule ip croft forward ct state established,related accept; "
    "add rule ip croft forward iifname \"{0}\" ct status dnat goto let_out; "
    "add rule ip croft forward ct status dnat ip saddr vmap @egress_of; "
    "add rule ip croft forward meta mark set ip saddr map @network_of; "
    "add rule ip croft forward ip daddr . meta mark @network_members ip saddr vmap @egress_of; "
    "add chain ip croft input {{ type filter hook input priority filter; policy drop; }}; "
    // Metadata and names are the farm's own; nothing hinders them, and each socket hears one link.
    "add rule ip croft input ip daddr 169.254.169.252/30 accept; "
    "add rule ip croft input jump faults; "
    "add rule ip croft input ct state established,related accept; "
    "add rule ip croft input iif \"lo\" accept; "
    "add rule ip croft input icmp type echo-request accept; "
    "add rule ip croft input tcp dport @gateway_tcp accept; "
    "add rule ip croft input udp dport @gateway_udp accept; "
    "add chain ip croft sending {{ type filter hook output priority filter; policy accept; }}; "
    "add rule ip croft sending ip saddr 169.254.169.252/30 accept; "
    "add rule ip croft sending jump faults; "
    "add chain ip croft arriving {{ type nat hook prerouting priority dstnat; }}; "
    "add rule ip croft arriving dnat to ip daddr map @public_to; "
    "add chain ip croft own {{ type nat hook output priority -100; }}; "
    "add rule ip croft own dnat to ip daddr map @public_to; "
    "add chain ip croft leaving {{ type nat hook postrouting priority srcnat; }}; "
    "add rule ip croft leaving ct status dnat snat to ip saddr map @public_of";

void append(std::string& line, std::string_view command) {
  if (command.empty()) return;
  if (!line.empty()) line += "; ";
  line += command;
}

std::string chain_name(bool incoming, uint32_t group) {
  return fmt::format("{}{}", incoming ? "i" : "o", group);
}
std::string profile_chain(bool incoming, uint32_t profile) {
  return fmt::format("p{}.{}", profile, incoming ? "in" : "out");
}
std::string member_set(uint32_t group) {
  return fmt::format("m{}", group);
}

std::string range(int from, int to) {
  return from == to ? std::to_string(from) : fmt::format("{}-{}", from, to);
}

uint32_t mark_of(std::string_view bytes) {
  uint32_t out = 0;
  std::memcpy(&out, bytes.data(), std::min(bytes.size(), sizeof out));
  return out;
}

std::string text_of(const nft::Element& element, const Member& member) {
  std::string key = member.address;
  if (element.set == "network_members")
    key += fmt::format(" . {}", mark_of(std::string_view(element.key).substr(sizeof(uint32_t))));
  std::string data;
  if (!element.jump.empty())
    data = " : jump " + element.jump;
  else if (!element.data.empty())
    data = fmt::format(" : {}", mark_of(element.data));
  return fmt::format("add element ip croft {} {{ {}{} }}", element.set, key, data);
}

}  // namespace

std::string words_of(const PacketRule& rule, bool incoming, const std::string& peer_set) {
  std::string out;
  auto say = [&out](std::string words) { out += (out.empty() ? "" : " ") + words; };
  const char* side = incoming ? "saddr" : "daddr";
  if (!peer_set.empty())
    say(fmt::format("ip {} @{}", side, peer_set));
  else if (!rule.network.empty() && rule.network != "0.0.0.0/0")
    say(fmt::format("ip {} {}", side, rule.network));
  if (rule.protocol == tcp_protocol || rule.protocol == udp_protocol) {
    const char* name = rule.protocol == tcp_protocol ? "tcp" : "udp";
    bool all = rule.from <= 0 && (rule.to < 0 || rule.to == 65535);
    say(all ? fmt::format("ip protocol {}", name)
            : fmt::format("{} dport {}", name, range(rule.from, rule.to)));
  } else if (rule.protocol == icmp_protocol) {
    say("ip protocol icmp");
    if (rule.from >= 0) say(fmt::format("icmp type {}", rule.from));
    if (rule.from >= 0 && rule.to >= 0) say(fmt::format("icmp code {}", rule.to));
  } else if (rule.protocol >= 0) {
    say(fmt::format("ip protocol {}", rule.protocol));
  }
  return out;
}

uint32_t PacketPolicy::group_number(const std::string& name, std::string& line) {
  auto [at, fresh] = groups_.try_emplace(name);
  Group& group = at->second;
  if (fresh) {
    group.number = ++last_number_;
    group.rules.name = name;
    append(line, fmt::format("add set ip croft {} {{ type ipv4_addr; }}; add chain ip croft {}; "
                             "add chain ip croft {}",
                             member_set(group.number), chain_name(true, group.number),
                             chain_name(false, group.number)));
  }
  return group.number;
}

std::string PacketPolicy::fill_group(const Group& group) {
  std::string line;
  for (bool incoming : {true, false}) {
    std::string chain = chain_name(incoming, group.number);
    append(line, "flush chain ip croft " + chain);
    for (const PacketRule& rule : incoming ? group.rules.in : group.rules.out) {
      std::string peers;
      if (!rule.group.empty()) peers = member_set(group_number(rule.group, line));
      append(line, fmt::format("add rule ip croft {} {} {}", chain, words_of(rule, incoming, peers),
                               incoming ? "accept" : "goto let_out"));
    }
  }
  return line;
}

std::string PacketPolicy::set_group(const PacketGroup& group) {
  std::string line;
  group_number(group.name, line);
  Group& kept = groups_[group.name];
  kept.rules = group;
  Group copy = kept;  // a rule may name a group that is new, too
  append(line, fill_group(copy));
  return line;
}

std::string PacketPolicy::remove_group(const std::string& name) {
  auto at = groups_.find(name);
  if (at == groups_.end()) return {};
  std::string line;
  uint32_t number = at->second.number;
  for (auto profile = profiles_.begin(); profile != profiles_.end();) {
    if (std::ranges::find(profile->first, name) == profile->first.end()) {
      ++profile;
      continue;
    }
    for (bool incoming : {true, false}) {
      std::string chain = profile_chain(incoming, profile->second);
      append(line, fmt::format("flush chain ip croft {0}; delete chain ip croft {0}", chain));
    }
    profile = profiles_.erase(profile);
  }
  for (bool incoming : {true, false})
    append(line, fmt::format("flush chain ip croft {0}; delete chain ip croft {0}",
                             chain_name(incoming, number)));
  groups_.erase(at);
  bool named = false;
  for (const auto& [other, group] : groups_)
    for (const auto* rules : {&group.rules.in, &group.rules.out})
      for (const PacketRule& rule : *rules) named = named || rule.group == name;
  // A set that a rule still names stays, empty: nothing matches it.
  if (!named) append(line, "delete set ip croft " + member_set(number));
  return line;
}

std::vector<std::string> PacketPolicy::groups() const {
  std::vector<std::string> out;
  for (const auto& [name, group] : groups_) out.push_back(name);
  return out;
}

PacketPolicy::Profile PacketPolicy::profile_of(const Member& member) {
  Profile out = member.groups;
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::string PacketPolicy::fill_profile(const Profile& profile, uint32_t number) const {
  std::string line;
  for (bool incoming : {true, false}) {
    std::string chain = profile_chain(incoming, number);
    append(line, "add chain ip croft " + chain);
    for (const std::string& name : profile)
      append(line, fmt::format("add rule ip croft {} jump {}", chain,
                               chain_name(incoming, groups_.at(name).number)));
  }
  return line;
}

std::string PacketPolicy::prepare(const Member& member) {
  std::string line;
  if (!networks_.contains(member.network)) networks_[member.network] = ++last_number_;
  Profile profile = profile_of(member);
  // A group that nobody described lets nothing through.
  for (const std::string& name : profile) group_number(name, line);
  if (profiles_.contains(profile)) return line;
  uint32_t number = profiles_[profile] = ++last_number_;
  append(line, fill_profile(profile, number));
  return line;
}

std::vector<nft::Element> PacketPolicy::elements_of(const Member& member) const {
  auto address = ipv4(member.address);
  auto network = networks_.find(member.network);
  Profile profile = profile_of(member);
  auto chains = profiles_.find(profile);
  if (!address || network == networks_.end() || chains == profiles_.end()) return {};
  std::string key = nft::bytes(*address);
  std::string mark = nft::bytes(network->second);
  std::vector<nft::Element> out = {
      {"network_of", key, mark, {}},
      {"network_members", key + mark, {}, {}},
      {"egress_of", key, {}, profile_chain(false, chains->second)},
      {"ingress_of", key, {}, profile_chain(true, chains->second)},
  };
  for (const std::string& name : profile)
    out.push_back({member_set(groups_.at(name).number), key, {}, {}});
  // Machines of a peer may send to it as those of its own network do.
  for (const auto& [one, other] : joined_.peers) {
    if (one != member.network && other != member.network) continue;
    auto peer = networks_.find(one == member.network ? other : one);
    if (peer != networks_.end() && peer->second != network->second)
      out.push_back({"network_members", key + nft::bytes(peer->second), {}, {}});
  }
  return out;
}

void PacketPolicy::set_networks(PacketNetworks networks) {
  joined_ = std::move(networks);
  // A number for each, so that it does not matter whose machines come first.
  for (const auto& [one, other] : joined_.peers)
    for (const std::string& name : {one, other})
      if (!networks_.contains(name)) networks_[name] = ++last_number_;
}

std::string PacketPolicy::fill_borders() const {
  std::string line;
  for (size_t i = 0; i < joined_.borders.size(); ++i) {
    const PacketBorder& border = joined_.borders[i];
    for (bool incoming : {false, true}) {
      std::string chain = fmt::format("b{}.{}", i, incoming ? "in" : "out");
      const char* side = incoming ? "saddr" : "daddr";
      append(line, fmt::format("add chain ip croft {0}; add rule ip croft {0} ip {1} {2} return",
                               chain, side, border.network));
      for (const BorderRule& rule : incoming ? border.in : border.out)
        append(line,
               fmt::format("add rule ip croft {} {} {}", chain,
                           words_of(rule.packets, incoming, ""), rule.allow ? "return" : "drop"));
      append(line, fmt::format("add rule ip croft {} drop", chain));
      for (const std::string& member : border.members)
        append(line, fmt::format("add element ip croft border_{} {{ {} : jump {} }}",
                                 incoming ? "in" : "out", member, chain));
    }
  }
  return line;
}

std::string PacketPolicy::set_public(const std::string& address,
                                     const std::string& private_address) {
  std::string line;
  if (auto old = publics_.find(address); old != publics_.end()) {
    append(line, fmt::format("delete element ip croft public_to {{ {} }}; "
                             "delete element ip croft public_of {{ {} }}",
                             address, old->second));
    publics_.erase(old);
  }
  if (private_address.empty()) return line;
  std::erase_if(publics_, [&](const auto& item) {
    if (item.second != private_address) return false;
    append(line, fmt::format("delete element ip croft public_to {{ {} }}; "
                             "delete element ip croft public_of {{ {} }}",
                             item.first, item.second));
    return true;
  });
  publics_[address] = private_address;
  append(line, fmt::format("add element ip croft public_to {{ {0} : {1} }}; "
                           "add element ip croft public_of {{ {1} : {0} }}",
                           address, private_address));
  return line;
}

std::string PacketPolicy::set_links(std::vector<LinkFault> faults) {
  links_ = std::move(faults);
  std::string line = "flush chain ip croft faults";
  append(line, fill_links());
  return line;
}

std::string PacketPolicy::fill_links() const {
  constexpr int64_t least_burst = 131'072;  // two packets as the kernel carries them over a veth
  std::string line;
  for (const LinkFault& link : links_) {
    std::string rule = "add rule ip croft faults";
    if (!link.from.empty()) rule += fmt::format(" ip saddr {{ {} }}", join(link.from, ", "));
    if (!link.to.empty()) rule += fmt::format(" ip daddr {{ {} }}", join(link.to, ", "));
    if (link.bytes_per_second > 0)
      rule += fmt::format(" limit rate over {} bytes/second burst {} bytes", link.bytes_per_second,
                          std::max(link.bytes_per_second / 4, least_burst));
    else if (link.percent < 100)
      rule += fmt::format(" numgen random mod 100 < {}", link.percent);
    append(line, rule + " drop");
  }
  return line;
}

void PacketPolicy::add_gateway_port(bool datagram, uint16_t port) {
  auto& list = datagram ? udp_ : tcp_;
  if (std::ranges::find(list, port) == list.end()) list.push_back(port);
}

std::string PacketPolicy::whole(const std::vector<Member>& members) {
  std::string line = fmt::format(fmt::runtime(frame), public_link);
  for (const auto& [name, group] : groups_)
    append(line, fmt::format("add set ip croft {} {{ type ipv4_addr; }}; add chain ip croft {}; "
                             "add chain ip croft {}",
                             member_set(group.number), chain_name(true, group.number),
                             chain_name(false, group.number)));
  auto groups = groups_;  // a rule may name a group that is new
  for (const auto& [name, group] : groups) append(line, fill_group(group));
  for (const auto& [profile, number] : profiles_) append(line, fill_profile(profile, number));
  for (const Member& member : members) {
    append(line, prepare(member));
    for (const nft::Element& element : elements_of(member)) append(line, text_of(element, member));
  }
  for (const auto& [address, inside] : publics_)
    append(line, fmt::format("add element ip croft public_to {{ {0} : {1} }}; "
                             "add element ip croft public_of {{ {1} : {0} }}",
                             address, inside));
  append(line, fill_links());
  append(line, fill_borders());
  for (uint16_t port : tcp_)
    append(line, fmt::format("add element ip croft gateway_tcp {{ {} }}", port));
  for (uint16_t port : udp_)
    append(line, fmt::format("add element ip croft gateway_udp {{ {} }}", port));
  return line;
}

}  // namespace croft::sandbox
