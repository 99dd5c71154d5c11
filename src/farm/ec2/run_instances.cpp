// RunInstances: all checks first, then as many instances as quota, capacity and addresses allow
// between MinCount and MaxCount, recorded durably, then answered as pending; the fleet boots them.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/group_rules.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/launch_templates.h"
#include "farm/ec2/metering.h"
#include "farm/ec2/placement.h"
#include "farm/ec2/snapshots.h"
#include "farm/ec2/spot.h"
#include "farm/ec2/volumes.h"

namespace croft::farm::ec2 {

namespace {

constexpr size_t user_data_limit = 16 << 10;
constexpr std::string_view default_type = "m1.small";
constexpr std::string_view root_device = "/dev/sda1";

/// What all instances of one call share.
struct Launch {
  Instance model;
  const InstanceType* type = nullptr;
  Subnet subnet;
  int64_t min_count = 1;
  int64_t max_count = 1;
  std::string fixed_address;
  std::vector<Volume> volumes;                                     ///< of each instance
  std::string interruption = "terminate", spot_type = "one-time";  ///< of spot instances
  Tags volume_tags;
};

Error invalid(std::string_view parameter, std::string_view value, std::string_view why = "") {
  return aws_error("InvalidParameterValue", 400,
                   fmt::format("Value ({}) for parameter {} is invalid.{}{}", printable(value),
                               parameter, why.empty() ? "" : " ", why));
}

Result<std::string> read_user_data(const Params& params) {
  std::string text = params.text("UserData");
  std::erase_if(text,
                [](char c) { return c == '\n' || c == '\r'; });  // MIME-style base64 is taken too
  auto raw = unbase64(text);
  if (!raw)
    return fail(aws_error("InvalidParameterValue", 400, "Invalid BASE64 encoding of user data"));
  if (raw->size() > user_data_limit)
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("User data is limited to {} bytes", user_data_limit)));
  return std::move(*raw);
}

/// Where an instance shall be, as the call says it: at its top level or of its one interface.
struct Wanted {
  std::string subnet, address;
  std::vector<std::string> groups;
  std::optional<bool> public_address;
};

Result<Wanted> read_wanted(const Params& p) {
  Wanted out{p.text("SubnetId"), p.text("PrivateIpAddress"), p.list("SecurityGroupId"), {}};
  auto interfaces = p.items("NetworkInterface");
  if (interfaces.size() > 1)
    return fail(aws_error("UnsupportedOperation", 400,
                          "This farm gives an instance one network interface"));
  if (interfaces.empty()) return out;
  if (!out.subnet.empty() || !out.groups.empty() || !p.list("SecurityGroup").empty())
    return fail(aws_error("InvalidParameterCombination", 400,
                          "Network interfaces and an instance-level subnet ID or security groups "
                          "may not be specified on the same request"));
  const Params& one = interfaces[0];
  out = {one.text("SubnetId"), TRY(one_address(one)), one.list("SecurityGroupId"), {}};
  if (one.has("AssociatePublicIpAddress"))
    out.public_address = one.flag("AssociatePublicIpAddress");
  return out;
}

/// The subnet that is named, else the default one of the zone.
Result<SubnetRecord*> read_subnet(Core& core, const Call& call, const Wanted& wanted,
                                  const Launch& launch) {
  std::string zone = call.params.text("Placement.AvailabilityZone");
  const auto& zones = core.context.zones;
  if (!zone.empty() && core.zone_index(zone) >= zones.size())
    return fail(invalid("Placement.AvailabilityZone", zone, "The zones are " + join(zones, ", ")));
  auto least = static_cast<size_t>(std::max<int64_t>(launch.min_count, 1));
  auto has_room = [&](const std::string& other) {
    Instance model = launch.model;
    model.zone = other;
    return Placer(core, model).room(least) >= least;
  };
  std::string id = wanted.subnet;
  if (id.empty())
    id = core.subnet_of(call.account(),
                        !zone.empty() ? zone : pick_zone(core, call.account(), has_room));
  SubnetRecord* subnet = core.state.subnets.find(call.account(), id);
  if (!subnet) return fail(not_found(*id_kind("subnet"), {id}));
  if (!zone.empty() && subnet->zone != zone)
    return fail(aws_error("InvalidParameterCombination", 400,
                          "The subnet is not in the availability zone"));
  return subnet;
}

