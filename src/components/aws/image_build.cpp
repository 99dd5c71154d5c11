// MachineImage: an image that is built of a description: a machine of the image `imageID` is
// rented, `contents` is deployed on it, an image is made of it, and the machine is given back.
// Where the contents change another one is built beside it, and who is made of it follows.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/digest.h"
#include "base/text.h"
#include "components/aws/ec2_work.h"
#include "components/http_action.h"
#include "components/image_instance.h"
#include "components/instance_group.h"
#include "components/registry.h"
#include "engine/host.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;
namespace event = protocol::event;

namespace {

constexpr const char* part = "contents";
constexpr const char* create_intent = "CreateImage";
constexpr const char* remove_intent = "DeregisterImage";
constexpr const char* failed_note = "failed";
constexpr const char* failed_why = "failed:why";
constexpr Duration again = Duration::seconds(30);
constexpr Duration slowest_look = Duration::seconds(5);
constexpr Duration sealing = Duration::minutes(2);
constexpr size_t digest_shown = 12;
constexpr size_t name_most = 100;  // EC2 takes 128

/// Nothing of the agent that was here stays in the image: whoever starts of it is another machine.
constexpr const char* seal_script =
    "rm -f /var/lib/cloud/scripts/per-boot/croft-agent; cd /var/lib/croft || exit 1; "
    "for f in * .[!.]*; do case \"$f\" in data | croft-agent) ;; *) rm -rf \"$f\" ;; esac; done; "
    "sync";

bool is_renting_now(const Context& context) {
  return context.record().intent &&
         context.record().intent->action == engine::rent_instances_intent;
}

class MachineImage : public ImageInstance {
 public:
  aio::Task<Result<>> deploy(Context& context) override;
  aio::Task<Result<>> start(Context& context) override;
  aio::Task<Result<>> ping(Context& context) override;
  aio::Task<Result<>> work(Context& context) override;
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord& record) override;
  aio::Task<Result<>> prepare_update(Context&, model::ComponentPtr) override {
    co_return Result<>{};
  }
  std::string imports() const override { return ""; }
  bool changing(const Context& context) const override {
    return wants_another(context) || unfinished(context);
  }
  std::string setback(const Context& context) const override {
    return note_of(context, failed_note) == digest_of(context) ? note_of(context, failed_why) : "";
  }

