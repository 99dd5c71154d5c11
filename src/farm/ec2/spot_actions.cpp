// RequestSpotInstances and what belongs to it. What the farm does with requests: spot.h.
#include "base/text.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/launch_templates.h"
#include "farm/ec2/spot.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;
constexpr std::string_view spec_prefix = "LaunchSpecification.";

/// LaunchSpecification holds what RunInstances takes for one instance.
std::vector<Param> request_params() {
  static const std::vector<std::string> paths = [] {
    std::vector<std::string> out;
    for (const Param& param : run_instances_schema()) {
      std::string_view top = param.path.substr(0, param.path.find('.'));
      bool of_the_call = top == "MinCount" || top == "MaxCount" || top == "ClientToken" ||
                         top == "LaunchTemplate" || top == "TagSpecification" ||
                         top == "InstanceMarketOptions" || top == "PrivateIpAddress";
      out.push_back(of_the_call ? "" : std::string(spec_prefix) + std::string(param.path));
    }
    return out;
  }();
  std::vector<Param> out = {
      {"SpotPrice", Kind::text, false, "", 1, 32},
      {"InstanceCount", Kind::integer, false, "", 1, 100},
      {"Type", Kind::choice, false, "one-time|persistent"},
      {"ValidUntil", Kind::text, false, "", 1, 64},
      {"ValidFrom", Kind::unsupported},
      {"LaunchGroup", Kind::unsupported},
      {"AvailabilityZoneGroup", Kind::unsupported},
      {"BlockDurationMinutes", Kind::unsupported},
      {"InstanceInterruptionBehavior", Kind::choice, false, "terminate|stop"},
      {"ClientToken", Kind::text, false, "", 0, 64},
      {"LaunchSpecification.AddressingType", Kind::ignored},
      {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
      {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
      {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
  };
  for (size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].empty()) continue;
    Param param = run_instances_schema()[i];
    param.path = paths[i];
    param.required = false;
    out.push_back(param);
  }
  return out;
}

constexpr Param ids_params[] = {{"SpotInstanceRequestId.N", Kind::id, true, "sir"}};
constexpr Param describe_params[] = {{"SpotInstanceRequestId.N", Kind::id, false, "sir"}};
constexpr Param history_params[] = {
    {"InstanceType.N", Kind::text, false, "", 1, 64},
    {"ProductDescription.N", Kind::text, false, "", 1, 64},
    {"AvailabilityZone", Kind::text, false, "", 1, 64},
    {"StartTime", Kind::text, false, "", 1, 64},
    {"EndTime", Kind::text, false, "", 1, 64},
};

std::string price_text(int64_t micros) {
  return fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

void write_request(Xml& xml, const SpotRequest& s) {
  xml.plain("spotInstanceRequestId", s.id).plain("spotPrice", price_text(s.price_micros));
  xml.text("type", s.type).text("state", s.state);
  xml.in("status", [&] {
    xml.text("code", s.code).time("updateTime", s.updated).text("message", s.message);
  });
  xml.in("launchSpecification", [&] {
    xml.plain("imageId", s.image).plain("instanceType", s.instance_type);
    xml.in("monitoring", [&] { xml.flag("enabled", false); });
  });
  if (!s.instance.empty()) xml.plain("instanceId", s.instance);
  xml.time("createTime", s.created).text("productDescription", "Linux/UNIX");
  if (s.valid_until.ns != 0) xml.time("validUntil", s.valid_until);
  write_tags(xml, s.tags);
  if (!s.instance.empty()) xml.plain("launchedAvailabilityZone", s.zone);
  xml.text("instanceInterruptionBehavior", s.interruption);
}

Result<SpotRequest> read_request(Core& core, const Call& call) {
  const Params& p = call.params;
  SpotRequest out;
  Params spec = p.under("LaunchSpecification");
  out.image = spec.text("ImageId");
  if (out.image.empty())
    return fail(aws_error("MissingParameter", 400,
                          "The request must contain the parameter LaunchSpecification.ImageId"));
  if (!core.state.find_image(call.account(), out.image))
    return fail(not_found(*id_kind("ami"), {out.image}));
  out.instance_type = spec.text("InstanceType", "m1.small");
  if (!find_instance_type(out.instance_type))
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Invalid instance type '{}'", printable(out.instance_type))));
  std::string price = p.text("SpotPrice");
  // Without a bid it is the price on demand.
  out.price_micros = spot_price(core, out.instance_type) * 100 / 30;
  if (!price.empty()) {
    auto bid = Money::parse(price);
    if (!bid || *bid <= Money())
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("'{}' is no price", printable(price))));
    out.price_micros = bid->micros();
  }
  if (std::string until = p.text("ValidUntil"); !until.empty()) {
    auto time = WallTime::parse_iso8601(until);
    if (!time || *time <= core.now())
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("ValidUntil '{}' is not in the future", printable(until))));
    out.valid_until = *time;
  }
  out.account = call.account();
  out.type = p.text("Type", "one-time");
  out.interruption = p.text("InstanceInterruptionBehavior", "terminate");
  if (out.interruption == "stop" && out.type != "persistent")
    return fail(aws_error("InvalidParameterCombination", 400,
                          "InstanceInterruptionBehavior stop needs a persistent request"));
  out.code = "pending-evaluation";
  out.message = "Your spot request has been submitted for review, and is pending evaluation.";
  out.created = out.updated = core.now();
  for (const auto& [name, value] : spec.fields())
    if (name != "AddressingType") out.launch.push_back({name, value});
  for (auto [name, value] : {std::pair("MinCount", "1"), std::pair("MaxCount", "1"),
                             std::pair("InstanceMarketOptions.MarketType", "spot")})
    out.launch.push_back({name, value});
  return out;
}