Result<std::vector<std::string>> read_groups(Core& core, const Call& call, const Wanted& wanted,
                                             const SubnetRecord& subnet) {
  constexpr size_t most_groups = 16;
  std::vector<std::string> out;
  for (const std::string& id : wanted.groups) {
    SecurityGroup* group = core.state.groups.find(call.account(), id);
    if (!group) return fail(not_found(*id_kind("sg"), {id}));
    if (group->vpc != subnet.vpc)
      return fail(
          aws_error("InvalidParameter", 400,
                    fmt::format("Security group {} and subnet {} belong to different networks.", id,
                                subnet.id)));
    out.push_back(id);
  }
  for (const std::string& name : call.params.list("SecurityGroup")) {
    SecurityGroup* group = TRY(group_by_name(core, call.account(), name));
    if (group->vpc != subnet.vpc)
      return fail(aws_error("InvalidParameterCombination", 400,
                            "The parameter groupName cannot be used with the parameter subnet"));
    out.push_back(group->id);
  }
  if (out.empty())
    for (SecurityGroup* group : core.state.groups.of(call.account()))
      if (group->vpc == subnet.vpc && group->name == "default") out.push_back(group->id);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > most_groups)
    return fail(aws_error("SecurityGroupsPerInterfaceLimitExceeded", 400,
                          fmt::format("More than {} security groups", most_groups)));
  return out;
}

/// An interface that was made before says all of it.
Result<> read_interface(Core& core, const Call& call, const std::string& id, Launch& launch) {
  Interface* one = core.state.interfaces.find(call.account(), id);
  if (!one) return fail(not_found(*id_kind("eni"), {id}));
  if (Instance* holder = core.instance_of_interface(call.account(), id))
    return fail(aws_error("InvalidNetworkInterface.InUse", 400,
                          fmt::format("The interface '{}' is in use by {}", id, holder->id)));
  if (launch.max_count != 1)
    return fail(invalid("NetworkInterfaceId", id, "It can be given to one instance only"));
  SubnetRecord* subnet = core.state.subnets.find(one->subnet);
  if (!subnet) return fail(not_found(*id_kind("subnet"), {one->subnet}));
  launch.subnet = *parse_network(subnet->cidr);
  launch.model.interface = id;
  launch.model.groups = one->groups;
  launch.model.source_dest_check = one->source_dest_check;
  launch.model.subnet = subnet->id;
  launch.model.vpc = subnet->vpc;
  launch.model.zone = subnet->zone;
  launch.fixed_address = one->address;
  return {};
}

/// Zone, subnet, groups and address.
Result<> read_network(Core& core, const Call& call, Launch& launch) {
  if (auto interfaces = call.params.items("NetworkInterface");
      interfaces.size() == 1 && interfaces[0].has("NetworkInterfaceId"))
    return read_interface(core, call, interfaces[0].text("NetworkInterfaceId"), launch);
  Wanted wanted = TRY(read_wanted(call.params));
  SubnetRecord* subnet = TRY(read_subnet(core, call, wanted, launch));
  launch.subnet = *parse_network(subnet->cidr);
  launch.model.groups = TRY(read_groups(core, call, wanted, *subnet));
  launch.model.subnet = subnet->id;
  launch.model.vpc = subnet->vpc;
  launch.model.zone = subnet->zone;
  launch.model.wants_public = wanted.public_address.value_or(subnet->map_public);
  if (wanted.address.empty()) return {};
  auto number = parse_ipv4(wanted.address);
  if (!number || !launch.subnet.contains(*number))
    return fail(invalid("PrivateIpAddress", wanted.address, "It is not an address of the subnet"));
  if (launch.max_count != 1)
    return fail(
        invalid("PrivateIpAddress", wanted.address, "It can be given to one instance only"));
  launch.fixed_address = wanted.address;
  return {};
}

