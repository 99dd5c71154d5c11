// What every EC2 action works with: the farm's parts, one checked call, and the table of actions.
// One mechanism checks parameters, filters, pages and DryRun for all of them. Loop thread only.
#pragma once
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "farm/api/context.h"
#include "farm/ec2/faults.h"
#include "farm/ec2/filter.h"
#include "farm/ec2/fleet.h"
#include "farm/ec2/page.h"
#include "farm/ec2/params.h"
#include "farm/ec2/request_limits.h"
#include "farm/ec2/state.h"
#include "farm/ec2/xml.h"

namespace croft::farm::ec2 {

class InstanceFleets;
class Spots;

/// What this machine can carry. Instances are given less than they are promised: most of them idle.
struct Capacity {
  Bytes memory = Bytes::gib(24);
  int cores = 2;
  int memory_overcommit = 12;  ///< 500 of the smallest on 24 GiB
  int cpu_overcommit = 128;
  size_t instances = 1000;

  /// Of this machine, from the kernel.
  static Capacity of_this_machine();
  /// Of machines that are records.
  static Capacity of_records();
  /// How many more instances of `type` fit beside `live` ones.
  size_t room_for(const InstanceType& type, const State& state) const;
};

struct Core {
  Context& context;
  State& state;
  Fleet& fleet;
  Capacity capacity;
  Faults* faults = nullptr;          ///< failures on purpose; null: none
  InstanceFleets* fleets = nullptr;  ///< null: nothing of fleets that ends is replaced
  Spots* spots = nullptr;            ///< null: requests for spot instances stay open

  /// Made so lately that a lagging farm does not show it yet.
  bool hidden(const Instance& instance) const;
  /// Its state, or on a lagging farm the one before.
  InstanceState shown_state(const Instance& instance) const;
  WallTime now() const { return context.world.clock.wall(); }
  size_t zone_index(std::string_view zone) const;  ///< zones.size() when unknown
  // The default network of an account: ids worked out once, for lists of a thousand instances.
  const std::string& vpc_of(std::string_view account) const;
  const std::string& subnet_of(std::string_view account, std::string_view zone) const;
  const std::string& default_group_of(std::string_view account) const;
  /// Its records, in memory; they reach the store with their first change.
  /// True when they were made now: the packet filter has not heard of the group yet.
  bool ensure_defaults(const std::string& account);
  void ensure_routes(const std::string& account);
  /// Before Fleet::recover(): the packet filter hears of all groups and public addresses.
  aio::Task<Result<>> open();
  /// Tells the packet filter, after the record is durable.
  aio::Task<Result<>> tell_groups(std::vector<std::string> ids);
  /// The same about ACLs and peerings. It must hear of an instance's address before that boots.
  aio::Task<Result<>> tell_networks();
  /// A free one of 198.18.0.0/15, which no network uses; given back with State::free_address.
  std::string take_public_address();
  std::string disk_file(std::string_view id) const;  ///< of a volume or snapshot
  sandbox::VolumeSpec volume_spec(const Volume& volume) const;
  /// The root disk of an instance as a volume; it has no record of its own.
  Volume root_volume(const Instance& instance) const;
  /// Whose root disk or own interface that is, as these have no record; null: nobody's.
  Instance* owner_of_part(std::string_view account, std::string_view id);
  /// Its elastic address, else the one of its own; empty: none.
  std::string public_of(const Instance& instance) const;
  std::string profile_arn(const Instance& instance) const;
  std::string profile_id(const Instance& instance) const;
  std::string interface_of(const Instance& instance) const;
  Instance* instance_of_interface(std::string_view account, std::string_view interface) const;
  std::string group_name(const std::string& id) const;
  std::string public_dns(const std::string& address) const;
  /// "ip-10-77-0-5.ec2.internal"
  std::string private_dns(const Instance& instance) const;

  const std::string& derived(std::string_view prefix, std::string_view account,
                             std::string_view name) const;
  mutable std::map<std::string, std::string, std::less<>> derived_ids = {};
  std::set<std::string> known_accounts = {};
  std::set<std::string> importing = {};  ///< files of DATA/images that are on their way
  std::set<std::string> filling = {};    ///< fleets that are being launched for right now
  bool sweep_disks = false;              ///< while nobody copies one
  bool borders_told = false;             ///< the packet filter knows of some ACL or peering
  RequestLimits limits = {};
};

struct Call {
  std::string_view action;
  Params params;
  Caller caller;
  std::vector<Filter> filters;
  Page page;
  bool dry_run = false;
  std::string spot_request;  ///< that this launch fulfils

