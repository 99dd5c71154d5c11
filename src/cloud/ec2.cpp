// The typed EC2 calls: parameters out, XML in.
#include "cloud/ec2.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cloud/ec2_parts.h"

namespace croft::cloud {
namespace {

using wire::xml::Element;

constexpr size_t ids_per_call = 500;
constexpr int pages_max = 10'000;
constexpr size_t user_data_max = 16 << 10;
constexpr size_t token_max = 64;

/// The low byte of the code counts; the name is only for reading.
InstanceState state_of(Element state) {
  auto code = parse_u64(trim(text(state, "code")));
  if (!code) return instance_state_from_name(text(state, "name"));
  switch (*code & 0xff) {
    case 0:
      return InstanceState::pending;
    case 16:
      return InstanceState::running;
    case 32:
      return InstanceState::shutting_down;
    case 48:
      return InstanceState::terminated;
    case 64:
      return InstanceState::stopping;
    case 80:
      return InstanceState::stopped;
    default:
      return InstanceState::unknown;
  }
}

Instance instance_of(Element item, const std::string& reservation, const std::string& owner) {
  Instance out;
  out.id = text(item, "instanceId");
  out.reservation_id = reservation;
  out.owner_id = owner;
  out.image_id = text(item, "imageId");
  out.state = state_of(item.child("instanceState"));
  out.state_reason_code = text(item.child("stateReason"), "code");
  out.state_reason = text(item.child("stateReason"), "message");
  if (out.state_reason.empty()) out.state_reason = text(item, "reason");
  out.instance_type = text(item, "instanceType");
  out.zone = text(item.child("placement"), "availabilityZone");
  out.private_address = text(item, "privateIpAddress");
  out.public_address = text(item, "ipAddress");
  out.private_dns = text(item, "privateDnsName");
  out.public_dns = text(item, "dnsName");
  out.key_name = text(item, "keyName");
  out.client_token = text(item, "clientToken");
  out.launch_time = text(item, "launchTime");
  out.launch_index = static_cast<int>(parse_u64(trim(text(item, "amiLaunchIndex"))).value_or(0));
  out.tags = tags_of(item);
  return out;
}

Result<Reservation> reservation_of(Element element) {
  Reservation out;
  out.id = text(element, "reservationId");
  std::string owner = text(element, "ownerId");
  for (Element item : element.child("instancesSet").children("item")) {
    out.instances.push_back(instance_of(item, out.id, owner));
    if (out.instances.back().id.empty())
      return fail(Code::corrupt, "the farm described an instance without an instanceId");
  }
  return out;
}

KeyPair key_pair_of(Element element) {
  KeyPair out;
  out.name = text(element, "keyName");
  out.id = text(element, "keyPairId");
  out.fingerprint = text(element, "keyFingerprint");
  out.material = Secret(text(element, "keyMaterial"));
  out.tags = tags_of(element);
  return out;
}

Result<Ec2::Parameters> run_parameters(const RunInstances& request) {
  if (request.client_token.empty() || request.client_token.size() > token_max)
    return fail(Code::invalid_argument,
                fmt::format("RunInstances needs a client token of 1 to {} characters", token_max));
  if (request.user_data.size() > user_data_max)
    return fail(
        Error(Code::invalid_argument, fmt::format("the user data has {} bytes, EC2 takes {}",
                                                  request.user_data.size(), user_data_max))
            .hint("put it into a bucket and let a short script fetch it"));
  if (request.min_count < 1 || request.max_count < request.min_count)
    return fail(Code::invalid_argument,
                fmt::format("minCount {} and maxCount {}: expected 1 <= minCount <= maxCount",
                            request.min_count, request.max_count));
  Ec2::Parameters out = {{"ImageId", request.image_id},
                         {"MinCount", std::to_string(request.min_count)},
                         {"MaxCount", std::to_string(request.max_count)},
                         {"ClientToken", request.client_token}};
  if (!request.instance_type.empty()) out.emplace_back("InstanceType", request.instance_type);
  if (!request.key_name.empty()) out.emplace_back("KeyName", request.key_name);
  if (!request.user_data.empty()) out.emplace_back("UserData", base64(request.user_data));
  if (request.public_address && !request.security_groups.empty())
    return fail(Error(Code::invalid_argument,
                      fmt::format("the security group '{}' is named, and machines with a public "
                                  "address take ids",
                                  request.security_groups.front()))
                    .hint("sg-..., as aws ec2 describe-security-groups lists them"));
  add_list(out, "SecurityGroup", request.security_groups);
  // EC2 takes network and groups at the interface where the interface says anything.
  std::string at = request.public_address ? "NetworkInterface.1." : "";
  if (request.public_address) {
    out.emplace_back(at + "DeviceIndex", "0");
    out.emplace_back(at + "AssociatePublicIpAddress", "true");
  }
  add_list(out, at + "SecurityGroupId", request.security_group_ids);
  if (!request.zone.empty()) out.emplace_back("Placement.AvailabilityZone", request.zone);
  if (!request.subnet_id.empty()) out.emplace_back(at + "SubnetId", request.subnet_id);
  if (!request.instance_profile.empty())
    out.emplace_back("IamInstanceProfile.Name", request.instance_profile);
  add_tag_specification(out, "instance", request.tags);
  if (request.dry_run) out.emplace_back("DryRun", "true");
  return out;
}

std::vector<std::vector<std::string>> slices(const std::vector<std::string>& ids) {
  std::vector<std::vector<std::string>> out;
  for (size_t i = 0; i < ids.size(); i += ids_per_call)
    out.emplace_back(ids.begin() + static_cast<ptrdiff_t>(i),
                     ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), i + ids_per_call)));
  return out;
}

