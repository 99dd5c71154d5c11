// DescribeImages: the built-in image and those the administrator added.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/service.h"

namespace croft::farm::ec2 {

namespace {

constexpr std::string_view public_owner = "000000000000";
using Out = std::vector<std::string>&;

std::string_view owner_of(const Image& image) {
  return image.owner.empty() ? public_owner : std::string_view(image.owner);
}

bool everybodys(const Image& image) {
  return image.owner.empty() || image.is_public;
}

constexpr FilterField<Image> image_fields[] = {
    {"image-id", [](const Image& i, Out out) { out.push_back(i.id); }},
    {"name", [](const Image& i, Out out) { out.push_back(i.name); }},
    {"description", [](const Image& i, Out out) { out.push_back(i.description); }},
    {"owner-id", [](const Image& i, Out out) { out.emplace_back(owner_of(i)); }},
    {"owner-alias",
     [](const Image& i, Out out) {
       if (i.owner.empty()) out.emplace_back("amazon");
     }},
    {"is-public",
     [](const Image& i, Out out) { out.emplace_back(everybodys(i) ? "true" : "false"); }},
    {"state", [](const Image& i, Out out) { out.push_back(i.state); }},
    {"architecture", [](const Image&, Out out) { out.emplace_back("x86_64"); }},
    {"image-type", [](const Image&, Out out) { out.emplace_back("machine"); }},
    {"root-device-type", [](const Image&, Out out) { out.emplace_back("ebs"); }},
    {"root-device-name", [](const Image&, Out out) { out.emplace_back("/dev/sda1"); }},
    {"virtualization-type", [](const Image&, Out out) { out.emplace_back("hvm"); }},
    {"hypervisor", [](const Image&, Out out) { out.emplace_back("xen"); }},
    {"platform", [](const Image&, Out) {}},
    {"ena-support", [](const Image&, Out out) { out.emplace_back("true"); }},
    {"manifest-location", [](const Image& i, Out out) { out.push_back(i.name); }},
    {"block-device-mapping.snapshot-id",
     [](const Image& i, Out out) { out.push_back(i.snapshot); }},
    {"block-device-mapping.volume-size",
     [](const Image& i, Out out) { out.push_back(std::to_string(i.disk_gib)); }},
    {"source-instance-id", [](const Image& i, Out out) { out.push_back(i.source); }},
    {"creation-date", [](const Image& i, Out out) { out.push_back(i.created.iso8601()); }},
    {"block-device-mapping.volume-type", [](const Image&, Out out) { out.emplace_back("gp2"); }},
};
const Tags& tags_of(const Image& image) {
  return image.tags;
}

bool owned_by(const Image& image, const std::vector<std::string>& owners,
              std::string_view account) {
  if (owners.empty()) return true;
  for (const std::string& owner : owners)
    if (owner == owner_of(image) || (owner == "self" && image.owner == account) ||
        (owner == "amazon" && image.owner.empty()))
      return true;
  return false;
}

bool executable_by(const Image& image, const std::vector<std::string>& who,
                   std::string_view account) {
  if (who.empty()) return true;
  for (const std::string& one : who)
    if ((one == "all" && everybodys(image)) || (one == "self" && image.owner == account) ||
        one == image.owner || std::ranges::find(image.users, one) != image.users.end())
      return true;
  return false;
}

void write_image(Xml& xml, const Image& image) {
  bool everybody = image.owner.empty();
  xml.text("imageId", image.id)
      .text("imageLocation", fmt::format("{}/{}", everybody ? "amazon" : image.owner, image.name));
  xml.text("imageState", image.state)
      .text("imageOwnerId", owner_of(image))
      .time("creationDate", image.created);
  xml.flag("isPublic", everybodys(image))
      .text("architecture", "x86_64")
      .text("imageType", "machine");
  if (everybody) xml.text("imageOwnerAlias", "amazon");
  xml.text("name", image.name).text("description", image.description);
  xml.text("rootDeviceType", "ebs").text("rootDeviceName", "/dev/sda1");
  xml.in("blockDeviceMapping", [&] {
    xml.in("item", [&] {
      xml.text("deviceName", "/dev/sda1");
      xml.in("ebs", [&] {
        xml.text("snapshotId",
                 image.snapshot.empty() ? "snap-" + image.id.substr(4) : image.snapshot);
        xml.number("volumeSize", image.disk_gib);
        xml.flag("deleteOnTermination", true).text("volumeType", "gp2").flag("encrypted", false);
      });
    });
  });
  xml.text("virtualizationType", "hvm");
  write_tags(xml, image.tags);
  xml.text("hypervisor", "xen").flag("enaSupport", true);
  xml.text("platformDetails", "Linux/UNIX").text("usageOperation", "RunInstances");
}

}  // namespace

Answer describe_images(Core& core, const Call& call) {
  auto matches = TRY(Matcher<Image>::make(call.filters, image_fields, tags_of));
  std::string account = call.account();
  std::vector<Image*> candidates = core.state.images_of(account);
  if (auto ids = call.params.list("ImageId"); !ids.empty()) {
    candidates.clear();
    std::vector<std::string> missing;
    for (const std::string& id : ids) {
      if (Image* image = core.state.find_image(account, id))
        candidates.push_back(image);
      else
        missing.push_back(id);
    }
    if (!missing.empty()) return fail(not_found(*id_kind("ami"), missing));
  }
  auto owners = call.params.list("Owner"), users = call.params.list("ExecutableBy");
  std::vector<std::pair<std::string, Image*>> chosen;
  for (Image* image : candidates)
    if (owned_by(*image, owners, account) && executable_by(*image, users, account) &&
        matches(*image))
      chosen.emplace_back(image->id, image);
  std::ranges::sort(chosen);
  std::string next = cut_page(call.action, call.page, chosen);
  Xml xml;
  xml.list("imagesSet", chosen, [&](const auto& item) { write_image(xml, *item.second); });
  xml.optional("nextToken", next);
  return xml.take();
}

aio::Task<Result<>> add_image(Core& core, NewImage wanted) {
  if (!well_formed(*id_kind("ami"), wanted.id))
    co_return fail(
        Error(Code::invalid_argument, fmt::format("'{}' is no image id", printable(wanted.id)))
            .hint("image ids are ami- and 8 or 17 hexadecimal digits"));
  if (!wanted.folder.empty() && !wanted.folder.starts_with('/'))
    co_return fail(Code::invalid_argument,
                   fmt::format("the image folder '{}' is not an absolute path", wanted.folder));
  if (wanted.name.empty()) wanted.name = wanted.id;
  if (Image* known = core.state.find_image(wanted.id)) {
    if (known->folder == wanted.folder && known->owner == wanted.account) co_return Result<>{};
    co_return fail(Code::conflict,
                   fmt::format("the image id {} already stands for {}", wanted.id,
                               known->folder.empty() ? "the built-in image" : known->folder));
  }
  Image image;
  image.id = wanted.id;
  image.owner = wanted.account;
  image.name = wanted.name;
  image.description = wanted.description;
  image.folder = wanted.folder;
  image.created = core.now();
  CO_TRY(co_await core.state.commit("image", {State::put(image)}));
  core.state.add_image(std::move(image));
  co_return Result<>{};
}

}  // namespace croft::farm::ec2
