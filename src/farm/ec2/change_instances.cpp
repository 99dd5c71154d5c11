// Terminate, Stop, Start, Reboot and ModifyInstanceAttribute: the record changes durably, the
// answer tells the states before and after, the fleet makes it true.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/placement.h"
#include "farm/ec2/volumes.h"

namespace croft::farm::ec2 {

namespace {

Error incorrect_state(const Instance& instance, std::string_view verb) {
  return aws_error(
      "IncorrectInstanceState", 400,
      fmt::format("The instance '{}' is not in a state from which it can be {}: it is {}",
                  instance.id, verb, name_of(instance.state)));
}

struct Moved {
  std::string id;
  InstanceState before;
  InstanceState after;
};

std::string moved_answer(const std::vector<Moved>& moves) {
  Xml xml;
  xml.list("instancesSet", moves, [&](const Moved& move) {
    xml.text("instanceId", move.id);
    write_state(xml, "currentState", move.after);
    write_state(xml, "previousState", move.before);
  });
  return xml.take();
}

std::string by_user(Core& core) {
  return fmt::format("User initiated ({})", reason_time(core.now()));
}

/// Moves those `which` selects to `target`, durably; the answer lists all.
aio::Task<Answer> move_all(Core& core, std::vector<Instance*> instances, std::string point,
                           InstanceState target, StateReason reason, bool (*which)(InstanceState)) {
  std::vector<store::Change> changes;
  std::vector<Moved> moves;
  for (Instance* instance : instances) {
    InstanceState before = instance->state;
    if (which(before)) core.fleet.set_state(*instance, target, reason, by_user(core), changes);
    moves.push_back({instance->id, before, instance->state});
  }
  if (!changes.empty()) {
    // Told to the machines even when the record could not be written: the memory already says so.
    auto done = co_await core.state.commit(std::move(point), std::move(changes));
    for (const Moved& move : moves)
      if (move.before != move.after) core.fleet.kick(move.id);
    if (!done) co_return fail(std::move(done).error());
  }
  co_return moved_answer(moves);
}

const StateReason user_shutdown{"Client.UserInitiatedShutdown",
                                "Client.UserInitiatedShutdown: User initiated shutdown"};

}  // namespace

aio::Task<Answer> terminate_instances(Core& core, Call call) {
  auto instances = CO_TRY(named_instances(core, call, "InstanceId"));
  for (Instance* instance : instances)
    if (instance->termination_protection && instance->state != InstanceState::terminated)
      co_return fail(aws_error(
          "OperationNotPermitted", 400,
          fmt::format("The instance '{}' may not be terminated. Modify its 'disableApiTermination' "
                      "instance attribute and try again.",
                      instance->id)));
  CO_TRY(call.effect());
  co_return co_await move_all(core, std::move(instances), "terminate", InstanceState::shutting_down,
                              user_shutdown, [](InstanceState state) {
                                return state != InstanceState::terminated &&
                                       state != InstanceState::shutting_down;
                              });
}

aio::Task<Answer> stop_instances(Core& core, Call call) {
  auto instances = CO_TRY(named_instances(core, call, "InstanceId"));
  for (Instance* instance : instances)
    if (instance->state != InstanceState::running && instance->state != InstanceState::stopping &&
        instance->state != InstanceState::stopped)
      co_return fail(incorrect_state(*instance, "stopped"));
  for (Instance* instance : instances)
    if (instance->stop_protection && instance->state == InstanceState::running)
      co_return fail(aws_error(
          "OperationNotPermitted", 400,
          fmt::format("The instance '{}' may not be stopped. Modify its 'disableApiStop' instance "
                      "attribute and try again.",
                      instance->id)));
  CO_TRY(call.effect());
  if (call.params.flag("Force"))
    for (Instance* instance : instances) core.fleet.ask_force(instance->id);
  co_return co_await move_all(core, std::move(instances), "stop", InstanceState::stopping,
                              user_shutdown,
                              [](InstanceState state) { return state == InstanceState::running; });
}

aio::Task<Answer> start_instances(Core& core, Call call) {
  auto instances = CO_TRY(named_instances(core, call, "InstanceId"));
  for (Instance* instance : instances) {
    if (instance->state == InstanceState::running || instance->state == InstanceState::pending)
      continue;
    if (instance->state != InstanceState::stopped)
      co_return fail(incorrect_state(*instance, "started"));
    const InstanceType* type = find_instance_type(instance->type);
    if (!type || core.capacity.room_for(*type, core.state) == 0)
      co_return fail(aws_error(
          "InsufficientInstanceCapacity", 500,
          fmt::format("This machine has no room for another {} instance", instance->type)));
  }
  // Another host, as there: the old one may be taken.
  std::map<Instance*, std::string> hosts;
  for (Instance* instance : instances)
    if (instance->state == InstanceState::stopped)
      hosts[instance] = CO_TRY(Placer(core, *instance).next());
  CO_TRY(call.effect());
  for (Instance* instance : instances) {
    if (instance->state != InstanceState::stopped) continue;
    instance->host = hosts[instance];
    instance->launched = core.now();
    bool elastic = !core.public_of(*instance).empty();
    if (instance->wants_public && !elastic) instance->public_address = core.take_public_address();
  }
  co_return co_await move_all(core, std::move(instances), "start", InstanceState::pending, {},
                              [](InstanceState state) { return state == InstanceState::stopped; });
}

aio::Task<Answer> reboot_instances(Core& core, Call call) {
  auto instances = CO_TRY(named_instances(core, call, "InstanceId"));
  for (Instance* instance : instances)
    if (instance->state != InstanceState::running)
      co_return fail(incorrect_state(*instance, "rebooted"));
  CO_TRY(call.effect());
  for (Instance* instance : instances) core.fleet.ask_reboot(instance->id);
  co_return answer_true();
}

namespace {

Result<> change_type(const Instance& instance, std::string_view type) {
  if (!find_instance_type(type))
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Invalid instance type '{}'", printable(type))));
  if (instance.state == InstanceState::stopped) return {};
  return fail(incorrect_state(instance, "changed in type (stop it first)"));
}

Result<std::string> new_user_data(const Instance& instance, const std::string& value) {
  auto raw = unbase64(value);
  if (!raw || raw->size() > (16 << 10))
    return fail(
        aws_error("InvalidParameterValue", 400, "User data must be base64 of at most 16384 bytes"));
  if (instance.state != InstanceState::stopped)
    return fail(incorrect_state(instance, "given user data (stop it first)"));
  return std::move(*raw);
}

/// One attribute, by its name in DescribeInstanceAttribute.
Result<> modify(Instance& instance, std::string_view attribute, const std::string& value) {
  if (attribute == "disableApiTermination") {
    if (value != "true" && value != "false")
      return fail(
          aws_error("InvalidParameterValue", 400, "disableApiTermination must be true or false"));
    instance.termination_protection = value == "true";
  } else if (attribute == "instanceInitiatedShutdownBehavior") {
    if (value != "stop" && value != "terminate")
      return fail(aws_error("InvalidParameterValue", 400,
                            "The shutdown behavior must be stop or terminate"));
    instance.shutdown_behavior = value;
  } else if (attribute == "disableApiStop" || attribute == "sourceDestCheck") {
    if (value != "true" && value != "false")
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("{} must be true or false", attribute)));
    (attribute == "disableApiStop" ? instance.stop_protection : instance.source_dest_check) =
        value == "true";
  } else if (attribute == "instanceType") {
    TRY(change_type(instance, value));
    instance.type = value;
  } else if (attribute == "userData") {
    instance.user_data = TRY(new_user_data(instance, value));
  }
  return {};
}

}  // namespace

