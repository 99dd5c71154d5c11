// The rules of security groups, for the two files of their actions and for launches.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// In the account's default network. InvalidGroup.NotFound.
Result<SecurityGroup*> group_by_name(Core& core, const std::string& account,
                                     const std::string& name);
/// By GroupId, else by GroupName.
Result<SecurityGroup*> named_group(Core& core, const Call& call);
/// What the packet filter is to know of it.
sandbox::PacketGroup packets_of(State& state, const SecurityGroup& group);
/// ipPermissions or ipPermissionsEgress: rules of one protocol and port range stand together.
void write_permissions(Xml& xml, const SecurityGroup& group, bool egress);

}  // namespace croft::farm::ec2
