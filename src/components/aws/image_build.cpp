#include "components/aws/image_build.h"

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

constexpr const char* part = machine_image_part;
constexpr const char* create_intent = "CreateImage";
constexpr const char* failed_note = "failed";
constexpr const char* failed_why = "failed:why";
constexpr Duration again = Duration::seconds(10);
constexpr Duration slowest_look = Duration::seconds(5);
constexpr Duration sealing = Duration::minutes(2);
constexpr size_t digest_shown = 12;
constexpr size_t name_most = 100;  // EC2 takes 128

/// Nothing of the agent that was here stays in the image, nor of what brought it and let it join:
/// whoever starts of it is another machine.
constexpr const char* seal_script =
    "rm -rf /var/lib/cloud/scripts/per-boot/croft-agent /var/lib/cloud/instance/scripts; "
    "cd /var/lib/croft && find . -mindepth 1 -delete; sync";

bool is_renting_now(const Context& context) {
  return context.record().intent &&
         context.record().intent->action == engine::rent_instances_intent;
}

/// Nothing that another description would mend: a farm that is away or full, a machine that was
/// lost.
bool is_of_outside(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::throttled ||
         error.code == Code::resource_exhausted || error.code == Code::io ||
         error.code == Code::timeout;
}

Error nothing_to_hold(const Context& context) {
  return Error(Code::invalid_argument, "there is nothing that the image is to hold",
               context.where(part))
      .hint("contents extends Compound { tools extends Package { ... } }");
}
Error too_few_generations(const Context& context) {
  return Error(Code::invalid_argument,
               "generations counts the current image, too: it is at least 1",
               context.where("generations"));
}

bool holds_component(const model::Value& value) {
  if (value.as_component()) return true;
  const auto* vector = value.get<model::Vector>();
  return vector && std::ranges::any_of(*vector, holds_component);
}

/// As it is written, and what its links lead to: a text from elsewhere is part of an image, too.
void describe(const Context& context, const model::Component& part, std::string& out) {
  for (const auto& attribute : part.attributes()) {
    out += attribute.name;
    auto child = attribute.value.as_component();
    if (child && child->parent() == &part) {
      out += '{';
      describe(context, *child, out);
      out += '}';
      continue;
    }
    auto now = context.value_in(part, attribute.value);
    bool plain = now && !holds_component(*now);
    out += '=' + plan::digest_of(plain ? *now : attribute.value) + ';';
  }
}

}  // namespace

/// Of all that the image is made of.
std::string MachineImage::digest_of(const Context& context) {
  std::string text = "croft machine image 1\n";
  for (const char* name : {"imageID", "imageDigest", part}) {
    const auto* attribute = context.description() ? context.description()->find(name) : nullptr;
    if (!attribute) continue;
    text += std::string(name) + "=";
    if (auto whole = attribute->value.as_component()) {
      describe(context, *whole, text);
    } else {
      auto now = context.string(name);
      text += now ? *now : plan::digest_of(attribute->value);
    }
    text += '\n';
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

std::string MachineImage::setback(const Context& context) const {
  return note_of(context, failed_note) == digest_of(context) ? note_of(context, failed_why) : "";
}

/// What failed may have done so for a reason that the description says nothing of.
void MachineImage::asked_again(Context& context) {
  context.forget(failed_note);
  changed_.notify();
}

aio::Task<Result<>> MachineImage::prepare_update(Context& context, model::ComponentPtr wanted) {
  auto contents = wanted->component(part);
  if (!contents || !contents->find("sfClass")) co_return fail(nothing_to_hold(context));
  if (wanted->integer("generations").value_or(1) < 1) co_return fail(too_few_generations(context));
  co_return Result<>{};
}

aio::Task<Result<>> MachineImage::deploy(Context& context) {
  if (!context.has_action(part)) co_return fail(nothing_to_hold(context));
  if (CO_TRY(context.integer_or("generations", 2)) < 1)
    co_return fail(too_few_generations(context));
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
  CO_TRY(co_await take_kept(context, ec2));
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
    // Its machine may be what has failed: the next try has another.
    auto finished = co_await finish(context);
    if (!finished && finished.error().code == Code::cancelled) co_return finished;
    if (!wants_another(context) || is_of_outside(done.error())) {
      context.event(event::attention,
                    fmt::format("{}; tried again in {}", done.error().line(), again.text()));
      CO_TRY(co_await context.world().clock.sleep(again));
      continue;
    }
    std::string why =
        fmt::format("the image of this version could not be built: {}", done.error().line());
    context.remember(failed_note, wanted);
    context.remember(failed_why, why);
    context.event(event::attention, std::move(why));
    context.waits("");
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
    Ids open = open_ids(context);
    if (!open.empty() && !note_of(context, "sealing:" + open.front()).empty())
      CO_TRY(co_await tidy(context));
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
  // From here on its agent cannot come back: whoever goes on begins with another machine.
  context.remember("sealing:" + machine, "yes");
  CO_TRY(co_await context.make_durable());
  model::Probe wipe;
  wipe.kind = model::Probe::Kind::command;
  wipe.command = {"/bin/sh", "-c", seal_script};
  wipe.timeout = sealing;
  CO_TRY(co_await host->ask(std::move(wipe)));
  context.remember("sealed:" + machine, "yes");
  co_return co_await context.make_durable();
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
    context.forget("sealing:" + name);
    context.forget("sealed:" + name);
  }
  co_return co_await leave(context);
}

}  // namespace croft::components
