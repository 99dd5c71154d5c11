"""Walks botocore's EC2 service model: what the farm answers must hold no element that the model does
not know, lists wrapped as `item`, and scalars of their types. Parsing alone would hide all three."""
import re
import xml.etree.ElementTree as ET

import botocore.session
import pytest

from support.botocore_walk import Walk
from support.croft import wait_until

NAMESPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"
IMAGE = "ami-0c40f700000000001"


def open_enum(shape, text, path):
    # The service itself says "available" of an attached gateway, and clients wait for that.
    attached = "internetGatewaySet" in path and text == "available"
    # So of endpoints, whose states the model writes with capitals.
    return shape.name == "InstanceType" or attached or (shape.name == "State" and text in ("available", "deleted"))


WALK = Walk(NAMESPACE, "item", open_enum=open_enum)


class Recorder:
    """A client whose raw answers are checked against the model as they come."""

    def __init__(self, client):
        self.client, self.checked = client, []
        client.meta.events.register("after-call.ec2.*", self.after)

    def after(self, http_response, parsed, model, **_):
        if http_response.status_code != 200:
            return
        root = ET.fromstring(http_response.content)
        assert root.tag == f"{NAMESPACE}{model.name}Response"
        assert root[0].tag == NAMESPACE + "requestId" and root[0].text
        root.remove(root[0])
        self.checked.append(model.name)
        if model.output_shape is None:
            found = [c.tag for c in root if c.tag != NAMESPACE + "return"]
        else:
            # <return> belongs to the protocol, not to the model.
            for extra in root.findall(NAMESPACE + "return"):
                root.remove(extra)
            found = list(WALK.problems(root, model.output_shape, model.name))
        assert not found, found


@pytest.fixture(scope="module")
def checked(ec2):
    return Recorder(ec2)


def state(ec2, id):
    return ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["State"]["Name"]


