// Snapshots of all disks of an instance at once, and who may make volumes of a snapshot.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/metering.h"
#include "farm/ec2/snapshots.h"
#include "farm/ec2/volumes.h"

namespace croft::farm::ec2 {

namespace {

constexpr Param create_params[] = {
    {"InstanceSpecification.InstanceId", Kind::id, true, "i"},
    {"InstanceSpecification.ExcludeBootVolume", Kind::boolean},
    {"InstanceSpecification.ExcludeDataVolumeId.N", Kind::id, false, "vol"},
    {"Description", Kind::text, false, "", 0, 255},
    {"CopyTagsFromSource", Kind::choice, false, "volume"},
    {"OutpostArn", Kind::unsupported},
    {"Location", Kind::ignored},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param attribute_params[] = {
    {"SnapshotId", Kind::id, true, "snap"},
    {"Attribute", Kind::choice, true, "createVolumePermission|productCodes"},
};
constexpr Param modify_params[] = {
    {"SnapshotId", Kind::id, true, "snap"},
    {"Attribute", Kind::choice, false, "createVolumePermission"},
    {"OperationType", Kind::choice, false, "add|remove"},
    {"UserId.N", Kind::text, false, "", 1, 64},
    {"UserGroup.N", Kind::choice, false, "all"},
    {"CreateVolumePermission.Add.N.UserId", Kind::text, false, "", 1, 64},
    {"CreateVolumePermission.Add.N.Group", Kind::choice, false, "all"},
    {"CreateVolumePermission.Remove.N.UserId", Kind::text, false, "", 1, 64},
    {"CreateVolumePermission.Remove.N.Group", Kind::choice, false, "all"},
};

aio::Task<Answer> create_snapshots(Core& core, Call call) {
  Params p = call.params.under("InstanceSpecification");
  std::string account = call.account(), id = p.text("InstanceId");
  Instance* instance = core.state.find_instance(account, id);
  if (!instance) co_return fail(not_found(*id_kind("i"), {id}));
  auto specs = CO_TRY(read_tag_specs(call.params, {"snapshot"}));
  auto excluded = p.list("ExcludeDataVolumeId");
  auto own = volumes_of(core, id);
  for (const std::string& volume : excluded)
    if (std::ranges::find(own, volume) == own.end())
      co_return fail(not_found(*id_kind("vol"), {volume}));
  std::vector<std::string> volumes;
  if (!p.flag("ExcludeBootVolume")) volumes.push_back(core.root_volume(*instance).id);
  for (const std::string& volume : own)
    if (std::ranges::find(excluded, volume) == excluded.end()) volumes.push_back(volume);
  CO_TRY(call.effect());
  std::vector<Snapshot> made;
  std::vector<store::Change> changes;
  for (const std::string& volume : volumes) {
    Snapshot snapshot = CO_TRY(co_await copy_volume(core, account, volume));
    snapshot.description = call.params.text("Description");
    snapshot.created = core.now();
    snapshot.tags = tags_for(specs, "snapshot");
    const Volume* source = core.state.volumes.find(volume);
    if (source && call.params.has("CopyTagsFromSource"))
      snapshot.tags.insert(source->tags.begin(), source->tags.end());
    changes.push_back(core.state.snapshots.put(core.state.snapshots.add(snapshot)));
    changes.push_back(metered(snapshot, true, core.now()));
    made.push_back(std::move(snapshot));
  }
  Xml xml;
  xml.list("snapshotSet", made, [&](const Snapshot& one) {
    xml.plain("snapshotId", one.id).plain("volumeId", one.volume).text("state", "completed");
    xml.text("progress", "100%").time("startTime", one.created).plain("ownerId", one.account);
    xml.number("volumeSize", one.size_gib).text("description", one.description);
    xml.flag("encrypted", false);
    write_tag_set(xml, one.tags);
  });
  co_return co_await finish(core, call, "create-snapshots", std::move(changes), xml.take());
}

Answer describe_attribute(Core& core, const Call& call) {
  const Snapshot* one = TRY(named(call, core.state.snapshots, "SnapshotId", "snap"));
  Xml xml;
  xml.plain("snapshotId", one->id);
  if (call.params.text("Attribute") == "productCodes") {
    xml.text("productCodes", "");
    return xml.take();
  }
  xml.in("createVolumePermission", [&] {
    if (one->is_public) xml.in("item", [&] { xml.text("group", "all"); });
    for (const std::string& user : one->users) xml.in("item", [&] { xml.text("userId", user); });
  });
  return xml.take();
}

Result<> permit(Core& core, Snapshot& one, const std::string& user, bool add) {
  if (add && !core.context.accounts.find(user))
    return fail(
        aws_error("InvalidParameterValue", 400,
                  fmt::format("Value ({}) for parameter userId is invalid. There is no such "
                              "account",
                              printable(user))));
  std::erase(one.users, user);
  if (add) one.users.push_back(user);
  return {};
}

aio::Task<Answer> modify_attribute(Core& core, Call call) {
  const Params& p = call.params;
  Snapshot* kept = CO_TRY(named(call, core.state.snapshots, "SnapshotId", "snap"));
  Snapshot one = *kept;
  bool add = p.text("OperationType", "add") == "add";
  for (const std::string& user : p.list("UserId")) CO_TRY(permit(core, one, user, add));
  if (!p.list("UserGroup").empty()) one.is_public = add;
  for (bool more : {true, false})
    for (const Params& item :
         p.items(more ? "CreateVolumePermission.Add" : "CreateVolumePermission.Remove")) {
      if (item.has("Group")) one.is_public = more;
      if (item.has("UserId")) CO_TRY(permit(core, one, item.text("UserId"), more));
    }
  CO_TRY(call.effect());
  *kept = std::move(one);
  std::vector<store::Change> changes{core.state.snapshots.put(*kept)};
  co_return co_await finish(core, call, "share-snapshot", std::move(changes), answer_true());
}

aio::Task<Answer> reset_attribute(Core& core, Call call) {
  Snapshot* one = CO_TRY(named(call, core.state.snapshots, "SnapshotId", "snap"));
  CO_TRY(call.effect());
  one->users.clear();
  one->is_public = false;
  std::vector<store::Change> changes{core.state.snapshots.put(*one)};
  co_return co_await finish(core, call, "share-snapshot", std::move(changes), answer_true());
}

constexpr Action table[] = {
    {"CreateSnapshots", create_params, nullptr, create_snapshots},
    {"DescribeSnapshotAttribute", attribute_params, describe_attribute},
    {"ModifySnapshotAttribute", modify_params, nullptr, modify_attribute},
    {"ResetSnapshotAttribute", attribute_params, nullptr, reset_attribute},
};

}  // namespace

std::span<const Action> sharing_actions() {
  return table;
}

}  // namespace croft::farm::ec2
