// ImageInstance: minCount to maxCount machines of one image, rented in one call, watched and given
// back.
#include "components/image_instance.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cloud/ec2.h"
#include "components/aws/ec2_work.h"
#include "components/aws/host_machines.h"
#include "components/http_action.h"
#include "components/passwords/passwords.h"
#include "engine/host.h"
#include "protocol/events.h"

namespace croft::components {

using cloud::InstanceState;
using engine::Context;

namespace {

constexpr const char* run_intent = engine::rent_instances_intent;
constexpr const char* terminate_intent = "TerminateInstances";
constexpr Duration slowest_look = Duration::seconds(2);
constexpr Duration settling = Duration::seconds(60);  // a new id may be unknown for a while
constexpr int looks_for_lost = 4;  // for instances of a call whose answer was lost
constexpr Duration lost_pause = Duration::seconds(1);
constexpr Duration after_a_start = Duration::seconds(2);  // until a farm tells of it
constexpr size_t ids_shown = 5;
constexpr size_t user_data_max = 16 << 10;

bool counts(InstanceState state) {
  return state == InstanceState::pending || state == InstanceState::running;
}
bool is_gone(InstanceState state) {
  return state == InstanceState::terminated || state == InstanceState::shutting_down;
}

bool asked_before(const Context& context) {
  return context.record().intent && context.record().intent->action == run_intent;
}

/// What was asked for before, where the answer was lost: the same question with the same token.
void as_before(const Context& context, cloud::RunInstances& wanted) {
  const auto& facts = context.record().intent->facts;
  auto text = [&](const char* name) {
    auto found = facts.find(name);
    return found == facts.end() ? std::string() : found->second;
  };
  auto number = [&](const char* name, int fallback) {
    return static_cast<int>(parse_u64(text(name)).value_or(static_cast<uint64_t>(fallback)));
  };
  wanted.min_count = number("minCount", wanted.min_count);
  wanted.max_count = number("maxCount", wanted.max_count);
  if (!text("token").empty()) wanted.client_token = text("token");
  if (!text("zone").empty()) wanted.zone = text("zone");
}

}  // namespace

/// A call for replacements is another call than the one before it.
std::string ImageInstance::token_of(const Context& context) {
  auto round = context.record().memory.find("round");
  return round == context.record().memory.end() ? context.client_token()
                                                : context.client_token() + "-" + round->second;
}

std::string listed(const std::vector<std::string>& ids) {
  std::vector<std::string> shown(
      ids.begin(), ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), ids_shown)));
  std::string text = join(shown, ", ");
  return ids.size() > ids_shown ? fmt::format("{} and {} more", text, ids.size() - ids_shown)
                                : text;
}

aio::Task<Result<std::map<std::string, cloud::Instance>>> ImageInstance::look(
    cloud::Ec2 ec2, std::vector<std::string> ids) {
  constexpr size_t filter_values = 200;
  std::map<std::string, cloud::Instance> out;
  for (size_t at = 0; at < ids.size(); at += filter_values) {
    cloud::DescribeInstances request;
    auto first = ids.begin() + static_cast<ptrdiff_t>(at);
    request.filters = {
        {"instance-id",
         {first, first + static_cast<ptrdiff_t>(std::min(filter_values, ids.size() - at))}}};
    for (auto& instance : CO_TRY(co_await ec2.describe_instances(std::move(request))))
      out[instance.id] = std::move(instance);
  }
  co_return out;
}

std::vector<std::string> ImageInstance::open_ids(const Context& context) {
  std::vector<std::string> ids;
  for (const auto& thing : context.record().rented)
    if (thing.kind == "instance" && thing.open()) ids.push_back(thing.id);
  return ids;
}

aio::Task<Result<std::optional<engine::Keys>>> ImageInstance::account(Context& context) {
  co_return std::optional(CO_TRY(co_await keys_of(context, "id", "key")));
}

aio::Task<Result<cloud::Ec2>> ImageInstance::client(Context& context) {
  auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
  co_return co_await context.ec2(keys.access_key, keys.secret_key);
}