 private:
  using Ids = std::vector<std::string>;
  bool holds_hosts(const Context&) const override { return true; }
  static bool wants_another(const Context& context);
  static bool unfinished(const Context& context);
  static std::string digest_of(const Context& context);
  static std::string current_digest(const Context& context);
  static Ids open_things(const Context& context, std::string_view kind);
  aio::Task<Result<>> follow(Context& context);
  aio::Task<Result<>> finish(Context& context);
  aio::Task<Result<>> build(Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> fill(Context& context, std::string machine);
  aio::Task<Result<>> until_lost(Context& context, std::string machine);
  aio::Task<Result<>> seal(Context& context, std::string machine);
  aio::Task<Result<>> create(Context& context, cloud::Ec2 ec2, std::string machine);
  aio::Task<Result<>> finish_intent(Context& context, cloud::Ec2 ec2);
  aio::Task<Result<>> take(Context& context, cloud::Ec2 ec2, std::string image);
  aio::Task<Result<>> tidy(Context& context);
  aio::Task<Result<>> remove(Context& context, cloud::Ec2 ec2, Ids images);
  aio::Task<Result<>> drop_old(Context& context, cloud::Ec2 ec2);

  aio::Signal changed_;
};

/// Of all that the image is made of.
std::string MachineImage::digest_of(const Context& context) {
  std::string text = "croft machine image 1\n";
  for (const char* name : {"imageID", "imageDigest", part}) {
    const auto* attribute = context.description() ? context.description()->find(name) : nullptr;
    if (!attribute) continue;
    // A link stands for what it leads to: another base is another image.
    auto now = std::string_view(name) == part ? fail(Code::unresolved, "") : context.string(name);
    text += fmt::format("{}={}\n", name, now ? *now : plan::digest_of(attribute->value));
  }
  return "sha256:" + sha256_hex(text);
}

std::string MachineImage::current_digest(const Context& context) {
  auto found = context.record().published.find("digest");
  const auto* text =
      found == context.record().published.end() ? nullptr : found->second.get<std::string>();
  return text ? *text : std::string();
}

/// Another image than that which is there, and than one that could not be built.
bool MachineImage::wants_another(const Context& context) {
  std::string wanted = digest_of(context);
  return wanted != current_digest(context) && wanted != note_of(context, failed_note);
}

/// Something is left of a build that was cut off.
bool MachineImage::unfinished(const Context& context) {
  return context.record().intent || !open_ids(context).empty() ||
         !open_things(context, "bucket").empty();
}

MachineImage::Ids MachineImage::open_things(const Context& context, std::string_view kind) {
  Ids out;
  for (const auto& thing : context.record().rented)
    if (thing.kind == kind && thing.open()) out.push_back(thing.id);
  return out;
}

aio::Task<Result<>> MachineImage::deploy(Context& context) {
  if (!context.has_action(part))
    co_return fail(
        Error(Code::unresolved, "there is nothing that the image is to hold", context.where(part))
            .hint("contents extends Compound { tools extends Package { ... } }"));
  int64_t kept = CO_TRY(context.integer_or("generations", 2));
  if (kept < 1)
    co_return fail(Code::invalid_argument, "generations counts the current image, too: at least 1",
                   context.where("generations"));
  co_return co_await ImageInstance::deploy(context);
}

aio::Task<Result<>> MachineImage::start(Context& context) {
  // Another one is built from work(), beside that which is there.
  if (current_digest(context).empty()) CO_TRY(co_await follow(context));
  changed_.notify();
  co_return context.done(TerminationRecord::normal(context.path(), "its image is there"), false);
}

/// Until the image is of what the description says.
aio::Task<Result<>> MachineImage::follow(Context& context) {
  auto ec2 = CO_TRY(co_await client(context));
  // A machine that was being rented is what the build goes on with.
  if (!is_renting_now(context)) CO_TRY(co_await finish_intent(context, ec2));
  for (;;) {
    std::string wanted = digest_of(context);
    Ids images = open_things(context, "image");
    auto made = std::ranges::find_if(
        images, [&](const auto& id) { return note_of(context, "digest:" + id) == wanted; });
    if (made != images.end() && current_digest(context) == wanted) break;
    if (made == images.end())
      CO_TRY(co_await build(context, ec2));
    else
      CO_TRY(co_await take(context, ec2, *made));
  }
  co_return co_await finish(context);
}

aio::Task<Result<>> MachineImage::work(Context& context) {
  for (;;) {
    std::string wanted = digest_of(context);
    Result<> done;
    if (wants_another(context))
      done = co_await follow(context);
    else if (unfinished(context))
      done = co_await finish(context);
    else
      done = co_await changed_.wait();
    context.waits("");
    if (done) continue;
    if (done.error().code == Code::cancelled) co_return done;
    if (!wants_another(context)) {
      context.event(event::attention, done.error().line());
      CO_TRY(co_await context.world().clock.sleep(again));
      continue;
    }
    std::string why =
        fmt::format("the image of this version could not be built: {}", done.error().line());
    auto finished = co_await finish(context);
    if (!finished && finished.error().code == Code::cancelled) co_return finished;
    context.remember(failed_note, wanted);
    context.remember(failed_why, why);
    context.event(event::attention, std::move(why));
    CO_TRY(co_await context.make_durable());
  }
}

/// What a build leaves goes, also one that was cut off.
aio::Task<Result<>> MachineImage::finish(Context& context) {
  auto ec2 = CO_TRY(co_await client(context));
  CO_TRY(co_await finish_intent(context, ec2));
  CO_TRY(co_await tidy(context));
  co_return co_await drop_old(context, ec2);
}

aio::Task<Result<>> MachineImage::build(Context& context, cloud::Ec2 ec2) {
  auto sealed = [&] {
    Ids open = open_ids(context);
    return !open.empty() && !note_of(context, "sealed:" + open.front()).empty();
  };
  if (!sealed()) {
    CO_TRY(co_await start_machines(context));
    std::string machine = open_ids(context).front();
    context.waits("its contents are brought to a machine");
    auto filled = co_await aio::race(fill(context, machine), until_lost(context, machine));
    CO_TRY(filled.index() == 0 ? std::get<0>(std::move(filled)) : std::get<1>(std::move(filled)));
  }
  co_return co_await create(context, ec2, open_ids(context).front());
}

aio::Task<Result<>> MachineImage::fill(Context& context, std::string machine) {
  std::string digest = digest_of(context);
  // What a build that was cut off has deployed may be of other contents.
  if (context.knows_action(machine) && note_of(context, "of:" + machine) != digest) {
    CO_TRY(co_await context.end_action(
        machine, TerminationRecord::normal(context.path(), "the contents are others now")));
    context.forget_action(machine);
  }
  context.remember("of:" + machine, digest);
  CO_TRY(co_await context.deploy_action(machine, part));
  CO_TRY(co_await context.start_action(machine));
  co_return co_await seal(context, std::move(machine));
}

aio::Task<Result<>> MachineImage::until_lost(Context& context, std::string machine) {
  engine::Hosts* hosts = CO_TRY(context.hosts());
  for (;;) {
    auto host = hosts->find(context.application(), machine);
    if (host && host->lost())
      co_return fail(
          Code::unavailable,
          fmt::format("the machine that the image is made of was lost: {}", *host->lost()));
    CO_TRY(co_await hosts->changed().wait());
  }
}

aio::Task<Result<>> MachineImage::seal(Context& context, std::string machine) {
  auto host = CO_TRY(context.hosts())->find(context.application(), machine);
  if (!host) co_return fail(Code::unavailable, fmt::format("{} has no agent", machine));
  context.waits("the machine is sealed");
  context.remember("sealed:" + machine, "yes");
  CO_TRY(co_await context.make_durable());
  model::Probe wipe;
  wipe.kind = model::Probe::Kind::command;
  wipe.command = {"/bin/sh", "-c", seal_script};
  wipe.timeout = sealing;
  co_return co_await host->ask(std::move(wipe));
}

aio::Task<Result<>> MachineImage::create(Context& context, cloud::Ec2 ec2, std::string machine) {
  std::string digest = note_of(context, "of:" + machine);
  std::string name = CO_TRY(context.string_or("imageName", ""));
  if (name.empty()) name = context.path();
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_') c = '-';
  name = fmt::format("{}-{}-{}", name.substr(0, name_most),
                     digest.substr(digest.find(':') + 1, digest_shown), machine.substr(2, 8));
  auto tags = context.tags();
  tags.push_back({cloud::tag_digest, digest});
  CO_TRY(co_await context.intend(create_intent,
                                 {{"instance", machine}, {"name", name}, {"digest", digest}}));
  context.waits("the image is made");
  auto made = co_await context.outside(
      create_intent,
      ec2.create_image(machine, name, CO_TRY(context.string_or("imageDescription", "")),
                       std::move(tags)));
  if (!made && !outcome_unknown(made.error())) {
    CO_TRY(co_await context.settle({}, {}, made.error()));
    co_return fail(std::move(made).error());
  }
  if (!made) co_return fail(std::move(made).error());
  co_return co_await finish_intent(context, ec2);
}

/// A call that was made, or whose answer was lost: a name is an account's only once.
aio::Task<Result<>> MachineImage::finish_intent(Context& context, cloud::Ec2 ec2) {
  if (!context.record().intent) co_return Result<>{};
  if (is_renting_now(context)) co_return co_await find_lost(context, ec2);
  if (context.record().intent->action != create_intent) co_return Result<>{};
  auto facts = context.record().intent->facts;
  auto found = CO_TRY(co_await ec2.describe_images({}, {{"name", {facts["name"]}}}, {"self"}));
  std::vector<engine::Rented> made;
  for (const auto& image : found) {
    made.push_back(context.rented("image", image.id));
    for (const auto& snapshot : image.snapshots)
      made.push_back(context.rented("snapshot", snapshot));
    context.remember("digest:" + image.id, facts["digest"]);
    for (const auto& snapshot : image.snapshots) context.remember("of:" + snapshot, image.id);
  }
  co_return co_await context.settle(std::move(made));
}

/// It is there, signed, and what others link to from now on.
aio::Task<Result<>> MachineImage::take(Context& context, cloud::Ec2 ec2, std::string image) {
  for (Duration pause = first_look(context);; pause = std::min(pause * 2, slowest_look)) {
    auto seen = CO_TRY(co_await ec2.describe_images({}, {{"image-id", {image}}}, {"self"}));
    if (seen.empty() || seen.front().state == "failed") {
      Ids gone = {image};
      for (const auto& id : open_things(context, "snapshot"))
        if (note_of(context, "of:" + id) == image) gone.push_back(id);
      if (seen.empty()) CO_TRY(co_await context.settle({}, std::move(gone)));
      co_return fail(Code::unavailable,
                     fmt::format("image {} has {}", image, seen.empty() ? "gone" : "failed"));
    }
    if (seen.front().state == "available") break;
    context.waits(fmt::format("image {} is {}", image, seen.front().state));
    CO_TRY(co_await context.world().clock.sleep(pause));
  }
  std::string digest = note_of(context, "digest:" + image);
  std::string signature =
      CO_TRY(co_await CO_TRY(context.hosts())->sign(image_statement(image, digest)));
  CO_TRY(co_await context.outside("CreateTags",
                                  ec2.create_tags({image}, {{cloud::tag_signature, signature}})));
  context.publish("image", model::Value(image));
  context.publish("digest", model::Value(digest));
  context.publish("signature", model::Value(signature));
  context.forget(failed_note);
  context.event(event::message, fmt::format("IMAGE {} is {}", image, digest));
  co_return co_await context.make_durable();
}

/// The machine that it was made of, with all that made it a host.
aio::Task<Result<>> MachineImage::tidy(Context& context) {
  Ids machines = open_ids(context);
  CO_TRY(co_await give_up(context, machines));
  for (const std::string& name : context.children()) {
    if (!name.starts_with("i-") || !context.knows_action(name)) continue;
    CO_TRY(co_await context.end_action(
        name, TerminationRecord::normal(context.path(), "its machine is gone")));
    context.forget_action(name);
    context.forget("of:" + name);
    context.forget("sealed:" + name);
  }
  co_return co_await leave(context);
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
  if (images.size() < kept) co_return Result<>{};
  images.resize(images.size() + 1 - kept);
  co_return co_await remove(context, ec2, std::move(images));
}

aio::Task<Result<>> MachineImage::ping(Context& context) {
  if (changing(context)) changed_.notify();
  auto found = context.record().published.find("image");
  const auto* id =
      found == context.record().published.end() ? nullptr : found->second.get<std::string>();
  if (!id) co_return Result<>{};
  auto ec2 = CO_TRY(co_await client(context));
  auto seen = CO_TRY(co_await ec2.describe_images({}, {{"image-id", {*id}}}, {"self"}));
  if (!seen.empty()) co_return Result<>{};
  co_return fail(Code::not_found, fmt::format("image {} is gone", *id));
}

aio::Task<Result<>> MachineImage::terminate(Context& context, const TerminationRecord& record) {
  auto ec2 = CO_TRY(co_await client(context));
  CO_TRY(co_await finish_intent(context, ec2));
  Ids images = open_things(context, "image"), all = images;
  for (auto& id : open_things(context, "snapshot")) all.push_back(std::move(id));
  bool keep = CO_TRY(context.boolean_or("keep", false)) && !context.remove_kept();
  if (!keep) {
    CO_TRY(co_await remove(context, ec2, std::move(images)));
  } else if (!all.empty()) {
    CO_TRY(
        co_await context.outside("CreateTags", ec2.create_tags(all, {{cloud::tag_keep, "true"}})));
    CO_TRY(co_await context.keep(std::move(all)));
  }
  CO_TRY(co_await give_up(context, open_ids(context)));
  co_return co_await ImageInstance::terminate(context, record);
}

}  // namespace

engine::ComponentType machine_image_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  type.compound = true;
  type.coded = true;
  type.actions = true;
  type.works = true;
  type.changes = true;
  type.timeouts.start = Duration::hours(1);
  type.schema = image_instance_schema();
  type.schema.sf_class = "croft.MachineImage";
  type.schema.type = "MachineImage";
  type.schema.doc =
      "An image built of a description: `contents` is deployed on a machine of the image "
      "`imageID`, "
      "an image is made of it, the machine is given back. Other contents: another image.";
  auto& attributes = type.schema.attributes;
  static constexpr std::string_view not_here[] = {
      "minCount", "maxCount", "shutdown",  "onLoss",    "spread",
      "zones",    "instance", "instances", "addresses", "publicAddresses"};
  std::erase_if(attributes, [](const auto& attribute) {
    return std::ranges::find(not_here, attribute.name) != std::end(not_here);
  });
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
  updated(with_default("generations", Type::integer, int32_t{2},
                       "so many images are kept, the current one included, to go back to"));
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