/// Sets or replaces the token of the next page.
void set_token(Ec2::Parameters& parameters, const std::string& token) {
  std::erase_if(parameters, [](const auto& one) { return one.first == "NextToken"; });
  if (!token.empty()) parameters.emplace_back("NextToken", token);
}

}  // namespace

std::string_view name_of(InstanceState state) {
  switch (state) {
    case InstanceState::pending:
      return "pending";
    case InstanceState::running:
      return "running";
    case InstanceState::shutting_down:
      return "shutting-down";
    case InstanceState::terminated:
      return "terminated";
    case InstanceState::stopping:
      return "stopping";
    case InstanceState::stopped:
      return "stopped";
    case InstanceState::unknown:
      return "unknown";
  }
  return "unknown";
}

InstanceState instance_state_from_name(std::string_view name) {
  for (auto state : {InstanceState::pending, InstanceState::running, InstanceState::shutting_down,
                     InstanceState::terminated, InstanceState::stopping, InstanceState::stopped})
    if (name == name_of(state)) return state;
  return InstanceState::unknown;
}

aio::Task<Result<Reservation>> Ec2::run_instances(RunInstances request) const {
  Parameters parameters = CO_TRY(run_parameters(request));
  Result<Answer> answer = co_await ask("RunInstances", std::move(parameters), Repeat::token);
  if (!answer && request.dry_run && answer.error().fact("aws_code") == "DryRunOperation")
    co_return Reservation{};
  if (!answer) co_return fail(std::move(answer).error());
  Reservation out = CO_TRY(reservation_of(answer->document->root()));
  if (static_cast<int>(out.instances.size()) < request.min_count)
    co_return fail(
        Code::corrupt,
        fmt::format("RunInstances: asked for {} to {} instances, the farm answered with {}",
                    request.min_count, request.max_count, out.instances.size()));
  co_return out;
}

aio::Task<Result<std::vector<Instance>>> Ec2::describe_instances(DescribeInstances request) const {
  std::vector<std::vector<std::string>> groups = slices(request.ids);
  if (groups.empty()) groups.emplace_back();
  std::vector<Instance> out;
  for (const std::vector<std::string>& ids : groups) {
    Parameters parameters;
    add_list(parameters, "InstanceId", ids);
    add_filters(parameters, request.filters);
    if (ids.empty()) parameters.emplace_back("MaxResults", std::to_string(request.page_size));
    for (int page = 0; page < pages_max; ++page) {
      Answer answer = CO_TRY(co_await ask("DescribeInstances", parameters, Repeat::safe));
      Element root = answer.document->root();
      for (Element item : root.child("reservationSet").children("item")) {
        Reservation reservation = CO_TRY(reservation_of(item));
        for (Instance& instance : reservation.instances) out.push_back(std::move(instance));
      }
      std::string token = text(root, "nextToken");
      if (token.empty()) break;
      set_token(parameters, token);
    }
  }
  co_return out;
}

aio::Task<Result<std::vector<InstanceStatus>>> Ec2::describe_instance_status(
    std::vector<std::string> ids, bool all_states) const {
  std::vector<std::vector<std::string>> groups = slices(ids);
  if (groups.empty()) groups.emplace_back();
  std::vector<InstanceStatus> out;
  for (const std::vector<std::string>& group : groups) {
    Parameters parameters;
    add_list(parameters, "InstanceId", group);
    if (all_states) parameters.emplace_back("IncludeAllInstances", "true");
    for (int page = 0; page < pages_max; ++page) {
      Answer answer = CO_TRY(co_await ask("DescribeInstanceStatus", parameters, Repeat::safe));
      Element root = answer.document->root();
      for (Element item : root.child("instanceStatusSet").children("item"))
        out.push_back({text(item, "instanceId"), text(item, "availabilityZone"),
                       state_of(item.child("instanceState")),
                       text(item.child("systemStatus"), "status"),
                       text(item.child("instanceStatus"), "status")});
      std::string token = text(root, "nextToken");
      if (token.empty()) break;
      set_token(parameters, token);
    }
  }
  co_return out;
}