def test_every_answer_fits_the_model(checked):
    ec2 = checked.client
    ec2.create_key_pair(KeyName="model", KeyType="ed25519",
                        TagSpecifications=[{"ResourceType": "key-pair", "Tags": [{"Key": "a", "Value": "b"}]}])
    run = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=2, KeyName="model", UserData="#!/bin/true\n",
                            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "<&>"}]}])
    ids = [i["InstanceId"] for i in run["Instances"]]
    try:
        wait_until(lambda: all(state(ec2, i) == "running" for i in ids), "both run")
        ec2.describe_instances()
        ec2.describe_instance_status(IncludeAllInstances=True)
        for attribute in ("instanceType", "kernel", "ramdisk", "userData", "disableApiTermination", "groupSet",
                          "instanceInitiatedShutdownBehavior", "rootDeviceName", "blockDeviceMapping", "productCodes",
                          "sourceDestCheck", "ebsOptimized", "sriovNetSupport", "enaSupport", "disableApiStop"):
            ec2.describe_instance_attribute(InstanceId=ids[0], Attribute=attribute)
        ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": False})
        ec2.create_tags(Resources=ids, Tags=[{"Key": "x", "Value": ""}])
        ec2.describe_tags()
        ec2.delete_tags(Resources=ids, Tags=[{"Key": "x"}])
        ec2.describe_key_pairs(KeyNames=["model"])
        ec2.get_console_output(InstanceId=ids[0])
        ec2.describe_images()
        ec2.describe_regions()
        ec2.describe_availability_zones()
        ec2.describe_instance_types()
        ec2.describe_instance_type_offerings(LocationType="availability-zone")
        ec2.describe_account_attributes()
        ec2.describe_vpcs()
        ec2.describe_subnets()
        ec2.describe_security_groups()
        ec2.reboot_instances(InstanceIds=ids[:1])
        ec2.stop_instances(InstanceIds=ids[:1], Force=True)
        wait_until(lambda: state(ec2, ids[0]) == "stopped", "one is stopped")
        ec2.describe_instances()
        ec2.start_instances(InstanceIds=ids[:1])
    finally:
        ec2.terminate_instances(InstanceIds=ids)
    wait_until(lambda: all(state(ec2, i) == "terminated" for i in ids), "both are gone")
    ec2.describe_instances()
    ec2.delete_key_pair(KeyName="model")
    key = ec2.import_key_pair(KeyName="model", PublicKeyMaterial=(
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBCKrMIGH1jlE9ewd3Wl3zFeDxZQwbVwZ7Tpl6gMxQhv me"))
    ec2.delete_key_pair(KeyPairId=key["KeyPairId"])
    assert len(set(checked.checked)) >= 24


def test_every_answer_about_networks_fits_the_model(checked):
    ec2 = checked.client
    tags = [{"Key": "a", "Value": "<&>"}]
    spec = lambda kind: {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16", **spec("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.8.1.0/24", **spec("subnet"))["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    group = ec2.create_security_group(GroupName="model", Description="d", VpcId=vpc, **spec("security-group"))["GroupId"]
    rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "why"}],
             "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "UserIdGroupPairs": [{"GroupId": group}]}]
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule, **spec("security-group-rule"))
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=rule)
    ec2.describe_security_group_rules()
    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[
        {"SecurityGroupRuleId": made["SecurityGroupRules"][0]["SecurityGroupRuleId"],
         "SecurityGroupRule": {"IpProtocol": "-1", "CidrIpv4": "10.0.0.0/8"}}])
    ec2.describe_security_groups()
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rule)
    eni = ec2.create_network_interface(SubnetId=subnet, Groups=[group], Description="x", **spec("network-interface"))["NetworkInterface"]["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Description={"Value": "y"})
    run = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}])
    id = run["Instances"][0]["InstanceId"]
    address = ec2.allocate_address(Domain="vpc", **spec("elastic-ip"))
    gateway = ec2.create_internet_gateway(**spec("internet-gateway"))["InternetGateway"]["InternetGatewayId"]
    try:
        joined = ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=id)
        ec2.describe_addresses()
        ec2.describe_network_interfaces()
        ec2.describe_instances()
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        ec2.describe_internet_gateways()
        table = ec2.create_route_table(VpcId=vpc, **spec("route-table"))["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        link = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
        ec2.describe_route_tables()
        ec2.disassociate_route_table(AssociationId=link)
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
        ec2.delete_route_table(RouteTableId=table)
        ec2.disassociate_address(AssociationId=joined["AssociationId"])
        ec2.release_address(AllocationId=address["AllocationId"])
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
    finally:
        ec2.terminate_instances(InstanceIds=[id])
    wait_until(lambda: state(ec2, id) == "terminated", "it is gone")
    ec2.delete_network_interface(NetworkInterfaceId=eni)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_every_answer_about_disks_and_templates_fits_the_model(checked):
    ec2 = checked.client
    spec = lambda kind: {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]}]}
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1, **spec("volume"))["VolumeId"]
    template = ec2.create_launch_template(LaunchTemplateName="model", **spec("launch-template"), LaunchTemplateData={
        "ImageId": IMAGE, "InstanceType": "t2.nano", "KeyName": "k", "UserData": "eA==", "SecurityGroupIds": ["sg-12345678"],
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": True}}],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
        "MetadataOptions": {"HttpTokens": "required"}, "Monitoring": {"Enabled": True}, "Placement": {"AvailabilityZone": zone}})
    name = template["LaunchTemplate"]["LaunchTemplateName"]
    ec2.create_launch_template_version(LaunchTemplateName=name, SourceVersion="1", VersionDescription="v",
                                       LaunchTemplateData={"InstanceType": "t2.micro"})
    ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion="2")
    ec2.describe_launch_templates()
    ec2.describe_launch_template_versions(LaunchTemplateName=name)
    ec2.delete_launch_template_versions(LaunchTemplateName=name, Versions=["1", "2"])
    ec2.delete_launch_template(LaunchTemplateName=name)
    id = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    try:
        wait_until(lambda: state(ec2, id) == "running", "it runs")
        ec2.attach_volume(VolumeId=volume, InstanceId=id, Device="/dev/sdf")
        ec2.describe_volumes()
        ec2.describe_instances()
        snapshot = ec2.create_snapshot(VolumeId=volume, Description="d", **spec("snapshot"))["SnapshotId"]
        ec2.describe_snapshots(OwnerIds=["self"])
        copy = ec2.copy_snapshot(SourceSnapshotId=snapshot, SourceRegion="us-east-1")["SnapshotId"]
        ec2.detach_volume(VolumeId=volume)
        ec2.delete_volume(VolumeId=volume)
        image = ec2.create_image(InstanceId=id, Name="model", **spec("image"))["ImageId"]
        second = ec2.copy_image(SourceImageId=image, SourceRegion="us-east-1", Name="model-2")["ImageId"]
        ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})
        for attribute in ("description", "launchPermission", "blockDeviceMapping", "productCodes"):
            ec2.describe_image_attribute(ImageId=image, Attribute=attribute)
        ec2.reset_image_attribute(ImageId=image, Attribute="launchPermission")
        ec2.describe_images(Owners=["self"])
        roots = [b["Ebs"]["SnapshotId"] for i in ec2.describe_images(ImageIds=[image, second])["Images"] for b in i["BlockDeviceMappings"]]
        for one in (image, second):
            ec2.deregister_image(ImageId=one)
        for one in (snapshot, copy, *roots):
            ec2.delete_snapshot(SnapshotId=one)
    finally:
        ec2.terminate_instances(InstanceIds=[id])
    wait_until(lambda: state(ec2, id) == "terminated", "it is gone")


