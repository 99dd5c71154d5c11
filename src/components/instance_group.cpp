// InstanceGroup: what stands under `each` is deployed on each member; a member that comes later
// gets it, one that is lost loses it.
#include "components/instance_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "components/registry.h"
#include "engine/host.h"
#include "engine/ledger.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr const char* part = "each";
const std::string leaving_note = "leaving:";  // and the member: its parts are being taken down
constexpr Duration record_pause = Duration::seconds(1);
constexpr Duration look_again = Duration::seconds(30);
constexpr Duration look_at_restarts = Duration::seconds(1);
constexpr int64_t restarts_most = 1;  // of a member of a new version: one may be chance
constexpr Duration look_at_links =
    Duration::seconds(1);  // an image that is built anew tells nobody

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::ranges::find(all, one) != all.end();
}

}  // namespace

std::string note_of(const Context& context, const std::string& name) {
  auto found = context.record().memory.find(name);
  return found == context.record().memory.end() ? std::string() : found->second;
}

aio::Task<Result<>> InstanceGroup::bring_up(Context& context, std::string member) {
  // Its parts could not go, and that is no reason to end: it is tried until they have gone.
  if (!note_of(context, leaving_note + member).empty()) {
    auto gone = co_await take_down(context, member, "its parts go on ending");
    if (!gone && (gone.error().code == Code::cancelled || engine::is_of_record(gone.error())))
      co_return gone;
    if (!gone) {
      context.waits(gone.error().line());
      co_return Result<>{};
    }
  }
  // Cut off as it came up with what has been given up since.
  std::string has = note_of(context, "parts:" + member);
  if (rolling_ && !has.empty() && has != parts_wanted(context))
    CO_TRY(co_await take_down(context, member, "another version takes its place"));
  std::string from = pattern(context);
  if (!context.knows_action(member)) {
    context.remember("parts:" + member, parts_wanted(context));
    if (note_of(context, "machine:" + member).empty())
      context.remember("machine:" + member, machine_wanted(context));
  }
  auto up = co_await context.deploy_action(member, from);
  if (up) up = co_await context.start_action(member);
  if (!up) {
    if (up.error().code == Code::cancelled) co_return up;
    if (!contains(open_ids(context), member)) co_return Result<>{};  // its machine went meanwhile
    if (rolling_) CO_TRY(co_await take_down(context, member, "it could not be brought up"));
    co_return up;
  }
  if (serving_.insert(member).second) publish_serving(context);
  co_return Result<>{};
}

aio::Task<Result<>> InstanceGroup::take_down(Context& context, std::string member,
                                             std::string why) {
  serving_.erase(member);
  ++lives_[member];
  if (!context.knows_action(member)) {
    context.forget(leaving_note + member);
    co_return Result<>{};
  }
  context.remember(leaving_note + member, "yes");
  auto done = co_await context.end_action(
      member, TerminationRecord::normal(context.path(), std::move(why)));
  CO_TRY(std::move(done));
  context.forget_action(member);
  context.forget(leaving_note + member);
  watched_.erase(member);
  context.forget("parts:" + member);
  co_return Result<>{};
}

aio::Task<Result<>> InstanceGroup::take_down_all(Context& context, Ids members, std::string why) {
  aio::Scope scope(co_await aio::here());
  for (std::string& member : members) scope.spawn(take_down(context, std::move(member), why));
  co_return co_await scope.join();
}

aio::Task<Result<>> InstanceGroup::drain(Context& context, Ids members) {
  Duration lasts = CO_TRY(context.duration_or("drain", "s", Duration()));
  draining_.insert(members.begin(), members.end());
  publish_serving(context);
  CO_TRY(co_await context.make_durable());
  if (lasts <= Duration()) co_return Result<>{};
  context.waits(fmt::format("{} members are drained for {}", members.size(), lasts.text()));
  co_return co_await context.world().clock.sleep(lasts);
}

aio::Task<Result<>> InstanceGroup::retire(Context& context, Ids members, std::string why) {
  CO_TRY(co_await drain(context, members));
  CO_TRY(co_await take_down_all(context, members, std::move(why)));
  CO_TRY(co_await give_up(context, members));
  for (const std::string& member : members) {
    draining_.erase(member);
    context.forget("machine:" + member);
  }
  publish_serving(context);
  co_return co_await context.make_durable();
}

/// Addresses of those whose parts run and that are not about to go.
void InstanceGroup::publish_serving(Context& context) {
  const auto& published = context.record().published;
  auto list = [&](const char* name) {
    auto found = published.find(name);
    const auto* vector = found == published.end() ? nullptr : found->second.get<model::Vector>();
    return vector ? *vector : model::Vector{};
  };
  model::Vector ids = list("instances"), addresses = list("addresses"), out;
  for (size_t i = 0; i < ids.size() && i < addresses.size(); ++i) {
    const auto* id = ids[i].get<std::string>();
    if (id && serving_.contains(*id) && !draining_.contains(*id) && !hidden_.contains(*id))
      out.push_back(addresses[i]);
  }
  auto before = published.find("serving");
  if (before != published.end() && before->second == model::Value(out)) return;
  context.publish("serving", std::move(out));
}

