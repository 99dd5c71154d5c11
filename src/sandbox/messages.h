// The messages between a farm and its spawner as sheets. Both ends are the same build.
#pragma once
#include <string>
#include <vector>

#include "sandbox/policy.h"
#include "sandbox/sandbox.h"
#include "sandbox/sheet.h"

namespace croft::sandbox {

Sheet error_sheet(const Error& error);
/// The error in it, if it is one.
Result<> result_of(const Sheet& sheet);

void put_spec(Sheet& sheet, const MachineSpec& spec);
MachineSpec spec_from(const Sheet& sheet);

/// The packet filter's view of a machine, in a spec and in a machine's record.
void put_member(Sheet& sheet, const Member& member);
Member member_from(const Sheet& sheet);
std::vector<std::string> groups_from(const Sheet& sheet);
/// Groups with their rules; several in one sheet.
void put_link(Sheet& sheet, const LinkFault& link);
std::vector<LinkFault> links_from(const Sheet& sheet);
void put_networks(Sheet& sheet, const PacketNetworks& networks);
PacketNetworks networks_from(const Sheet& sheet);
void put_group(Sheet& sheet, const PacketGroup& group);
std::vector<PacketGroup> packet_groups_from(const Sheet& sheet);

void put_volume(Sheet& sheet, const VolumeSpec& volume);
std::vector<VolumeSpec> volumes_from(const Sheet& sheet);

/// `scope` tells machines apart in one request; empty in a start.
void put_listener(Sheet& sheet, const std::string& scope, const InsideListener& listener);
std::vector<InsideListener> listeners_from(const Sheet& sheet, const std::string& scope);

/// A machine's id becomes a folder name: letters, digits, '-' and '.' only, no leading dot.
bool valid_id(const std::string& id);

void put_traffic(Sheet& sheet, const Traffic& traffic);
std::vector<Traffic> traffic_from(const Sheet& sheet);

}  // namespace croft::sandbox