/// The size of the root disk, and volumes that are made together with each instance.
Result<> read_disks(Core& core, const Params& params, Launch& launch) {
  for (const Params& device : params.items("BlockDeviceMapping")) {
    std::string name = device.text("DeviceName");
    if (name == root_device || name == "/dev/xvda") {
      int64_t size = device.number("Ebs.VolumeSize", launch.model.disk_gib);
      if (size < launch.model.disk_gib && !launch.model.disk_source.empty())
        return fail(aws_error(
            "InvalidBlockDeviceMapping", 400,
            fmt::format("Volume of size {}GB is smaller than snapshot, expect size >= {}GB", size,
                        launch.model.disk_gib)));
      if (!device.flag("Ebs.DeleteOnTermination", true)) return fail(root_disk_goes());
      launch.model.disk_gib = size;
      continue;
    }
    if (device.has("NoDevice") || device.text("VirtualName").starts_with("ephemeral")) continue;
    Volume volume;
    volume.device = name;
    volume.snapshot = device.text("Ebs.SnapshotId");
    const Snapshot* snapshot = seen_snapshot(core, launch.model.account, volume.snapshot);
    if (!volume.snapshot.empty() && !snapshot)
      return fail(not_found(*id_kind("snap"), {volume.snapshot}));
    TRY(check_device(name));
    volume.size_gib = device.number("Ebs.VolumeSize", snapshot ? snapshot->size_gib : 0);
    if (volume.size_gib == 0)
      return fail(aws_error("MissingParameter", 400,
                            "The request must contain the parameter size or snapshotId"));
    volume.type = device.text("Ebs.VolumeType", "gp2");
    volume.delete_on_termination = device.flag("Ebs.DeleteOnTermination", true);
    for (const Volume& other : launch.volumes)
      if (other.folder_name() == volume.folder_name())
        return fail(invalid("deviceName", name, "It is given twice"));
    launch.volumes.push_back(std::move(volume));
  }
  return {};
}

/// By name, or by the last part of its ARN.
Result<std::string> read_profile(Core& core, const Params& p, const std::string& account) {
  std::string name = p.text("IamInstanceProfile.Name"), arn = p.text("IamInstanceProfile.Arn");
  if (name.empty() && arn.empty()) return std::string();
  if (name.empty()) {
    std::string prefix = fmt::format("arn:aws:iam::{}:instance-profile/", account);
    if (arn.starts_with(prefix)) name = arn.substr(prefix.size());
  }
  if (core.state.profiles.find(account, account + "/" + name)) return name;
  return fail(aws_error(
      "InvalidParameterValue", 400,
      fmt::format("Value ({}) for parameter iamInstanceProfile is invalid. Invalid IAM Instance "
                  "Profile; 'croft farm profile add' makes one",
                  printable(name.empty() ? arn : name))));
}