Result<cloud::RunInstances> ImageInstance::request(Context& context) {
  cloud::RunInstances out;
  out.image_id = TRY(context.string("imageID"));
  if (out.image_id.empty())
    return fail(Code::invalid_argument, "No image to deploy: imageID is empty",
                context.where("imageID"));
  int64_t least = TRY(context.integer_or("minCount", 1));
  int64_t most = TRY(context.integer_or("maxCount", least));
  // What has a size by a metric begins with the least.
  if (context.description() && context.description()->find("scale")) most = least;
  if (least < 1 || most < least || most > 100'000)
    return fail(
        Code::invalid_argument,
        fmt::format("minCount is {} and maxCount {}: at least 1, and no maximum below the minimum",
                    least, most),
        context.where(least < 1 ? "minCount" : "maxCount"));
  out.min_count = static_cast<int>(least);
  out.max_count = static_cast<int>(most);
  out.client_token = token_of(context);
  out.instance_type = TRY(context.string_or("instanceType", ""));
  if (!out.instance_type.empty() && std::ranges::count(out.instance_type, '.') != 1)
    return fail(Error(Code::invalid_argument,
                      fmt::format("Unrecognised image type: {}", out.instance_type),
                      context.where("instanceType"))
                    .hint("a type is a family and a size, such as m1.small"));
  out.user_data = TRY(context.string_or("userData", ""));
  if (out.user_data.size() > user_data_max)
    return fail(
        Code::invalid_argument,
        fmt::format("userData has {} bytes, {} are allowed", out.user_data.size(), user_data_max),
        context.where("userData"));
  out.key_name = TRY(context.string_or("keyName", ""));
  out.zone = TRY(context.string_or("zone", ""));
  out.instance_profile = TRY(context.string_or("instanceProfile", ""));
  out.public_address = TRY(context.boolean_or("publicAddress", false));
  for (const auto& group : TRY(context.vector_or_empty("securityGroups")))
    if (auto* name = group.get<std::string>())
      (name->starts_with("sg-") ? out.security_group_ids : out.security_groups).push_back(*name);
  out.tags = context.tags();
  for (auto& tag : TRY(own_tags(context))) out.tags.push_back(std::move(tag));
  return out;
}

aio::Task<Result<>> ImageInstance::deploy(Context& context) {
  auto asked = request(context);
  // An image that is built of the same description is there only once that has started.
  if (!asked && asked.error().code != Code::unresolved) co_return fail(std::move(asked).error());
  co_return Result<>{};
}

aio::Task<Result<>> ImageInstance::start(Context& context) {
  CO_TRY(co_await start_machines(context));
  co_return context.done(model::TerminationRecord::normal(context.path(), "its machines run"),
                         false);
}

aio::Task<Result<>> ImageInstance::start_machines(Context& context) {
  auto ec2 = CO_TRY(co_await client(context));
  bool open = is_renting(context);
  // What was lost while no controller looked is dealt with as a loss, not as a start that fails.
  if (context.ran_before() && !open && !open_ids(context).empty()) CO_TRY(co_await ping(context));
  if (!open && all_given_back(context) && !context.record().intent) next_round(context);
  if (open_ids(context).empty() || open) CO_TRY(co_await rent(context, ec2));
  // What was imported may be less than what there has to be.
  if (!context.ran_before()) CO_TRY(co_await replace_lost(context, ec2));
  co_return co_await wait_until_running(context, ec2);
}

aio::Task<Result<>> ImageInstance::leave(Context& context) {
  auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
  co_return co_await leave_hosts(context, std::move(keys), token_of(context));
}

bool ImageInstance::holds_hosts(const Context& context) const {
  return context.is_host();
}

/// User data by which its machines become hosts.
aio::Task<Result<>> ImageInstance::make_joining(Context& context, cloud::RunInstances& wanted) {
  auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
  wanted.user_data = CO_TRY(co_await host_user_data(context, keys, wanted.client_token,
                                                    std::move(wanted.user_data), wanted.tags));
  if (wanted.user_data.size() <= user_data_max) co_return Result<>{};
  co_return fail(Code::invalid_argument,
                 fmt::format("userData has {} bytes with what makes the machines hosts, {} are "
                             "allowed",
                             wanted.user_data.size(), user_data_max),
                 context.where("userData"));
}

aio::Task<Result<>> ImageInstance::equip(Context& context, cloud::RunInstances& wanted) {
  if (holds_hosts(context)) CO_TRY(co_await make_joining(context, wanted));
  co_return Result<>{};
}

aio::Task<Result<>> ImageInstance::settle_in(Context& context,
                                             const std::map<std::string, cloud::Instance>&) {
  if (!holds_hosts(context)) co_return Result<>{};
  // Those that have joined another controller before this one led look there for where it is.
  if (context.ran_before())
    CO_TRY(co_await tell_rendezvous(context, CO_TRY(co_await keys_of(context, "id", "key"))));
  for (;;) {
    auto lost = CO_TRY(co_await wait_for_hosts(context, token_of(context), open_ids(context)));
    if (lost.empty()) co_return Result<>{};
    CO_TRY(co_await fence_these(context, CO_TRY(co_await client(context)), std::move(lost)));
  }
}

Result<> ImageInstance::within_limits(Context& context, cloud::RunInstances& wanted) {
  int64_t free = context.free_instances();
  if (free < wanted.min_count)
    return fail(Error(Code::resource_exhausted,
                      fmt::format("at least {} instances are needed, and the limits of the "
                                  "application leave {}",
                                  wanted.min_count, free),
                      context.where("minCount"))
                    .hint("see maxInstances of sfConfig, --max-instances, --account-instances"));
  wanted.max_count = static_cast<int>(std::min<int64_t>(wanted.max_count, free));
  return {};
}

aio::Task<Result<>> ImageInstance::rent(Context& context, cloud::Ec2 ec2, int missing) {
  cloud::RunInstances wanted = CO_TRY(request(context));
  bool spread = CO_TRY(is_spread(context));
  if (missing > 0) wanted.min_count = wanted.max_count = missing;
  if (!asked_before(context)) {
    CO_TRY(co_await check_image(context, ec2, wanted.image_id));
    if (!is_renting(context)) CO_TRY(within_limits(context, wanted));
  }
  CO_TRY(co_await equip(context, wanted));
  if (asked_before(context)) {
    cloud::RunInstances again = wanted;
    as_before(context, again);
    auto made = co_await ask_for(context, ec2, std::move(again));
    if (!made && !(spread && made.error().code == Code::resource_exhausted))
      co_return fail(std::move(made).error());
    if (!spread) co_return Result<>{};
  }
  if (spread) co_return co_await deal(context, ec2, std::move(wanted));
  CO_TRY(co_await ask_for(context, ec2, std::move(wanted)));
  co_return Result<>{};
}

aio::Task<Result<int>> ImageInstance::ask_for(Context& context, cloud::Ec2 ec2,
                                              cloud::RunInstances wanted) {
  if (!asked_before(context))
    CO_TRY(co_await context.intend(run_intent, {{"minCount", fmt::format("{}", wanted.min_count)},
                                                {"maxCount", fmt::format("{}", wanted.max_count)},
                                                {"token", wanted.client_token},
                                                {"zone", wanted.zone},
                                                {"imageId", wanted.image_id}}));
  context.waits(
      wanted.min_count == wanted.max_count
          ? fmt::format("{} instances are asked for", wanted.min_count)
          : fmt::format("{} to {} instances are asked for", wanted.min_count, wanted.max_count));
  int least = wanted.min_count;
  std::string zone = wanted.zone, profile = wanted.instance_profile, type = wanted.instance_type;
  auto reservation = co_await context.outside(run_intent, ec2.run_instances(std::move(wanted)));
  if (!reservation) {
    Error error = std::move(reservation).error();
    if (auto attribute = refused_attribute(error, zone, profile, type); !attribute.empty()) {
      error.where = context.where(attribute);
      if (attribute == "instanceType") error.frame("Unrecognised image type: " + type);
    }
    if (error.code == Code::resource_exhausted) {
      error.where = context.where("minCount");
      error.hint(fmt::format(
          "at least {} are needed (minCount): lower it, or raise the account's quota", least));
    }
    if (!outcome_unknown(error)) CO_TRY(co_await context.settle({}, {}, error));
    co_return fail(std::move(error));
  }
  std::vector<engine::Rented> made;
  for (const auto& instance : reservation->instances)
    made.push_back(context.rented("instance", instance.id));
  auto count = static_cast<int>(made.size());
  CO_TRY(co_await context.settle(std::move(made)));
  co_return count;
}

/// Which of ours are gone. An error when fewer than minCount are left.
Result<> ImageInstance::judge(Context& context, const std::map<std::string, cloud::Instance>& seen,
                              std::vector<std::string>& gone) {
  std::vector<std::string> told;
  size_t alive = 0;
  for (const auto& thing : context.record().rented) {
    if (thing.kind != "instance" || !thing.open()) continue;
    auto found = seen.find(thing.id);
    if (found == seen.end()) {
      if (context.world().clock.wall() - thing.since < settling) {
        ++alive;
        continue;
      }
      told.push_back(thing.id + " is unknown");
      gone.push_back(thing.id);
    } else if (counts(found->second.state)) {
      ++alive;
    } else {
      told.push_back(fmt::format(
          "{} is {}{}", thing.id, name_of(found->second.state),
          found->second.state_reason.empty() ? "" : " (" + found->second.state_reason + ")"));
      if (is_gone(found->second.state)) gone.push_back(thing.id);
    }
  }
  auto least = static_cast<size_t>(TRY(context.integer_or("minCount", 1)));
  if (alive >= least) return {};
  return fail(
      Error(Code::conflict, fmt::format("{} of at least {} instances are left: {}", alive, least,
                                        told.empty() ? "the farm gave fewer" : listed(told))));
}

void ImageInstance::publish(Context& context, const std::map<std::string, cloud::Instance>& seen) {
  model::Vector ids, addresses, public_addresses;
  for (const std::string& id : open_ids(context)) {
    auto found = seen.find(id);
    if (found == seen.end() || found->second.state != InstanceState::running) continue;
    ids.emplace_back(id);
    addresses.emplace_back(found->second.private_address);
    if (!found->second.public_address.empty())
      public_addresses.emplace_back(found->second.public_address);
  }
  if (!ids.empty()) context.publish("instance", ids.front());
  context.publish("instances", std::move(ids));
  context.publish("addresses", std::move(addresses));
  context.publish("publicAddresses", std::move(public_addresses));
  // What is placed on it looks again: its machine may have joined before it was known here.
  if (auto hosts = context.hosts()) (*hosts)->changed().notify();
}

aio::Task<Result<>> ImageInstance::wait_until_running(Context& context, cloud::Ec2 ec2) {
  Duration pause = first_look(context);
  for (;;) {
    auto ids = open_ids(context);
    auto seen = CO_TRY(co_await look(ec2, ids));
    std::vector<std::string> gone;
    // What ran before and was stopped or lost since is a loss, not a start that fails.
    if (context.ran_before()) {
      if (CO_TRY(co_await start_stopped(context, ec2, seen))) ids = open_ids(context);
      if (!starts_.empty()) pause = std::max(pause, after_a_start);
    }
    auto enough = judge(context, seen, gone);
    if (!enough && context.ran_before() && CO_TRY(replaces(context))) {
      CO_TRY(co_await count_out(context, gone));
      co_return co_await replace_lost(context, ec2);
    }
    CO_TRY(enough);
    size_t running = static_cast<size_t>(std::ranges::count_if(
        seen, [](const auto& item) { return item.second.state == InstanceState::running; }));
    if (!gone.empty()) CO_TRY(co_await settle_gone(context, gone));
    if (holds_hosts(context)) CO_TRY(co_await expect_hosts(context, token_of(context), seen));
    if (running + gone.size() >= ids.size()) {
      context.waits("");
      publish(context, seen);
      co_return co_await settle_in(context, seen);
    }
    context.waits(fmt::format("{} of {} instances run", running, ids.size()));
    CO_TRY(co_await context.world().clock.sleep(pause));
    pause = std::min(pause * 2, slowest_look);
  }
}

aio::Task<Result<>> ImageInstance::ping(Context& context) {
  auto lock = CO_TRY(co_await tending_.lock());
  co_return co_await look_after(context, CO_TRY(co_await client(context)));
}

aio::Task<Result<>> ImageInstance::work(Context& context) {
  if (!holds_hosts(context)) co_return Result<>{};
  engine::Hosts* hosts = CO_TRY(context.hosts());
  aio::Clock& clock = context.world().clock;
  for (Moment due = clock.now();;) {
    if (clock.now() >= due)
      due = clock.now() + CO_TRY(co_await tell_rendezvous(
                              context, CO_TRY(co_await keys_of(context, "id", "key"))));
    std::vector<std::string> lost;
    for (const std::string& id : open_ids(context)) {
      auto host = hosts->find(context.application(), id);
      auto why = host ? host->lost() : std::nullopt;
      if (!why) continue;
      lost.push_back(id);
    }
    if (!lost.empty()) CO_TRY(co_await fence(context, std::move(lost)));
    auto woken = co_await aio::deadline(clock, due - clock.now(), hosts->changed().wait(),
                                        "a change of hosts");
    if (!woken && woken.error().code != Code::timeout) co_return woken;
  }
}

aio::Task<Result<>> ImageInstance::fence(Context& context, std::vector<std::string> lost) {
  auto lock = CO_TRY(co_await tending_.lock());
  co_return co_await fence_these(context, CO_TRY(co_await client(context)), std::move(lost));
}

/// Under the lock of tending_, or while the component starts.
aio::Task<Result<>> ImageInstance::fence_these(Context& context, cloud::Ec2 ec2,
                                               std::vector<std::string> lost) {
  auto still = open_ids(context);
  std::erase_if(lost, [&](const auto& id) { return std::ranges::find(still, id) == still.end(); });
  CO_TRY(co_await spare_stopped(context, ec2, lost));
  for (const std::string& id : lost)
    if (auto host = CO_TRY(context.hosts())->find(context.application(), id))
      context.event(protocol::event::instances_gone,
                    fmt::format("{}: {}", id, host->lost().value_or("")));
  if (!lost.empty()) CO_TRY(co_await give_back(context, ec2, std::move(lost)));
  auto done = co_await look_after(context, ec2, true);
  machines_changed();
  co_return done;
}

/// Holds what the farm says against what there has to be.
aio::Task<Result<>> ImageInstance::look_after(Context& context, cloud::Ec2 ec2, bool changed) {
  auto seen = CO_TRY(co_await look(ec2, open_ids(context)));
  changed |= CO_TRY(co_await start_stopped(context, ec2, seen));
  std::vector<std::string> gone;
  Result<> enough = judge(context, seen, gone);
  CO_TRY(co_await count_out(context, gone));
  if (changed || !gone.empty()) publish(context, seen);
  if ((!enough || is_renting(context)) && CO_TRY(replaces(context)))
    co_return co_await replace_lost(context, ec2);
  co_return enough;
}

/// A call whose answer was lost may have rented something: it is found by the token that went with
/// it.
aio::Task<Result<>> ImageInstance::find_lost(Context& context, cloud::Ec2 ec2) {
  std::vector<engine::Rented> made;
  auto fact = context.record().intent->facts.find("token");
  std::string token =
      fact == context.record().intent->facts.end() ? token_of(context) : fact->second;
  for (int i = 0; i < looks_for_lost && made.empty(); ++i) {
    if (i > 0) CO_TRY(co_await context.world().clock.sleep(lost_pause));
    context.waits("looking for instances of a call whose answer was lost");
    cloud::DescribeInstances query;
    query.filters = {{"client-token", {token}}};
    for (const auto& instance : CO_TRY(co_await ec2.describe_instances(std::move(query))))
      if (!is_gone(instance.state)) made.push_back(context.rented("instance", instance.id));
  }
  co_return co_await context.settle(std::move(made));
}

aio::Task<Result<>> ImageInstance::terminate(Context& context, const model::TerminationRecord&) {
  auto keys = CO_TRY(co_await keys_of(context, "id", "key"));
  if (!context.record().intent && open_ids(context).empty())
    co_return co_await leave_hosts(context, keys, token_of(context));
  auto ec2 = CO_TRY(co_await client(context));
  if (context.record().intent && context.record().intent->action == run_intent)
    CO_TRY(co_await find_lost(context, ec2));
  auto ids = open_ids(context);
  bool keep =
      CO_TRY(context.boolean_or("keep", false)) || !CO_TRY(context.boolean_or("shutdown", true));
  if (!keep || context.remove_kept()) {
    if (!ids.empty()) CO_TRY(co_await give_back(context, ec2, std::move(ids)));
    co_return co_await leave_hosts(context, keys, token_of(context));
  }
  if (ids.empty()) co_return Result<>{};
  CO_TRY(co_await context.outside("CreateTags", ec2.create_tags(ids, {{cloud::tag_keep, "true"}})));
  co_return co_await context.keep(std::move(ids));
}

aio::Task<Result<>> ImageInstance::give_back(Context& context, cloud::Ec2 ec2,
                                             std::vector<std::string> ids) {
  Duration pause = first_look(context);
  bool asked = false;
  for (;;) {
    auto seen = CO_TRY(co_await look(ec2, ids));
    std::vector<std::string> gone, left;
    for (const std::string& id : ids) {
      auto found = seen.find(id);
      bool over = found == seen.end() || found->second.state == InstanceState::terminated;
      (over ? gone : left).push_back(id);
    }
    if (left.empty()) {
      context.waits("");
      co_return co_await settle_gone(context, gone);
    }
    if (!asked) {
      CO_TRY(co_await context.intend(terminate_intent, {{"instances", join(left, " ")}}));
      CO_TRY(co_await context.outside(terminate_intent, ec2.terminate_instances(left)));
      asked = true;
      continue;
    }
    context.waits(
        fmt::format("{} of {} instances are terminated", ids.size() - left.size(), ids.size()));
    CO_TRY(co_await context.world().clock.sleep(pause));
    pause = std::min(pause * 2, slowest_look);
  }
}

}  // namespace croft::components
