// What accounts own besides instances, keys and images: networks, security groups, addresses,
// disks. Plain data; each type's fields() is its form in the store.
#pragma once
#include <algorithm>
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
  std::vector<std::string> cidrs6;  ///< records: instances have IPv4 addresses only
  bool usage_metrics = false;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, Vpc>
void fields(IO& io, R& v) {
  io.field("id", v.id), io.field("account", v.account), io.field("cidr", v.cidr);
  io.field("isDefault", v.is_default), io.field("dnsSupport", v.dns_support);
  io.field("dnsHostnames", v.dns_hostnames), io.field("tenancy", v.tenancy);
  io.field("dhcpOptions", v.dhcp_options), io.field("moreCidrs", v.more_cidrs);
  io.field("tags", v.tags), io.later("cidrs6", v.cidrs6);
  io.later("usageMetrics", v.usage_metrics);
}

struct SubnetRecord {
  std::string id, account, vpc, zone, cidr;
  bool is_default = false;
  bool map_public = false;
  std::string acl;              ///< "acl-..."; empty: its network's default one
  std::string acl_association;  ///< "aclassoc-..."; empty: the one of before any change
  std::vector<std::string> cidrs6;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, SubnetRecord>
void fields(IO& io, R& s) {
  io.field("id", s.id), io.field("account", s.account), io.field("vpc", s.vpc);
  io.field("zone", s.zone), io.field("cidr", s.cidr), io.field("isDefault", s.is_default);
  io.field("mapPublic", s.map_public), io.field("tags", s.tags);
  io.later("acl", s.acl), io.later("aclAssociation", s.acl_association);
  io.later("cidrs6", s.cidrs6);
}

/// One line of a network ACL. The smallest number that fits a packet decides.
struct AclEntry {
  static constexpr int64_t last = 32767;  ///< what no entry fits is denied
  int64_t number = 0;
  bool egress = false;
  bool allow = false;
  std::string protocol = "-1";  ///< a number; -1: all
  std::string cidr, cidr6;      ///< one of them
  int from = -1, to = -1;       ///< ports; -1: all
  int icmp_type = -1, icmp_code = -1;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, AclEntry>
void fields(IO& io, R& e) {
  io.field("number", e.number), io.field("egress", e.egress), io.field("allow", e.allow);
  io.field("protocol", e.protocol), io.field("cidr", e.cidr), io.field("cidr6", e.cidr6);
  io.field("from", e.from), io.field("to", e.to);
  io.field("icmpType", e.icmp_type), io.field("icmpCode", e.icmp_code);
}

/// What may pass the border of a subnet. Subnets name theirs (SubnetRecord::acl).
struct NetworkAcl {
  std::string id, account, vpc;
  bool is_default = false;
  std::vector<AclEntry> entries;  ///< without the last ones, which every ACL has
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, NetworkAcl>
void fields(IO& io, R& a) {
  io.field("id", a.id), io.field("account", a.account), io.field("vpc", a.vpc);
  io.field("isDefault", a.is_default), io.field("entries", a.entries), io.field("tags", a.tags);
}

struct ElasticAddress {
  static constexpr int most = 50;  ///< of one account
  std::string id, account;         ///< "eipalloc-..."
  std::string address;             ///< "198.18.3.4"
  std::string association;         ///< "eipassoc-..."; empty: free
  std::string instance;
  std::string holder;  ///< what has it instead of an instance: "nat-..."
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, ElasticAddress>
void fields(IO& io, R& a) {
  io.field("id", a.id), io.field("account", a.account), io.field("address", a.address);
  io.field("association", a.association), io.field("instance", a.instance);
  io.field("tags", a.tags), io.later("holder", a.holder);
}

/// A disk that outlives instances. Its file is made at its first use.
struct Volume {
  std::string id, account, zone;
  int64_t size_gib = 1;
  std::string type = "gp2";
  std::string snapshot;  ///< what it begins with; empty: nothing
  WallTime created;
  std::string instance;  ///< empty: available
  std::string device;    ///< "/dev/sdf": seen as the folder /volumes/sdf
  WallTime attached;
  bool delete_on_termination = false;
  bool encrypted = false;
  int64_t iops = 0;
  bool used = false;  ///< its file may exist
  // Of the last ModifyVolume; `modified` 0: there was none.
  WallTime modified;
  int64_t size_before = 0, iops_before = 0;
  std::string type_before;
  int64_t throughput = 0;  ///< as it was asked for, and `kms_key` too: told again, no more
  std::string kms_key;
  Tags tags;

