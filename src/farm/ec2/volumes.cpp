// Volumes: disks of their own, seen in an instance as the folder /volumes/NAME (/dev/sdf is
// /volumes/sdf: an instance cannot mount). Root disks are shown as volumes, but go with their
// instance.
#include "farm/ec2/volumes.h"

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/metering.h"
#include "farm/ec2/snapshots.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_params[] = {
    {"AvailabilityZone", Kind::text, true, "", 1, 64},
    {"Size", Kind::integer, false, "", 1, 16384},
    {"SnapshotId", Kind::id, false, "snap"},
    {"VolumeType", Kind::choice, false, "standard|gp2|gp3|io1|io2|sc1|st1"},
    {"Iops", Kind::integer, false, "", 100, 256000},
    {"Throughput", Kind::integer, false, "", 125, 1000},
    {"Encrypted", Kind::boolean},
    {"KmsKeyId", Kind::text, false, "", 0, 2048},
    {"MultiAttachEnabled", Kind::boolean},
    {"OutpostArn", Kind::unsupported},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_params[] = {{"VolumeId", Kind::id, true, "vol"}};
constexpr Param describe_params[] = {{"VolumeId.N", Kind::id, false, "vol"}};
constexpr Param attach_params[] = {
    {"VolumeId", Kind::id, true, "vol"},
    {"InstanceId", Kind::id, true, "i"},
    {"Device", Kind::text, true, "", 1, 64},
};
constexpr Param detach_params[] = {
    {"VolumeId", Kind::id, true, "vol"},
    {"InstanceId", Kind::id, false, "i"},
    {"Device", Kind::text, false, "", 1, 64},
    {"Force", Kind::boolean},
};

void write_attachment(Xml& xml, const Volume& volume, std::string_view status) {
  xml.plain("volumeId", volume.id).plain("instanceId", volume.instance);
  xml.plain("device", volume.device).text("status", status).time("attachTime", volume.attached);
  xml.flag("deleteOnTermination", volume.delete_on_termination);
}

void write_volume(Xml& xml, const Volume& volume) {
  xml.plain("volumeId", volume.id).number("size", volume.size_gib);
  xml.plain("snapshotId", volume.snapshot).plain("availabilityZone", volume.zone);
  xml.text("status", volume.instance.empty() ? "available" : "in-use");
  xml.time("createTime", volume.created);
  xml.in("attachmentSet", [&] {
    if (!volume.instance.empty())
      xml.in("item", [&] { write_attachment(xml, volume, "attached"); });
  });
  write_tags(xml, volume.tags);
  xml.plain("volumeType", volume.type).flag("encrypted", volume.encrypted);
  if (volume.iops > 0) xml.number("iops", volume.iops);
  if (volume.throughput > 0) xml.number("throughput", volume.throughput);
  xml.optional("kmsKeyId", volume.kms_key);
  xml.flag("multiAttachEnabled", false);
}

/// What goes only with something else.
Result<> check_options(const Params& p) {
  auto refuse = [](std::string what) {
    return fail(aws_error("InvalidParameterDependency", 400, std::move(what)));
  };
  std::string type = p.text("VolumeType", "gp2");
  if (p.has("Throughput") && type != "gp3")
    return refuse("The parameter Throughput is for volumes of type gp3");
  if (p.has("KmsKeyId") && !p.flag("Encrypted"))
    return refuse("The parameter KmsKeyId needs the parameter Encrypted to be true");
  if (!p.flag("MultiAttachEnabled")) return {};
  if (type != "io1" && type != "io2")
    return refuse("The parameter MultiAttachEnabled is for volumes of type io1 and io2");
  return fail(aws_error("UnsupportedOperation", 400,
                        "A volume of this farm is attached to one instance at a time: "
                        "MultiAttachEnabled is not supported"));
}

aio::Task<Answer> create_volume(Core& core, Call call) {
  const Params& p = call.params;
  std::string zone = p.text("AvailabilityZone");
  if (core.zone_index(zone) >= core.context.zones.size())
    co_return fail(aws_error("InvalidZone.NotFound", 400,
                             fmt::format("The zone '{}' does not exist. The zones are {}",
                                         printable(zone), join(core.context.zones, ", "))));
  const Snapshot* snapshot = nullptr;
  if (p.has("SnapshotId")) {
    snapshot = seen_snapshot(core, call.account(), p.text("SnapshotId"));
    if (!snapshot) co_return fail(not_found(*id_kind("snap"), {p.text("SnapshotId")}));
  }
  CO_TRY(check_options(p));
  if (!snapshot && !p.has("Size"))
    co_return fail(
        aws_error("MissingParameter", 400, "The request must contain the parameter size/snapshot"));
  Volume volume;
  volume.size_gib = p.number("Size", snapshot ? snapshot->size_gib : 1);
  if (snapshot && volume.size_gib < snapshot->size_gib)
    co_return fail(
        aws_error("InvalidParameterValue", 400,
                  fmt::format("The size of a volume can't be smaller than its snapshot ({} GiB)",
                              snapshot->size_gib)));
  auto specs = CO_TRY(read_tag_specs(p, {"volume"}));
  CO_TRY(call.effect());
  volume.id = new_id(core.context.world.random, "vol");
  volume.account = call.account();
  volume.zone = zone;
  volume.type = p.text("VolumeType", "gp2");
  volume.snapshot = p.text("SnapshotId");
  volume.created = core.now();
  volume.encrypted = p.flag("Encrypted") || (snapshot && snapshot->encrypted);
  volume.throughput = p.number("Throughput", 0);
  volume.kms_key = p.text("KmsKeyId");
  volume.iops = p.number("Iops", 0);
  volume.tags = tags_for(specs, "volume");
  Xml xml;
  write_volume(xml, volume);
  std::vector<store::Change> changes{core.state.volumes.put(core.state.volumes.add(volume)),
                                     metered(volume, true, core.now())};
  auto answer = co_await finish(core, call, "create-volume", std::move(changes), xml.take());
  if (!answer) core.state.volumes.erase(volume.id);
  co_return answer;
}

