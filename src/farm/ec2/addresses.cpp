// Elastic addresses: this computer and machines of any network reach the instance at them, through
// the farm's router; its security groups have their say as always.
#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/ids.h"
#include "farm/ec2/metering.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr Param allocate_params[] = {
    {"Domain", Kind::choice, false, "vpc|standard|"},
    {"Address", Kind::unsupported},
    {"PublicIpv4Pool", Kind::unsupported},
    {"CustomerOwnedIpv4Pool", Kind::unsupported},
    {"NetworkBorderGroup", Kind::ignored},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param release_params[] = {
    {"AllocationId", Kind::id, false, "eipalloc"},
    {"PublicIp", Kind::text, false, "", 1, 64},
    {"NetworkBorderGroup", Kind::ignored},
};
constexpr Param associate_params[] = {
    {"AllocationId", Kind::id, false, "eipalloc"},
    {"PublicIp", Kind::text, false, "", 1, 64},
    {"InstanceId", Kind::id, false, "i"},
    {"NetworkInterfaceId", Kind::id, false, "eni"},
    {"PrivateIpAddress", Kind::text, false, "", 7, 15},
    {"AllowReassociation", Kind::boolean},
};
constexpr Param disassociate_params[] = {
    {"AssociationId", Kind::id, false, "eipassoc"},
    {"PublicIp", Kind::text, false, "", 1, 64},
};
constexpr Param attributes_params[] = {
    {"AllocationId.N", Kind::id, false, "eipalloc"},
    {"Attribute", Kind::choice, false, "domain-name"},
};
constexpr Param describe_params[] = {
    {"AllocationId.N", Kind::id, false, "eipalloc"},
    {"PublicIp.N", Kind::text, false, "", 1, 64},
};

ElasticAddress* by_address(Core& core, const std::string& account, const std::string& text) {
  for (ElasticAddress* address : core.state.addresses.of(account))
    if (address->address == text) return address;
  return nullptr;
}

Error no_address(const std::string& text) {
  return aws_error("InvalidAddress.NotFound", 400,
                   fmt::format("Address '{}' not found.", printable(text)));
}

/// By AllocationId, else by PublicIp.
Result<ElasticAddress*> named_address(Core& core, const Call& call) {
  if (call.params.has("AllocationId"))
    return named(call, core.state.addresses, "AllocationId", "eipalloc");
  std::string text = call.params.text("PublicIp");
  if (text.empty())
    return fail(
        aws_error("MissingParameter", 400, "Either publicIp or allocationId must be specified"));
  ElasticAddress* found = by_address(core, call.account(), text);
  if (!found) return fail(no_address(text));
  return found;
}

aio::Task<Answer> allocate(Core& core, Call call) {
  std::string account = call.account();
  if (core.state.addresses.of(account).size() >= ElasticAddress::most)
    co_return fail(aws_error("AddressLimitExceeded", 400,
                             "The maximum number of addresses has been reached."));
  auto specs = CO_TRY(read_tag_specs(call.params, {"elastic-ip"}));
  CO_TRY(call.effect());
  ElasticAddress address;
  address.id = new_id(core.context.world.random, "eipalloc");
  address.account = account;
  address.address = core.take_public_address();
  address.tags = tags_for(specs, "elastic-ip");
  std::vector<store::Change> changes{core.state.addresses.put(core.state.addresses.add(address)),
                                     metered(address, true, core.now())};
  Xml xml;
  xml.plain("publicIp", address.address).text("domain", "vpc").plain("allocationId", address.id);
  xml.plain("networkBorderGroup", core.context.region).text("publicIpv4Pool", "amazon");
  auto answer = co_await finish(core, call, "allocate", std::move(changes), xml.take());
  if (!answer) {
    core.state.addresses.erase(address.id);
    core.state.free_address(address.address);
  }
  co_return answer;
}

aio::Task<Answer> release(Core& core, Call call) {
  ElasticAddress* address = CO_TRY(named_address(core, call));
  if (!address->association.empty())
    co_return fail(aws_error("InvalidIPAddress.InUse", 400,
                             fmt::format("Address {} is in use.", address->address)));
  CO_TRY(call.effect());
  std::string id = address->id, text = address->address;
  std::vector<store::Change> changes{core.state.addresses.remove(id),
                                     metered(*address, false, core.now())};
  core.state.addresses.erase(id);
  core.state.free_address(text);
  co_return co_await finish(core, call, "release", std::move(changes), answer_true());
}

/// An interface that was made for itself and that no instance has now.
Interface* idle_interface(Core& core, const Call& call) {
  std::string id = call.params.text("NetworkInterfaceId");
  if (!call.params.text("InstanceId").empty() || core.instance_of_interface(call.account(), id))
    return nullptr;
  return core.state.interfaces.find(call.account(), id);
}

