// What can be changed of an instance while it runs besides its attributes: metadata options and
// monitoring; and what it cannot have: CPU credits, passwords.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"

namespace croft::farm::ec2 {

namespace {

constexpr Param options_params[] = {
    {"InstanceId", Kind::id, true, "i"},
    {"HttpTokens", Kind::choice, false, "optional|required"},
    {"HttpEndpoint", Kind::choice, false, "enabled|disabled"},
    {"HttpPutResponseHopLimit", Kind::integer, false, "", 1, 64},
    {"InstanceMetadataTags", Kind::choice, false, "enabled|disabled"},
    {"HttpProtocolIpv6", Kind::choice, false, "disabled"},
};
constexpr Param ids_params[] = {{"InstanceId.N", Kind::id, true, "i"}};
constexpr Param some_ids_params[] = {{"InstanceId.N", Kind::id, false, "i"}};
constexpr Param one_params[] = {{"InstanceId", Kind::id, true, "i"}};

Result<Instance*> named_instance(Core& core, const Call& call) {
  std::string id = call.params.text("InstanceId");
  Instance* found = core.state.find_instance(call.account(), id);
  if (!found) return fail(not_found(*id_kind("i"), {id}));
  return found;
}

aio::Task<Answer> modify_options(Core& core, Call call) {
  const Params& p = call.params;
  Instance* instance = CO_TRY(named_instance(core, call));
  if (instance->state == InstanceState::terminated)
    co_return fail(aws_error("IncorrectInstanceState", 400,
                             fmt::format("The instance '{}' is terminated", instance->id)));
  CO_TRY(call.effect());
  auto choose = [&](std::string_view name, std::string_view yes, bool now) {
    return p.has(name) ? p.text(name) == yes : now;
  };
  instance->tokens_required = choose("HttpTokens", "required", instance->tokens_required);
  instance->metadata_enabled = choose("HttpEndpoint", "enabled", instance->metadata_enabled);
  instance->metadata_tags = choose("InstanceMetadataTags", "enabled", instance->metadata_tags);
  instance->hop_limit = static_cast<int>(p.number("HttpPutResponseHopLimit", instance->hop_limit));
  Xml xml;
  xml.plain("instanceId", instance->id).in("instanceMetadataOptions", [&] {
    xml.text("state", "applied");
    xml.plain("httpTokens", instance->tokens_required ? "required" : "optional");
    xml.number("httpPutResponseHopLimit", instance->hop_limit);
    xml.plain("httpEndpoint", instance->metadata_enabled ? "enabled" : "disabled");
    xml.text("httpProtocolIpv6", "disabled");
    xml.plain("instanceMetadataTags", instance->metadata_tags ? "enabled" : "disabled");
  });
  std::vector<store::Change> changes{State::put(*instance)};
  co_return co_await finish(core, call, "metadata-options", std::move(changes), xml.take());
}

aio::Task<Answer> set_monitoring(Core& core, Call call, bool on) {
  auto instances = CO_TRY(named_instances(core, call, "InstanceId"));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  for (Instance* instance : instances) {
    instance->monitoring = on;
    changes.push_back(State::put(*instance));
  }
  Xml xml;
  xml.list("instancesSet", instances, [&](const Instance* instance) {
    xml.plain("instanceId", instance->id).in("monitoring", [&] {
      xml.plain("state", on ? "enabled" : "disabled");
    });
  });
  co_return co_await finish(core, call, "monitor", std::move(changes), xml.take());
}

aio::Task<Answer> monitor(Core& core, Call call) {
  co_return co_await set_monitoring(core, std::move(call), true);
}
aio::Task<Answer> unmonitor(Core& core, Call call) {
  co_return co_await set_monitoring(core, std::move(call), false);
}

/// Every instance has its share of the processors and no credits.
Answer describe_credits(Core& core, const Call& call) {
  struct Credits {
    std::string id;
  };
  constexpr FilterField<Credits> fields[] = {
      {"instance-id", [](const Credits& c, std::vector<std::string>& out) { out.push_back(c.id); }},
  };
  auto matches = TRY(Matcher<Credits>::make(call.filters, fields, nullptr));
  auto instances = TRY(named_instances(core, call, "InstanceId"));
  if (call.params.list("InstanceId").empty()) instances = core.state.instances_of(call.account());
  std::vector<std::pair<std::string, Instance*>> rows;
  for (Instance* instance : instances)
    if (instance->type.starts_with("t") && matches({instance->id}))
      rows.emplace_back(instance->id, instance);
  std::ranges::sort(rows);
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("instanceCreditSpecificationSet", rows, [&](const auto& row) {
    xml.plain("instanceId", row.first).text("cpuCredits", "standard");
  });
  xml.optional("nextToken", next);
  return xml.take();
}

/// For Windows; others have none.
Answer password_data(Core& core, const Call& call) {
  const Instance* instance = TRY(named_instance(core, call));
  Xml xml;
  xml.plain("instanceId", instance->id).time("timestamp", core.now()).text("passwordData", "");
  return xml.take();
}

constexpr Action table[] = {
    {"ModifyInstanceMetadataOptions", options_params, nullptr, modify_options},
    {"MonitorInstances", ids_params, nullptr, monitor},
    {"UnmonitorInstances", ids_params, nullptr, unmonitor},
    {"DescribeInstanceCreditSpecifications", some_ids_params, describe_credits, nullptr, true, 5,
     "InstanceId"},
    {"GetPasswordData", one_params, password_data},
};

}  // namespace

std::span<const Action> setting_actions() {
  return table;
}

}  // namespace croft::farm::ec2
