#include "sandbox/policy.h"

#include <gmock/gmock.h>

namespace croft::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PacketPolicy, SaysEachKindOfRuleInNftsWords) {
  auto words = [](PacketRule rule, bool incoming = true) { return words_of(rule, incoming, ""); };
  EXPECT_EQ(words({6, 22, 22, "0.0.0.0/0", ""}), "tcp dport 22");
  EXPECT_EQ(words({6, 8000, 8100, "10.0.0.0/8", ""}), "ip saddr 10.0.0.0/8 tcp dport 8000-8100");
  EXPECT_EQ(words({17, 53, 53, "10.0.0.2/32", ""}, false), "ip daddr 10.0.0.2/32 udp dport 53");
  EXPECT_EQ(words({6, 0, 65535, "0.0.0.0/0", ""}), "ip protocol tcp");
  EXPECT_EQ(words({1, 8, -1, "0.0.0.0/0", ""}), "ip protocol icmp icmp type 8");
  EXPECT_EQ(words({1, 3, 4, "0.0.0.0/0", ""}), "ip protocol icmp icmp type 3 icmp code 4");
  EXPECT_EQ(words({1, -1, -1, "0.0.0.0/0", ""}), "ip protocol icmp");
  EXPECT_EQ(words({50, -1, -1, "0.0.0.0/0", ""}), "ip protocol 50");
  EXPECT_EQ(words({-1, -1, -1, "0.0.0.0/0", ""}), "");
  EXPECT_EQ(words_of({-1, -1, -1, "", "sg-1"}, false, "m3"), "ip daddr @m3");
}

TEST(PacketPolicy, DropsWhatNoGroupLetsThrough) {
  PacketPolicy policy;
  std::string line = policy.whole({});
  EXPECT_THAT(line, HasSubstr("hook forward priority filter; policy drop;"));
  EXPECT_THAT(line, HasSubstr("hook input priority filter; policy drop;"));
}

TEST(PacketPolicy, OutgoingRulesLeadToTheReceiversAndNeverAccept) {
  PacketPolicy policy;
  std::string line = policy.set_group({"sg-1", {{6, 80, 80, "0.0.0.0/0", ""}}, {{}}});
  EXPECT_THAT(line, HasSubstr("add rule ip croft i1 tcp dport 80 accept"));
  EXPECT_THAT(line, HasSubstr("add rule ip croft o1  goto let_out"));
  EXPECT_THAT(line, Not(HasSubstr("o1  accept")));
}

TEST(PacketPolicy, ASetOfGroupsIsMadeOnce) {
  PacketPolicy policy;
  policy.set_group({"sg-1", {}, {}});
  policy.set_group({"sg-2", {}, {}});
  Member both{"10.77.0.5", "vpc-1", {"sg-2", "sg-1"}};
  EXPECT_THAT(policy.prepare(both), HasSubstr("jump i1; add rule"));
  EXPECT_EQ(policy.prepare({"10.77.0.6", "vpc-1", {"sg-1", "sg-2"}}), "");
  auto elements = policy.elements_of(both);
  ASSERT_EQ(elements.size(), 6u);
  EXPECT_EQ(elements[2].set, "egress_of");
  EXPECT_THAT(elements[2].jump, HasSubstr(".out"));
  EXPECT_THAT(policy.remove_group("sg-1"), HasSubstr("delete chain ip croft i1"));
  EXPECT_TRUE(policy.elements_of(both).empty());
}

TEST(PacketPolicy, APublicAddressHasOneMachineAndAMachineOneAddress) {
  PacketPolicy policy;
  EXPECT_THAT(policy.set_public("198.18.0.1", "10.77.0.5"),
              HasSubstr("public_to { 198.18.0.1 : 10.77.0.5 }"));
  std::string moved = policy.set_public("198.18.0.2", "10.77.0.5");
  EXPECT_THAT(moved, HasSubstr("delete element ip croft public_to { 198.18.0.1 }"));
  EXPECT_THAT(policy.set_public("198.18.0.2", ""),
              HasSubstr("delete element ip croft public_of { 10.77.0.5 }"));
  EXPECT_EQ(policy.set_public("198.18.0.2", ""), "");
}

TEST(PacketPolicy, HinderedLinksComeBeforeEverythingElseAndStayInANewTable) {
  PacketPolicy policy;
  std::string frame = policy.whole({});
  EXPECT_LT(frame.find("forward jump faults"), frame.find("forward ct state established"));
  EXPECT_LT(frame.find("input jump faults"), frame.find("input ct state established"));
  std::string line = policy.set_links({{{"10.0.0.1", "10.0.0.2"}, {"10.0.0.3"}, 0, 100},
                                       {{"10.0.0.1"}, {}, 0, 30},
                                       {{}, {"10.0.0.1"}, 102'400, 100}});
  EXPECT_EQ(line,
            "flush chain ip croft faults; "
            "add rule ip croft faults ip saddr { 10.0.0.1, 10.0.0.2 } ip daddr { 10.0.0.3 } drop; "
            "add rule ip croft faults ip saddr { 10.0.0.1 } numgen random mod 100 < 30 drop; "
            "add rule ip croft faults ip daddr { 10.0.0.1 } limit rate over 102400 bytes/second "
            "burst 131072 bytes drop");
  EXPECT_THAT(policy.whole({}), HasSubstr("ip saddr { 10.0.0.1, 10.0.0.2 }"));
  EXPECT_EQ(policy.set_links({}), "flush chain ip croft faults");
}

TEST(PacketPolicy, BordersComeBeforeAnswersAndEndWithADrop) {
  PacketPolicy policy;
  PacketNetworks networks;
  networks.peers = {{"vpc-1", "vpc-2"}};
  networks.borders = {{"10.0.1.0/24",
                       {"10.0.1.4"},
                       {{true, {6, 80, 80, "0.0.0.0/0", ""}}},
                       {{false, {-1, -1, -1, "10.9.0.0/16", ""}}}}};
  policy.set_networks(networks);
  Member member{"10.0.1.4", "vpc-1", {}};
  std::string line = policy.whole({member});
  EXPECT_LT(line.find("ip daddr vmap @border_in"), line.find("forward ct state established"));
  EXPECT_THAT(line, HasSubstr("b0.in ip saddr 10.0.1.0/24 return; "
                              "add rule ip croft b0.in tcp dport 80 return; "
                              "add rule ip croft b0.in drop"));
  EXPECT_THAT(line, HasSubstr("b0.out ip daddr 10.9.0.0/16 drop"));
  EXPECT_THAT(line, HasSubstr("border_in { 10.0.1.4 : jump b0.in }"));
  // Its own network and the peer.
  std::string members = "add element ip croft network_members { 10.0.1.4 . ";
  size_t first = line.find(members);
  ASSERT_NE(first, line.npos);
  EXPECT_NE(line.find(members, first + 1), line.npos);
  policy.set_networks({});
  EXPECT_THAT(policy.whole({member}), Not(HasSubstr("b0.in")));
}

}  // namespace
}  // namespace croft::sandbox