def test_every_answer_about_borders_and_gateways_fits_the_model(checked):
    ec2 = checked.client
    tags = [{"Key": "a", "Value": "<&>"}]
    spec = lambda kind: {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]}
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    peer = ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
    more = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.11.0.0/16")["CidrBlockAssociation"]["AssociationId"]
    ec2.describe_vpcs()
    ec2.disassociate_vpc_cidr_block(AssociationId=more)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    six = ec2.associate_subnet_cidr_block(SubnetId=subnet, Ipv6CidrBlock="fd00::/64")["Ipv6CidrBlockAssociation"]["AssociationId"]
    ec2.describe_subnets()
    ec2.disassociate_subnet_cidr_block(AssociationId=six)
    acl = ec2.create_network_acl(VpcId=vpc, **spec("network-acl"))["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": False, "RuleAction": "allow", "Protocol": "6", "CidrBlock": "10.0.0.0/8"}
    ec2.create_network_acl_entry(**entry, PortRange={"From": 80, "To": 81})
    ec2.replace_network_acl_entry(**{**entry, "Protocol": "1"}, IcmpTypeCode={"Type": 8, "Code": -1})
    default = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"][0]
    moved = ec2.replace_network_acl_association(AssociationId=default["Associations"][0]["NetworkAclAssociationId"], NetworkAclId=acl)
    ec2.describe_network_acls()
    ec2.replace_network_acl_association(AssociationId=moved["NewAssociationId"], NetworkAclId=default["NetworkAclId"])
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    ec2.delete_network_acl(NetworkAclId=acl)
    options = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["a.example"]}], **spec("dhcp-options"))
    options = options["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc)
    ec2.describe_dhcp_options()
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
    ec2.delete_dhcp_options(DhcpOptionsId=options)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, **spec("natgateway"))["NatGateway"]["NatGatewayId"]
    egress = ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
    carrier = ec2.create_carrier_gateway(VpcId=vpc)["CarrierGateway"]["CarrierGatewayId"]
    pcx = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=peer, **spec("vpc-peering-connection"))
    pcx = pcx["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.describe_vpc_peering_connections()
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    pl = ec2.create_managed_prefix_list(PrefixListName="model", MaxEntries=3, AddressFamily="IPv4",
                                        Entries=[{"Cidr": "10.0.0.0/8", "Description": "d"}])["PrefixList"]["PrefixListId"]
    ec2.modify_managed_prefix_list(PrefixListId=pl, AddEntries=[{"Cidr": "192.0.2.0/24"}])
    ec2.describe_managed_prefix_lists()
    ec2.get_managed_prefix_list_entries(PrefixListId=pl)
    ec2.describe_prefix_lists()
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="::/0", EgressOnlyInternetGatewayId=egress)
    ec2.create_route(RouteTableId=table, DestinationPrefixListId=pl, VpcPeeringConnectionId=pcx)
    ec2.describe_route_tables()
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", VpcEndpointType="Interface",
                                       SubnetIds=[subnet], **spec("vpc-endpoint"))["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[table])
    customer = ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=65000, PublicIp="192.0.2.1")["CustomerGateway"]["CustomerGatewayId"]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=gateway)
    line = ec2.create_vpn_connection(Type="ipsec.1", CustomerGatewayId=customer, VpnGatewayId=gateway)["VpnConnection"]["VpnConnectionId"]
    for name in ("nat_gateways", "egress_only_internet_gateways", "carrier_gateways", "vpc_endpoints", "customer_gateways",
                 "vpn_gateways", "vpn_connections", "vpc_peering_connections", "addresses"):
        getattr(ec2, f"describe_{name}")()
    ec2.delete_vpn_connection(VpnConnectionId=line)
    ec2.detach_vpn_gateway(VpcId=vpc, VpnGatewayId=gateway)
    ec2.delete_vpn_gateway(VpnGatewayId=gateway)
    ec2.delete_customer_gateway(CustomerGatewayId=customer)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint, "vpce-12345678"])
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_managed_prefix_list(PrefixListId=pl)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    ec2.delete_carrier_gateway(CarrierGatewayId=carrier)
    ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=egress)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.describe_nat_gateways()
    ec2.release_address(AllocationId=address)
    ec2.delete_subnet(SubnetId=subnet)
    for one in (vpc, peer):
        ec2.delete_vpc(VpcId=one)