  std::string folder_name() const { return device.substr(device.rfind('/') + 1); }
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, Volume>
void fields(IO& io, R& v) {
  io.field("id", v.id), io.field("account", v.account), io.field("zone", v.zone);
  io.field("sizeGiB", v.size_gib), io.field("type", v.type), io.field("snapshot", v.snapshot);
  io.field("created", v.created), io.field("instance", v.instance), io.field("device", v.device);
  io.field("attached", v.attached), io.field("deleteOnTermination", v.delete_on_termination);
  io.field("encrypted", v.encrypted), io.field("iops", v.iops), io.field("used", v.used);
  io.field("tags", v.tags), io.later("modified", v.modified);
  io.later("sizeBefore", v.size_before), io.later("iopsBefore", v.iops_before);
  io.later("typeBefore", v.type_before), io.later("throughput", v.throughput);
  io.later("kmsKey", v.kms_key);
}

struct Snapshot {
  std::string id, account;
  std::string volume;
  int64_t size_gib = 1;
  std::string description;
  WallTime created;
  bool empty = false;              ///< of a volume that nobody had written to: there is no file
  std::string folder;              ///< of a root disk: the image folder that lies below it
  std::string instance;            ///< of a root disk: whose it was
  std::vector<std::string> users;  ///< accounts that may make volumes of it
  bool is_public = false;          ///< everybody may
  bool encrypted = false;          ///< as it was asked for: the farm's disks lie as they are
  std::string owner;               ///< filled in for answers only
  Tags tags;

