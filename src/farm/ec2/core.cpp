#include "farm/ec2/core.h"

#include <unistd.h>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/group_rules.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/network_acls.h"
#include "farm/ec2/not_offered.h"
#include "farm/ec2/peering.h"

namespace croft::farm::ec2 {

Capacity Capacity::of_this_machine() {
  Capacity out;
  long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE),
       cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  if (pages > 0 && size > 0) out.memory = Bytes(static_cast<int64_t>(pages) * size);
  if (cores > 0) out.cores = static_cast<int>(cores);
  return out;
}

Capacity Capacity::of_records() {
  Capacity out;
  out.memory = Bytes::gib(1'000'000);
  out.cores = 1'000'000;
  out.instances = 100'000;
  return out;
}

size_t Capacity::room_for(const InstanceType& type, const State& state) const {
  int64_t memory_left = memory.count() * memory_overcommit;
  int64_t cpu_left = int64_t{1000} * cores * cpu_overcommit;
  int64_t slots = static_cast<int64_t>(instances);
  for (const auto& [id, instance] : state.instances()) {
    if (!is_live(instance.state)) continue;
    --slots;
    const InstanceType* taken = find_instance_type(instance.type);
    if (!taken) continue;
    memory_left -= taken->memory().count();
    cpu_left -= taken->cpu_permille;
  }
  int64_t room =
      std::min({slots, memory_left / type.memory().count(), cpu_left / type.cpu_permille});
  return static_cast<size_t>(std::max<int64_t>(room, 0));
}

size_t Core::zone_index(std::string_view zone) const {
  return static_cast<size_t>(std::ranges::find(context.zones, zone) - context.zones.begin());
}

const std::string& Core::derived(std::string_view prefix, std::string_view account,
                                 std::string_view name) const {
  std::string key;
  key.append(prefix).append("/").append(account).append("/").append(name);
  auto found = derived_ids.find(key);
  if (found == derived_ids.end())
    found = derived_ids.emplace(std::move(key), derived_id(prefix, account, name)).first;
  return found->second;
}

const std::string& Core::vpc_of(std::string_view account) const {
  return derived("vpc", account, "default");
}

const std::string& Core::subnet_of(std::string_view account, std::string_view zone) const {
  return derived("subnet", account, zone);
}

const std::string& Core::default_group_of(std::string_view account) const {
  return derived("sg", account, "default");
}

bool Core::ensure_defaults(const std::string& account) {
  if (account.empty() || known_accounts.contains(account)) return false;
  known_accounts.insert(account);
  if (std::string id = vpc_of(account); !state.vpcs.find(id)) {
    Vpc vpc;
    vpc.id = id;
    vpc.account = account;
    vpc.cidr = std::string(network_text);
    vpc.is_default = vpc.dns_hostnames = true;
    state.vpcs.add(std::move(vpc));
  }
  for (size_t zone = 0; zone < context.zones.size(); ++zone) {
    SubnetRecord subnet;
    subnet.id = subnet_of(account, context.zones[zone]);
    if (state.subnets.find(subnet.id)) continue;
    subnet.account = account;
    subnet.vpc = vpc_of(account);
    subnet.zone = context.zones[zone];
    subnet.cidr = ec2::subnet_of(zone, context.zones.size()).text();
    subnet.is_default = true;
    state.subnets.add(std::move(subnet));
  }
  SecurityGroup group;
  group.id = default_group_of(account);
  if (!state.groups.find(group.id)) {
    group.account = account;
    group.vpc = vpc_of(account);
    group.name = "default";
    group.description = "default VPC security group";
    GroupRule mates, all_out;
    mates.id = derived("sgr", account, "default/in");
    mates.group = group.id;
    all_out.id = derived("sgr", account, "default/out");
    all_out.egress = true;
    all_out.cidr = "0.0.0.0/0";
    group.rules = {mates, all_out};
    state.groups.add(std::move(group));
  }
  ensure_routes(account);
  return true;
}

/// The way out that a default network has; it leads to public addresses of this farm only.
void Core::ensure_routes(const std::string& account) {
  std::string vpc = vpc_of(account), gateway = derived("igw", account, "default");
  if (!state.gateways.find(gateway)) state.gateways.add({gateway, account, vpc, {}});
  std::string id = derived("rtb", account, "default");
  if (state.routes.find(id)) return;
  RouteTable table;
  table.id = id;
  table.account = account;
  table.vpc = vpc;
  table.main = true;
  table.routes = {{"0.0.0.0/0", gateway}};
  table.associations = {{derived("rtbassoc", account, "default"), ""}};
  state.routes.add(std::move(table));
}