aio::Task<Answer> request_spot(Core& core, Call call) {
  SpotRequest model = CO_TRY(read_request(core, call));
  auto specs = CO_TRY(read_tag_specs(call.params, {"spot-instances-request"}));
  CO_TRY(call.effect());
  model.tags = tags_for(specs, "spot-instances-request");
  std::vector<SpotRequest> made;
  std::vector<store::Change> changes;
  for (int64_t i = 0; i < call.params.number("InstanceCount", 1); ++i) {
    SpotRequest one = model;
    one.id = new_id(core.context.world.random, "sir");
    one.launch.push_back({"ClientToken", one.id});
    changes.push_back(core.state.spots.put(core.state.spots.add(one)));
    made.push_back(std::move(one));
  }
  Xml xml;
  xml.list("spotInstanceRequestSet", made,
           [&](const SpotRequest& one) { write_request(xml, one); });
  auto answer = co_await finish(core, call, "request-spot", std::move(changes), xml.take());
  if (core.spots) core.spots->kick();
  co_return answer;
}

aio::Task<Answer> cancel_spot(Core& core, Call call) {
  std::vector<SpotRequest*> all;
  std::vector<std::string> missing;
  for (const std::string& id : call.params.list("SpotInstanceRequestId")) {
    if (SpotRequest* one = core.state.spots.find(call.account(), id))
      all.push_back(one);
    else
      missing.push_back(id);
  }
  if (!missing.empty()) co_return fail(not_found(*id_kind("sir"), missing));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  for (SpotRequest* one : all) {
    if (one->state != "open" && one->state != "active") continue;
    bool runs = one->state == "active";
    one->code = runs ? "request-canceled-and-instance-running" : "canceled-before-fulfillment";
    one->message = "Your spot request is canceled.";
    one->state = "cancelled";
    one->updated = core.now();
    changes.push_back(core.state.spots.put(*one));
  }
  Xml xml;
  xml.list("spotInstanceRequestSet", all, [&](const SpotRequest* one) {
    xml.plain("spotInstanceRequestId", one->id).text("state", one->state);
  });
  co_return co_await finish(core, call, "cancel-spot", std::move(changes), xml.take());
}