Result<Instance*> target_of(Core& core, const Call& call) {
  std::string id = call.params.text("InstanceId"),
              interface = call.params.text("NetworkInterfaceId");
  Instance* found = nullptr;
  if (!id.empty()) {
    found = core.state.find_instance(call.account(), id);
    if (!found) return fail(not_found(*id_kind("i"), {id}));
  }
  if (!interface.empty()) {
    Instance* holder = core.instance_of_interface(call.account(), interface);
    if (!holder) return fail(not_found(*id_kind("eni"), {interface}));
    if (found && found != holder)
      return fail(aws_error("InvalidParameterCombination", 400,
                            fmt::format("{} is not an interface of {}", interface, id)));
    found = holder;
  }
  if (!found) {
    return fail(aws_error("MissingParameter", 400,
                          "Invalid request, expect InstanceId/NetworkId parameter."));
  }
  if (found->state == InstanceState::terminated || found->state == InstanceState::shutting_down)
    return fail(aws_error("IncorrectInstanceState", 400,
                          fmt::format("The instance '{}' is not in a valid state: it is {}",
                                      found->id, name_of(found->state))));
  std::string inside = call.params.text("PrivateIpAddress");
  if (!inside.empty() && inside != found->private_address)
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("{} is not an address of {}", inside, found->id)));
  return found;
}

std::string association_answer(const ElasticAddress& address) {
  Xml xml;
  xml.flag("return", true).plain("associationId", address.association);
  return xml.take();
}

Result<> check_free(Core& core, const Call& call, const ElasticAddress& address, bool same) {
  if (find_plain(core, call.account(), "nat", address.holder))
    return fail(
        aws_error("Resource.AlreadyAssociated", 400,
                  fmt::format("resource {} is the address of {}", address.id, address.holder)));
  if (!address.association.empty() && !same && call.params.has("AllowReassociation") &&
      !call.params.flag("AllowReassociation"))
    return fail(aws_error("Resource.AlreadyAssociated", 400,
                          fmt::format("resource {} is already associated with associate-id {}",
                                      address.id, address.association)));
  return {};
}

/// The instance that gets the interface one day is reached at the address.
aio::Task<Answer> associate_interface(Core& core, Call call, ElasticAddress& address,
                                      Interface& idle) {
  bool same = address.holder == idle.id;
  CO_TRY(check_free(core, call, address, same));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  for (ElasticAddress* other : core.state.addresses.of(call.account())) {
    if (other->holder != idle.id || other == &address) continue;
    other->holder.clear();
    other->association.clear();
    changes.push_back(core.state.addresses.put(*other));
    changes.push_back(metered(*other, true, core.now()));
  }
  if (address.association.empty()) changes.push_back(metered(address, false, core.now()));
  if (!same) address.association = new_id(core.context.world.random, "eipassoc");
  address.instance.clear();
  address.holder = idle.id;
  changes.push_back(core.state.addresses.put(address));
  std::string text = address.address, inside = idle.address;
  auto answer =
      co_await finish(core, call, "associate", std::move(changes), association_answer(address));
  if (answer) CO_TRY(co_await core.fleet.machines().set_public(text, inside));
  co_return answer;
}

aio::Task<Answer> associate(Core& core, Call call) {
  ElasticAddress* address = CO_TRY(named_address(core, call));
  if (Interface* idle = idle_interface(core, call))
    co_return co_await associate_interface(core, std::move(call), *address, *idle);
  Instance* instance = CO_TRY(target_of(core, call));
  bool same = address->instance == instance->id;
  CO_TRY(check_free(core, call, *address, same));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  std::vector<std::string> left;  // addresses that lose this instance
  for (ElasticAddress* other : core.state.addresses.of(call.account())) {
    if (other->instance != instance->id || other == address) continue;
    other->instance.clear();
    other->association.clear();
    changes.push_back(core.state.addresses.put(*other));
    changes.push_back(metered(*other, true, core.now()));
  }
  if (!instance->public_address.empty()) {
    // Its own public address goes when it gets an elastic one.
    core.state.free_address(instance->public_address);
    left.push_back(instance->public_address);
    instance->public_address.clear();
    changes.push_back(State::put(*instance));
  }
  if (address->instance.empty()) changes.push_back(metered(*address, false, core.now()));
  if (!same) address->association = new_id(core.context.world.random, "eipassoc");
  address->instance = instance->id;
  address->holder.clear();
  changes.push_back(core.state.addresses.put(*address));
  std::string text = address->address, inside = instance->private_address;
  auto answer =
      co_await finish(core, call, "associate", std::move(changes), association_answer(*address));
  if (!answer) co_return answer;
  for (const std::string& old : left) CO_TRY(co_await core.fleet.machines().set_public(old, ""));
  CO_TRY(co_await core.fleet.machines().set_public(text, inside));
  co_return answer;
}

