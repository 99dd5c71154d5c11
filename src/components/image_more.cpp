// Machines beside those that were rented first, or instead of them; fewer; and what has drifted.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/aws/host_machines.h"
#include "components/image_instance.h"
#include "components/passwords/passwords.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;

/// Another call than the one before it has another token.
void ImageInstance::next_round(Context& context) {
  auto round = context.record().memory.find("round");
  auto number = round == context.record().memory.end() ? 0 : parse_u64(round->second).value_or(0);
  context.remember("round", fmt::format("{}", number + 1));
}

/// Asked with the token of what is gone the farm would answer with just that.
bool ImageInstance::all_given_back(const Context& context) {
  bool any = false;
  for (const auto& thing : context.record().rented) {
    if (thing.kind != "instance") continue;
    if (!thing.returned) return false;
    any = true;
  }
  return any;
}

Result<bool> ImageInstance::replaces(const Context& context) {
  return TRY(context.string_or("onLoss", "END")) == "REPLACE";
}

aio::Task<Result<>> ImageInstance::count_out(Context& context, std::vector<std::string> gone) {
  if (gone.empty()) co_return Result<>{};
  context.event(protocol::event::instances_gone, listed(gone));
  co_return co_await settle_gone(context, std::move(gone));
}

/// First what was placed there is not waited for any more: a crash in between would leave a host
/// that no component has.
aio::Task<Result<>> ImageInstance::settle_gone(Context& context, std::vector<std::string> gone) {
  CO_TRY(co_await forget_hosts(context, gone));
  co_return co_await context.settle({}, gone);
}

/// Lost machines come back as others, as many as minCount lacks.
aio::Task<Result<>> ImageInstance::replace_lost(Context& context, cloud::Ec2 ec2) {
  int64_t least = CO_TRY(context.integer_or("minCount", 1));
  auto missing = least - static_cast<int64_t>(open_ids(context).size());
  if (!context.record().intent && !is_renting(context)) {
    if (missing <= 0) co_return Result<>{};
    next_round(context);
    context.event(protocol::event::replacing,
                  fmt::format("{} instances are missing and are rented", missing));
  }
  CO_TRY(co_await rent(context, ec2, static_cast<int>(std::max<int64_t>(1, missing))));
  co_return co_await wait_until_running(context, ec2);
}

aio::Task<Result<>> ImageInstance::rent_more(Context& context, int64_t count) {
  auto lock = CO_TRY(co_await tending_.lock());
  auto ec2 = CO_TRY(co_await client(context));
  if (!context.record().intent && !is_renting(context)) next_round(context);
  CO_TRY(co_await rent(context, ec2, static_cast<int>(count)));
  co_return co_await wait_until_running(context, ec2);
}

aio::Task<Result<>> ImageInstance::give_up(Context& context, std::vector<std::string> ids) {
  auto lock = CO_TRY(co_await tending_.lock());
  auto ec2 = CO_TRY(co_await client(context));
  auto still = open_ids(context);
  std::erase_if(ids, [&](const auto& id) { return std::ranges::find(still, id) == still.end(); });
  if (!ids.empty()) CO_TRY(co_await give_back(context, ec2, std::move(ids)));
  publish(context, CO_TRY(co_await look(ec2, open_ids(context))));
  co_return Result<>{};
}

aio::Task<Result<>> ImageInstance::repair(Context& context, std::vector<engine::Drift> drifts) {
  auto lock = CO_TRY(co_await tending_.lock());
  auto ec2 = CO_TRY(co_await client(context));
  std::vector<std::string> untagged, gone, extra;
  for (const engine::Drift& drift : drifts) {
    if (drift.thing == "bucket")
      CO_TRY(co_await mend_agent_bucket(context, CO_TRY(co_await keys_of(context, "id", "key")),
                                        drift, CO_TRY(wanted_tags(context))));
    if (drift.thing != "instance") continue;
    switch (drift.kind) {
      case engine::Drift::Kind::gone:
        gone.push_back(drift.id);
        break;
      case engine::Drift::Kind::extra:
        extra.push_back(drift.id);
        break;
      case engine::Drift::Kind::tag:
        untagged.push_back(drift.id);
        break;
      case engine::Drift::Kind::stopped:
        break;  // look_after() finds it
    }
  }
  if (!untagged.empty()) {
    auto tags = CO_TRY(wanted_tags(context));
    CO_TRY(co_await context.outside("CreateTags", ec2.create_tags(untagged, std::move(tags))));
  }
  if (!extra.empty()) {
    std::vector<engine::Rented> found;
    for (const std::string& id : extra) found.push_back(context.rented("instance", id));
    CO_TRY(co_await context.settle(std::move(found)));
    CO_TRY(co_await give_back(context, ec2, extra));
  }
  if (!gone.empty()) {
    CO_TRY(co_await settle_gone(context, gone));
    CO_TRY(co_await replace_lost(context, ec2));
  }
  auto done = co_await look_after(context, ec2, true);
  machines_changed();
  co_return done;
}

Result<std::vector<cloud::Tag>> ImageInstance::own_tags(Context& context) const {
  std::vector<cloud::Tag> out;
  for (const auto& item : TRY(context.vector_or_empty("tags"))) {
    const auto* pair = item.get<model::Vector>();
    const auto* name = pair && pair->size() == 2 ? (*pair)[0].get<std::string>() : nullptr;
    const auto* value = name ? (*pair)[1].get<std::string>() : nullptr;
    if (!value)
      return fail(Error(Code::type_mismatch, "tags are pairs of strings", context.where("tags"))
                      .hint("tags [[\"team\", \"blue\"]];"));
    if (name->starts_with("croft:") || name->starts_with("aws:"))
      return fail(Code::invalid_argument,
                  fmt::format("the tag {} is not for descriptions to set", *name),
                  context.where("tags"));
    out.push_back({*name, *value});
  }
  return out;
}

Result<std::vector<cloud::Tag>> ImageInstance::wanted_tags(Context& context) {
  auto tags = TRY(Component::wanted_tags(context));
  for (auto& tag : TRY(own_tags(context))) tags.push_back(std::move(tag));
  return tags;
}

std::string_view refused_attribute(const Error& error, const std::string& zone,
                                   const std::string& profile, const std::string& type) {
  std::string_view code = error.fact("aws_code");
  if (code.starts_with("InvalidKeyPair")) return "keyName";
  if (code.starts_with("InvalidGroup") || code.starts_with("InvalidSecurityGroup"))
    return "securityGroups";
  if (code.starts_with("InvalidInstanceType")) return "instanceType";
  auto names = [&](const std::string& value) {
    return !value.empty() && error.what.find(value) != std::string::npos;
  };
  return names(zone)      ? "zone"
         : names(profile) ? "instanceProfile"
         : names(type)    ? "instanceType"
                          : "";
}

}  // namespace croft::components
