// Images made of instances, of snapshots and of other images; who may launch them. An image made
// here is a root disk (its snapshot) over the image folder of the instance that it was taken from.
#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/image_import.h"
#include "farm/ec2/metering.h"
#include "farm/ec2/snapshots.h"

namespace croft::farm::ec2 {

namespace {

constexpr Param create_params[] = {
    {"InstanceId", Kind::id, true, "i"},
    {"Name", Kind::text, true, "", 3, 128},
    {"Description", Kind::text, false, "", 0, 255},
    {"NoReboot", Kind::boolean},  // processes stand still meanwhile; nobody has to reboot
    {"BlockDeviceMapping.*", Kind::unsupported},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param register_params[] = {
    {"Name", Kind::text, true, "", 3, 128},
    {"Description", Kind::text, false, "", 0, 255},
    {"Architecture", Kind::choice, false, "x86_64"},
    {"RootDeviceName", Kind::text, false, "", 1, 64},
    {"BlockDeviceMapping.N.DeviceName", Kind::text, false, "", 1, 64},
    {"BlockDeviceMapping.N.Ebs.SnapshotId", Kind::id, false, "snap"},
    {"BlockDeviceMapping.N.Ebs.VolumeSize", Kind::integer, false, "", 1, 16384},
    {"BlockDeviceMapping.N.Ebs.VolumeType", Kind::ignored},
    {"BlockDeviceMapping.N.Ebs.DeleteOnTermination", Kind::ignored},
    {"ImageLocation", Kind::text, false, "", 1, 1024},
    {"VirtualizationType", Kind::choice, false, "hvm"},
    {"EnaSupport", Kind::ignored},
    {"SriovNetSupport", Kind::ignored},
    {"BootMode", Kind::ignored},
    {"ImdsSupport", Kind::ignored},
    {"KernelId", Kind::ignored},
    {"RamdiskId", Kind::ignored},
    {"TpmSupport", Kind::unsupported},
    {"UefiData", Kind::unsupported},
    {"BillingProduct.N", Kind::ignored},
};
constexpr Param copy_params[] = {
    {"SourceImageId", Kind::id, true, "ami"},
    {"SourceRegion", Kind::text, true, "", 1, 64},
    {"Name", Kind::text, true, "", 3, 128},
    {"Description", Kind::text, false, "", 0, 255},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"Encrypted", Kind::ignored},
    {"KmsKeyId", Kind::ignored},
    {"CopyImageTags", Kind::boolean},
    {"DestinationOutpostArn", Kind::unsupported},
};
constexpr Param one_params[] = {{"ImageId", Kind::id, true, "ami"}};
constexpr Param modify_params[] = {
    {"ImageId", Kind::id, true, "ami"},
    {"Attribute", Kind::choice, false, "launchPermission|description"},
    {"OperationType", Kind::choice, false, "add|remove"},
    {"UserId.N", Kind::text, false, "", 1, 64},
    {"UserGroup.N", Kind::text, false, "", 1, 64},
    {"Value", Kind::text, false, "", 0, 255},
    {"Description.Value", Kind::text, false, "", 0, 255},
    {"LaunchPermission.Add.N.UserId", Kind::text, false, "", 1, 64},
    {"LaunchPermission.Add.N.Group", Kind::text, false, "", 1, 64},
    {"LaunchPermission.Remove.N.UserId", Kind::text, false, "", 1, 64},
    {"LaunchPermission.Remove.N.Group", Kind::text, false, "", 1, 64},
    {"LaunchPermission.Add.N.OrganizationArn", Kind::unsupported},
    {"LaunchPermission.Add.N.OrganizationalUnitArn", Kind::unsupported},
    {"ProductCode.N", Kind::unsupported},
    {"OrganizationArn.N", Kind::unsupported},
    {"OrganizationalUnitArn.N", Kind::unsupported},
};
constexpr Param attribute_params[] = {
    {"ImageId", Kind::id, true, "ami"},
    {"Attribute", Kind::choice, true,
     "description|launchPermission|blockDeviceMapping|productCodes|kernel|ramdisk|sriovNetSupport"},
};
constexpr Param reset_params[] = {
    {"ImageId", Kind::id, true, "ami"},
    {"Attribute", Kind::choice, true, "launchPermission"},
};

Result<> check_name(Core& core, const std::string& account, const std::string& name) {
  for (const auto& [id, image] : core.state.images())
    if (image.owner == account && image.name == name)
      return fail(
          aws_error("InvalidAMIName.Duplicate", 400,
                    fmt::format("AMI name {} is already in use by AMI {}", printable(name), id)));
  return {};
}

/// An image that this account may change.
Result<Image*> own_image(Core& core, const Call& call) {
  std::string id = call.params.text("ImageId");
  Image* image = core.state.find_image(call.account(), id);
  if (!image) return fail(not_found(*id_kind("ami"), {id}));
  if (image->owner != call.account())
    return fail(aws_error("AuthFailure", 403, fmt::format("Not authorized for image:{}", id)));
  return image;
}

std::string id_answer(const std::string& id) {
  Xml xml;
  xml.plain("imageId", id);
  return xml.take();
}

/// The record of an image over a snapshot.
Image image_over(Core& core, const Call& call, const Snapshot& snapshot) {
  Image image;
  image.id = new_id(core.context.world.random, "ami");
  image.owner = call.account();
  image.name = call.params.text("Name");
  image.description = call.params.text("Description");
  image.folder = snapshot.folder;
  image.created = core.now();
  image.snapshot = snapshot.id;
  image.disk_gib = snapshot.size_gib;
  image.source = snapshot.instance;
  return image;
}

aio::Task<Answer> create_image(Core& core, Call call) {
  std::string id = call.params.text("InstanceId"), account = call.account();
  Instance* instance = core.state.find_instance(account, id);
  if (!instance) co_return fail(not_found(*id_kind("i"), {id}));
  if (instance->state != InstanceState::running && instance->state != InstanceState::stopped)
    co_return fail(aws_error("IncorrectState", 400,
                             fmt::format("Instance '{}' is neither running nor stopped but {}", id,
                                         name_of(instance->state))));
  CO_TRY(check_name(core, account, call.params.text("Name")));
  auto specs = CO_TRY(read_tag_specs(call.params, {"image", "snapshot"}));
  CO_TRY(call.effect());
  std::string reseller = instance->reseller;
  int64_t margin = instance->margin_micros;
  Snapshot snapshot = CO_TRY(co_await copy_root(core, id));
  // Somebody may have taken the name while the disk was copied.
  if (auto free = check_name(core, account, call.params.text("Name")); !free) {
    CO_TRY(co_await core.fleet.machines().remove_disk(core.disk_file(snapshot.id)));
    co_return fail(std::move(free).error());
  }
  Image image = image_over(core, call, snapshot);
  image.tags = tags_for(specs, "image");
  // Whoever sold what it is made of earns by it, too.
  image.reseller = reseller;
  image.margin_micros = margin;
  snapshot.tags = tags_for(specs, "snapshot");
  snapshot.description = fmt::format("Created by CreateImage({}) for {}", id, image.id);
  std::vector<store::Change> changes{core.state.snapshots.put(core.state.snapshots.add(snapshot)),
                                     State::put(core.state.add_image(image)),
                                     metered(snapshot, true, core.now())};
  co_return co_await finish(core, call, "create-image", std::move(changes), id_answer(image.id));
}

/// From an archive in the farm's S3.
aio::Task<Answer> register_from_s3(Core& core, Call call) {
  if (!call.params.items("BlockDeviceMapping").empty())
    co_return fail(aws_error("InvalidParameterCombination", 400,
                             "An image is of a snapshot or of an ImageLocation, not of both"));
  CO_TRY(check_name(core, call.account(), call.params.text("Name")));
  CO_TRY(call.effect());
  ImageImport wanted{
      "", call.params.text("Name"), call.params.text("Description"), call.account(), {}};
  co_return id_answer(
      CO_TRY(co_await import_object(core, call.params.text("ImageLocation"), std::move(wanted))));
}

aio::Task<Answer> register_image(Core& core, Call call) {
  if (call.params.has("ImageLocation")) co_return co_await register_from_s3(core, std::move(call));
  const Snapshot* snapshot = nullptr;
  int64_t size = 0;
  for (const Params& device : call.params.items("BlockDeviceMapping")) {
    std::string id = device.text("Ebs.SnapshotId");
    if (id.empty()) continue;
    if (snapshot)
      co_return fail(aws_error("UnsupportedOperation", 400,
                               "An image of this farm has one snapshot: its root disk's"));
    snapshot = core.state.snapshots.find(call.account(), id);
    if (!snapshot) co_return fail(not_found(*id_kind("snap"), {id}));
    size = device.number("Ebs.VolumeSize", snapshot->size_gib);
  }
  if (!snapshot || snapshot->instance.empty())
    co_return fail(aws_error("InvalidBlockDeviceMapping", 400,
                             "An image needs the snapshot of a root disk: name one in "
                             "BlockDeviceMapping.1.Ebs.SnapshotId"));
  if (size < snapshot->size_gib)
    co_return fail(aws_error(
        "InvalidBlockDeviceMapping", 400,
        fmt::format("The volume is smaller than its snapshot ({} GiB)", snapshot->size_gib)));
  CO_TRY(check_name(core, call.account(), call.params.text("Name")));
  CO_TRY(call.effect());
  Image image = image_over(core, call, *snapshot);
  image.disk_gib = size;
  std::vector<store::Change> changes{State::put(core.state.add_image(image))};
  co_return co_await finish(core, call, "register-image", std::move(changes), id_answer(image.id));
}

aio::Task<Answer> copy_image(Core& core, Call call) {
  std::string id = call.params.text("SourceImageId"), account = call.account();
  Image* source = core.state.find_image(account, id);
  if (!source) co_return fail(not_found(*id_kind("ami"), {id}));
  if (call.params.text("SourceRegion") != core.context.region)
    co_return fail(aws_error("InvalidParameterValue", 400,
                             fmt::format("This farm is one region: {}", core.context.region)));
  CO_TRY(check_name(core, account, call.params.text("Name")));
  CO_TRY(call.effect());
  Image copy = *source;
  copy.id = new_id(core.context.world.random, "ami");
  copy.owner = account;
  copy.name = call.params.text("Name");
  copy.description = call.params.text("Description");
  copy.created = core.now();
  copy.source = id;
  copy.users.clear();
  copy.is_public = false;
  if (!call.params.flag("CopyImageTags")) copy.tags.clear();
  std::vector<store::Change> changes;
  if (!copy.snapshot.empty()) {
    Snapshot snapshot = *core.state.snapshots.find(copy.snapshot);
    std::string from = core.disk_file(snapshot.id);
    snapshot.id = new_id(core.context.world.random, "snap");
    snapshot.account = account;
    snapshot.created = core.now();
    snapshot.description = fmt::format("Copied for {} from {}", copy.id, id);
    CO_TRY(co_await core.fleet.machines().copy_disk("", from, core.disk_file(snapshot.id)));
    copy.snapshot = snapshot.id;
    changes.push_back(core.state.snapshots.put(core.state.snapshots.add(snapshot)));
    changes.push_back(metered(snapshot, true, core.now()));
  }
  changes.push_back(State::put(core.state.add_image(copy)));
  co_return co_await finish(core, call, "copy-image", std::move(changes), id_answer(copy.id));
}

aio::Task<Answer> deregister_image(Core& core, Call call) {
  Image* image = CO_TRY(own_image(core, call));
  CO_TRY(call.effect());
  // Instances go on; one that did not boot yet has the disk's name in its own record.
  std::vector<store::Change> changes{State::remove(*image)};
  core.state.erase_image(image->id);
  auto answer = co_await finish(core, call, "deregister-image", std::move(changes), answer_true());
  if (answer) CO_TRY(co_await sweep_files(core));
  co_return answer;
}

void permit(Image& image, const std::string& user, const std::string& group, bool add) {
  if (group == "all") image.is_public = add;
  if (user.empty()) return;
  std::erase(image.users, user);
  if (add) image.users.push_back(user);
}

/// Groups are "all"; users are account numbers.
Result<> check_permission(const std::string& user, const std::string& group) {
  auto refuse = [](std::string_view value, std::string_view type) {
    return fail(aws_error("InvalidAMIAttributeItemValue", 400,
                          fmt::format("Invalid attribute item value \"{}\" for {} item type.",
                                      printable(value), type)));
  };
  if (!group.empty() && group != "all") return refuse(group, "group");
  if (!user.empty() && (user.size() != 12 || user.find_first_not_of("0123456789") != user.npos))
    return refuse(user, "userId");
  return {};
}

Result<> check_permissions(const Params& p) {
  for (const std::string& user : p.list("UserId")) TRY(check_permission(user, ""));
  for (const std::string& group : p.list("UserGroup")) TRY(check_permission("", group));
  for (const char* side : {"LaunchPermission.Add", "LaunchPermission.Remove"})
    for (const Params& one : p.items(side))
      TRY(check_permission(one.text("UserId"), one.text("Group")));
  return {};
}

aio::Task<Answer> modify_image(Core& core, Call call) {
  Image* image = CO_TRY(own_image(core, call));
  const Params& p = call.params;
  CO_TRY(check_permissions(p));
  bool add = p.text("OperationType", "add") == "add";
  Image changed = *image;
  for (const std::string& user : p.list("UserId")) permit(changed, user, "", add);
  for (const std::string& group : p.list("UserGroup")) permit(changed, "", group, add);
  for (const Params& one : p.items("LaunchPermission.Add"))
    permit(changed, one.text("UserId"), one.text("Group"), true);
  for (const Params& one : p.items("LaunchPermission.Remove"))
    permit(changed, one.text("UserId"), one.text("Group"), false);
  if (p.has("Description.Value")) changed.description = p.text("Description.Value");
  if (p.text("Attribute") == "description") changed.description = p.text("Value");
  CO_TRY(call.effect());
  *image = std::move(changed);
  std::vector<store::Change> changes{State::put(*image)};
  co_return co_await finish(core, call, "modify-image", std::move(changes), answer_true());
}

aio::Task<Answer> reset_image(Core& core, Call call) {
  Image* image = CO_TRY(own_image(core, call));
  CO_TRY(call.effect());
  image->users.clear();
  image->is_public = false;
  std::vector<store::Change> changes{State::put(*image)};
  co_return co_await finish(core, call, "reset-image", std::move(changes), answer_true());
}

Answer describe_image_attribute(Core& core, const Call& call) {
  Image* image = TRY(own_image(core, call));
  std::string attribute = call.params.text("Attribute");
  Xml xml;
  xml.plain("imageId", image->id);
  if (attribute == "description") {
    xml.in("description", [&] { xml.text("value", image->description); });
  } else if (attribute == "launchPermission") {
    xml.in("launchPermission", [&] {
      if (image->is_public) xml.in("item", [&] { xml.text("group", "all"); });
      for (const std::string& user : image->users)
        xml.in("item", [&] { xml.text("userId", user); });
    });
  } else if (attribute == "blockDeviceMapping") {
    xml.in("blockDeviceMapping", [&] {
      xml.in("item", [&] {
        xml.text("deviceName", "/dev/sda1");
        xml.in("ebs", [&] {
          xml.plain("snapshotId", image->snapshot).number("volumeSize", image->disk_gib);
          xml.flag("deleteOnTermination", true).text("volumeType", "gp2");
        });
      });
    });
  } else if (attribute == "productCodes") {
    xml.text("productCodes", "");
  } else {
    xml.in(attribute, [] {});
  }
  return xml.take();
}

constexpr Action table[] = {
    {"CreateImage", create_params, nullptr, create_image},
    {"RegisterImage", register_params, nullptr, register_image},
    {"CopyImage", copy_params, nullptr, copy_image},
    {"DeregisterImage", one_params, nullptr, deregister_image},
    {"ModifyImageAttribute", modify_params, nullptr, modify_image},
    {"ResetImageAttribute", reset_params, nullptr, reset_image},
    {"DescribeImageAttribute", attribute_params, describe_image_attribute},
};

}  // namespace

std::span<const Action> image_actions() {
  return table;
}

}  // namespace croft::farm::ec2
