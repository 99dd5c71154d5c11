// Snapshots: copies of volumes and root disks as they were at one moment. They are whole when the
// call is answered.
#include "farm/ec2/snapshots.h"

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/metering.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_params[] = {
    {"VolumeId", Kind::id, true, "vol"},
    {"Description", Kind::text, false, "", 0, 255},
    {"OutpostArn", Kind::unsupported},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_params[] = {{"SnapshotId", Kind::id, true, "snap"}};
constexpr Param describe_params[] = {
    {"SnapshotId.N", Kind::id, false, "snap"},
    {"Owner.N", Kind::text, false, "", 1, 64},
    {"RestorableBy.N", Kind::text, false, "", 1, 64},
};
constexpr Param copy_params[] = {
    {"SourceSnapshotId", Kind::id, true, "snap"},
    {"SourceRegion", Kind::text, true, "", 1, 64},
    {"Description", Kind::text, false, "", 0, 255},
    {"DestinationRegion", Kind::ignored},
    {"DestinationOutpostArn", Kind::unsupported},
    {"Encrypted", Kind::ignored},
    {"KmsKeyId", Kind::ignored},
    {"PresignedUrl", Kind::ignored},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};

aio::Task<Answer> create_snapshot(Core& core, Call call) {
  std::string account = call.account(), id = call.params.text("VolumeId");
  if (!instance_of_root(core, account, id) && !core.state.volumes.find(account, id))
    co_return fail(not_found(*id_kind("vol"), {id}));
  auto specs = CO_TRY(read_tag_specs(call.params, {"snapshot"}));
  CO_TRY(call.effect());
  Snapshot snapshot = CO_TRY(co_await copy_volume(core, account, id));
  snapshot.description = call.params.text("Description");
  snapshot.created = core.now();
  snapshot.tags = tags_for(specs, "snapshot");
  Xml xml;
  write_snapshot(xml, snapshot);
  std::vector<store::Change> changes{core.state.snapshots.put(core.state.snapshots.add(snapshot)),
                                     metered(snapshot, true, core.now())};
  co_return co_await finish(core, call, "create-snapshot", std::move(changes), xml.take());
}

aio::Task<Answer> copy_snapshot(Core& core, Call call) {
  std::string from = call.params.text("SourceSnapshotId");
  Snapshot* source = seen_snapshot(core, call.account(), from);
  if (!source) co_return fail(not_found(*id_kind("snap"), {from}));
  auto specs = CO_TRY(read_tag_specs(call.params, {"snapshot"}));
  CO_TRY(call.effect());
  Snapshot copy = *source;
  copy.id = new_id(core.context.world.random, "snap");
  copy.created = core.now();
  copy.account = call.account();
  copy.users.clear();
  copy.is_public = false;
  copy.description = call.params.text("Description", source->description);
  copy.tags = tags_for(specs, "snapshot");
  if (!copy.empty)
    CO_TRY(co_await core.fleet.machines().copy_disk("", core.disk_file(source->id),
                                                    core.disk_file(copy.id)));
  Xml xml;
  xml.plain("snapshotId", copy.id);
  write_tags(xml, copy.tags);
  std::vector<store::Change> changes{core.state.snapshots.put(core.state.snapshots.add(copy)),
                                     metered(copy, true, core.now())};
  co_return co_await finish(core, call, "copy-snapshot", std::move(changes), xml.take());
}

aio::Task<Answer> delete_snapshot(Core& core, Call call) {
  auto* snapshot = CO_TRY(named(call, core.state.snapshots, "SnapshotId", "snap"));
  std::string id = snapshot->id;
  for (const auto& [image_id, image] : core.state.images())
    if (image.snapshot == id)
      co_return fail(
          aws_error("InvalidSnapshot.InUse", 400,
                    fmt::format("The snapshot {} is currently in use by {}", id, image_id)));
  // A volume that was made of it and never used begins as a copy of its file.
  for (const auto& [volume_id, volume] : core.state.volumes.all())
    if (volume.snapshot == id && !volume.used && !snapshot->empty)
      co_return fail(aws_error("InvalidSnapshot.InUse", 400,
                               fmt::format("The snapshot {} is still needed by {}, which was never "
                                           "attached",
                                           id, volume_id)));
  CO_TRY(call.effect());
  std::vector<store::Change> changes{core.state.snapshots.remove(id),
                                     metered(*snapshot, false, core.now())};
  core.state.snapshots.erase(id);
  auto answer = co_await finish(core, call, "delete-snapshot", std::move(changes), answer_true());
  if (answer) CO_TRY(co_await core.fleet.machines().remove_disk(core.disk_file(id)));
  co_return answer;
}

constexpr FilterField<Snapshot> snapshot_fields[] = {
    {"snapshot-id", [](const Snapshot& s, Out out) { out.push_back(s.id); }},
    {"volume-id", [](const Snapshot& s, Out out) { out.push_back(s.volume); }},
    {"volume-size", [](const Snapshot& s, Out out) { out.push_back(std::to_string(s.size_gib)); }},
    {"description", [](const Snapshot& s, Out out) { out.push_back(s.description); }},
    {"owner-id", [](const Snapshot& s, Out out) { out.push_back(s.owner); }},
    {"owner-alias", [](const Snapshot&, Out) {}},
    {"status", [](const Snapshot&, Out out) { out.emplace_back("completed"); }},
    {"progress", [](const Snapshot&, Out out) { out.emplace_back("100%"); }},
    {"start-time", [](const Snapshot& s, Out out) { out.push_back(s.created.iso8601()); }},
    {"encrypted",
     [](const Snapshot& x, Out out) { out.emplace_back(x.encrypted ? "true" : "false"); }},
};

/// The caller's own, and those of others that are open to everybody or to it.
Answer describe_snapshots(Core& core, const Call& call) {
  Call wanted = call;
  Table<Snapshot> seen("snapshot");
  for (const auto& [id, snapshot] : core.state.snapshots.all())
    if (snapshot.seen_by(call.account())) {
      Snapshot copy = snapshot;
      copy.owner = snapshot.account;
      copy.account = call.account();  // of this account's view
      seen.add(std::move(copy));
    }
  std::vector<std::string> owners;
  for (const std::string& owner : call.params.list("Owner"))
    owners.push_back(owner == "self" ? call.account() : owner);
  if (!owners.empty()) wanted.filters.push_back({"owner-id", owners});
  return describe_table<Snapshot>(wanted, seen, "SnapshotId", "snap", snapshot_fields,
                                  "snapshotSet", write_snapshot);
}

constexpr Action table[] = {
    {"CreateSnapshot", create_params, nullptr, create_snapshot},
    {"CopySnapshot", copy_params, nullptr, copy_snapshot},
    {"DeleteSnapshot", one_params, nullptr, delete_snapshot},
    {"DescribeSnapshots", describe_params, describe_snapshots, nullptr, true, 5, "SnapshotId"},
};

}  // namespace

