// The images that a MachineImage has: watched, and given back where there are too many.
#include <fmt/format.h>

#include <algorithm>

#include "components/aws/image_build.h"
#include "components/bounds.h"
#include "components/instance_group.h"
#include "components/registry.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;
namespace event = protocol::event;

namespace {
constexpr const char* remove_intent = "DeregisterImage";
constexpr const char* drop_intent = "DeleteSnapshot";
constexpr const char* part = machine_image_part;
}  // namespace

aio::Task<Result<>> MachineImage::repair(Context& context, std::vector<engine::Drift> drifts) {
  auto ec2 = CO_TRY(co_await client(context));
  Ids gone, untagged;
  std::vector<engine::Rented> found;  // goes with the rest that a build leaves
  for (const engine::Drift& drift : drifts) {
    if (drift.kind == engine::Drift::Kind::gone) gone.push_back(drift.id);
    if (drift.kind == engine::Drift::Kind::tag) untagged.push_back(drift.id);
    if (drift.kind == engine::Drift::Kind::extra)
      found.push_back(context.rented(drift.thing, drift.id));
  }
  if (!untagged.empty()) {
    auto tags = CO_TRY(wanted_tags(context));
    CO_TRY(co_await context.outside("CreateTags", ec2.create_tags(untagged, std::move(tags))));
  }
  if (!found.empty()) CO_TRY(co_await context.settle(std::move(found)));
  co_return co_await count_out_images(context, std::move(gone));
}

aio::Task<Result<>> MachineImage::remove(Context& context, cloud::Ec2 ec2, Ids images) {
  for (const std::string& image : images) {
    Ids gone = {image};
    CO_TRY(co_await context.intend(remove_intent, {{"image", image}}));
    auto done = co_await context.outside(remove_intent, ec2.deregister_image(image));
    if (!done && done.error().code != Code::not_found) co_return done;
    for (const auto& id : open_things(context, "snapshot")) {
      if (note_of(context, "of:" + id) != image) continue;
      auto deleted = co_await context.outside("DeleteSnapshot", ec2.delete_snapshot(id));
      if (!deleted && deleted.error().code != Code::not_found) co_return deleted;
      gone.push_back(id);
      context.forget("of:" + id);
    }
    CO_TRY(co_await context.settle({}, std::move(gone)));
    context.forget("digest:" + image);
  }
  co_return Result<>{};
}

/// The last few stay: what is rolled back needs the one before.
aio::Task<Result<>> MachineImage::drop_old(Context& context, cloud::Ec2 ec2) {
  auto kept = static_cast<size_t>(CO_TRY(context.integer_or("generations", 2)));
  Ids images = open_things(context, "image");
  std::erase_if(images, [&](const auto& id) {
    return note_of(context, "digest:" + id) == current_digest(context);
  });
  images.resize(images.size() < kept ? 0 : images.size() + 1 - kept);
  CO_TRY(co_await remove(context, ec2, std::move(images)));
  co_return co_await drop_snapshots(context, ec2);
}

aio::Task<Result<>> MachineImage::ping(Context& context) {
  if (changing(context)) changed_.notify();
  std::string id = current_image(context);
  if (id.empty() || current_digest(context).empty()) co_return Result<>{};
  auto ec2 = CO_TRY(co_await client(context));
  auto seen = CO_TRY(co_await ec2.describe_images({}, {{"image-id", {id}}}, {"self"}));
  if (!seen.empty()) co_return Result<>{};
  if (engine::drift_policy_of(*context.description()) != engine::DriftPolicy::repair)
    co_return fail(Code::not_found, fmt::format("image {} is gone", id));
  context.event(event::drifted, fmt::format("image {} is gone", id));
  co_return co_await count_out_images(context, {id});
}

aio::Task<Result<>> MachineImage::terminate(Context& context, const TerminationRecord& record) {
  auto ec2 = CO_TRY(co_await client(context));
  CO_TRY(co_await finish_intent(context, ec2));
  Ids images = open_things(context, "image"), all = images;
  for (auto& id : open_things(context, "snapshot")) all.push_back(std::move(id));
  bool keep = CO_TRY(context.boolean_or("keep", false)) && !context.remove_kept();
  if (!keep) {
    CO_TRY(co_await remove(context, ec2, std::move(images)));
    CO_TRY(co_await drop_snapshots(context, ec2));
  } else if (!all.empty()) {
    CO_TRY(
        co_await context.outside("CreateTags", ec2.create_tags(all, {{cloud::tag_keep, "true"}})));
    CO_TRY(co_await context.keep(std::move(all)));
  }
  CO_TRY(co_await give_up(context, open_ids(context)));
  co_return co_await ImageInstance::terminate(context, record);
}