constexpr FilterField<SpotRequest> spot_fields[] = {
    {"spot-instance-request-id", [](const SpotRequest& s, Out out) { out.push_back(s.id); }},
    {"state", [](const SpotRequest& s, Out out) { out.push_back(s.state); }},
    {"status-code", [](const SpotRequest& s, Out out) { out.push_back(s.code); }},
    {"status-message", [](const SpotRequest& s, Out out) { out.push_back(s.message); }},
    {"type", [](const SpotRequest& s, Out out) { out.push_back(s.type); }},
    {"spot-price",
     [](const SpotRequest& s, Out out) { out.push_back(price_text(s.price_micros)); }},
    {"instance-id",
     [](const SpotRequest& s, Out out) {
       if (!s.instance.empty()) out.push_back(s.instance);
     }},
    {"launch.image-id", [](const SpotRequest& s, Out out) { out.push_back(s.image); }},
    {"launch.instance-type", [](const SpotRequest& s, Out out) { out.push_back(s.instance_type); }},
    {"launched-availability-zone",
     [](const SpotRequest& s, Out out) {
       if (!s.instance.empty()) out.push_back(s.zone);
     }},
    {"product-description", [](const SpotRequest&, Out out) { out.emplace_back("Linux/UNIX"); }},
};

Answer describe_spot(Core& core, const Call& call) {
  return describe_table<SpotRequest>(call, core.state.spots, "SpotInstanceRequestId", "sir",
                                     spot_fields, "spotInstanceRequestSet", write_request);
}

struct PricePoint {
  std::string type, zone;
};
const Tags& tags_of(const PricePoint&) {
  static const Tags none;
  return none;
}
constexpr FilterField<PricePoint> price_fields[] = {
    {"instance-type", [](const PricePoint& p, Out out) { out.push_back(p.type); }},
    {"availability-zone", [](const PricePoint& p, Out out) { out.push_back(p.zone); }},
    {"product-description", [](const PricePoint&, Out out) { out.emplace_back("Linux/UNIX"); }},
};

/// One point of each type and zone: what it costs now.
Answer describe_prices(Core& core, const Call& call) {
  auto matches = TRY(Matcher<PricePoint>::make(call.filters, price_fields, tags_of));
  auto types = call.params.list("InstanceType"), products = call.params.list("ProductDescription");
  std::string only_zone = call.params.text("AvailabilityZone");
  bool linux_asked = products.empty();
  for (const std::string& product : products)
    linux_asked = linux_asked || product.starts_with("Linux/UNIX");
  std::vector<std::pair<std::string, PricePoint>> chosen;
  for (const InstanceType& type : instance_types())
    for (const std::string& zone : core.context.zones) {
      PricePoint point{std::string(type.name), zone};
      bool wanted =
          linux_asked && (types.empty() || std::ranges::find(types, point.type) != types.end());
      if (wanted && (only_zone.empty() || only_zone == zone) && matches(point))
        chosen.emplace_back(point.type + "/" + zone, point);
    }
  std::ranges::sort(chosen, {}, &std::pair<std::string, PricePoint>::first);
  std::string next = cut_page(call.action, call.page, chosen);
  Xml xml;
  xml.list("spotPriceHistorySet", chosen, [&](const auto& item) {
    xml.plain("instanceType", item.second.type).text("productDescription", "Linux/UNIX");
    xml.plain("spotPrice", price_text(spot_price(core, item.second.type)));
    xml.time("timestamp", core.now()).plain("availabilityZone", item.second.zone);
  });
  xml.optional("nextToken", next);
  return xml.take();
}

}  // namespace

std::span<const Action> spot_actions() {
  static const std::vector<Param> request = request_params();
  static const Action table[] = {
      {"RequestSpotInstances", request, nullptr, request_spot},
      {"CancelSpotInstanceRequests", ids_params, nullptr, cancel_spot},
      {"DescribeSpotInstanceRequests", describe_params, describe_spot, nullptr, true, 5,
       "SpotInstanceRequestId"},
      {"DescribeSpotPriceHistory", history_params, describe_prices, nullptr, true, 1},
  };
  return table;
}

}  // namespace croft::farm::ec2