Result<Launch> read_launch(Core& core, const Call& call) {
  const Params& p = call.params;
  Launch launch;
  Instance& model = launch.model;
  launch.min_count = p.number("MinCount", 1);
  launch.max_count = p.number("MaxCount", 1);
  if (launch.min_count > launch.max_count)
    return fail(invalid("minCount", p.text("MinCount"), "It must not be above MaxCount"));
  model.account = call.account();
  Image* image = core.state.find_image(model.account, p.text("ImageId"));
  if (!image) return fail(not_found(*id_kind("ami"), {p.text("ImageId")}));
  model.image = image->id;
  if (image->state != "available")
    return fail(aws_error("InvalidAMIID.Unavailable", 400,
                          fmt::format("The image ID '{}' is {}", image->id, image->state)));
  model.image_folder = image->folder;
  model.disk_gib = image->disk_gib;
  model.reseller = image->reseller;
  model.margin_micros = image->margin_micros;
  if (!image->snapshot.empty()) model.disk_source = core.disk_file(image->snapshot);
  model.type = p.text("InstanceType", default_type);
  launch.type = find_instance_type(model.type);
  if (!launch.type) {
    std::string hint = did_you_mean(model.type, instance_type_names());
    return fail(invalid("InstanceType", model.type, hint));
  }
  model.placement_group = p.text("Placement.GroupName");
  auto groups = core.state.placement_groups.of(model.account);
  if (!model.placement_group.empty() &&
      std::ranges::find(groups, model.placement_group, &PlacementGroup::name) == groups.end())
    return fail(aws_error(
        "InvalidPlacementGroup.Unknown", 400,
        fmt::format("The Placement Group '{}' is unknown.", printable(model.placement_group))));
  TRY(read_market(core, call, model));
  constexpr std::string_view spot = "InstanceMarketOptions.SpotOptions.";
  launch.interruption = p.text(fmt::format("{}InstanceInterruptionBehavior", spot), "terminate");
  launch.spot_type = p.text(fmt::format("{}SpotInstanceType", spot), "one-time");
  model.key_name = p.text("KeyName");
  if (!model.key_name.empty() && !core.state.find_key(model.account, model.key_name))
    return fail(
        aws_error("InvalidKeyPair.NotFound", 400,
                  fmt::format("The key pair '{}' does not exist", printable(model.key_name))));
  model.user_data = TRY(read_user_data(p));
  model.client_token = p.text("ClientToken");
  model.profile = TRY(read_profile(core, p, model.account));
  model.shutdown_behavior = p.text("InstanceInitiatedShutdownBehavior", "stop");
  model.termination_protection = p.flag("DisableApiTermination");
  model.stop_protection = p.flag("DisableApiStop");
  model.monitoring = p.flag("Monitoring.Enabled");
  model.tokens_required = p.text("MetadataOptions.HttpTokens") == "required";
  model.metadata_enabled = p.text("MetadataOptions.HttpEndpoint", "enabled") == "enabled";
  model.metadata_tags = p.text("MetadataOptions.InstanceMetadataTags") == "enabled";
  model.hop_limit = static_cast<int>(p.number("MetadataOptions.HttpPutResponseHopLimit", 1));
  auto specs = TRY(read_tag_specs(p, {"instance", "volume", "network-interface"}));
  model.tags = tags_for(specs, "instance");
  model.volume_tags = launch.volume_tags = tags_for(specs, "volume");
  model.interface_tags = tags_for(specs, "network-interface");
  TRY(read_disks(core, p, launch));
  TRY(read_network(core, call, launch));
  return launch;
}

/// How many to start now: MinCount at least, or the error that says what is short.
Result<size_t> how_many(Core& core, const Call& call, const Launch& launch) {
  int64_t quota = call.caller.account->quotas.instances;
  int64_t left = quota - core.state.count_owned(call.account());
  if (left < launch.min_count)
    return fail(aws_error(
        "InstanceLimitExceeded", 400,
        fmt::format("You have requested more instances ({}) than your current instance limit of {} "
                    "allows; {} are in use",
                    launch.min_count, quota, quota - left)));
  int64_t room = static_cast<int64_t>(core.capacity.room_for(*launch.type, core.state));
  int64_t addresses = static_cast<int64_t>(core.state.free_addresses(launch.subnet));
  if (!launch.model.interface.empty()) addresses = 1;
  if (addresses < launch.min_count)
    return fail(aws_error(
        "InsufficientFreeAddressesInSubnet", 400,
        fmt::format("The subnet {} has {} free addresses", launch.model.subnet, addresses)));
  room = std::min(room, addresses);
  int64_t places =
      static_cast<int64_t>(Placer(core, launch.model).room(static_cast<size_t>(launch.max_count)));
  if (places < launch.min_count)
    return fail(aws_error(
        "InsufficientInstanceCapacity", 500,
        fmt::format("The hosts of {} have room for {} more {} instances; at least {} were asked "
                    "for",
                    launch.model.zone, places, launch.type->name, launch.min_count)));
  room = std::min(room, places);
  if (room < launch.min_count)
    return fail(aws_error(
        "InsufficientInstanceCapacity", 500,
        fmt::format("This machine has room for {} more {} instances; at least {} were asked for",
                    room, launch.type->name, launch.min_count)));
  return static_cast<size_t>(std::min({launch.max_count, left, room}));
}

Answer reservation_answer(Core& core, std::string_view account, std::string_view reservation) {
  auto instances = core.state.reservation(account, reservation);
  Xml xml;
  write_reservation(xml, core, instances);
  return xml.take();
}