aio::Task<Result<>> MachineImage::take_kept(Context& context, cloud::Ec2 ec2) {
  Ids kept = context.kept("image"), ours;
  if (kept.empty()) co_return Result<>{};
  Ids snapshots = context.kept("snapshot");
  for (const auto& image :
       CO_TRY(co_await ec2.describe_images({}, {{"image-id", kept}}, {"self"}))) {
    context.remember("digest:" + image.id, cloud::tag_value(image.tags, cloud::tag_digest));
    ours.push_back(image.id);
    for (const std::string& id : image.snapshots) {
      if (std::ranges::find(snapshots, id) == snapshots.end()) continue;
      context.remember("of:" + id, image.id);
      ours.push_back(id);
    }
  }
  co_return co_await context.take_back(std::move(ours));
}

/// Those of images that somebody else has removed.
aio::Task<Result<>> MachineImage::drop_snapshots(Context& context, cloud::Ec2 ec2) {
  Ids images = open_things(context, "image");
  for (const std::string& id : open_things(context, "snapshot")) {
    if (std::ranges::find(images, note_of(context, "of:" + id)) != images.end()) continue;
    CO_TRY(co_await context.intend(drop_intent, {{"snapshot", id}}));
    auto done = co_await context.outside(drop_intent, ec2.delete_snapshot(id));
    if (!done && done.error().code != Code::not_found) co_return done;
    CO_TRY(co_await context.settle({}, {id}));
    context.forget("of:" + id);
  }
  co_return Result<>{};
}

aio::Task<Result<>> MachineImage::count_out_images(Context& context, Ids gone) {
  bool lost = std::ranges::find(gone, current_image(context)) != gone.end();
  if (!gone.empty()) CO_TRY(co_await context.settle({}, std::move(gone)));
  if (lost) context.publish("digest", model::Value(std::string()));
  changed_.notify();
  co_return Result<>{};
}

std::string MachineImage::current_image(const Context& context) {
  auto found = context.record().published.find("image");
  const auto* text =
      found == context.record().published.end() ? nullptr : found->second.get<std::string>();
  return text ? *text : std::string();
}

engine::ComponentType machine_image_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  type.compound = true;
  type.coded = true;
  type.actions = true;
  type.works = true;
  type.changes = true;
  type.timeouts.start = Duration::hours(1);
  type.schema = without(image_instance_schema(),
                        {"minCount", "maxCount", "shutdown", "onLoss", "spread", "zones",
                         "instance", "instances", "addresses", "publicAddresses"});
  type.schema.sf_class = "croft.MachineImage";
  type.schema.type = "MachineImage";
  type.schema.doc =
      "An image built of a description: `contents` is deployed on a machine of the image "
      "`imageID`, "
      "an image is made of it, the machine is given back. Other contents: another image.";
  auto& attributes = type.schema.attributes;
  type.schema.rule = {};
  for (auto& attribute : attributes) attribute.change = model::Change::update;
  auto published = [&](const char* name, const char* doc) {
    auto out = attribute(name, Type::string, doc);
    out.published = true;
    attributes.push_back(std::move(out));
  };
  auto updated = [&](model::AttributeSchema out) {
    out.change = model::Change::update;
    attributes.push_back(std::move(out));
  };
  updated(
      attribute(part, Type::component, "what the image holds; its parts are placed on a machine"));
  updated(attribute("imageName", Type::string, "what its name begins with; else its path"));
  updated(attribute("imageDescription", Type::string, "for people"));
  updated(
      between(1, 1000,
              with_default("generations", Type::integer, int32_t{2},
                           "so many images are kept, the current one included, to go back to")));
  published("image", "the id of the image: ami-...");
  published("digest", "of what it was made of: \"sha256:...\"");
  published("signature", "of its id and digest");
  type.make = [] { return std::make_unique<MachineImage>(); };
  type.rents = [](const model::Component&) -> Result<std::vector<plan::Rent>> {
    return std::vector<plan::Rent>{{"instance", 0, 1}};
  };
  return type;
}

}  // namespace croft::components
