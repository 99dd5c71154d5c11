// Transit gateways with what hangs on them and their routes; kept ranges of subnets.
#include "farm/ec2/transit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

using testing::ElementsAre;

class TransitGateways : public testing::Test {
 protected:
  BenchFarm farm;

  std::string at(std::string action, Fields fields, std::string_view path) {
    auto answer = farm.ask(std::move(action), std::move(fields));
    auto element = answer.root();
    for (const std::string& name : split(path, '/')) element = element.child(name);
    return std::string(element.text());
  }
  std::string gateway() {
    return at("CreateTransitGateway", {{"Description", "d"}}, "transitGateway/transitGatewayId");
  }
  std::string vpc(std::string cidr) {
    return at("CreateVpc", {{"CidrBlock", std::move(cidr)}}, "vpc/vpcId");
  }
  std::string subnet(std::string in, std::string cidr) {
    return at("CreateSubnet", {{"VpcId", std::move(in)}, {"CidrBlock", std::move(cidr)}},
              "subnet/subnetId");
  }
  Fields attachment(std::string of, std::string network, std::string part) {
    return {{"TransitGatewayId", std::move(of)},
            {"VpcId", std::move(network)},
            {"SubnetIds.1", std::move(part)}};
  }
  std::string attach(Fields fields) {
    return at("CreateTransitGatewayVpcAttachment", std::move(fields),
              "transitGatewayVpcAttachment/transitGatewayAttachmentId");
  }
  std::string default_table(std::string of) {
    return at("DescribeTransitGateways", {{"TransitGatewayIds.1", std::move(of)}},
              "transitGatewaySet/item/options/associationDefaultRouteTableId");
  }
  /// "10.0.0.0/16 propagated active"
  std::vector<std::string> routes(std::string table) {
    std::vector<std::string> out;
    auto answer =
        farm.ask("SearchTransitGatewayRoutes", {{"TransitGatewayRouteTableId", std::move(table)}});
    for (auto item : answer.root().child("routeSet").children("item"))
      out.push_back(fmt::format("{} {} {}", item.child("destinationCidrBlock").text(),
                                item.child("type").text(), item.child("state").text()));
    return out;
  }
  size_t count(std::string action, std::string list, Fields fields) {
    return farm.ask(std::move(action), std::move(fields))
        .root()
        .child(list)
        .children("item")
        .size();
  }
};

TEST_F(TransitGateways, networks_are_attached_once_and_propagate_their_ranges) {
  std::string id = gateway(), table = default_table(id);
  EXPECT_TRUE(table.starts_with("tgw-rtb-"));
  std::string one = vpc("10.1.0.0/16"), two = vpc("10.2.0.0/16");
  Fields first = attachment(id, one, subnet(one, "10.1.1.0/24"));
  std::string held = attach(first);
  EXPECT_EQ(farm.refusal("CreateTransitGatewayVpcAttachment", first),
            "DuplicateTransitGatewayAttachment");
  EXPECT_EQ(farm.refusal("CreateTransitGatewayVpcAttachment",
                         attachment(id, two, subnet(one, "10.1.2.0/24"))),
            "InvalidSubnetID.NotFound")
      << "a subnet of another network";
  std::string other = attach(attachment(id, two, subnet(two, "10.2.1.0/24")));
  EXPECT_THAT(routes(table),
              ElementsAre("10.1.0.0/16 propagated active", "10.2.0.0/16 propagated active"));
  EXPECT_EQ(count("GetTransitGatewayRouteTableAssociations", "associations",
                  {{"TransitGatewayRouteTableId", table}}),
            2u);
  EXPECT_EQ(farm.refusal("DeleteTransitGateway", {{"TransitGatewayId", id}}), "IncorrectState");
  farm.reopen();
  farm.ask("DeleteTransitGatewayVpcAttachment", {{"TransitGatewayAttachmentId", other}});
  EXPECT_THAT(routes(table), ElementsAre("10.1.0.0/16 propagated active"));
  farm.ask("DeleteTransitGatewayVpcAttachment", {{"TransitGatewayAttachmentId", held}});
  farm.ask("DeleteTransitGateway", {{"TransitGatewayId", id}});
  EXPECT_EQ(count("DescribeTransitGatewayRouteTables", "transitGatewayRouteTables", {}), 0u);
}

TEST_F(TransitGateways, a_route_told_by_hand_counts_more_and_leads_nowhere_without_its_attachment) {
  std::string id = gateway(), table = default_table(id), one = vpc("10.1.0.0/16");
  std::string held = attach(attachment(id, one, subnet(one, "10.1.1.0/24")));
  Fields route{{"TransitGatewayRouteTableId", table}, {"DestinationCidrBlock", "10.1.0.0/16"}};
  Fields to = route;
  to.emplace_back("TransitGatewayAttachmentId", held);
  EXPECT_EQ(farm.refusal("CreateTransitGatewayRoute", route), "InvalidParameterCombination");
  EXPECT_EQ(farm.refusal("ReplaceTransitGatewayRoute", to), "InvalidRoute.NotFound");
  farm.ask("CreateTransitGatewayRoute", to);
  EXPECT_EQ(farm.refusal("CreateTransitGatewayRoute", to), "RouteAlreadyExists");
  EXPECT_THAT(routes(table), ElementsAre("10.1.0.0/16 static active"));
  farm.ask("DeleteTransitGatewayVpcAttachment", {{"TransitGatewayAttachmentId", held}});
  EXPECT_THAT(routes(table), ElementsAre("10.1.0.0/16 static blackhole"));
  farm.ask("DeleteTransitGatewayRoute", route);
  EXPECT_THAT(routes(table), ElementsAre());
}

