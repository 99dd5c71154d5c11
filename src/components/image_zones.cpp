// Machines dealt evenly over availability zones: one call a zone, the thinnest zone first.
#include "components/image_zones.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/image_instance.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;

namespace {
constexpr const char* dealing_note = "dealing";  // how many there are to be when all is rented
constexpr const char* calls_note = "calls";
}  // namespace

std::map<std::string, int> dealt(const std::vector<std::string>& zones,
                                 const std::map<std::string, int>& have, int more) {
  std::map<std::string, int> out, full = have;
  if (zones.empty()) return out;
  for (int i = 0; i < more; ++i) {
    const std::string& thinnest =
        *std::ranges::min_element(zones, {}, [&](const std::string& zone) { return full[zone]; });
    ++full[thinnest];
    ++out[thinnest];
  }
  return out;
}

bool ImageInstance::is_renting(const Context& context) {
  const auto& record = context.record();
  return (record.intent && record.intent->action == engine::rent_instances_intent) ||
         record.memory.contains(dealing_note);
}

Result<bool> ImageInstance::is_spread(const Context& context) {
  std::string word = TRY(context.string_or("spread", "NONE"));
  if (word == "NONE") return false;
  if (!TRY(context.string_or("zone", "")).empty())
    return fail(Error(Code::invalid_argument, "all in one zone, and spread over zones",
                      context.where("spread"))
                    .hint("leave out zone, or spread"));
  return true;
}

/// As the description names them, else all that the farm says it has.
aio::Task<Result<std::vector<std::string>>> ImageInstance::zones_of(Context& context,
                                                                    cloud::Ec2 ec2) {
  std::vector<std::string> out;
  for (const auto& item : CO_TRY(context.vector_or_empty("zones"))) {
    const auto* name = item.get<std::string>();
    if (!name || name->empty())
      co_return fail(Error(Code::type_mismatch, "zones are names", context.where("zones"))
                         .hint("zones [\"us-east-1a\", \"us-east-1b\"];"));
    if (std::ranges::find(out, *name) == out.end()) out.push_back(*name);
  }
  if (!out.empty()) co_return out;
  for (const auto& zone : CO_TRY(co_await ec2.describe_zones()))
    if (zone.state == "available") out.push_back(zone.name);
  std::ranges::sort(out);
  if (out.empty())
    co_return fail(Code::resource_exhausted, "the farm has no zone that is available",
                   context.where("spread"));
  co_return out;
}

aio::Task<Result<>> ImageInstance::deal(Context& context, cloud::Ec2 ec2,
                                        cloud::RunInstances wanted) {
  auto zones = CO_TRY(co_await zones_of(context, ec2));
  auto open = [&] { return static_cast<int64_t>(open_ids(context).size()); };
  const auto& memory = context.record().memory;
  auto noted = [&](const char* name) -> int64_t {
    auto found = memory.find(name);
    return found == memory.end() ? 0 : parse_i64(found->second).value_or(0);
  };
  if (!memory.contains(dealing_note))
    context.remember(dealing_note, fmt::format("{}", open() + wanted.max_count));
  int64_t all = noted(dealing_note);
  std::map<std::string, int> have;
  for (const auto& [id, instance] : CO_TRY(co_await look(ec2, open_ids(context))))
    ++have[instance.zone];
  std::optional<Error> refused;
  while (!zones.empty()) {
    int64_t left = std::min(all - open(), context.free_instances());
    if (left <= 0) break;
    auto shares = dealt(zones, have, static_cast<int>(left));
    auto thinnest =
        std::ranges::min_element(shares, {}, [&](const auto& share) { return have[share.first]; });
    const std::string zone = thinnest->first;
    int share = thinnest->second;
    context.remember(calls_note, fmt::format("{}", noted(calls_note) + 1));
    cloud::RunInstances call = wanted;
    call.zone = zone;
    call.min_count = 1;
    call.max_count = share;
    call.client_token = fmt::format("{}-z{}", context.client_token(), noted(calls_note));
    auto made = co_await ask_for(context, ec2, std::move(call));
    if (!made && made.error().code != Code::resource_exhausted)
      co_return fail(std::move(made).error());
    have[zone] += made ? *made : 0;
    if (made && *made >= share) continue;
    context.event(protocol::event::waiting,
                  fmt::format("{} has no room for {} more: the other zones take them", zone,
                              share - (made ? *made : 0)));
    if (!made) refused = std::move(made).error();
    std::erase(zones, zone);
  }
  context.forget(dealing_note);
  int64_t least = CO_TRY(context.integer_or("minCount", 1));
  if (open() >= least || !refused) co_return Result<>{};
  co_return fail(*std::move(refused));
}

}  // namespace croft::components