aio::Task<Result<>> Core::tell_groups(std::vector<std::string> ids) {
  std::vector<sandbox::PacketGroup> packets;
  for (const std::string& id : ids)
    if (SecurityGroup* group = state.groups.find(id)) packets.push_back(packets_of(state, *group));
  co_return co_await fleet.machines().set_groups(std::move(packets));
}

aio::Task<Result<>> Core::tell_networks() {
  sandbox::PacketNetworks networks{peers_of(*this), borders_of(*this)};
  bool any = !networks.peers.empty() || !networks.borders.empty();
  // Where nobody ever had an ACL or a peering of their own, launches cost nothing more.
  if (!any && !borders_told) co_return Result<>{};
  borders_told = any;
  co_return co_await fleet.machines().set_networks(std::move(networks));
}

aio::Task<Result<>> Core::open() {
  std::vector<std::string> ids;
  for (const auto& [id, unused] : state.instances()) {
    Instance& instance = *state.find_instance(id);
    ensure_defaults(instance.account);
    // A record of the time before networks could be made.
    if (instance.vpc.empty()) {
      instance.vpc = vpc_of(instance.account);
      instance.subnet = subnet_of(instance.account, instance.zone);
      instance.groups = {default_group_of(instance.account)};
    }
  }
  for (const auto& [id, group] : state.groups.all()) ids.push_back(id);
  CO_TRY(co_await tell_groups(std::move(ids)));
  CO_TRY(co_await tell_networks());
  for (const auto& [id, address] : state.addresses.all())
    if (Instance* instance = state.find_instance(address.instance))
      CO_TRY(co_await fleet.machines().set_public(address.address, instance->private_address));
    else if (Interface* interface = state.interfaces.find(address.holder))
      CO_TRY(co_await fleet.machines().set_public(address.address, interface->address));
  for (const auto& [id, instance] : state.instances())
    if (!instance.public_address.empty() && is_live(instance.state))
      CO_TRY(
          co_await fleet.machines().set_public(instance.public_address, instance.private_address));
  co_return Result<>{};
}

std::string Core::take_public_address() {
  constexpr uint32_t base = (198u << 24) | (18u << 16);  // set aside for tests of networks
  constexpr uint64_t size = uint64_t{1} << 17;
  for (;;) {
    auto number = base + static_cast<uint32_t>(context.world.random.below(size));
    if ((number & 255) == 0 || (number & 255) == 255) continue;
    std::string text = ipv4_text(number);
    if (state.take_address(text)) return text;
  }
}

std::string Core::disk_file(std::string_view id) const {
  return fmt::format("{}/disks/{}.img", context.data, id);
}

sandbox::VolumeSpec Core::volume_spec(const Volume& volume) const {
  sandbox::VolumeSpec out;
  out.name = volume.folder_name();
  out.image = disk_file(volume.id);
  const Snapshot* snapshot = state.snapshots.find(volume.snapshot);
  if (snapshot && !snapshot->empty) out.source = disk_file(snapshot->id);
  out.size = Bytes::gib(volume.size_gib);
  return out;
}

Volume Core::root_volume(const Instance& instance) const {
  Volume out;
  out.id = "vol-" + instance.id.substr(2);
  out.account = instance.account;
  out.zone = instance.zone;
  out.size_gib = instance.disk_gib;
  if (const Image* image = state.find_image(instance.image)) out.snapshot = image->snapshot;
  out.created = out.attached = instance.created;
  out.instance = instance.id;
  out.device = "/dev/sda1";
  out.delete_on_termination = out.used = true;
  out.tags = instance.volume_tags;
  return out;
}

Instance* Core::owner_of_part(std::string_view account, std::string_view id) {
  size_t dash = id.find('-');
  if (dash == id.npos) return nullptr;
  Instance* instance = state.find_instance(account, "i-" + std::string(id.substr(dash + 1)));
  if (!instance || instance->state == InstanceState::terminated) return nullptr;
  bool own = instance->interface.empty() && id == interface_of(*instance);
  return own || id == root_volume(*instance).id ? instance : nullptr;
}

std::string Core::public_of(const Instance& instance) const {
  if (instance.state == InstanceState::terminated) return "";
  for (const auto& [id, address] : state.addresses.all())
    if (address.instance == instance.id ||
        (!address.holder.empty() && address.holder == instance.interface))
      return address.address;
  return instance.public_address;
}

