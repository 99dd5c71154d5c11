// What the files about transit gateways share. All of it is records: which networks a gateway joins
// is told as EC2 tells it, and changes no packet.
#pragma once
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

/// Parameter (below "Options.") and element of an option, and what it is unless told otherwise.
struct TransitOption {
  std::string_view parameter, element, fallback;
};
inline constexpr std::string_view transit_switch = "enable|disable";
/// All of them into the record, as told or as they are by themselves.
void read_options(std::span<const TransitOption> options, const Params& params, Plain& one);
/// Those that were told.
void change_options(std::span<const TransitOption> options, const Params& params, Plain& one);
void write_options(Xml& xml, std::span<const TransitOption> options, const Plain& one);

/// NotFound with a transit gateway's own sentence.
Result<Plain*> named_transit(Core& core, const Call& call, std::string_view parameter);
/// Those of one gateway that are not deleted, in order of their ids.
std::vector<Plain*> attachments_of(Core& core, const Plain& gateway);
/// Associates and propagates as the gateway's defaults say.
void join_default_table(Core& core, const Plain& gateway, Plain& attachment);
/// The attachment that a VPN connection to a transit gateway makes; null: it has none.
void attach_connection(Core& core, const Plain& connection, std::vector<store::Change>& changes);
void detach_connection(Core& core, const Plain& connection, std::vector<store::Change>& changes);

}  // namespace croft::farm::ec2