/// The records of the whole reservation, in memory; their changes for the store.
Result<std::vector<std::string>> record(Core& core, const Launch& launch, size_t count,
                                        std::vector<store::Change>& changes) {
  aio::Random& random = core.context.world.random;
  std::string reservation = new_id(random, "r");
  std::vector<std::string> ids;
  Placer placer(core, launch.model);
  for (size_t index = 0; index < count; ++index) {
    Instance instance = launch.model;
    instance.host = TRY(placer.next());
    if (!launch.fixed_address.empty()) {
      if (launch.model.interface.empty() && !core.state.take_address(launch.fixed_address))
        return fail(aws_error("InvalidIPAddress.InUse", 400,
                              fmt::format("Address {} is in use", launch.fixed_address)));
      instance.private_address = launch.fixed_address;
    } else {
      auto address = core.state.take_address(launch.subnet);
      CHECK(address, "addresses were counted before they were taken");
      instance.private_address = *address;
    }
    if (instance.wants_public) instance.public_address = core.take_public_address();
    do instance.id = new_id(random, "i");
    while (core.state.find_instance(instance.id));
    instance.reservation = reservation;
    instance.sequence = core.state.next_sequence();
    instance.launch_index = static_cast<int>(index);
    instance.created = instance.launched = core.now();
    ids.push_back(instance.id);
    if (instance.price_micros > 0 && instance.spot_request.empty())
      add_spot_record(core, instance, launch.interruption, launch.spot_type, changes);
    for (Volume volume : launch.volumes) {
      volume.id = new_id(random, "vol");
      volume.account = instance.account;
      volume.zone = instance.zone;
      volume.instance = instance.id;
      volume.created = volume.attached = core.now();
      volume.used = true;
      volume.tags = launch.volume_tags;
      changes.push_back(metered(volume, true, core.now()));
      changes.push_back(core.state.volumes.put(core.state.volumes.add(std::move(volume))));
    }
    changes.push_back(State::put(core.state.add_instance(std::move(instance))));
  }
  return ids;
}

}  // namespace

aio::Task<Answer> run_instances(Core& core, Call call) {
  std::string account = call.account(), token = call.params.text("ClientToken");
  std::string fingerprint = call.params.fingerprint("ClientToken");
  if (!token.empty()) {
    if (TokenRecord* known = core.state.find_token(account, token)) {
      if (known->fingerprint != fingerprint)
        co_return fail(aws_error("IdempotentParameterMismatch", 400,
                                 "The client token was used before with other parameters"));
      CO_TRY(call.effect());
      // The first call may still be waiting for its commit: this one answers no earlier than that.
      std::string reservation = known->reservation;
      std::vector<store::Change> again{State::put(*known)};
      for (Instance* instance : core.state.reservation(account, reservation))
        again.push_back(State::put(*instance));
      CO_TRY(co_await core.state.commit("run-again", std::move(again)));
      co_return reservation_answer(core, account, reservation);
    }
  }
  Tags origin = CO_TRY(template_tags(core, call));
  call.params = CO_TRY(with_template(core, call));
  if (!call.params.has("ImageId"))
    co_return fail(
        aws_error("MissingParameter", 400, "The request must contain the parameter ImageId"));
  Launch launch = CO_TRY(read_launch(core, call));
  launch.model.tags.insert(origin.begin(), origin.end());
  size_t count = CO_TRY(how_many(core, call, launch));
  CO_TRY(call.effect());

  std::vector<store::Change> changes;
  auto ids = CO_TRY(record(core, launch, count, changes));
  std::string reservation = core.state.find_instance(ids.front())->reservation;
  TokenRecord record_of_token{account, token, fingerprint, reservation, core.now()};
  if (!token.empty()) changes.push_back(State::put(core.state.add_token(record_of_token)));
  if (auto done = co_await core.state.commit("run", std::move(changes)); !done) {
    for (const std::string& id : ids) {
      for (const std::string& volume : volumes_of(core, id)) core.state.volumes.erase(volume);
      core.state.erase_instance(id);
    }
    if (!token.empty()) core.state.erase_token(record_of_token);
    co_return fail(std::move(done).error());
  }
  Answer answer = reservation_answer(core, account, reservation);
  CO_TRY(co_await core.tell_networks());
  for (const std::string& id : ids) core.fleet.kick(id);
  co_return answer;
}

}  // namespace croft::farm::ec2