std::string Core::public_dns(const std::string& address) const {
  if (address.empty()) return "";
  std::string name = "ec2-" + replace_all(address, ".", "-");
  if (context.region == "us-east-1") return name + ".compute-1.amazonaws.com";
  return fmt::format("{}.{}.compute.amazonaws.com", name, context.region);
}

std::string Core::profile_arn(const Instance& instance) const {
  return fmt::format("arn:aws:iam::{}:instance-profile/{}", instance.account, instance.profile);
}

std::string Core::profile_id(const Instance& instance) const {
  const std::string& id = derived("profile", instance.account, instance.profile);
  return "AIPA" + to_upper(id.substr(id.find('-') + 1));
}

bool Core::hidden(const Instance& instance) const {
  return faults && instance.created > faults->seen_until();
}

InstanceState Core::shown_state(const Instance& instance) const {
  return faults && instance.changed > faults->seen_until() ? instance.state_before : instance.state;
}

std::string Core::interface_of(const Instance& instance) const {
  return instance.interface.empty() ? "eni-" + instance.id.substr(2) : instance.interface;
}

Instance* Core::instance_of_interface(std::string_view account, std::string_view interface) const {
  for (Instance* instance : state.instances_of(account))
    if (instance->state != InstanceState::terminated && interface_of(*instance) == interface)
      return instance;
  return nullptr;
}

std::string Core::group_name(const std::string& id) const {
  const SecurityGroup* group = state.groups.find(id);
  return group ? group->name : id;
}

std::string Core::private_dns(const Instance& instance) const {
  if (instance.state == InstanceState::terminated) return "";
  if (context.region == "us-east-1") return instance.hostname() + ".ec2.internal";
  return fmt::format("{}.{}.compute.internal", instance.hostname(), context.region);
}

Result<> Call::effect() const {
  if (!dry_run) return {};
  return fail(
      aws_error("DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set."));
}

// ---- tags
// -----------------------------------------------------------------------------------------