def test_every_answer_about_fleets_and_transit_gateways_fits_the_model(checked):
    ec2 = checked.client
    spec = lambda kind: {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "<&>"}]}]}
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    template = ec2.create_launch_template(LaunchTemplateName="fleet-model", LaunchTemplateData={
        "ImageId": IMAGE, "InstanceType": "t2.nano"})["LaunchTemplate"]["LaunchTemplateId"]
    fleet = ec2.create_fleet(
        Type="instant", TargetCapacitySpecification={"TotalTargetCapacity": 2, "SpotTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"},
        SpotOptions={"AllocationStrategy": "diversified"}, ValidUntil="2099-01-01T00:00:00Z", LaunchTemplateConfigs=[
            {"LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "1"},
             "Overrides": [{"InstanceType": "t2.micro", "MaxPrice": "1", "WeightedCapacity": 1, "Priority": 1.0}]}], **spec("fleet"))
    ids = [i for launched in fleet["Instances"] for i in launched["InstanceIds"]]
    assert len(ids) == 2 and {i["Lifecycle"] for i in fleet["Instances"]} == {"on-demand", "spot"}
    ec2.describe_fleets(FleetIds=[fleet["FleetId"]])
    ec2.describe_fleet_instances(FleetId=fleet["FleetId"])
    hosts = ec2.allocate_hosts(AvailabilityZone=zone, InstanceType="m5.large", Quantity=1, **spec("dedicated-host"))["HostIds"]
    ec2.modify_hosts(HostIds=hosts, AutoPlacement="off")
    ec2.describe_hosts()
    ec2.release_hosts(HostIds=hosts)
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    ec2.modify_volume(VolumeId=volume, Size=2, VolumeType="gp3")
    ec2.describe_volumes_modifications(VolumeIds=[volume])
    ec2.delete_volume(VolumeId=volume)
    vpc = ec2.create_vpc(CidrBlock="10.12.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.12.1.0/24")["Subnet"]["SubnetId"]
    kept = ec2.create_subnet_cidr_reservation(SubnetId=subnet, Cidr="10.12.1.128/25", ReservationType="prefix", Description="d")
    ec2.get_subnet_cidr_reservations(SubnetId=subnet)
    ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=kept["SubnetCidrReservation"]["SubnetCidrReservationId"])
    one, two = (ec2.create_transit_gateway(Description="d", **spec("transit-gateway"))["TransitGateway"]["TransitGatewayId"] for _ in "12")
    ec2.modify_transit_gateway(TransitGatewayId=one, Options={"DnsSupport": "disable"})
    attachment = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=one, VpcId=vpc, SubnetIds=[subnet], **spec("transit-gateway-attachment"))
    attachment = attachment["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    ec2.modify_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment, Options={"DnsSupport": "disable"})
    account = ec2.describe_transit_gateways()["TransitGateways"][0]["OwnerId"]
    peering = ec2.create_transit_gateway_peering_attachment(TransitGatewayId=one, PeerTransitGatewayId=two, PeerAccountId=account, PeerRegion="us-east-1")
    peering = peering["TransitGatewayPeeringAttachment"]["TransitGatewayAttachmentId"]
    ec2.accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=peering)
    table = ec2.create_transit_gateway_route_table(TransitGatewayId=one, **spec("transit-gateway-route-table"))
    table = table["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]
    pair = {"TransitGatewayRouteTableId": table, "TransitGatewayAttachmentId": attachment}
    ec2.enable_transit_gateway_route_table_propagation(**pair)
    ec2.get_transit_gateway_route_table_propagations(TransitGatewayRouteTableId=table)
    route = {"DestinationCidrBlock": "10.99.0.0/16", "TransitGatewayRouteTableId": table}
    ec2.create_transit_gateway_route(**route, TransitGatewayAttachmentId=attachment)
    ec2.replace_transit_gateway_route(**route, Blackhole=True)
    found = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=[{"Name": "type", "Values": ["static", "propagated"]}])
    assert [(r["DestinationCidrBlock"], r["State"]) for r in found["Routes"]] == [("10.12.0.0/16", "active"), ("10.99.0.0/16", "blackhole")]
    ec2.delete_transit_gateway_route(**route)
    ec2.disable_transit_gateway_route_table_propagation(**pair)
    for name in ("route_tables", "vpc_attachments", "attachments", "peering_attachments"):
        getattr(ec2, f"describe_transit_gateway_{name}")()
    first = ec2.describe_transit_gateway_attachments(TransitGatewayAttachmentIds=[attachment])["TransitGatewayAttachments"][0]["Association"]
    ec2.disassociate_transit_gateway_route_table(**{**pair, "TransitGatewayRouteTableId": first["TransitGatewayRouteTableId"]})
    ec2.associate_transit_gateway_route_table(**pair)
    ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=table)
    ec2.delete_transit_gateway_peering_attachment(TransitGatewayAttachmentId=peering)
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    ec2.delete_transit_gateway_route_table(TransitGatewayRouteTableId=table)
    for gateway in (one, two):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    ec2.delete_fleets(FleetIds=[fleet["FleetId"]], TerminateInstances=True)
    wait_until(lambda: all(state(ec2, i) == "terminated" for i in ids), "they are gone")


