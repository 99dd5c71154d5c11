#include "farm/ec2/not_offered.h"

#include <string>
#include <vector>

#include "base/text.h"
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

namespace {

/// What is in the action's name, and the reason.
struct Family {
  std::string_view word;
  std::string_view why;
};
constexpr Family families[] = {
    {"FlowLogs", "packets are not recorded; 'croft bill' has the bytes of each instance"},
    {"SpotFleet", "CreateFleet with SpotTargetCapacity launches spot instances by target"},
    {"Ipv6", "instances have no IPv6 addresses"},
    {"PrivateIpAddresses", "an interface has one private address"},
    {"AttachNetworkInterface", "an instance has the one interface that it was started with"},
    {"DetachNetworkInterface", "an instance has the one interface that it was started with"},
    {"ConsoleScreenshot", "an instance has no screen; GetConsoleOutput has what it wrote"},
    {"SerialConsole", "an instance has no serial port; GetConsoleOutput has what it wrote"},
    {"ReservedInstances", "nothing is reserved ahead"},
    {"CapacityReservation", "nothing is reserved ahead"},
    {"ScheduledInstances", "nothing is reserved ahead"},
    {"TrafficMirror", "packets are not copied"},
    {"ClassicLink", "every instance is in a VPC"},
    {"SnapshotTier", "all snapshots lie on the farm's own disk"},
    {"FastSnapshotRestore", "every snapshot is restored at once"},
    {"RecycleBin", "what is deleted is gone"},
    {"ImportImage", "'croft farm image import', or RegisterImage of an archive in the farm's S3"},
    {"ImportSnapshot",
     "'croft farm image import', or RegisterImage of an archive in the farm's S3"},
    {"ExportImage", "GetObject of an image that lies in the farm's S3"},
    {"Ipam", "ranges of addresses are given with CreateVpc and CreateSubnet"},
    {"ClientVpn", "nothing leads out of a farm"},
    {"LocalGateway", "nothing leads out of a farm"},
    {"CoipPool", "nothing leads out of a farm"},
    {"ByoipCidr", "elastic addresses are of 198.18.0.0/15"},
    {"EbsEncryption", "the data lie on the farm's own disk as they are"},
    {"Fpga", "there is no such hardware"},
};

}  // namespace

Error no_such_action(std::string_view action) {
  std::string said = fmt::format("The action {} is not valid for this web service", action);
  for (const Family& family : families)
    if (action.find(family.word) != action.npos)
      return aws_error("InvalidAction", 400,
                       fmt::format("{}: this farm does not offer it ({})", said, family.why));
  std::vector<std::string> known;
  for (const Action& one : actions()) known.emplace_back(one.name);
  std::string hint = did_you_mean(std::string(action), known);
  return aws_error("InvalidAction", 400, said + (hint.empty() ? "" : "; " + hint));
}

}  // namespace croft::farm::ec2
