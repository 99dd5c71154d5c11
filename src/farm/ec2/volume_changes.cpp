// ModifyVolume: a volume that becomes bigger or another type, also while an instance uses it, and
// what DescribeVolumesModifications tells of it. Done when the call is answered.
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/metering.h"
#include "farm/ec2/volumes.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param modify_params[] = {
    {"VolumeId", Kind::id, true, "vol"},
    {"Size", Kind::integer, false, "", 1, 16384},
    {"VolumeType", Kind::choice, false, "standard|gp2|gp3|io1|io2|sc1|st1"},
    {"Iops", Kind::integer, false, "", 100, 256000},
    {"Throughput", Kind::ignored},
    {"MultiAttachEnabled", Kind::unsupported},
};
constexpr Param describe_params[] = {{"VolumeId.N", Kind::id, false, "vol"}};

void write_modification(Xml& xml, const Volume& v) {
  xml.plain("volumeId", v.id).text("modificationState", "completed");
  xml.number("targetSize", v.size_gib).plain("targetVolumeType", v.type);
  if (v.iops > 0) xml.number("targetIops", v.iops);
  xml.flag("targetMultiAttachEnabled", false);
  xml.number("originalSize", v.size_before).plain("originalVolumeType", v.type_before);
  if (v.iops_before > 0) xml.number("originalIops", v.iops_before);
  xml.flag("originalMultiAttachEnabled", false);
  xml.number("progress", 100).time("startTime", v.modified).time("endTime", v.modified);
}

/// A disk that a running instance uses grows under it. Any other does so when it is used next:
/// what the record says counts then.
aio::Task<Result<>> grow(Core& core, std::string id) {
  Volume* volume = core.state.volumes.find(id);
  Instance* holder = volume ? core.state.find_instance(volume->instance) : nullptr;
  if (!holder || holder->state != InstanceState::running) co_return Result<>{};
  auto grown = co_await core.fleet.machines().grow_volume(holder->id, core.volume_spec(*volume));
  if (grown || grown.error().code != Code::permission_denied) co_return grown;
  log::warn("ec2", "{} grows when it is attached or started next: {}", id, grown.error().line());
  co_return Result<>{};
}

aio::Task<Answer> modify(Core& core, Call call) {
  const Params& p = call.params;
  Volume* volume = CO_TRY(own_volume(core, call));
  int64_t size = p.number("Size", volume->size_gib);
  if (size < volume->size_gib)
    co_return fail(aws_error("InvalidParameterValue", 400,
                             fmt::format("New size cannot be smaller than existing size: {} has "
                                         "{} GiB",
                                         volume->id, volume->size_gib)));
  std::string type = p.text("VolumeType", volume->type);
  int64_t iops = p.number("Iops", type == volume->type ? volume->iops : 0);
  if (size == volume->size_gib && type == volume->type && iops == volume->iops)
    co_return fail(aws_error("InvalidParameterCombination", 400,
                             fmt::format("{} has this size, type and IOPS already", volume->id)));
  CO_TRY(call.effect());
  // What it costs changes with it: one interval ends here, another begins.
  std::vector<store::Change> changes{metered(*volume, false, core.now())};
  volume->modified = core.now();
  volume->size_before = std::exchange(volume->size_gib, size);
  volume->type_before = std::exchange(volume->type, type);
  volume->iops_before = std::exchange(volume->iops, iops);
  changes.push_back(metered(*volume, true, core.now()));
  changes.push_back(core.state.volumes.put(*volume));
  Xml xml;
  xml.in("volumeModification", [&] { write_modification(xml, *volume); });
  std::string id = volume->id;
  auto answer = co_await finish(core, call, "modify-volume", std::move(changes), xml.take());
  if (answer) CO_TRY(co_await grow(core, std::move(id)));
  co_return answer;
}

constexpr FilterField<Volume> fields[] = {
    {"volume-id", [](const Volume& v, Out out) { out.push_back(v.id); }},
    {"modification-state", [](const Volume&, Out out) { out.emplace_back("completed"); }},
    {"target-size", [](const Volume& v, Out out) { out.push_back(std::to_string(v.size_gib)); }},
    {"target-volume-type", [](const Volume& v, Out out) { out.push_back(v.type); }},
    {"target-iops", [](const Volume& v, Out out) { out.push_back(std::to_string(v.iops)); }},
    {"original-size",
     [](const Volume& v, Out out) { out.push_back(std::to_string(v.size_before)); }},
    {"original-volume-type", [](const Volume& v, Out out) { out.push_back(v.type_before); }},
    {"original-iops",
     [](const Volume& v, Out out) { out.push_back(std::to_string(v.iops_before)); }},
    {"start-time", [](const Volume& v, Out out) { out.push_back(v.modified.iso8601()); }},
};

Answer describe(Core& core, const Call& call) {
  for (const std::string& id : call.params.list("VolumeId")) {
    Volume* volume = core.state.volumes.find(call.account(), id);
    if (!volume) return fail(not_found(*id_kind("vol"), {id}));
    if (volume->modified.ns == 0)
      return fail(aws_error("InvalidVolumeModification.NotFound", 400,
                            fmt::format("Modification for volume '{}' does not exist.", id)));
  }
  Table<Volume> all("volume");
  for (Volume* volume : core.state.volumes.of(call.account()))
    if (volume->modified.ns > 0) all.add(*volume);
  return describe_table<Volume>(call, all, "VolumeId", "vol", fields, "volumeModificationSet",
                                write_modification);
}

constexpr Action table[] = {
    {"ModifyVolume", modify_params, nullptr, modify},
    {"DescribeVolumesModifications", describe_params, describe, nullptr, true, 5, "VolumeId"},
};

}  // namespace

std::span<const Action> modification_actions() {
  return table;
}

}  // namespace croft::farm::ec2
