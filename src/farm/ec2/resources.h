// What accounts own besides instances, keys and images: networks, security groups, addresses,
// disks. Plain data; each type's fields() is its form in the store.
#pragma once
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/units.h"
#include "farm/ec2/filter.h"

namespace croft::farm::ec2 {

struct GroupRule {
  std::string id;  ///< "sgr-..."
  bool egress = false;
  std::string protocol = "-1";  ///< tcp | udp | icmp | icmpv6 | -1 | a number
  int from = -1;
  int to = -1;
  std::string cidr, cidr6;  ///< one of these four
  std::string group;        ///< id
  std::string prefix_list;  ///< id
  std::string description;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, GroupRule>
void fields(IO& io, R& r) {
  io.field("id", r.id), io.field("egress", r.egress), io.field("protocol", r.protocol);
  io.field("from", r.from), io.field("to", r.to), io.field("cidr", r.cidr);
  io.field("cidr6", r.cidr6), io.field("group", r.group), io.field("prefixList", r.prefix_list);
  io.field("description", r.description), io.field("tags", r.tags);
}

struct SecurityGroup {
  std::string id, account, vpc, name, description;
  Tags tags;
  std::vector<GroupRule> rules;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, SecurityGroup>
void fields(IO& io, R& g) {
  io.field("id", g.id), io.field("account", g.account), io.field("vpc", g.vpc);
  io.field("name", g.name), io.field("description", g.description), io.field("tags", g.tags);
  io.field("rules", g.rules);
}

struct Vpc {
  std::string id, account, cidr;
  bool is_default = false;
  bool dns_support = true, dns_hostnames = false;
  std::string tenancy = "default", dhcp_options = "default";
  std::vector<std::string> more_cidrs;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, Vpc>
void fields(IO& io, R& v) {
  io.field("id", v.id), io.field("account", v.account), io.field("cidr", v.cidr);
  io.field("isDefault", v.is_default), io.field("dnsSupport", v.dns_support);
  io.field("dnsHostnames", v.dns_hostnames), io.field("tenancy", v.tenancy);
  io.field("dhcpOptions", v.dhcp_options), io.field("moreCidrs", v.more_cidrs);
  io.field("tags", v.tags);
}

struct SubnetRecord {
  std::string id, account, vpc, zone, cidr;
  bool is_default = false;
  bool map_public = false;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, SubnetRecord>
void fields(IO& io, R& s) {
  io.field("id", s.id), io.field("account", s.account), io.field("vpc", s.vpc);
  io.field("zone", s.zone), io.field("cidr", s.cidr), io.field("isDefault", s.is_default);
  io.field("mapPublic", s.map_public), io.field("tags", s.tags);
}

struct ElasticAddress {
  static constexpr int most = 50;  ///< of one account
  std::string id, account;         ///< "eipalloc-..."
  std::string address;             ///< "198.18.3.4"
  std::string association;         ///< "eipassoc-..."; empty: free
  std::string instance;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, ElasticAddress>
void fields(IO& io, R& a) {
  io.field("id", a.id), io.field("account", a.account), io.field("address", a.address);
  io.field("association", a.association), io.field("instance", a.instance);
  io.field("tags", a.tags);
}

struct InternetGateway {
  std::string id, account, vpc;  ///< vpc empty: detached
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, InternetGateway>
void fields(IO& io, R& g) {
  io.field("id", g.id), io.field("account", g.account), io.field("vpc", g.vpc);
  io.field("tags", g.tags);
}

struct Route {
  std::string destination;  ///< "0.0.0.0/0"
  std::string target;       ///< "igw-...", "i-...", "eni-...", or "local"
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, Route>
void fields(IO& io, R& r) {
  io.field("destination", r.destination), io.field("target", r.target);
}
struct RouteAssociation {
  std::string id, subnet;  ///< subnet empty: the main one of the VPC
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, RouteAssociation>
void fields(IO& io, R& a) {
  io.field("id", a.id), io.field("subnet", a.subnet);
}
struct RouteTable {
  std::string id, account, vpc;
  bool main = false;
  std::vector<Route> routes;  ///< besides the local one
  std::vector<RouteAssociation> associations;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, RouteTable>
void fields(IO& io, R& t) {
  io.field("id", t.id), io.field("account", t.account), io.field("vpc", t.vpc);
  io.field("main", t.main), io.field("routes", t.routes);
  io.field("associations", t.associations), io.field("tags", t.tags);
}

}  // namespace croft::farm::ec2