  bool seen_by(std::string_view who) const {
    return account == who || is_public || std::ranges::find(users, who) != users.end();
  }
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, Snapshot>
void fields(IO& io, R& s) {
  io.field("id", s.id), io.field("account", s.account), io.field("volume", s.volume);
  io.field("sizeGiB", s.size_gib), io.field("description", s.description);
  io.field("created", s.created), io.field("empty", s.empty), io.field("folder", s.folder);
  io.field("instance", s.instance), io.field("tags", s.tags);
  io.later("users", s.users), io.later("public", s.is_public);
  io.later("encrypted", s.encrypted);
}

/// One parameter of RunInstances, as it was sent.
struct TemplateField {
  std::string name, value;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, TemplateField>
void fields(IO& io, R& f) {
  io.field("name", f.name), io.field("value", f.value);
}
struct TemplateVersion {
  int64_t number = 1;
  std::string description;
  WallTime created;
  std::vector<TemplateField> data;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, TemplateVersion>
void fields(IO& io, R& v) {
  io.field("number", v.number), io.field("description", v.description);
  io.field("created", v.created), io.field("data", v.data);
}
struct LaunchTemplate {
  std::string id, account, name;
  WallTime created;
  int64_t default_version = 1;
  std::vector<TemplateVersion> versions;  ///< in order; never empty
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, LaunchTemplate>
void fields(IO& io, R& t) {
  io.field("id", t.id), io.field("account", t.account), io.field("name", t.name);
  io.field("created", t.created), io.field("defaultVersion", t.default_version);
  io.field("versions", t.versions), io.field("tags", t.tags);
}

/// A role that instances and AssumeRole may take on, made by the farm's administrator.
struct InstanceProfile {
  std::string id, account, name;  ///< id: ACCOUNT/NAME
  std::vector<std::string> services, buckets;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, InstanceProfile>
void fields(IO& io, R& p) {
  io.field("id", p.id), io.field("account", p.account), io.field("name", p.name);
  io.field("services", p.services), io.field("buckets", p.buckets), io.field("tags", p.tags);
}

/// A network interface that was made for itself. While an instance has it, the instance's own
/// record says what holds.
struct Interface {
  std::string id, account, subnet, address, description;
  std::vector<std::string> groups;
  bool source_dest_check = true;
  std::string instance;  ///< filled in for answers only
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, Interface>
void fields(IO& io, R& i) {
  io.field("id", i.id), io.field("account", i.account), io.field("subnet", i.subnet);
  io.field("address", i.address), io.field("description", i.description);
  io.field("groups", i.groups), io.field("sourceDestCheck", i.source_dest_check);
  io.field("tags", i.tags);
}

/// How instances keep apart on hosts, or together.
struct PlacementGroup {
  std::string id, account, name;
  std::string strategy = "cluster";   ///< cluster | spread | partition
  std::string spread_level = "rack";  ///< rack | host
  int64_t partitions = 2;
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, PlacementGroup>
void fields(IO& io, R& g) {
  io.field("id", g.id), io.field("account", g.account), io.field("name", g.name);
  io.field("strategy", g.strategy), io.field("spreadLevel", g.spread_level);
  io.field("partitions", g.partitions), io.field("tags", g.tags);
}

/// A bid for one instance. Its prices are in millionths of a dollar an hour.
struct SpotRequest {
  std::string id, account;
  int64_t price_micros = 0;
  std::string state = "open";              ///< open | active | closed | cancelled | failed
  std::string code, message;               ///< of the status
  std::string type = "one-time";           ///< one-time | persistent
  std::string interruption = "terminate";  ///< terminate | stop
  std::string instance, instance_type, image, zone;
  WallTime created, updated, valid_until;  ///< valid_until 0: for good
  std::vector<TemplateField> launch;       ///< RunInstances, as it will be asked
  Tags tags;
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, SpotRequest>
void fields(IO& io, R& s) {
  io.field("id", s.id), io.field("account", s.account), io.field("price", s.price_micros);
  io.field("state", s.state), io.field("code", s.code), io.field("message", s.message);
  io.field("type", s.type), io.field("interruption", s.interruption);
  io.field("instance", s.instance), io.field("instanceType", s.instance_type);
  io.field("image", s.image), io.field("zone", s.zone), io.field("created", s.created);
  io.field("updated", s.updated), io.field("validUntil", s.valid_until);
  io.field("launch", s.launch), io.field("tags", s.tags);
}

/// A resource of which only records are kept (farm/ec2/plain.h). Which texts it has: its kind's.
struct Plain {
  std::string id, account;
  std::string kind;  ///< prefix of its id
  WallTime created, ended;
  std::string state = "available";
  Tags values;
  std::vector<TemplateField> lists;  ///< several texts of one name, in order
  Tags tags;

  std::string value(const std::string& name) const {
    auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  }
  std::vector<std::string> list(std::string_view name) const {
    std::vector<std::string> out;
    for (const TemplateField& one : lists)
      if (one.name == name) out.push_back(one.value);
    return out;
  }
  void set_list(const std::string& name, const std::vector<std::string>& texts) {
    std::erase_if(lists, [&](const TemplateField& one) { return one.name == name; });
    for (const std::string& text : texts) lists.push_back({name, text});
  }
};
template <class IO, class R>
  requires std::is_same_v<std::remove_const_t<R>, Plain>
void fields(IO& io, R& p) {
  io.field("id", p.id), io.field("account", p.account), io.field("kind", p.kind);
  io.field("created", p.created), io.field("ended", p.ended), io.field("state", p.state);
  io.field("values", p.values), io.field("lists", p.lists), io.field("tags", p.tags);
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
