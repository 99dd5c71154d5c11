// All EC2 records of one farm in memory, and their way to the store: readers never wait, and a
// change is durable before anybody is told. Keys: ec2/instance/ID, ec2/key/ACCOUNT/NAME,
// ec2/image/ID, ec2/token/ACCOUNT/TOKEN. Loop thread only. References stay good until erase_*.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aio/world.h"
#include "farm/ec2/address.h"
#include "farm/ec2/records.h"
#include "farm/ec2/resources.h"
#include "farm/ec2/table.h"
#include "store/store.h"

namespace croft::farm::ec2 {

class State {
 public:
  State(aio::World& world, store::Store& store) : world_(world), store_(store) {}

  /// Reads everything. A record that does not decode is an error: it may be somebody's machine.
  aio::Task<Result<>> load();

  Instance* find_instance(std::string_view id);
  /// Null also when it belongs to another account.
  Instance* find_instance(std::string_view account, std::string_view id);
  Instance& add_instance(Instance instance);
  void erase_instance(const std::string& id);
  const std::map<std::string, Instance, std::less<>>& instances() const { return instances_; }
  /// Of one account, in order of launch.
  std::vector<Instance*> instances_of(std::string_view account);
  /// A terminated instance's address, unless an interface keeps it.
  void leave_address(const Instance& instance);
  std::vector<Instance*> reservation(std::string_view account, std::string_view reservation);
  int64_t next_sequence() { return ++sequence_; }
  /// Everything that is not terminated: what the quota counts.
  int64_t count_owned(std::string_view account) const;

  KeyPair* find_key(std::string_view account, std::string_view name);
  KeyPair* find_key_by_id(std::string_view account, std::string_view id);
  std::vector<KeyPair*> keys_of(std::string_view account);
  KeyPair& add_key(KeyPair key);
  void erase_key(const KeyPair& key);

  /// What this account may see.
  Image* find_image(std::string_view account, std::string_view id);
  Image* find_image(std::string_view id);
  std::vector<Image*> images_of(std::string_view account);
  Image& add_image(Image image);
  void erase_image(const std::string& id) { images_.erase(id); }
  const std::map<std::string, Image, std::less<>>& images() const { return images_; }

  TokenRecord* find_token(std::string_view account, std::string_view token);
  TokenRecord& add_token(TokenRecord token);
  /// Tokens of reservations whose instances are all gone.
  std::vector<TokenRecord> stale_tokens(WallTime before) const;
  void erase_token(const TokenRecord& token);

  /// Takes the first free address of the subnet; nullopt when all are in use. An address has one
  /// owner in the whole farm, so that also networks with overlapping ranges can be told apart.
  std::optional<std::string> take_address(const Subnet& subnet);
  /// False when it is taken, or no address.
  bool take_address(std::string_view address);
  void free_address(std::string_view address);
  size_t free_addresses(const Subnet& subnet) const;
  /// The instance that holds this address (not a terminated one); null otherwise.
  Instance* by_address(std::string_view address);

  Table<SecurityGroup> groups{"group"};
  Table<Vpc> vpcs{"vpc"};
  Table<SubnetRecord> subnets{"subnet"};
  Table<ElasticAddress> addresses{"address"};
  Table<InstanceProfile> profiles{"profile"};  ///< not of each_table: they have no EC2 id
  Table<Interface> interfaces{"interface"};
  Table<LaunchTemplate> templates{"template"};
  Table<Volume> volumes{"volume"};
  Table<Snapshot> snapshots{"snapshot"};
  Table<PlacementGroup> placement_groups{"placement"};
  Table<SpotRequest> spots{"spot"};
  Table<InternetGateway> gateways{"gateway"};
  Table<RouteTable> routes{"routes"};
  Table<NetworkAcl> acls{"acl"};
  Table<Plain> plains{"plain"};  ///< of all kinds: what carries tags says its kind by its id
  /// Each table of the above, for what is the same for all: loading, tags.
  template <class Each>
  void each_table(Each&& each) {
    each(groups, "sg");
    each(vpcs, "vpc");
    each(subnets, "subnet");
    each(addresses, "eipalloc");
    each(interfaces, "eni");
    each(templates, "lt");
    each(volumes, "vol");
    each(snapshots, "snap");
    each(placement_groups, "pg");
    each(spots, "sir");
    each(gateways, "igw");
    each(routes, "rtb");
    each(acls, "acl");
    each(plains, "");
  }

  // Changes for commit(), from the record as it is now.
  static store::Change put(const Instance& instance);
  static store::Change put(const KeyPair& key);
  static store::Change put(const Image& image);
  static store::Change put(const TokenRecord& token);
  static store::Change remove(const Instance& instance);
  static store::Change remove(const KeyPair& key);
  static store::Change remove(const Image& image);
  static store::Change remove(const TokenRecord& token);
  /// All or nothing, durable on return. `point` names it for crash tests: "ec2.NAME.before",
  /// ".after".
  aio::Task<Result<>> commit(std::string point, std::vector<store::Change> changes);

 private:
  using Pair = std::pair<std::string, std::string>;
  aio::Task<Result<std::vector<store::Entry>>> read_all(std::string prefix);
  /// The first address from this one on that no subnet keeps for those that somebody names.
  uint32_t behind_reservations(uint32_t address) const;

  aio::World& world_;
  store::Store& store_;
  int64_t sequence_ = 0;
  std::map<std::string, Instance, std::less<>> instances_;
  std::map<std::string, std::map<int64_t, Instance*>, std::less<>> by_account_;
  std::map<std::string, Instance*, std::less<>> by_address_;
  std::map<Pair, KeyPair> keys_;
  std::map<std::string, Image, std::less<>> images_;
  std::map<Pair, TokenRecord> tokens_;
  std::set<uint32_t> taken_;  ///< in use, as host-order numbers
};

}  // namespace croft::farm::ec2