/// Every member has its parts, nobody else has.
aio::Task<Result<>> InstanceGroup::tend(Context& context) {
  Ids members = open_ids(context);
  for (const std::string& name : context.children()) {
    if (contains(members, name) || !context.knows_action(name)) continue;
    draining_.erase(name);
    CO_TRY(co_await take_down(context, name, "its machine is gone"));
    context.forget("machine:" + name);
  }
  if (!has_parts(context)) serving_ = {members.begin(), members.end()};
  publish_serving(context);
  if (!has_parts(context)) co_return Result<>{};
  aio::Scope scope(co_await aio::here());
  for (std::string& member : members)
    if (!serving_.contains(member)) scope.spawn(bring_up(context, std::move(member)));
  co_return co_await scope.join();
}

aio::Task<Result<>> InstanceGroup::deploy(Context& context) {
  CO_TRY(rollout_of(context));
  CO_TRY(cooldown_of(context));
  co_return co_await ImageInstance::deploy(context);
}

/// What could not be done is refused while all is as it was.
aio::Task<Result<>> InstanceGroup::prepare_update(Context& context, model::ComponentPtr wanted) {
  int64_t least = wanted->integer("minCount").value_or(1);
  auto how =
      rollout_in(context, wanted->component("update"), wanted->integer("maxCount").value_or(least));
  if (!how && how.error().code != Code::unresolved) co_return fail(std::move(how).error());
  updating_ = true;
  co_return Result<>{};
}
aio::Task<Result<>> InstanceGroup::abandon_update(Context&) {
  updating_ = false;
  co_return Result<>{};
}

aio::Task<Result<>> InstanceGroup::start(Context& context) {
  bool updated = std::exchange(updating_, false);
  auto open = static_cast<int64_t>(open_ids(context).size());
  if (updated && open > 0) {
    int64_t least = CO_TRY(context.integer_or("minCount", 1));
    if (open < least) CO_TRY(co_await rent_more(context, least - open));
    co_return Result<>{};  // what runs is changed batch by batch, from work()
  }
  CO_TRY(co_await start_machines(context));
  if (!context.record().published.contains("founders"))
    context.publish("founders", context.record().published.at("addresses"));
  if (has_given_up(context)) keep_way_back(context);
  CO_TRY(co_await tend(context));
  if (note_of(context, "good").empty()) CO_TRY(co_await settle_rollout(context));
  co_return context.done(TerminationRecord::normal(context.path(), "its members run"), false);
}

aio::Task<Result<>> InstanceGroup::ping(Context& context) {
  auto before = open_ids(context);
  auto done = co_await ImageInstance::ping(context);
  if (open_ids(context) != before || (!rolling_ && changing(context))) changed_.notify();
  co_return done;
}

/// The end of a member's parts is the group's end, unless its machine went, it was made anew, or a
/// rollout goes back because of it.
aio::Task<Result<>> InstanceGroup::watch(Context& context, std::string member) {
  uint64_t life = lives_[member];
  auto record = co_await context.end_of(member);
  if (life != lives_[member]) co_return Result<>{};  // this group's own doing
  watched_.erase(member);
  if (!record)
    co_return record.error().code == Code::cancelled || record.error().code == Code::not_found
        ? Result<>{}
        : fail(std::move(record).error());
  if (contains(open_ids(context), member) && !end_) {
    if (rolling_) {
      // What was given up may fail on the others, too, before they have gone back.
      bool wanted = note_of(context, "parts:" + member) == parts_wanted(context);
      if (wanted && !failure_) failure_ = fmt::format("{}: {}", member, record->description);
      serving_.erase(member);
      context.forget_action(member);
    } else {
      end_ = *std::move(record);
    }
  }
  changed_.notify();
  co_return Result<>{};
}

/// A machine that is not made up for ends the group.
aio::Task<Result<>> InstanceGroup::watch_machines(Context& context) {
  auto done = co_await ImageInstance::work(context);
  while (!done && engine::is_of_record(done.error())) {
    CO_TRY(co_await context.world().clock.sleep(record_pause));
    done = co_await ImageInstance::work(context);
  }
  if (done || done.error().code == Code::cancelled) co_return done;
  if (!end_)
    end_ = TerminationRecord::abnormal(context.path(), "machines are lost", done.error().line());
  changed_.notify();
  co_return Result<>{};
}

/// A member of the new version whose processes do not stay.
std::optional<std::string> InstanceGroup::restarted_again(const Context& context) const {
  if (has_given_up(context)) return std::nullopt;
  for (const std::string& member : open_ids(context)) {
    if (note_of(context, "parts:" + member) != parts_wanted(context)) continue;
    int64_t restarts = context.restarts_of(member);
    if (restarts > restarts_most)
      return fmt::format("{}: its processes were started again {} times", member, restarts);
  }
  return std::nullopt;
}