aio::Task<Answer> change_groups(Core& core, Call call, std::string id,
                                std::vector<std::string> groups) {
  Instance* instance = core.state.find_instance(call.account(), id);
  if (!instance) co_return fail(not_found(*id_kind("i"), {id}));
  for (const std::string& group : groups) {
    SecurityGroup* found = core.state.groups.find(call.account(), group);
    if (!found || found->vpc != instance->vpc) co_return fail(not_found(*id_kind("sg"), {group}));
  }
  CO_TRY(call.effect());
  std::ranges::sort(groups);
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  instance->groups = groups;
  bool runs = instance->state == InstanceState::running;
  CO_TRY(co_await core.state.commit("modify-groups", {State::put(*instance)}));
  if (runs) CO_TRY(co_await core.fleet.machines().join_groups(id, std::move(groups)));
  co_return answer_true();
}

Error root_disk_goes() {
  return aws_error("UnsupportedOperation", 400,
                   "The root disk of an instance goes with it: what shall stay belongs on a volume "
                   "or in a snapshot");
}

namespace {

/// DeleteOnTermination of volumes that the instance has.
aio::Task<Answer> change_disks(Core& core, Call call, std::string id) {
  std::vector<std::pair<Volume*, bool>> wanted;
  for (const Params& one : call.params.items("BlockDeviceMapping")) {
    std::string device = one.text("DeviceName");
    bool goes = one.flag("Ebs.DeleteOnTermination", true);
    if (device == "/dev/sda1" && !goes) co_return fail(root_disk_goes());
    if (device == "/dev/sda1") continue;
    Volume* found = nullptr;
    for (const std::string& volume : volumes_of(core, id))
      if (Volume* held = core.state.volumes.find(volume); held->device == device) found = held;
    if (!found)
      co_return fail(aws_error(
          "InvalidInstanceAttributeValue", 400,
          fmt::format("No device is currently mapped at {} of '{}'", printable(device), id)));
    wanted.emplace_back(found, goes);
  }
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  for (auto& [volume, goes] : wanted) {
    volume->delete_on_termination = goes;
    changes.push_back(core.state.volumes.put(*volume));
  }
  if (!changes.empty()) CO_TRY(co_await core.state.commit("modify", std::move(changes)));
  co_return answer_true();
}

}  // namespace