TEST_F(TransitGateways, associations_and_propagations_move_between_tables) {
  std::string id = gateway(), one = vpc("10.1.0.0/16");
  std::string held = attach(attachment(id, one, subnet(one, "10.1.1.0/24")));
  std::string table = at("CreateTransitGatewayRouteTable", {{"TransitGatewayId", id}},
                         "transitGatewayRouteTable/transitGatewayRouteTableId");
  Fields pair{{"TransitGatewayRouteTableId", table}, {"TransitGatewayAttachmentId", held}};
  EXPECT_EQ(farm.refusal("AssociateTransitGatewayRouteTable", pair), "Resource.AlreadyAssociated");
  farm.ask(
      "DisassociateTransitGatewayRouteTable",
      {{"TransitGatewayRouteTableId", default_table(id)}, {"TransitGatewayAttachmentId", held}});
  farm.ask("AssociateTransitGatewayRouteTable", pair);
  EXPECT_EQ(farm.refusal("DeleteTransitGatewayRouteTable", {{"TransitGatewayRouteTableId", table}}),
            "IncorrectState");
  farm.ask("EnableTransitGatewayRouteTablePropagation", pair);
  EXPECT_EQ(farm.refusal("EnableTransitGatewayRouteTablePropagation", pair),
            "TransitGatewayRouteTablePropagation.Duplicate");
  EXPECT_THAT(routes(table), ElementsAre("10.1.0.0/16 propagated active"));
  farm.ask("DisableTransitGatewayRouteTablePropagation", pair);
  EXPECT_THAT(routes(table), ElementsAre());
  EXPECT_EQ(farm.refusal("AssociateTransitGatewayRouteTable",
                         {{"TransitGatewayRouteTableId", default_table(gateway())},
                          {"TransitGatewayAttachmentId", held}}),
            "InvalidParameterValue")
      << "a table of another gateway";
}

TEST_F(TransitGateways, a_vpn_connection_and_a_peering_are_attachments) {
  std::string id = gateway(), other = gateway();
  std::string customer =
      at("CreateCustomerGateway", {{"Type", "ipsec.1"}, {"PublicIp", "192.0.2.1"}},
         "customerGateway/customerGatewayId");
  std::string vpn =
      at("CreateVpnConnection",
         {{"Type", "ipsec.1"}, {"CustomerGatewayId", customer}, {"TransitGatewayId", id}},
         "vpnConnection/vpnConnectionId");
  EXPECT_EQ(
      at("DescribeTransitGatewayAttachments", {}, "transitGatewayAttachments/item/resourceId"),
      vpn);
  farm.ask("DeleteVpnConnection", {{"VpnConnectionId", vpn}});
  EXPECT_EQ(count("DescribeTransitGatewayAttachments", "transitGatewayAttachments", {}), 0u);
  Fields peers{{"TransitGatewayId", id},
               {"PeerTransitGatewayId", other},
               {"PeerAccountId", "111122223333"},
               {"PeerRegion", "us-east-1"}};
  std::string peering = at("CreateTransitGatewayPeeringAttachment", peers,
                           "transitGatewayPeeringAttachment/transitGatewayAttachmentId");
  peers[3].second = "eu-west-1";
  EXPECT_EQ(farm.refusal("CreateTransitGatewayPeeringAttachment", peers), "UnsupportedOperation");
  farm.ask("AcceptTransitGatewayPeeringAttachment", {{"TransitGatewayAttachmentId", peering}});
  EXPECT_EQ(farm.refusal("RejectTransitGatewayPeeringAttachment",
                         {{"TransitGatewayAttachmentId", peering}}),
            "IncorrectState");
  EXPECT_EQ(farm.refusal("DeleteTransitGateway", {{"TransitGatewayId", other}}), "IncorrectState");
  farm.ask("DeleteTransitGatewayPeeringAttachment", {{"TransitGatewayAttachmentId", peering}});
  farm.ask("DeleteTransitGateway", {{"TransitGatewayId", other}});
}

TEST_F(TransitGateways, a_kept_range_of_a_subnet_is_given_to_nobody_by_itself) {
  std::string in = vpc("10.3.0.0/16"), part = subnet(in, "10.3.1.0/24");
  auto keep = [&](std::string cidr) -> Fields {
    return {{"SubnetId", part}, {"Cidr", std::move(cidr)}, {"ReservationType", "explicit"}};
  };
  EXPECT_EQ(farm.refusal("CreateSubnetCidrReservation", keep("10.3.2.0/28")),
            "InvalidParameterValue")
      << "not of the subnet";
  std::string kept = at("CreateSubnetCidrReservation", keep("10.3.1.0/28"),
                        "subnetCidrReservation/subnetCidrReservationId");
  EXPECT_EQ(farm.refusal("CreateSubnetCidrReservation", keep("10.3.1.8/30")),
            "InvalidParameterValue")
      << "it overlaps";
  auto address = [&](Fields more) {
    more.emplace_back("SubnetId", part);
    return at("CreateNetworkInterface", more, "networkInterface/privateIpAddress");
  };
  EXPECT_EQ(address({}), "10.3.1.16");
  EXPECT_EQ(address({{"PrivateIpAddress", "10.3.1.9"}}), "10.3.1.9") << "asked for by name";
  farm.ask("DeleteSubnetCidrReservation", {{"SubnetCidrReservationId", kept}});
  EXPECT_EQ(address({}), "10.3.1.4");
}

}  // namespace
}  // namespace croft::farm::ec2