namespace {

constexpr size_t max_tags = 50;

size_t characters(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

}  // namespace

Result<> check_tag(std::string_view key, std::string_view value) {
  if (key.empty())
    return fail(
        aws_error("MissingParameter", 400, "The request must contain the parameter tag key"));
  if (key.starts_with("aws:"))
    return fail(aws_error("InvalidParameterValue", 400,
                          "Tag keys starting with 'aws:' are reserved for internal use"));
  if (characters(key) > 128)
    return fail(aws_error("InvalidParameterValue", 400,
                          "Tag key exceeds the maximum length of 128 characters"));
  if (characters(value) > 256)
    return fail(aws_error("InvalidParameterValue", 400,
                          "Tag value exceeds the maximum length of 256 characters"));
  return {};
}

Result<> check_tag_count(const Tags& tags) {
  if (tags.size() <= max_tags) return {};
  return fail(aws_error("TagLimitExceeded", 400,
                        fmt::format("More than {} tags on one resource", max_tags)));
}

Result<std::vector<TagSpec>> read_tag_specs(const Params& params,
                                            std::initializer_list<std::string_view> types) {
  std::vector<TagSpec> out;
  auto groups = params.items("TagSpecification");
  // Some actions call it so.
  for (Params& group : params.items("TagSpecifications")) groups.push_back(std::move(group));
  for (const Params& group : groups) {
    TagSpec spec{group.text("ResourceType"), {}};
    if (std::ranges::find(types, spec.resource_type) == types.end())
      return fail(
          aws_error("InvalidParameterValue", 400,
                    fmt::format("'{}' is not a valid taggable resource type for this operation",
                                spec.resource_type)));
    for (const Params& tag : group.items("Tag")) {
      std::string key = tag.text("Key"), value = tag.text("Value");
      TRY(check_tag(key, value));
      if (!spec.tags.emplace(key, value).second)
        return fail(aws_error("InvalidParameterValue", 400,
                              fmt::format("Duplicate tag key '{}' specified", key)));
    }
    TRY(check_tag_count(spec.tags));
    out.push_back(std::move(spec));
  }
  return out;
}

Tags tags_for(const std::vector<TagSpec>& specs, std::string_view type) {
  Tags out;
  for (const TagSpec& spec : specs)
    if (spec.resource_type == type) out.insert(spec.tags.begin(), spec.tags.end());
  return out;
}

void write_tags(Xml& xml, const Tags& tags) {
  if (!tags.empty()) write_tag_set(xml, tags);
}

void write_tag_set(Xml& xml, const Tags& tags) {
  xml.list("tagSet", tags,
           [&](const auto& tag) { xml.text("key", tag.first).text("value", tag.second); });
}

// ---- dispatch
// -------------------------------------------------------------------------------------

namespace {

constexpr Param dry_run_param[] = {{"DryRun", Kind::boolean}};

/// What the table's flags add to the schema of an action.
std::vector<Param> common_params(const Action& action) {
  std::vector<Param> out(std::begin(dry_run_param), std::end(dry_run_param));
  if (action.filters) out.insert(out.end(), std::begin(filter_params), std::end(filter_params));
  if (action.page_from > 0) {
    out.push_back({"MaxResults", Kind::integer, false, "", action.page_from, 1000});
    out.push_back({"NextToken", Kind::text, false, "", 0, 1024});
  }
  return out;
}

}  // namespace

aio::Task<Answer> finish(Core& core, const Call& call, std::string point,
                         std::vector<store::Change> changes, std::string answer) {
  std::string token = call.params.text("ClientToken");
  if (token.empty()) {
    CO_TRY(co_await core.state.commit(std::move(point), std::move(changes)));
    co_return answer;
  }
  TokenRecord record{call.account(),
                     fmt::format("{}/{}", call.action, token),
                     call.params.fingerprint("ClientToken"),
                     "",
                     core.now(),
                     answer};
  changes.push_back(State::put(core.state.add_token(record)));
  auto done = co_await core.state.commit(std::move(point), std::move(changes));
  if (!done) {
    core.state.erase_token(record);
    co_return fail(std::move(done).error());
  }
  co_return answer;
}

namespace {

/// What a ClientToken was answered before, by an action that ends with finish().
Result<std::optional<std::string>> answered_before(Core& core, const Call& call) {
  std::string token = call.params.text("ClientToken");
  if (token.empty()) return std::nullopt;
  TokenRecord* known =
      core.state.find_token(call.account(), fmt::format("{}/{}", call.action, token));
  if (!known) return std::nullopt;
  if (known->fingerprint != call.params.fingerprint("ClientToken"))
    return fail(aws_error("IdempotentParameterMismatch", 400,
                          "The client token was used before with other parameters"));
  TRY(call.effect());
  return known->answer;
}

Result<> take_tokens(Core& core, const Action& action, const Call& call) {
  RequestLimits::Use use{action.name, "", action.change != nullptr, false, 0};
  std::string account = call.account();
  use.account = account;
  bool named = !action.page_ids.empty() && !call.params.list(action.page_ids).empty();
  use.narrow = named || !call.filters.empty() || call.params.has("MaxResults");
  if (action.name == "RunInstances")
    use.instances = call.params.number("MaxCount", 1);
  else if (action.name.ends_with("Instances") && use.changes)
    use.instances = static_cast<int64_t>(call.params.list("InstanceId").size());
  return core.limits.take(use, core.context.world.clock.now());
}

}  // namespace

const Action* find_action(std::string_view name) {
  for (const Action& action : actions())
    if (action.name == name) return &action;
  return nullptr;
}

aio::Task<Answer> dispatch(Core& core, const Ec2Request& request) {
  const Action* action = find_action(request.action);
  if (!action) co_return fail(no_such_action(request.action));
  std::string account = request.caller.account ? request.caller.account->account_id : "";
  if (core.faults) CO_TRY(core.faults->meet(action->name, account));
  if (core.context.disk_full && action->change)
    co_return fail(Code::resource_exhausted, "the farm's disk is full (on purpose: a fault)");
  Call call;
  call.action = action->name;
  call.caller = request.caller;
  call.params =
      CO_TRY(Params::check(action->parameters, common_params(*action), request.parameters));
  if (action->filters) call.filters = CO_TRY(read_filters(call.params));
  if (action->page_from > 0)
    call.page = CO_TRY(read_page(action->name, call.params, action->page_ids));
  call.dry_run = call.params.flag("DryRun");
  if (core.context.request_limits) CO_TRY(take_tokens(core, *action, call));
  if (core.ensure_defaults(call.account()))
    CO_TRY(co_await core.tell_groups({core.default_group_of(call.account())}));
  if (auto before = CO_TRY(answered_before(core, call))) co_return std::move(*before);
  if (action->change) co_return co_await action->change(core, std::move(call));
  Answer answer = action->read(core, call);
  if (answer) CO_TRY(call.effect());
  co_return answer;
}

}  // namespace croft::farm::ec2