  std::string account() const {
    return caller.account ? caller.account->account_id : std::string();
  }
  /// Stands in every changing action between its checks and its first effect: DryRun ends here.
  Result<> effect() const;
};

using Answer = Result<std::string>;
using ReadHandler = Answer (*)(Core&, const Call&);
using ChangeHandler = aio::Task<Answer> (*)(Core&, Call);

struct Action {
  std::string_view name;
  Schema parameters;
  ReadHandler read = nullptr;      ///< one of the two
  ChangeHandler change = nullptr;  ///< must ask Call::effect() before its first effect
  bool filters = false;
  int64_t page_from = 0;           ///< smallest MaxResults; 0: not paged
  std::string_view page_ids = "";  ///< parameter that excludes MaxResults
};

std::span<const Action> actions();
/// Of one topic, for the table of all.
std::span<const Action> instance_actions();
std::span<const Action> group_actions();
std::span<const Action> rule_actions();
std::span<const Action> network_actions();
std::span<const Action> address_actions();
std::span<const Action> route_actions();
std::span<const Action> volume_actions();
std::span<const Action> snapshot_actions();
std::span<const Action> image_actions();
std::span<const Action> interface_actions();
std::span<const Action> placement_actions();
std::span<const Action> spot_actions();
std::span<const Action> template_actions();
std::span<const Action> internet_gateway_actions();
std::span<const Action> range_actions();
std::span<const Action> sharing_actions();
std::span<const Action> setting_actions();
std::span<const Action> option_actions();
std::span<const Action> gateway_actions();
std::span<const Action> vpn_actions();
std::span<const Action> endpoint_actions();
std::span<const Action> peering_actions();
std::span<const Action> prefix_actions();
std::span<const Action> acl_actions();
std::span<const Action> transit_actions();
std::span<const Action> attachment_actions();
std::span<const Action> transit_route_actions();
std::span<const Action> fleet_actions();
std::span<const Action> host_actions();
std::span<const Action> reservation_actions();
std::span<const Action> modification_actions();
const Action* find_action(std::string_view name);

/// Checks the call against the table and runs it.
aio::Task<Answer> dispatch(Core& core, const Ec2Request& request);

/// The end of a changing action: commits, together with what the ClientToken stands for, and
/// answers.
aio::Task<Answer> finish(Core& core, const Call& call, std::string point,
                         std::vector<store::Change> changes, std::string answer);

// ---- shared by actions
// ----------------------------------------------------------------------------

struct TagSpec {
  std::string resource_type;
  Tags tags;
};
/// TagSpecification.N of a call for the given resource types; InvalidParameterValue for others.
Result<std::vector<TagSpec>> read_tag_specs(const Params& params,
                                            std::initializer_list<std::string_view> types);
/// Of `specs`, those for one type.
Tags tags_for(const std::vector<TagSpec>& specs, std::string_view type);
/// Keys, lengths, the aws: prefix, and at most 50 in all.
/// "us-east-1a" -> "use1-az1": stands for the physical zone in EC2.
std::string zone_id(std::string_view region, size_t index);
Result<> check_tag(std::string_view key, std::string_view value);
Result<> check_tag_count(const Tags& tags);
void write_tags(Xml& xml, const Tags& tags);
/// The same, also when there are none.
void write_tag_set(Xml& xml, const Tags& tags);

/// All the instances named by InstanceId.N, of this account; NotFound names those that are missing.
Result<std::vector<Instance*>> named_instances(Core& core, const Call& call,
                                               std::string_view parameter);
void write_state(Xml& xml, std::string_view name, InstanceState state);
/// "vol-" and the rest of the instance's id: what belongs to it and has no record.
std::string sub_id(std::string_view prefix, const Instance& instance);
/// groupSet and blockDeviceMapping of an instance.
void write_groups(Xml& xml, Core& core, const Instance& instance);
void write_devices(Xml& xml, Core& core, const Instance& instance);
/// reservationId, ownerId, groupSet, instancesSet.
void write_reservation(Xml& xml, Core& core, std::span<Instance* const> instances);
/// reservationSet.
void write_reservations(Xml& xml, Core& core,
                        const std::vector<std::vector<Instance*>>& reservations);

}  // namespace croft::farm::ec2