aio::Task<Answer> modify_instance_attribute(Core& core, Call call) {
  const Params& p = call.params;
  Instance* instance = core.state.find_instance(call.account(), p.text("InstanceId"));
  if (!instance) co_return fail(not_found(*id_kind("i"), {p.text("InstanceId")}));
  for (const std::string& group : p.list("GroupId"))
    if (!core.state.groups.find(call.account(), group))
      co_return fail(not_found(*id_kind("sg"), {group}));
  std::vector<std::pair<std::string, std::string>> wanted;
  if (p.has("Attribute")) wanted.emplace_back(p.text("Attribute"), p.text("Value"));
  for (auto [parameter, attribute] :
       {std::pair("DisableApiTermination.Value", "disableApiTermination"),
        std::pair("InstanceInitiatedShutdownBehavior.Value", "instanceInitiatedShutdownBehavior"),
        std::pair("InstanceType.Value", "instanceType"), std::pair("UserData.Value", "userData"),
        std::pair("DisableApiStop.Value", "disableApiStop"),
        std::pair("SourceDestCheck.Value", "sourceDestCheck")})
    if (p.has(parameter)) wanted.emplace_back(attribute, p.text(parameter));
  if (!p.list("GroupId").empty()) wanted.emplace_back("groupSet", "");
  if (!p.items("BlockDeviceMapping").empty()) wanted.emplace_back("blockDeviceMapping", "");
  if (wanted.size() != 1)
    co_return fail(aws_error("InvalidParameterCombination", 400,
                             "Exactly one attribute can be modified in a call"));
  if (wanted[0].first == "groupSet")
    co_return co_await change_groups(core, call, p.text("InstanceId"), p.list("GroupId"));
  if (!p.items("BlockDeviceMapping").empty())
    co_return co_await change_disks(core, call, p.text("InstanceId"));
  Instance changed = *instance;
  CO_TRY(modify(changed, wanted[0].first, wanted[0].second));
  CO_TRY(call.effect());
  *instance = changed;
  CO_TRY(co_await core.state.commit("modify", {State::put(*instance)}));
  co_return answer_true();
}

aio::Task<Answer> get_console_output(Core& core, Call call) {
  std::string id = call.params.text("InstanceId");
  if (!core.state.find_instance(call.account(), id)) co_return fail(not_found(*id_kind("i"), {id}));
  CO_TRY(call.effect());
  auto text = co_await core.fleet.console(id);
  Xml xml;
  xml.text("instanceId", id).time("timestamp", core.now());
  // A machine that is gone has no console any more: EC2 then answers without output.
  if (text && !text->empty()) xml.text("output", base64(*text));
  if (!text && text.error().code != Code::not_found)
    log::warn("ec2", "console of {}: {}", id, text.error().line());
  co_return xml.take();
}

}  // namespace croft::farm::ec2
