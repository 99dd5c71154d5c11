#include "farm/ec2/image_import.h"

#include "base/log.h"
#include "base/text.h"
#include "farm/ec2/ids.h"
#include "image/unpack.h"

namespace croft::farm::ec2 {

namespace {

std::string images_folder(const Core& core) {
  return core.context.data + "/images";
}

Result<> check_free(Core& core, const ImageImport& wanted) {
  for (const auto& [id, image] : core.state.images())
    if (image.owner == wanted.account && image.name == wanted.name)
      return fail(aws_error(
          "InvalidAMIName.Duplicate", 400,
          fmt::format("AMI name {} is already in use by AMI {}", printable(wanted.name), id)));
  return {};
}

/// Files in a folder whose names `needed` does not hold.
aio::Task<Result<>> remove_others(aio::World& world, std::string folder,
                                  std::set<std::string> needed) {
  auto names = co_await world.disk.list(folder);
  if (!names && names.error().code == Code::not_found) co_return Result<>{};
  for (const std::string& name : CO_TRY(std::move(names))) {
    if (needed.contains(name)) continue;
    log::info("ec2", "removing {}/{}: nothing needs it", folder, name);
    auto gone = co_await world.disk.remove_tree(fmt::format("{}/{}", folder, name));
    if (!gone && gone.error().code != Code::not_found) log::warn("ec2", "{}", gone.error().line());
  }
  co_return Result<>{};
}

}  // namespace

aio::Task<Result<std::string>> import_image(Core& core, ImageImport wanted) {
  aio::World& world = core.context.world;
  CO_TRY(check_free(core, wanted));
  Image image;
  image.id = new_id(world.random, "ami");
  image.folder = fmt::format("{}/{}", images_folder(core), image.id);
  CO_TRY(co_await world.disk.make_dirs(images_folder(core)));
  // Under another name until all of it is there; a sweep leaves what is on its way alone.
  std::string coming = image.folder + ".new";
  core.importing.insert(image.id + ".new");
  core.importing.insert(image.id + ".new.layout");
  std::string source = wanted.source;
  auto unpacked = co_await aio::blocking(
      world, aio::Pool::disk, [source, coming] { return image::unpack_image(source, coming); });
  Result<> named = unpacked ? co_await world.disk.rename(coming, image.folder)
                            : fail(std::move(unpacked).error().frame("importing " + source));
  core.importing.erase(image.id + ".new");
  core.importing.erase(image.id + ".new.layout");
  CO_TRY(std::move(named));
  // Somebody may have taken the name meanwhile.
  Result<> free = check_free(core, wanted);
  if (free) {
    image.owner = wanted.account;
    image.name = wanted.name;
    image.description = wanted.description;
    image.created = core.now();
    image.tags = wanted.tags;
    free = co_await core.state.commit("import-image", {State::put(image)});
  }
  if (!free) {
    CO_TRY(co_await world.disk.remove_tree(image.folder));
    co_return fail(std::move(free).error());
  }
  std::string id = image.id;
  core.state.add_image(std::move(image));
  log::info("ec2", "{} is an image of {}: {} entries, {}", id, source, unpacked->entries,
            Bytes(static_cast<int64_t>(unpacked->bytes)).text());
  co_return id;
}

aio::Task<Result<std::string>> import_object(Core& core, std::string location, ImageImport wanted) {
  std::string_view path = location;
  for (std::string_view scheme : {"s3://", "/"})
    if (path.starts_with(scheme)) path.remove_prefix(scheme.size());
  auto parts = cut(path, '/');
  if (!parts || parts->first.empty() || parts->second.empty() || !core.context.export_object)
    co_return fail(aws_error(
        "InvalidParameterValue", 400,
        fmt::format("Value ({}) for parameter imageLocation is invalid. Expected BUCKET/KEY of a "
                    "root file system as tar, or of an OCI layout as tar",
                    printable(location))));
  aio::World& world = core.context.world;
  std::string name = "object-" + world.random.hex_id(16);
  std::string file = fmt::format("{}/{}", images_folder(core), name);
  CO_TRY(co_await world.disk.make_dirs(images_folder(core)));
  core.importing.insert(name);
  Result<std::string> made = fail(Code::internal, "");
  auto copied = co_await core.context.export_object(wanted.account, std::string(parts->first),
                                                    std::string(parts->second), file);
  wanted.source = file;
  if (copied)
    made = co_await import_image(core, std::move(wanted));
  else
    made = fail(std::move(copied).error());
  core.importing.erase(name);
  auto gone = co_await world.disk.remove(file);
  if (!gone && gone.error().code != Code::not_found) log::warn("ec2", "{}", gone.error().line());
  if (made || !made.error().fact("aws_code").empty()) co_return made;
  Code code = made.error().code;
  if (code != Code::corrupt && code != Code::invalid_argument && code != Code::unsupported &&
      code != Code::not_found)
    co_return made;
  co_return fail(aws_error("InvalidManifest", 400,
                           fmt::format("{} is no image: {}", location, made.error().what)));
}

aio::Task<Result<>> sweep_files(Core& core) {
  std::set<std::string> folders = core.importing, disks;
  std::string prefix = images_folder(core) + "/";
  auto need = [&](const std::string& folder) {
    if (folder.starts_with(prefix)) folders.insert(folder.substr(prefix.size()));
  };
  for (const auto& [id, image] : core.state.images()) need(image.folder);
  for (const auto& [id, instance] : core.state.instances()) {
    if (instance.state == InstanceState::terminated) continue;
    need(instance.image_folder);
    // Its disk may still have to be copied.
    if (!instance.disk_source.empty())
      disks.insert(instance.disk_source.substr(instance.disk_source.rfind('/') + 1));
  }
  for (const auto& [id, snapshot] : core.state.snapshots.all()) {
    need(snapshot.folder);
    disks.insert(id + ".img");
  }
  for (const auto& [id, volume] : core.state.volumes.all()) disks.insert(id + ".img");
  CO_TRY(co_await remove_others(core.context.world, images_folder(core), std::move(folders)));
  if (!core.sweep_disks) co_return Result<>{};
  co_return co_await remove_others(core.context.world, core.context.data + "/disks",
                                   std::move(disks));
}

}  // namespace croft::farm::ec2
