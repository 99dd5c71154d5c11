// Calls that succeed, of the actions about transit gateways, hosts, fleets and what volumes become
// (action_samples.h).
#pragma once
#include <span>

#include "farm/ec2/action_samples.h"

namespace croft::farm::ec2 {

inline std::string transit_gateway(Maker& make) {
  return make.made("CreateTransitGateway", "transitGateway/transitGatewayId",
                   {{"Options.DefaultRouteTableAssociation", "disable"},
                    {"Options.DefaultRouteTablePropagation", "disable"}});
}
inline std::string transit_table(Maker& make, const std::string& gateway) {
  return make.made("CreateTransitGatewayRouteTable",
                   "transitGatewayRouteTable/transitGatewayRouteTableId",
                   {{"TransitGatewayId", gateway}});
}
inline Fields network_of(Maker& make, const std::string& gateway) {
  std::string vpc = make.vpc();
  return {{"TransitGatewayId", gateway}, {"VpcId", vpc}, {"SubnetIds.1", make.subnet(vpc)}};
}
inline std::string attached(Maker& make, const std::string& gateway) {
  return make.made("CreateTransitGatewayVpcAttachment",
                   "transitGatewayVpcAttachment/transitGatewayAttachmentId",
                   network_of(make, gateway));
}
/// A table and an attachment of one gateway, joined by the action where there is one.
inline Fields table_and_attachment(Maker& make, std::string joined = "") {
  std::string gateway = transit_gateway(make);
  Fields out{{"TransitGatewayRouteTableId", transit_table(make, gateway)},
             {"TransitGatewayAttachmentId", attached(make, gateway)}};
  if (!joined.empty()) make.farm.ask(std::move(joined), out);
  return out;
}
inline Fields transit_route(Maker& make, bool made) {
  Fields out{{"DestinationCidrBlock", "10.9.0.0/16"},
             {"TransitGatewayRouteTableId", transit_table(make, transit_gateway(make))}};
  Fields with = out;
  with.emplace_back("Blackhole", "true");
  if (made) make.farm.ask("CreateTransitGatewayRoute", with);
  return made ? out : with;
}
inline Fields peered_gateways(Maker& make) {
  return {{"TransitGatewayId", transit_gateway(make)},
          {"PeerTransitGatewayId", transit_gateway(make)},
          {"PeerAccountId", "111122223333"},
          {"PeerRegion", "us-east-1"}};
}
inline Fields asked_gateways(Maker& make) {
  return {{"TransitGatewayAttachmentId",
           make.made("CreateTransitGatewayPeeringAttachment",
                     "transitGatewayPeeringAttachment/transitGatewayAttachmentId",
                     peered_gateways(make))}};
}
inline std::string host(Maker& make) {
  return make.made(
      "AllocateHosts", "hostIdSet/item",
      {{"AvailabilityZone", "us-east-1a"}, {"InstanceType", "m1.small"}, {"Quantity", "1"}});
}
inline Fields fleet_of_one(Maker& make) {
  return {
      {"LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId",
       make.at("CreateLaunchTemplate",
               {{"LaunchTemplateName", fmt::format("fleet-{}", ++make.count)},
                {"LaunchTemplateData.ImageId", std::string(builtin_image)},
                {"LaunchTemplateData.InstanceType", "t2.nano"}},
               "launchTemplate/launchTemplateId")},
      {"TargetCapacitySpecification.TotalTargetCapacity", "1"},
  };
}
inline std::string fleet(Maker& make) {
  return make.made("CreateFleet", "fleetId", fleet_of_one(make));
}
inline std::string reservation(Maker& make, const std::string& subnet) {
  return make.made("CreateSubnetCidrReservation", "subnetCidrReservation/subnetCidrReservationId",
                   {{"SubnetId", subnet}, {"Cidr", "10.3.1.16/28"}, {"ReservationType", "prefix"}});
}

inline std::span<const Special> transit_specials() {
  static constexpr Special table[] = {
      {"ModifyTransitGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayId", transit_gateway(make)}, {"Description", "d"}};
       }},
      {"DeleteTransitGateway",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayId", transit_gateway(make)}};
       }},
      {"CreateTransitGatewayRouteTable",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayId", transit_gateway(make)}};
       }},
      {"DeleteTransitGatewayRouteTable",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayRouteTableId", transit_table(make, transit_gateway(make))}};
       }},
      {"CreateTransitGatewayVpcAttachment",
       [](Maker& make, const std::string&) -> Fields {
         return network_of(make, transit_gateway(make));
       }},
      {"ModifyTransitGatewayVpcAttachment",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayAttachmentId", attached(make, transit_gateway(make))},
                 {"Options.DnsSupport", "disable"}};
       }},
      {"DeleteTransitGatewayVpcAttachment",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayAttachmentId", attached(make, transit_gateway(make))}};
       }},
      {"CreateTransitGatewayPeeringAttachment",
       [](Maker& make, const std::string&) -> Fields { return peered_gateways(make); }},
      {"AcceptTransitGatewayPeeringAttachment",
       [](Maker& make, const std::string&) -> Fields { return asked_gateways(make); }},
      {"RejectTransitGatewayPeeringAttachment",
       [](Maker& make, const std::string&) -> Fields { return asked_gateways(make); }},
      {"DeleteTransitGatewayPeeringAttachment",
       [](Maker& make, const std::string&) -> Fields { return asked_gateways(make); }},
      {"AssociateTransitGatewayRouteTable",
       [](Maker& make, const std::string&) -> Fields { return table_and_attachment(make); }},
      {"DisassociateTransitGatewayRouteTable",
       [](Maker& make, const std::string&) -> Fields {
         return table_and_attachment(make, "AssociateTransitGatewayRouteTable");
       }},
      {"EnableTransitGatewayRouteTablePropagation",
       [](Maker& make, const std::string&) -> Fields { return table_and_attachment(make); }},
      {"DisableTransitGatewayRouteTablePropagation",
       [](Maker& make, const std::string&) -> Fields {
         return table_and_attachment(make, "EnableTransitGatewayRouteTablePropagation");
       }},
      {"GetTransitGatewayRouteTableAssociations",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayRouteTableId", transit_table(make, transit_gateway(make))}};
       }},
      {"GetTransitGatewayRouteTablePropagations",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayRouteTableId", transit_table(make, transit_gateway(make))}};
       }},
      {"SearchTransitGatewayRoutes",
       [](Maker& make, const std::string&) -> Fields {
         return {{"TransitGatewayRouteTableId", transit_table(make, transit_gateway(make))}};
       }},
      {"CreateTransitGatewayRoute",
       [](Maker& make, const std::string&) -> Fields { return transit_route(make, false); }},
      {"ReplaceTransitGatewayRoute",
       [](Maker& make, const std::string&) -> Fields {
         Fields out = transit_route(make, true);
         out.emplace_back("Blackhole", "true");
         return out;
       }},
      {"DeleteTransitGatewayRoute",
       [](Maker& make, const std::string&) -> Fields { return transit_route(make, true); }},
      {"AllocateHosts",
       [](Maker&, const std::string&) -> Fields {
         return {
             {"AvailabilityZone", "us-east-1a"}, {"InstanceType", "m1.small"}, {"Quantity", "2"}};
       }},
      {"ModifyHosts",
       [](Maker& make, const std::string&) -> Fields {
         return {{"HostId.1", host(make)}, {"AutoPlacement", "off"}};
       }},
      {"ReleaseHosts",
       [](Maker& make, const std::string&) -> Fields { return {{"HostId.1", host(make)}}; }},
      {"CreateSubnetCidrReservation",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SubnetId", make.subnet(make.vpc())},
                 {"Cidr", "10.3.1.16/28"},
                 {"ReservationType", "explicit"}};
       }},
      {"DeleteSubnetCidrReservation",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SubnetCidrReservationId", reservation(make, make.subnet(make.vpc()))}};
       }},
      {"GetSubnetCidrReservations",
       [](Maker& make, const std::string&) -> Fields {
         return {{"SubnetId", make.subnet(make.vpc())}};
       }},
      {"ModifyVolume",
       [](Maker& make, const std::string&) -> Fields {
         return {{"VolumeId", make.volume()}, {"Size", "2"}};
       }},
      {"CreateFleet", [](Maker& make, const std::string&) -> Fields { return fleet_of_one(make); }},
      {"ModifyFleet",
       [](Maker& make, const std::string&) -> Fields {
         return {{"FleetId", fleet(make)},
                 {"TargetCapacitySpecification.TotalTargetCapacity", "0"}};
       }},
      {"DeleteFleets",
       [](Maker& make, const std::string&) -> Fields {
         return {{"FleetId.1", fleet(make)}, {"TerminateInstances", "true"}};
       }},
      {"DescribeFleetInstances",
       [](Maker& make, const std::string&) -> Fields { return {{"FleetId", fleet(make)}}; }},
  };
  return table;
}

}  // namespace croft::farm::ec2