def test_every_answer_about_settings_fits_the_model(checked):
    ec2 = checked.client
    id = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="t2.nano")["Instances"][0]["InstanceId"]
    try:
        wait_until(lambda: state(ec2, id) == "running", "it runs")
        ec2.modify_instance_metadata_options(InstanceId=id, HttpTokens="required")
        ec2.monitor_instances(InstanceIds=[id])
        ec2.unmonitor_instances(InstanceIds=[id])
        ec2.describe_instance_credit_specifications(InstanceIds=[id])
        ec2.get_password_data(InstanceId=id)
        ec2.get_launch_template_data(InstanceId=id)
        eni = ec2.describe_network_interfaces()["NetworkInterfaces"][0]["NetworkInterfaceId"]
        for attribute in ("description", "groupSet", "sourceDestCheck", "attachment"):
            ec2.describe_network_interface_attribute(NetworkInterfaceId=eni, Attribute=attribute)
        snapshots = ec2.create_snapshots(InstanceSpecification={"InstanceId": id}, Description="d")["Snapshots"]
        snapshot = snapshots[0]["SnapshotId"]
        ec2.modify_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
        ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
        ec2.reset_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
        ec2.delete_snapshot(SnapshotId=snapshot)
    finally:
        ec2.terminate_instances(InstanceIds=[id])
    wait_until(lambda: state(ec2, id) == "terminated", "it is gone")


