// DHCP option sets: records that a VPC names. Instances of this farm get their address and resolver
// without DHCP, so that an option set that is not the default changes nothing inside them.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param create_params[] = {
    {"DhcpConfiguration.N.Key", Kind::text, true, "", 1, 64},
    {"DhcpConfiguration.N.Value.N", Kind::text, false, "", 0, 255},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param one_params[] = {{"DhcpOptionsId", Kind::id, true, "dopt"}};
constexpr Param describe_params[] = {{"DhcpOptionsId.N", Kind::id, false, "dopt"}};
constexpr Param associate_params[] = {
    {"DhcpOptionsId", Kind::text, true, "", 1, 64},  // an id, or "default"
    {"VpcId", Kind::id, true, "vpc"},
};

constexpr std::string_view known_keys[] = {
    "domain-name",          "domain-name-servers", "ntp-servers",
    "netbios-name-servers", "netbios-node-type",   "ipv6-address-preferred-lease-time"};

Result<> check_option(const std::string& key, const std::vector<std::string>& values) {
  auto refuse = [&](std::string_view why) {
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Value ({}) for parameter {} is invalid. {}",
                                      printable(join(values, ", ")), printable(key), why)));
  };
  if (std::ranges::find(known_keys, key) == std::end(known_keys))
    return refuse(
        "Unknown DHCP option; the options are domain-name, domain-name-servers, "
        "ntp-servers, netbios-name-servers, netbios-node-type");
  if (values.empty()) return refuse("An option has a value");
  constexpr size_t most_servers = 4;
  if (key.ends_with("-servers") && values.size() > most_servers)
    return refuse("At most four servers");
  if (key == "netbios-node-type" &&
      (values.size() != 1 || std::string_view("1248").find(values[0]) == std::string_view::npos ||
       values[0].size() != 1))
    return refuse("Expected one of 1, 2, 4, 8");
  return {};
}

Result<> read_options(Core&, const Call& call, Plain& one) {
  for (const Params& option : call.params.items("DhcpConfiguration")) {
    std::string key = option.text("Key");
    auto values = option.list("Value");
    TRY(check_option(key, values));
    if (!one.list(key).empty())
      return fail(aws_error("InvalidParameterValue", 400,
                            fmt::format("The option {} is given twice", printable(key))));
    one.set_list(key, values);
  }
  return {};
}

std::vector<std::string> keys_of(const Plain& one) {
  std::vector<std::string> out;
  for (const TemplateField& field : one.lists)
    if (std::ranges::find(out, field.name) == out.end()) out.push_back(field.name);
  return out;
}

void write_options(Xml& xml, Core&, const Plain& one) {
  xml.plain("dhcpOptionsId", one.id).plain("ownerId", one.account);
  xml.list("dhcpConfigurationSet", keys_of(one), [&](const std::string& key) {
    xml.text("key", key).list("valueSet", one.list(key), [&](const std::string& value) {
      xml.text("value", value);
    });
  });
}

Result<> may_go(Core& core, const Plain& one) {
  for (const Vpc* vpc : core.state.vpcs.of(one.account))
    if (vpc->dhcp_options == one.id)
      return fail(aws_error("DependencyViolation", 400,
                            fmt::format("The dhcpOptions '{}' has dependencies and cannot be "
                                        "deleted: {} uses it",
                                        one.id, vpc->id)));
  return {};
}

aio::Task<Answer> associate(Core& core, Call call) {
  std::string id = call.params.text("DhcpOptionsId");
  if (id != "default" && !find_plain(core, call.account(), "dopt", id))
    co_return fail(not_found(*id_kind("dopt"), {id}));
  Vpc* vpc = CO_TRY(named(call, core.state.vpcs, "VpcId", "vpc"));
  CO_TRY(call.effect());
  vpc->dhcp_options = id;
  std::vector<store::Change> changes{core.state.vpcs.put(*vpc)};
  co_return co_await finish(core, call, "associate-dhcp", std::move(changes), answer_true());
}

constexpr FilterField<Plain> fields[] = {
    {"dhcp-options-id", id_value},
    {"owner-id", owner_value},
    {"key", [](const Plain& p, Out out) { out = keys_of(p); }},
    {"value",
     [](const Plain& p, Out out) {
       for (const TemplateField& field : p.lists) out.push_back(field.value);
     }},
};

constexpr PlainKind kinds[] = {{.prefix = "dopt",
                                .create = "CreateDhcpOptions",
                                .remove = "DeleteDhcpOptions",
                                .describe = "DescribeDhcpOptions",
                                .id = "DhcpOptionsId",
                                .element = "dhcpOptions",
                                .list = "dhcpOptionsSet",
                                .read = read_options,
                                .write = write_options,
                                .fields = fields,
                                .may_go = may_go}};

constexpr Action table[] = {
    {"CreateDhcpOptions", create_params, nullptr, create_plain},
    {"DeleteDhcpOptions", one_params, nullptr, delete_plain},
    {"DescribeDhcpOptions", describe_params, describe_plain, nullptr, true, 5, "DhcpOptionsId"},
    {"AssociateDhcpOptions", associate_params, nullptr, associate},
};

}  // namespace

std::span<const PlainKind> option_kinds() {
  return kinds;
}
std::span<const Action> option_actions() {
  return table;
}

}  // namespace croft::farm::ec2