aio::Task<Answer> delete_volume(Core& core, Call call) {
  Volume* volume = CO_TRY(own_volume(core, call));
  if (!volume->instance.empty())
    co_return fail(aws_error(
        "VolumeInUse", 400,
        fmt::format("Volume {} is currently attached to {}", volume->id, volume->instance)));
  CO_TRY(call.effect());
  std::string id = volume->id;
  std::vector<store::Change> changes{core.state.volumes.remove(id),
                                     metered(*volume, false, core.now())};
  core.state.volumes.erase(id);
  auto answer = co_await finish(core, call, "delete-volume", std::move(changes), answer_true());
  if (answer) CO_TRY(co_await core.fleet.machines().remove_disk(core.disk_file(id)));
  co_return answer;
}

Result<> check_attach(Core& core, const Volume& volume, const Instance& instance,
                      const std::string& device) {
  if (instance.state != InstanceState::running && instance.state != InstanceState::stopped)
    return fail(aws_error("IncorrectState", 400,
                          fmt::format("Instance '{}' is not 'running' or 'stopped' but {}",
                                      instance.id, name_of(instance.state))));
  if (!volume.instance.empty())
    return fail(aws_error("VolumeInUse", 400,
                          fmt::format("{} is already attached to an instance", volume.id)));
  if (volume.zone != instance.zone)
    return fail(
        aws_error("InvalidVolume.ZoneMismatch", 400,
                  fmt::format("The volume '{}' is not in the same availability zone as instance "
                              "'{}'",
                              volume.id, instance.id)));
  TRY(check_device(device));
  std::string name = device.substr(device.rfind('/') + 1);
  for (const std::string& id : volumes_of(core, instance.id))
    if (core.state.volumes.find(id)->folder_name() == name)
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("Invalid value '{}' for unixDevice. Attachment point {} is "
                                        "already in use",
                                        device, device)));
  return {};
}

aio::Task<Answer> attach_volume(Core& core, Call call) {
  Volume* volume = CO_TRY(own_volume(core, call));
  std::string id = volume->id, device = call.params.text("Device");
  Instance* instance = core.state.find_instance(call.account(), call.params.text("InstanceId"));
  if (!instance) co_return fail(not_found(*id_kind("i"), {call.params.text("InstanceId")}));
  CO_TRY(check_attach(core, *volume, *instance, device));
  CO_TRY(call.effect());
  volume->instance = instance->id;
  volume->device = device;
  volume->attached = core.now();
  volume->used = true;
  std::string holder = instance->id;
  bool runs = instance->state == InstanceState::running;
  Xml xml;
  write_attachment(xml, *volume, "attached");
  // Recorded first: a farm that dies now shows it at the instance's next start.
  CO_TRY(co_await core.state.commit("attach-volume", {core.state.volumes.put(*volume)}));
  if (!runs) co_return xml.take();
  auto shown = co_await core.fleet.machines().attach_volume(holder, core.volume_spec(*volume));
  if (shown) co_return xml.take();
  if (Volume* kept = core.state.volumes.find(id)) {
    kept->instance.clear();
    kept->device.clear();
    CO_TRY(co_await core.state.commit("attach-volume", {core.state.volumes.put(*kept)}));
  }
  co_return fail(std::move(shown).error());
}