def test_parameters_of_the_model_are_known_to_the_farm(ec2):
    """Whatever the model lets a client send to these actions is taken or refused by a reason, never as unknown."""
    model = botocore.session.get_session().get_service_model("ec2")
    samples = {"string": "x", "integer": 1, "long": 1, "boolean": True, "blob": b"x", "timestamp": 0, "double": 1.0, "float": 1.0}

    def sample(shape, depth=0):
        if shape.type_name == "structure":
            return {n: sample(m, depth + 1) for n, m in shape.members.items()}
        if shape.type_name == "list":
            return [sample(shape.member, depth + 1)]
        enum = getattr(shape, "enum", None)
        least = shape.metadata.get("min")
        value = samples[shape.type_name]
        if enum:
            return enum[0]
        return value if not least else least if isinstance(value, int) else value * least

    for name in ("TerminateInstances", "StopInstances", "StartInstances", "RebootInstances", "DescribeInstances",
                 "DescribeInstanceStatus", "CreateTags", "DeleteTags", "DescribeTags", "CreateKeyPair", "ImportKeyPair",
                 "DeleteKeyPair", "DescribeKeyPairs", "DescribeImages", "DescribeRegions", "DescribeAvailabilityZones",
                 "GetConsoleOutput", "DescribeAccountAttributes", "DescribeInstanceTypes", "DescribeVpcs",
                 "DescribeSubnets", "DescribeSecurityGroups", "RunInstances", "CreateSecurityGroup", "DeleteSecurityGroup",
                 "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress",
                 "RevokeSecurityGroupEgress", "DescribeSecurityGroupRules", "ModifySecurityGroupRules",
                 "UpdateSecurityGroupRuleDescriptionsIngress", "UpdateSecurityGroupRuleDescriptionsEgress", "CreateVpc",
                 "DeleteVpc", "ModifyVpcAttribute", "DescribeVpcAttribute", "CreateSubnet", "DeleteSubnet",
                 "ModifySubnetAttribute", "AllocateAddress", "ReleaseAddress", "AssociateAddress", "DisassociateAddress",
                 "DescribeAddresses", "CreateInternetGateway", "DeleteInternetGateway", "AttachInternetGateway",
                 "DetachInternetGateway", "DescribeInternetGateways", "CreateRouteTable", "DeleteRouteTable",
                 "DescribeRouteTables", "CreateRoute", "ReplaceRoute", "DeleteRoute", "AssociateRouteTable",
                 "DisassociateRouteTable", "ReplaceRouteTableAssociation", "CreateVolume", "DeleteVolume", "AttachVolume",
                 "DetachVolume", "DescribeVolumes", "CreateSnapshot", "CopySnapshot", "DeleteSnapshot", "DescribeSnapshots",
                 "CreateImage", "RegisterImage", "CopyImage", "DeregisterImage", "ModifyImageAttribute", "ResetImageAttribute",
                 "DescribeImageAttribute", "CreateLaunchTemplate", "CreateLaunchTemplateVersion", "ModifyLaunchTemplate",
                 "DeleteLaunchTemplate", "DeleteLaunchTemplateVersions", "DescribeLaunchTemplates",
                 "DescribeLaunchTemplateVersions", "CreateNetworkInterface", "DeleteNetworkInterface",
                 "ModifyNetworkInterfaceAttribute", "DescribeNetworkInterfaces",
                 "CreateDhcpOptions", "DeleteDhcpOptions", "DescribeDhcpOptions", "AssociateDhcpOptions",
                 "CreateNatGateway", "DeleteNatGateway", "DescribeNatGateways", "CreateEgressOnlyInternetGateway",
                 "DeleteEgressOnlyInternetGateway", "DescribeEgressOnlyInternetGateways", "CreateCarrierGateway",
                 "DeleteCarrierGateway", "DescribeCarrierGateways", "CreateVpcEndpoint", "ModifyVpcEndpoint",
                 "DeleteVpcEndpoints", "DescribeVpcEndpoints", "CreateCustomerGateway", "DeleteCustomerGateway",
                 "DescribeCustomerGateways", "CreateVpnGateway", "DeleteVpnGateway", "DescribeVpnGateways",
                 "AttachVpnGateway", "DetachVpnGateway", "CreateVpnConnection", "DeleteVpnConnection",
                 "DescribeVpnConnections", "CreateVpcPeeringConnection", "AcceptVpcPeeringConnection",
                 "RejectVpcPeeringConnection", "DeleteVpcPeeringConnection", "DescribeVpcPeeringConnections",
                 "CreateManagedPrefixList", "ModifyManagedPrefixList", "DeleteManagedPrefixList",
                 "DescribeManagedPrefixLists", "GetManagedPrefixListEntries", "DescribePrefixLists",
                 "CreateNetworkAcl", "DeleteNetworkAcl", "DescribeNetworkAcls", "CreateNetworkAclEntry",
                 "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry", "ReplaceNetworkAclAssociation",
                 "AssociateVpcCidrBlock", "DisassociateVpcCidrBlock", "AssociateSubnetCidrBlock",
                 "DisassociateSubnetCidrBlock", "CreateDefaultVpc", "CreateDefaultSubnet", "ModifyVpcTenancy",
                 "ModifyInstanceMetadataOptions", "MonitorInstances", "UnmonitorInstances",
                 "DescribeInstanceCreditSpecifications", "GetPasswordData", "GetLaunchTemplateData",
                 "CreateSnapshots", "DescribeSnapshotAttribute", "ModifySnapshotAttribute", "ResetSnapshotAttribute",
                 "DescribeNetworkInterfaceAttribute"):
        shape = model.operation_model(name).input_shape
        for member, inner in shape.members.items():
            operation = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            fields = {m: sample(s) for m, s in shape.members.items() if m in shape.required_members}
            fields[member] = sample(inner)
            try:
                getattr(ec2, operation)(**fields)
            except ec2.exceptions.ClientError as refused:
                code = refused.response["Error"]["Code"]
                assert code != "UnknownParameter", f"{name}.{member}: {refused}"
                assert code != "InternalError", f"{name}.{member}: {refused}"