aio::Task<Result<bool>> InstanceGroup::step(Context& context) {
  // Not before it is decided which version comes back to a member that failed.
  auto tended = failure_ ? Result<>{} : co_await tend(context);
  if (!tended) {
    bool counts = tended.error().code != Code::cancelled && !engine::is_of_record(tended.error());
    if (!counts || !rolling_) co_return fail(tended.error());
    failure_ = tended.error().line();
  }
  if (failure_) {
    std::string why = *std::exchange(failure_, std::nullopt);
    if (!fail_rollout(context, why))
      co_return fail(Code::conflict, fmt::format("its members fail: {}", why));
    co_return true;
  }
  // Whoever fails while a batch is watched is noticed by watch(), and nothing more is changed.
  Moment now = context.world().clock.now();
  if (watch_until_ && now < *watch_until_) {
    context.waits("the new version is watched");
    if ((failure_ = restarted_again(context))) co_return true;
    auto woken = co_await aio::race(changed_.wait(), context.world().clock.sleep(std::min(
                                                         *watch_until_ - now, look_at_restarts)));
    CO_TRY(woken.index() == 0 ? std::get<0>(std::move(woken)) : std::get<1>(std::move(woken)));
    co_return true;
  }
  watch_until_.reset();
  if (CO_TRY(co_await make_count_right(context))) co_return true;
  co_return co_await roll(context);
}

/// Until there is nothing to do: then waits for news.
aio::Task<Result<>> InstanceGroup::go_on(Context& context, aio::Scope& scope) {
  const auto* image = context.description()->find("imageID");
  bool linked = image && !image->value.get<std::string>();
  for (;;) {
    for (const std::string& member : open_ids(context))
      if (has_parts(context) && context.knows_action(member) && watched_.insert(member).second)
        scope.spawn(watch(context, member));
    if (end_) co_return Result<>{};
    if (CO_TRY(co_await step(context))) continue;
    if (waits_for_.empty()) context.waits("");
    auto woken = co_await aio::race(
        changed_.wait(), context.world().clock.sleep(linked ? look_at_links : look_again));
    CO_TRY(woken.index() == 0 ? std::get<0>(std::move(woken)) : std::get<1>(std::move(woken)));
  }
}

aio::Task<Result<>> InstanceGroup::work(Context& context) {
  end_.reset();
  failure_.reset();
  watch_until_.reset();
  watched_.clear();
  draining_.clear();
  hidden_.clear();
  aio::Scope scope(co_await aio::here());
  scope.spawn(watch_machines(context));
  scope.spawn(follow_metric(context));
  Result<> done = co_await go_on(context, scope);
  scope.cancel();
  auto joined = co_await scope.join();
  bool counts =
      !done && done.error().code != Code::cancelled && !engine::is_of_record(done.error());
  if (counts && !end_)
    end_ = TerminationRecord::abnormal(context.path(), "its members cannot be kept",
                                       done.error().line());
  if (end_) {
    context.end_with_part(*std::move(end_));
    co_return Result<>{};
  }
  co_return done ? joined : done;
}

namespace {

/// What can be changed while it runs: on the members one after another, or by more and fewer of
/// them.
constexpr const char* changing[] = {"imageID",        "instanceType",   "userData",
                                    "keyName",        "minCount",       "maxCount",
                                    "securityGroups", "instanceProfile"};

std::vector<model::AttributeSchema> group_attributes() {
  auto updated = [](model::AttributeSchema out) {
    out.change = model::Change::update;
    return out;
  };
  auto drain =
      updated(with_default("drain", Type::duration, "0s",
                           "so long a member is out of `serving` before it goes or changes"));
  drain.bare_unit = "s";
  auto serving = attribute("serving", Type::any,
                           "addresses of those whose parts run and that are not about to go");
  serving.published = true;
  auto founders = attribute("founders", Type::any, "addresses of the first members, which stay so");
  founders.published = true;
  return {updated(attribute(part, Type::component,
                            "what runs on every member; its parts are placed there")),
          updated(attribute("update", Type::component,
                            "how a change comes to the members: RollingUpdate, Canary, BlueGreen")),
          updated(attribute("scale", Type::component, "a size by a metric: ScaleOnMetric")),
          drain,
          serving,
          founders};
}

}  // namespace

engine::ComponentType instance_group_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  type.compound = true;
  type.coded = true;
  type.actions = true;
  type.works = true;
  type.schema = image_instance_schema();
  type.schema.sf_class = "croft.InstanceGroup";
  type.schema.type = "InstanceGroup";
  type.schema.doc =
      "Machines that are hosts, minCount to maxCount of them, with the same parts on every one: "
      "`each` is deployed on each member, on those that replace lost ones too.";
  for (auto& attribute : type.schema.attributes)
    if (std::ranges::find(changing, attribute.name) != std::end(changing))
      attribute.change = model::Change::update;
  for (auto& attribute : group_attributes()) type.schema.attributes.push_back(std::move(attribute));
  type.make = [] { return std::make_unique<InstanceGroup>(); };
  type.rents = image_instance_rents;
  type.changes = true;
  type.timeouts.start = Duration::hours(1);
  return type;
}

}  // namespace croft::components
