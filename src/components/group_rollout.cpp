// How members of an InstanceGroup come to another description: in place, batch by batch, or as
// other machines; and back where that fails.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/instance_group.h"
#include "engine/ledger.h"
#include "plan/plan.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using protocol::event::attention;
using protocol::event::message;

namespace {

constexpr const char* given_up_note = "given-up";  // key of the parts and machines that have failed
constexpr const char* given_up_why = "given-up-why";
constexpr const char* good_note = "good";  // digest of the parts that ran on all members
constexpr const char* good_version = "good-version";
constexpr const char* of_machine[] = {"imageID", "instanceType",   "userData",
                                      "keyName", "securityGroups", "instanceProfile"};
constexpr const char* base_note = "base";
constexpr Duration canary_pause = Duration::seconds(10);
constexpr Duration least_watch = Duration::seconds(3);

Result<int64_t> number_in(const Context& context, const model::Component& part, const char* name,
                          int64_t fallback) {
  const auto* attribute = part.find(name);
  if (!attribute) return fallback;
  auto number = TRY(context.value_in(part, attribute->value)).as_integer();
  if (number && *number >= 0 && *number <= 100'000) return *number;
  return fail(Code::invalid_argument, fmt::format("{} of `update` is a number of members", name),
              attribute->where);
}

std::vector<std::string> first(const std::vector<std::string>& all, int64_t count) {
  auto end = std::min<int64_t>(count, static_cast<int64_t>(all.size()));
  return {all.begin(), all.begin() + static_cast<ptrdiff_t>(end)};
}

}  // namespace

Result<Rollout> InstanceGroup::rollout_of(const Context& context) {
  int64_t members = TRY(context.integer_or("maxCount", TRY(context.integer_or("minCount", 1))));
  return rollout_in(context, TRY(context.component_or_null("update")), members);
}

Result<Rollout> InstanceGroup::rollout_in(const Context& context, model::ComponentPtr part,
                                          int64_t members) {
  Rollout out;
  if (!part) return out;
  std::string kind = part->string("sfClass").value_or("");
  out.canary = kind == "croft.Canary";
  out.blue_green = kind == "croft.BlueGreen";
  out.batch = std::max<int64_t>(1, TRY(number_in(context, *part, "batch", 1)));
  out.surge = TRY(number_in(context, *part, "surge", 1));
  if (auto text = part->string("pause")) {
    auto pause = Duration::parse(*text, "s");
    if (!pause) return fail(std::move(pause).error().at(part->find("pause")->where));
    out.pause = *pause;
  }
  if (out.canary && out.pause <= Duration()) out.pause = canary_pause;
  std::string on_failure = part->string("onFailure").value_or("REVERT");
  if (on_failure != "REVERT" && on_failure != "STOP")
    return fail(Code::invalid_argument,
                fmt::format("onFailure is '{}'; it is REVERT or STOP", on_failure),
                part->find("onFailure")->where);
  out.reverts = on_failure == "REVERT";
  out.least_serving = TRY(number_in(context, *part, "minServing", 0));
  if (out.least_serving > members)
    return fail(Error(Code::invalid_argument,
                      fmt::format("minServing is {}, and the group has at most {} members",
                                  out.least_serving, members),
                      part->find("minServing")->where)
                    .hint("no rollout could ever begin: lower it, or raise maxCount"));
  return out;
}

std::string InstanceGroup::machine_wanted(const Context& context) const {
  std::string text;
  for (const char* name : of_machine)
    if (const auto* attribute = context.description()->find(name)) {
      // A link stands for what it leads to now: an image that was built anew is another one.
      bool text_itself = attribute->value.get<std::string>() != nullptr;
      auto now = text_itself || name != std::string_view("imageID") ? fail(Code::unresolved, "")
                                                                    : context.string(name);
      text +=
          fmt::format("{}={};", name, plan::digest_of(now ? model::Value(*now) : attribute->value));
    }
  return plan::digest_of(model::Value(text));
}

std::string InstanceGroup::wanted_key(const Context& context) const {
  const auto* attribute = context.description()->find("each");
  return (attribute ? plan::digest_of(attribute->value) : "") + "/" + machine_wanted(context);
}

bool InstanceGroup::has_given_up(const Context& context) const {
  return note_of(context, given_up_note) == wanted_key(context);
}

/// What was given up is tried again: its cause may be gone.
void InstanceGroup::asked_again(Context& context) {
  if (!has_given_up(context)) return;
  context.forget(given_up_note);
  context.forget(given_up_why);
  changed_.notify();
}

std::string InstanceGroup::parts_wanted(const Context& context) const {
  if (has_given_up(context)) return note_of(context, good_note);
  const auto* attribute = context.description()->find("each");
  return attribute ? plan::digest_of(attribute->value) : "";
}

std::string InstanceGroup::pattern(const Context& context) const {
  std::string before = "each@" + note_of(context, good_version);
  return has_given_up(context) && context.has_action(before) ? before : "each";
}

InstanceGroup::Ids InstanceGroup::outdated(const Context& context) const {
  Ids out;
  std::string machine = machine_wanted(context), parts = parts_wanted(context);
  for (const std::string& member : open_ids(context)) {
    std::string its_machine = note_of(context, "machine:" + member);
    if (its_machine.empty()) continue;  // it is about to get its parts
    // Machines of the image that has failed stay, and so do the others.
    bool other_machine = its_machine != machine && !has_given_up(context);
    if (other_machine || note_of(context, "parts:" + member) != parts) out.push_back(member);
  }
  return out;
}

/// What runs now is what there is to go back to.
aio::Task<Result<>> InstanceGroup::settle_rollout(Context& context) {
  rolling_ = false;
  context.forget(base_note);
  if (has_given_up(context)) {
    context.event(attention,
                  fmt::format("all members run version {} again", note_of(context, good_version)));
    co_return co_await context.make_durable();
  }
  context.forget(given_up_why);
  context.remember(good_note, parts_wanted(context));
  context.remember(good_version, fmt::format("{}", context.record().version));
  context.forget(given_up_note);
  co_return co_await context.make_durable();
}

void InstanceGroup::begin_rollout(Context& context, size_t members, const Rollout& how) {
  rolling_ = first_batch_ = true;
  context.event(message,
                fmt::format("ROLLOUT of version {} to {} members begins: {}",
                            context.record().version, members,
                            how.blue_green ? "all made anew beside the old ones"
                            : how.canary   ? fmt::format("one first, then {} at once", how.batch)
                                           : fmt::format("{} at once", how.batch)));
  // Where a controller died amid a rollout the further ones of it are no members.
  auto noted = parse_i64(note_of(context, base_note));
  base_ = target(context).value_or(noted ? *noted : static_cast<int64_t>(open_ids(context).size()));
  context.remember(base_note, fmt::format("{}", base_));
  keep_way_back(context);
}

bool InstanceGroup::changing(const Context& context) const {
  return rolling_ || !outdated(context).empty();
}

std::string InstanceGroup::setback(const Context& context) const {
  if (!has_given_up(context)) return "";
  return fmt::format("{}; its members run version {}", note_of(context, given_up_why),
                     note_of(context, good_version));
}

/// How many of `wanted` members may go out of service now. None: it waits, and says for what.
int64_t InstanceGroup::within_budget(Context& context, const Rollout& how, const Ids& old,
                                     int64_t wanted) {
  int64_t serve = 0;
  for (const std::string& id : serving_) serve += draining_.contains(id) ? 0 : 1;
  // Who does not serve costs nobody anything.
  int64_t idle = 0;
  for (const std::string& id : old) idle += serving_.contains(id) ? 0 : 1;
  int64_t spare = std::max<int64_t>(0, serve - how.least_serving);
  int64_t out = std::min(wanted, spare + std::min(idle, wanted));
  if (out > 0) return out;
  auto have = static_cast<int64_t>(open_ids(context).size());
  std::string text = fmt::format("version {} waits: {} of {} members serve, and minServing is {}",
                                 context.record().version, serve, have, how.least_serving);
  text += serve < have
              ? "; it goes on when more of them serve"
              : "; `surge 1`, a lower minServing or one more member (croft scale) lets it go on";
  context.waits(text);
  if (std::exchange(waits_for_, text) != text) context.event(attention, text);
  return 0;
}

/// As long as some member still is what there was before.
void InstanceGroup::keep_way_back(Context& context) {
  std::string before = "each@" + note_of(context, good_version);
  if (context.has_action(before)) return;
  for (const std::string& member : open_ids(context)) {
    auto part = context.description()->component(member);
    if (!part || note_of(context, "parts:" + member) != note_of(context, good_note)) continue;
    auto copy = model::copy_of(*part);
    copy->eager = false;
    auto& attribute = context.description()->set(before, copy, part->where);
    attribute.tags = {"croftMade"};
    return;
  }
}

bool InstanceGroup::needs_other_machines(const Context& context, const Ids& members) const {
  std::string wanted = machine_wanted(context);
  if (has_given_up(context)) return false;
  return std::ranges::any_of(
      members, [&](const auto& member) { return note_of(context, "machine:" + member) != wanted; });
}

bool InstanceGroup::fail_rollout(Context& context, const std::string& why) {
  std::string before = "each@" + note_of(context, good_version);
  auto how = rollout_of(context);
  bool same_parts = note_of(context, good_note) == parts_wanted(context);
  bool back =
      !has_given_up(context) && (context.has_action(before) || same_parts) && how && how->reverts;
  context.event(
      attention,
      fmt::format("ROLLOUT of version {} has failed: {}; {}", context.record().version, why,
                  back ? "its members go back to version " + note_of(context, good_version)
                       : "nothing is there to go back to"));
  if (!back) return false;
  context.remember(given_up_note, wanted_key(context));
  context.remember(given_up_why,
                   fmt::format("version {} was given up: {}", context.record().version, why));
  hidden_.clear();
  first_batch_ = false;
  watch_until_.reset();
  return true;
}

aio::Task<Result<>> InstanceGroup::change_in_place(Context& context, Ids batch) {
  CO_TRY(co_await drain(context, batch));
  CO_TRY(co_await take_down_all(context, batch, "another version takes its place"));
  aio::Scope scope(co_await aio::here());
  for (const std::string& member : batch) scope.spawn(bring_up(context, member));
  auto done = co_await scope.join();
  for (const std::string& member : batch) draining_.erase(member);
  publish_serving(context);
  co_return done;
}

/// Others first, then the old ones go: as many serve as before, or more.
aio::Task<Result<>> InstanceGroup::replace(Context& context, const Rollout& how, Ids old) {
  Ids before = open_ids(context);
  CO_TRY(co_await rent_more(context, static_cast<int64_t>(old.size())));
  if (how.blue_green)
    for (const std::string& id : open_ids(context))
      if (std::ranges::find(before, id) == before.end()) hidden_.insert(id);
  CO_TRY(co_await tend(context));
  hidden_.clear();
  co_return co_await retire(context, std::move(old), "another version has taken its place");
}

/// One batch.
aio::Task<Result<bool>> InstanceGroup::roll(Context& context) {
  Ids old = outdated(context);
  if (old.empty()) {
    bool all_serve = std::ranges::all_of(
        open_ids(context), [this](const std::string& member) { return serving_.contains(member); });
    if (!rolling_ || !all_serve) co_return false;
    if (!has_given_up(context))
      context.event(message, fmt::format("ROLLED_OUT version {}: all members run it",
                                         context.record().version));
    CO_TRY(co_await settle_rollout(context));
    co_return true;
  }
  Rollout how = CO_TRY(rollout_of(context));
  if (!rolling_) {
    begin_rollout(context, old.size(), how);
    co_return true;
  }
  bool returning = has_given_up(context);
  bool alone = how.canary && first_batch_ && !returning;
  auto all = static_cast<int64_t>(old.size());
  int64_t count = how.blue_green && !returning ? all : alone ? 1 : how.batch;
  bool others_first = needs_other_machines(context, first(old, count)) || how.blue_green;
  // Where others are there before the old ones go, and on the way back, the budget is no matter.
  if (how.least_serving > 0 && !returning && !others_first) {
    // Those out of service come first: they are what may change at once.
    Ids ordered;
    for (bool serves : {false, true})
      for (const std::string& id : old)
        if (serving_.contains(id) == serves) ordered.push_back(id);
    old = std::move(ordered);
    count = within_budget(context, how, old, count);
    if (count == 0) co_return false;
  }
  waits_for_.clear();
  Ids batch = first(old, count);
  context.waits(fmt::format("version {} comes to {} of {} members", context.record().version,
                            batch.size(), open_ids(context).size()));
  Result<> done = needs_other_machines(context, batch) || (how.blue_green && !returning)
                      ? co_await replace(context, how, batch)
                      : co_await change_in_place(context, batch);
  if (!done) {
    if (done.error().code == Code::cancelled || engine::is_of_record(done.error()))
      co_return fail(done.error());
    failure_ = done.error().line();
    co_return true;
  }
  bool waits = how.pause > Duration() && (!how.canary || alone) && !returning;
  first_batch_ = false;
  // A part that ends at once, again and again, has been running for a moment.
  if (!returning)
    watch_until_ =
        context.world().clock.now() + (waits ? std::max(how.pause, least_watch) : least_watch);
  co_return true;
}

}  // namespace croft::components