aio::Task<Answer> disassociate(Core& core, Call call) {
  std::string association = call.params.text("AssociationId"), text = call.params.text("PublicIp");
  if (association.empty() && text.empty())
    co_return fail(
        aws_error("MissingParameter", 400, "Either publicIp or associationId must be specified"));
  ElasticAddress* found = nullptr;
  for (ElasticAddress* address : core.state.addresses.of(call.account()))
    if (association.empty() ? address->address == text : address->association == association)
      found = address;
  if (!found)
    co_return fail(association.empty() ? no_address(text)
                                       : not_found(*id_kind("eipassoc"), {association}));
  if (find_plain(core, call.account(), "nat", found->holder))
    co_return fail(aws_error(
        "AuthFailure", 400,
        fmt::format("The address belongs to {} as long as that is there", found->holder)));
  CO_TRY(call.effect());
  std::string address = found->address;
  found->association.clear();
  found->holder.clear();
  found->instance.clear();
  std::vector<store::Change> changes{core.state.addresses.put(*found),
                                     metered(*found, true, core.now())};
  auto answer = co_await finish(core, call, "disassociate", std::move(changes), answer_true());
  if (answer) CO_TRY(co_await core.fleet.machines().set_public(address, ""));
  co_return answer;
}

constexpr FilterField<ElasticAddress> address_fields[] = {
    {"allocation-id", [](const ElasticAddress& a, Out out) { out.push_back(a.id); }},
    {"public-ip", [](const ElasticAddress& a, Out out) { out.push_back(a.address); }},
    {"association-id",
     [](const ElasticAddress& a, Out out) {
       if (!a.association.empty()) out.push_back(a.association);
     }},
    {"instance-id",
     [](const ElasticAddress& a, Out out) {
       if (!a.instance.empty()) out.push_back(a.instance);
     }},
    {"domain", [](const ElasticAddress&, Out out) { out.emplace_back("vpc"); }},
    {"network-border-group", [](const ElasticAddress&, Out) {}},
    {"network-interface-id",
     [](const ElasticAddress& a, Out out) {
       if (!a.instance.empty()) out.push_back("eni-" + a.instance.substr(2));
       if (a.holder.starts_with("eni-")) out.push_back(a.holder);
     }},
};

Answer describe_addresses(Core& core, const Call& call) {
  Call wanted = call;
  auto texts = call.params.list("PublicIp");
  for (const std::string& text : texts)
    if (!by_address(core, call.account(), text)) return fail(no_address(text));
  if (!texts.empty()) wanted.filters.push_back({"public-ip", texts});
  return describe_table<ElasticAddress>(
      wanted, core.state.addresses, "AllocationId", "eipalloc", address_fields, "addressesSet",
      [&](Xml& xml, const ElasticAddress& address) {
        xml.plain("publicIp", address.address).plain("allocationId", address.id);
        xml.text("domain", "vpc").text("publicIpv4Pool", "amazon");
        xml.plain("networkBorderGroup", core.context.region);
        if (Instance* instance = core.state.find_instance(address.instance)) {
          xml.plain("instanceId", instance->id).plain("associationId", address.association);
          xml.plain("networkInterfaceId", core.interface_of(*instance));
          xml.plain("networkInterfaceOwnerId", address.account);
          xml.plain("privateIpAddress", instance->private_address);
        } else if (address.association.empty()) {
          xml.plain("instanceId", "");  // as EC2 says that nobody has it
        }
        if (!address.holder.empty()) xml.plain("associationId", address.association);
        if (const Interface* one = core.state.interfaces.find(address.holder)) {
          xml.plain("networkInterfaceId", one->id);
          xml.plain("networkInterfaceOwnerId", address.account);
          xml.plain("privateIpAddress", one->address);
          if (Instance* instance = core.instance_of_interface(address.account, one->id))
            xml.plain("instanceId", instance->id);
        }
        if (const Plain* nat = core.state.plains.find(address.holder)) {
          xml.plain("networkInterfaceId", nat->value("interface"));
          xml.plain("privateIpAddress", nat->value("private"));
        }
        write_tags(xml, address.tags);
      });
}

/// The only attribute is a name for reverse look-ups, and nobody has one.
Answer describe_attributes(Core& core, const Call& call) {
  std::vector<std::pair<std::string, ElasticAddress*>> rows;
  auto ids = call.params.list("AllocationId");
  for (const std::string& id : ids)
    if (!core.state.addresses.find(call.account(), id))
      return fail(not_found(*id_kind("eipalloc"), {id}));
  for (ElasticAddress* address : core.state.addresses.of(call.account()))
    if (ids.empty() || std::ranges::find(ids, address->id) != ids.end())
      rows.emplace_back(address->id, address);
  std::ranges::sort(rows);
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("addressSet", rows, [&](const auto& row) {
    xml.plain("publicIp", row.second->address).plain("allocationId", row.first);
  });
  xml.optional("nextToken", next);
  return xml.take();
}

constexpr Action table[] = {
    {"AllocateAddress", allocate_params, nullptr, allocate},
    {"ReleaseAddress", release_params, nullptr, release},
    {"AssociateAddress", associate_params, nullptr, associate},
    {"DisassociateAddress", disassociate_params, nullptr, disassociate},
    {"DescribeAddresses", describe_params, describe_addresses, nullptr, true},
    {"DescribeAddressesAttribute", attributes_params, describe_attributes, nullptr, false, 1,
     "AllocationId"},
};

}  // namespace

std::span<const Action> address_actions() {
  return table;
}

}  // namespace croft::farm::ec2
