// Which packets pass between the machines of a farm, in the language of nft. The sender's groups
// must let a packet out (looked up by source), then the receiver's groups must let it in (by
// destination); neither can speak for the other. Answers to what was let through pass. Pure: what
// changes is returned as one line for nft, which nft makes true whole or not at all.
//
// Chains: iN and oN hold the rules of group N, pN.in and pN.out jump to all groups of one set of
// groups, and a machine's address leads to the chains of its set. Machines of other networks are
// reached at public addresses only, but for networks that are peers. bN.in and bN.out are the
// borders: they see answers, too, and come before everything but faults.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/netlink.h"
#include "sandbox/sandbox.h"

namespace croft::sandbox {

/// A machine as the packet filter knows it.
struct Member {
  std::string address;
  std::string network;
  std::vector<std::string> groups;
};

/// The router's link to this computer, over which public addresses are reached.
inline constexpr const char* public_link = "public";

class PacketPolicy {
 public:
  /// Replaces the whole table: for a new router, and for one whose past is unknown.
  std::string whole(const std::vector<Member>& members);
  /// A new group, or other rules for a known one.
  std::string set_group(const PacketGroup& group);
  /// The group and every set of groups with it. No machine may still be in it.
  std::string remove_group(const std::string& name);
  std::vector<std::string> groups() const;
  /// Makes what elements_of() leads to; empty when it is all there.
  std::string prepare(const Member& member);
  /// After prepare().
  std::vector<nft::Element> elements_of(const Member& member) const;

  std::string set_public(const std::string& address, const std::string& private_address);
  std::string set_links(std::vector<LinkFault> faults);
  /// For the next whole().
  void set_networks(PacketNetworks networks);
  void add_gateway_port(bool datagram, uint16_t port);

 private:
  struct Group {
    uint32_t number = 0;
    PacketGroup rules;
  };
  using Profile = std::vector<std::string>;  ///< sorted names

  uint32_t group_number(const std::string& name, std::string& line);
  std::string fill_group(const Group& group);
  std::string fill_links() const;
  std::string fill_borders() const;
  std::string fill_profile(const Profile& profile, uint32_t number) const;
  static Profile profile_of(const Member& member);

  uint32_t last_number_ = 0;
  std::map<std::string, Group> groups_;
  std::map<Profile, uint32_t> profiles_;
  std::map<std::string, uint32_t> networks_;
  std::map<std::string, std::string> publics_;  ///< public -> private
  std::vector<LinkFault> links_;
  PacketNetworks joined_;
  std::vector<uint16_t> tcp_, udp_;
};

/// One rule as nft's words before the verdict; `incoming` says which address is the peer's.
/// `peer_set` is the name of the set of the peer group's addresses, where the rule names a group.
std::string words_of(const PacketRule& rule, bool incoming, const std::string& peer_set);

}  // namespace croft::sandbox