void write_snapshot(Xml& xml, const Snapshot& snapshot) {
  xml.plain("snapshotId", snapshot.id).plain("volumeId", snapshot.volume);
  xml.text("status", "completed").time("startTime", snapshot.created).text("progress", "100%");
  xml.plain("ownerId", snapshot.owner.empty() ? snapshot.account : snapshot.owner);
  xml.number("volumeSize", snapshot.size_gib);
  xml.text("description", snapshot.description).flag("encrypted", snapshot.encrypted);
  write_tags(xml, snapshot.tags);
}

Instance* instance_of_root(Core& core, const std::string& account, const std::string& volume) {
  for (Instance* instance : core.state.instances_of(account))
    if (instance->state != InstanceState::terminated && volume == "vol-" + instance->id.substr(2))
      return instance;
  return nullptr;
}

aio::Task<Result<Snapshot>> copy_volume(Core& core, std::string account, std::string id) {
  if (Instance* root = instance_of_root(core, account, id))
    co_return co_await copy_root(core, root->id);
  Volume* volume = core.state.volumes.find(account, id);
  if (!volume) co_return fail(not_found(*id_kind("vol"), {id}));
  Snapshot snapshot;
  snapshot.id = new_id(core.context.world.random, "snap");
  snapshot.account = account;
  snapshot.volume = id;
  snapshot.size_gib = volume->size_gib;
  snapshot.encrypted = volume->encrypted;
  const Snapshot* before = core.state.snapshots.find(volume->snapshot);
  std::string from = core.disk_file(id);
  if (!volume->used) from = before && !before->empty ? core.disk_file(before->id) : "";
  snapshot.empty = from.empty();
  if (!snapshot.empty)
    CO_TRY(co_await core.fleet.machines().copy_disk(volume->instance, from,
                                                    core.disk_file(snapshot.id)));
  co_return snapshot;
}

Snapshot* seen_snapshot(Core& core, std::string_view account, std::string_view id) {
  Snapshot* found = core.state.snapshots.find(id);
  return found && found->seen_by(account) ? found : nullptr;
}

aio::Task<Result<Snapshot>> copy_root(Core& core, std::string instance_id) {
  const Instance& instance = *core.state.find_instance(instance_id);
  Snapshot snapshot;
  snapshot.id = new_id(core.context.world.random, "snap");
  snapshot.account = instance.account;
  snapshot.volume = "vol-" + instance.id.substr(2);
  snapshot.size_gib = instance.disk_gib;
  snapshot.folder = instance.image_folder;
  snapshot.instance = instance.id;
  snapshot.created = core.now();
  CO_TRY(co_await core.fleet.machines().copy_disk(instance_id, "", core.disk_file(snapshot.id)));
  co_return snapshot;
}

std::span<const Action> snapshot_actions() {
  return table;
}

}  // namespace croft::farm::ec2