aio::Task<Answer> detach_volume(Core& core, Call call) {
  Volume* volume = CO_TRY(own_volume(core, call));
  const Params& p = call.params;
  bool other = (p.has("InstanceId") && p.text("InstanceId") != volume->instance) ||
               (p.has("Device") && p.text("Device") != volume->device);
  if (volume->instance.empty())
    co_return fail(aws_error("IncorrectState", 400,
                             fmt::format("Volume '{}' is in the 'available' state.", volume->id)));
  if (other)
    co_return fail(aws_error("InvalidAttachment.NotFound", 400,
                             fmt::format("Volume '{}' is attached to '{}' as {}", volume->id,
                                         volume->instance, volume->device)));
  CO_TRY(call.effect());
  std::string id = volume->id;
  auto hidden = co_await core.fleet.machines().detach_volume(
      volume->instance, volume->folder_name(), p.flag("Force"));
  if (!hidden && hidden.error().code == Code::conflict)
    co_return fail(aws_error("IncorrectState", 400,
                             fmt::format("Volume '{}' is in use: {}", id, hidden.error().what)));
  CO_TRY(std::move(hidden));
  volume = core.state.volumes.find(id);
  if (!volume) co_return fail(not_found(*id_kind("vol"), {id}));
  Xml xml;
  write_attachment(xml, *volume, "detaching");
  volume->instance.clear();
  volume->device.clear();
  CO_TRY(co_await core.state.commit("detach-volume", {core.state.volumes.put(*volume)}));
  co_return xml.take();
}

constexpr FilterField<Volume> volume_fields[] = {
    {"volume-id", [](const Volume& v, Out out) { out.push_back(v.id); }},
    {"availability-zone", [](const Volume& v, Out out) { out.push_back(v.zone); }},
    {"status", [](const Volume& v,
                  Out out) { out.emplace_back(v.instance.empty() ? "available" : "in-use"); }},
    {"size", [](const Volume& v, Out out) { out.push_back(std::to_string(v.size_gib)); }},
    {"snapshot-id", [](const Volume& v, Out out) { out.push_back(v.snapshot); }},
    {"volume-type", [](const Volume& v, Out out) { out.push_back(v.type); }},
    {"create-time", [](const Volume& v, Out out) { out.push_back(v.created.iso8601()); }},
    {"encrypted",
     [](const Volume& v, Out out) { out.emplace_back(v.encrypted ? "true" : "false"); }},
    {"multi-attach-enabled", [](const Volume&, Out out) { out.emplace_back("false"); }},
    {"attachment.instance-id",
     [](const Volume& v, Out out) {
       if (!v.instance.empty()) out.push_back(v.instance);
     }},
    {"attachment.attach-time",
     [](const Volume& v, Out out) {
       if (!v.instance.empty()) out.push_back(v.attached.iso8601());
     }},
    {"attachment.device",
     [](const Volume& v, Out out) {
       if (!v.instance.empty()) out.push_back(v.device);
     }},
    {"attachment.status",
     [](const Volume& v, Out out) {
       if (!v.instance.empty()) out.emplace_back("attached");
     }},
    {"attachment.delete-on-termination",
     [](const Volume& v, Out out) {
       if (!v.instance.empty()) out.emplace_back(v.delete_on_termination ? "true" : "false");
     }},
};

Answer describe_volumes(Core& core, const Call& call) {
  Table<Volume> all("volume");
  for (Volume* volume : core.state.volumes.of(call.account())) all.add(*volume);
  for (Instance* instance : core.state.instances_of(call.account()))
    if (instance->state != InstanceState::terminated) all.add(core.root_volume(*instance));
  return describe_table<Volume>(call, all, "VolumeId", "vol", volume_fields, "volumeSet",
                                write_volume);
}

constexpr Action table[] = {
    {"CreateVolume", create_params, nullptr, create_volume},
    {"DeleteVolume", one_params, nullptr, delete_volume},
    {"AttachVolume", attach_params, nullptr, attach_volume},
    {"DetachVolume", detach_params, nullptr, detach_volume},
    {"DescribeVolumes", describe_params, describe_volumes, nullptr, true, 5, "VolumeId"},
};

}  // namespace

std::vector<std::string> volumes_of(Core& core, std::string_view instance) {
  std::vector<std::string> out;
  for (const auto& [id, volume] : core.state.volumes.all())
    if (volume.instance == instance) out.push_back(id);
  return out;
}

Result<> check_device(const std::string& device) {
  std::string_view name = device;
  if (name.starts_with("/dev/")) name.remove_prefix(5);
  bool plain = !name.empty() && name.size() <= 16 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
  if (plain && name != "sda1" && name != "sda" && name != "xvda") return {};
  return fail(aws_error("InvalidParameterValue", 400,
                        fmt::format("Value ({}) for parameter device is invalid. {} is not a valid "
                                    "EBS device name.",
                                    printable(device), printable(device))));
}

Result<Volume*> own_volume(Core& core, const Call& call) {
  std::string id = call.params.text("VolumeId");
  for (const Instance* instance : core.state.instances_of(call.account()))
    if (instance->state != InstanceState::terminated && id == "vol-" + instance->id.substr(2))
      return fail(aws_error(
          "OperationNotPermitted", 400,
          fmt::format("'{}' is the root disk of '{}' and goes with it", id, instance->id)));
  return named(call, core.state.volumes, "VolumeId", "vol");
}

std::span<const Action> volume_actions() {
  return table;
}

}  // namespace croft::farm::ec2
