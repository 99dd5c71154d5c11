// The rules of security groups as others see them: DescribeSecurityGroups and the packet filter.
#include <map>
#include <tuple>

#include "base/text.h"
#include "farm/ec2/group_rules.h"
#include "farm/ec2/prefix_lists.h"

namespace croft::farm::ec2 {

void write_permissions(Xml& xml, const SecurityGroup& group, bool egress) {
  std::map<std::tuple<std::string, int, int>, std::vector<const GroupRule*>> together;
  for (const GroupRule& rule : group.rules)
    if (rule.egress == egress) together[{rule.protocol, rule.from, rule.to}].push_back(&rule);
  auto part = [&](std::string_view name, const std::vector<const GroupRule*>& rules,
                  std::string GroupRule::* peer, std::string_view element) {
    xml.in(name, [&] {
      for (const GroupRule* rule : rules) {
        if ((rule->*peer).empty()) continue;
        xml.in("item", [&] {
          if (peer == &GroupRule::group) xml.plain("userId", group.account);
          xml.plain(element, rule->*peer).optional("description", rule->description);
        });
      }
    });
  };
  xml.list(egress ? "ipPermissionsEgress" : "ipPermissions", together, [&](const auto& entry) {
    const auto& [protocol, from, to] = entry.first;
    xml.plain("ipProtocol", protocol);
    if (protocol == "tcp" || protocol == "udp" || protocol.starts_with("icmp"))
      xml.number("fromPort", from).number("toPort", to);
    part("groups", entry.second, &GroupRule::group, "groupId");
    part("ipRanges", entry.second, &GroupRule::cidr, "cidrIp");
    part("ipv6Ranges", entry.second, &GroupRule::cidr6, "cidrIpv6");
    part("prefixListIds", entry.second, &GroupRule::prefix_list, "prefixListId");
  });
}

sandbox::PacketGroup packets_of(State& state, const SecurityGroup& group) {
  sandbox::PacketGroup out;
  out.name = group.id;
  for (const GroupRule& rule : group.rules) {
    sandbox::PacketRule packets;
    packets.protocol = rule.protocol == "tcp"    ? 6
                       : rule.protocol == "udp"  ? 17
                       : rule.protocol == "icmp" ? 1
                       : rule.protocol == "icmpv6"
                           ? 58
                           : static_cast<int>(parse_i64(rule.protocol).value_or(-1));
    packets.from = rule.from;
    packets.to = rule.to;
    packets.group = rule.group;
    auto& side = rule.egress ? out.out : out.in;
    std::vector<std::string> networks{rule.cidr};
    if (!rule.prefix_list.empty()) networks = networks_of_list(state, rule.prefix_list);
    for (const std::string& network : networks) {
      // There is no IPv6 between machines: such rules let nothing more through.
      if (network.empty() && rule.group.empty()) continue;
      packets.network = network;
      side.push_back(packets);
    }
  }
  return out;
}

}  // namespace croft::farm::ec2