aio::Task<Result<std::vector<StateChange>>> Ec2::change_state(std::string action,
                                                              std::vector<std::string> ids,
                                                              Parameters more) const {
  std::vector<StateChange> out;
  for (const std::vector<std::string>& group : slices(ids)) {
    Parameters parameters = more;
    add_list(parameters, "InstanceId", group);
    Answer answer = CO_TRY(co_await ask(action, std::move(parameters), Repeat::safe));
    for (Element item : answer.document->root().child("instancesSet").children("item"))
      out.push_back({text(item, "instanceId"), state_of(item.child("previousState")),
                     state_of(item.child("currentState"))});
  }
  co_return out;
}

aio::Task<Result<std::vector<StateChange>>> Ec2::terminate_instances(
    std::vector<std::string> ids) const {
  return change_state("TerminateInstances", std::move(ids), {});
}

aio::Task<Result<std::vector<StateChange>>> Ec2::stop_instances(std::vector<std::string> ids,
                                                                bool force) const {
  return change_state("StopInstances", std::move(ids),
                      force ? Parameters{{"Force", "true"}} : Parameters{});
}

aio::Task<Result<std::vector<StateChange>>> Ec2::start_instances(
    std::vector<std::string> ids) const {
  return change_state("StartInstances", std::move(ids), {});
}

aio::Task<Result<>> Ec2::reboot_instances(std::vector<std::string> ids) const {
  Parameters parameters;
  add_list(parameters, "InstanceId", ids);
  // A second reboot does harm: only what never reached the farm is repeated.
  CO_TRY(co_await ask("RebootInstances", std::move(parameters), Repeat::never));
  co_return Result<>{};
}

aio::Task<Result<std::string>> Ec2::console_output(std::string id) const {
  Parameters parameters = {{"InstanceId", std::move(id)}};
  Answer answer = CO_TRY(co_await ask("GetConsoleOutput", std::move(parameters), Repeat::safe));
  std::string encoded = answer.document->root().child("output").text();
  std::erase_if(encoded, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  auto plain = unbase64(encoded);
  if (!plain) co_return fail(Code::corrupt, "GetConsoleOutput: the output is not base64");
  co_return std::move(*plain);
}

aio::Task<Result<>> Ec2::create_tags(std::vector<std::string> resources,
                                     std::vector<Tag> tags) const {
  Parameters parameters;
  add_list(parameters, "ResourceId", resources);
  add_tags(parameters, "", tags);
  CO_TRY(co_await ask("CreateTags", std::move(parameters), Repeat::safe));
  co_return Result<>{};
}

aio::Task<Result<>> Ec2::delete_tags(std::vector<std::string> resources,
                                     std::vector<std::string> keys) const {
  Parameters parameters;
  add_list(parameters, "ResourceId", resources);
  for (size_t i = 0; i < keys.size(); ++i)
    parameters.emplace_back(fmt::format("Tag.{}.Key", i + 1), keys[i]);
  CO_TRY(co_await ask("DeleteTags", std::move(parameters), Repeat::safe));
  co_return Result<>{};
}

aio::Task<Result<std::vector<TaggedResource>>> Ec2::describe_tags(
    std::vector<Filter> filters) const {
  Parameters parameters = {{"MaxResults", "1000"}};
  add_filters(parameters, filters);
  std::vector<TaggedResource> out;
  for (int page = 0; page < pages_max; ++page) {
    Answer answer = CO_TRY(co_await ask("DescribeTags", parameters, Repeat::safe));
    Element root = answer.document->root();
    for (Element item : root.child("tagSet").children("item"))
      out.push_back({text(item, "resourceId"),
                     text(item, "resourceType"),
                     {text(item, "key"), text(item, "value")}});
    std::string token = text(root, "nextToken");
    if (token.empty()) break;
    set_token(parameters, token);
  }
  co_return out;
}

aio::Task<Result<KeyPair>> Ec2::create_key_pair(std::string name, std::vector<Tag> tags) const {
  Parameters parameters = {{"KeyName", std::move(name)}};
  add_tag_specification(parameters, "key-pair", tags);
  Answer answer = CO_TRY(co_await ask("CreateKeyPair", std::move(parameters), Repeat::never));
  co_return key_pair_of(answer.document->root());
}

aio::Task<Result<KeyPair>> Ec2::import_key_pair(std::string name, std::string public_key,
                                                std::vector<Tag> tags) const {
  Parameters parameters = {{"KeyName", std::move(name)}, {"PublicKeyMaterial", base64(public_key)}};
  add_tag_specification(parameters, "key-pair", tags);
  Answer answer = CO_TRY(co_await ask("ImportKeyPair", std::move(parameters), Repeat::never));
  co_return key_pair_of(answer.document->root());
}

aio::Task<Result<std::vector<KeyPair>>> Ec2::describe_key_pairs(std::vector<std::string> names,
                                                                std::vector<Filter> filters) const {
  Parameters parameters;
  add_list(parameters, "KeyName", names);
  add_filters(parameters, filters);
  Answer answer = CO_TRY(co_await ask("DescribeKeyPairs", std::move(parameters), Repeat::safe));
  std::vector<KeyPair> out;
  for (Element item : answer.document->root().child("keySet").children("item"))
    out.push_back(key_pair_of(item));
  co_return out;
}

aio::Task<Result<>> Ec2::delete_key_pair(std::string name) const {
  Parameters parameters = {{"KeyName", std::move(name)}};
  CO_TRY(co_await ask("DeleteKeyPair", std::move(parameters), Repeat::safe));
  co_return Result<>{};
}

aio::Task<Result<std::vector<Image>>> Ec2::describe_images(std::vector<std::string> ids,
                                                           std::vector<Filter> filters,
                                                           std::vector<std::string> owners) const {
  Parameters parameters;
  add_list(parameters, "ImageId", ids);
  add_list(parameters, "Owner", owners);
  add_filters(parameters, filters);
  Answer answer = CO_TRY(co_await ask("DescribeImages", std::move(parameters), Repeat::safe));
  std::vector<Image> out;
  for (Element item : answer.document->root().child("imagesSet").children("item")) {
    Image image{text(item, "imageId"),
                text(item, "name"),
                text(item, "imageState"),
                text(item, "architecture"),
                text(item, "imageOwnerId"),
                text(item, "rootDeviceType"),
                text(item, "description"),
                tags_of(item),
                {}};
    for (Element disk : item.child("blockDeviceMapping").children("item"))
      if (std::string id = text(disk.child("ebs"), "snapshotId"); !id.empty())
        image.snapshots.push_back(std::move(id));
    out.push_back(std::move(image));
  }
  co_return out;
}

aio::Task<Result<std::string>> Ec2::create_image(std::string instance, std::string name,
                                                 std::string description,
                                                 std::vector<Tag> tags) const {
  Parameters parameters = {{"InstanceId", std::move(instance)}, {"Name", std::move(name)}};
  if (!description.empty()) parameters.emplace_back("Description", std::move(description));
  int number = 0;
  for (const char* resource : {"image", "snapshot"}) {
    if (tags.empty()) break;
    std::string prefix = fmt::format("TagSpecification.{}.", ++number);
    parameters.emplace_back(prefix + "ResourceType", resource);
    add_tags(parameters, prefix, tags);
  }
  Answer answer = CO_TRY(co_await ask("CreateImage", std::move(parameters), Repeat::never));
  co_return text(answer.document->root(), "imageId");
}

aio::Task<Result<>> Ec2::deregister_image(std::string id) const {
  Parameters parameters = {{"ImageId", std::move(id)}};
  CO_TRY(co_await ask("DeregisterImage", std::move(parameters), Repeat::safe));
  co_return Result<>{};
}

aio::Task<Result<std::vector<Snapshot>>> Ec2::describe_snapshots(
    std::vector<Filter> filters) const {
  Parameters parameters = {{"Owner.1", "self"}};
  add_filters(parameters, filters);
  Answer answer = CO_TRY(co_await ask("DescribeSnapshots", std::move(parameters), Repeat::safe));
  std::vector<Snapshot> out;
  for (Element item : answer.document->root().child("snapshotSet").children("item"))
    out.push_back({text(item, "snapshotId"), text(item, "status"), tags_of(item)});
  co_return out;
}

aio::Task<Result<>> Ec2::delete_snapshot(std::string id) const {
  Parameters parameters = {{"SnapshotId", std::move(id)}};
  CO_TRY(co_await ask("DeleteSnapshot", std::move(parameters), Repeat::safe));
  co_return Result<>{};
}

aio::Task<Result<std::vector<Region>>> Ec2::describe_regions() const {
  Answer answer = CO_TRY(co_await ask("DescribeRegions", {}, Repeat::safe));
  std::vector<Region> out;
  for (Element item : answer.document->root().child("regionInfo").children("item"))
    out.push_back({text(item, "regionName"), text(item, "regionEndpoint")});
  co_return out;
}

aio::Task<Result<std::vector<Zone>>> Ec2::describe_zones() const {
  Answer answer = CO_TRY(co_await ask("DescribeAvailabilityZones", {}, Repeat::safe));
  std::vector<Zone> out;
  for (Element item : answer.document->root().child("availabilityZoneInfo").children("item"))
    out.push_back({text(item, "zoneName"), text(item, "zoneState"), text(item, "regionName")});
  co_return out;
}

}  // namespace croft::cloud
