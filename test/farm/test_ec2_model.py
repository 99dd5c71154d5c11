"""Walks botocore's EC2 service model: what the farm answers must hold no element that the model does
not know, lists wrapped as `item`, and scalars of their types. Parsing alone would hide all three."""
import re
import xml.etree.ElementTree as ET

import botocore.session
import pytest

from support.croft import wait_until

NAMESPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"
IMAGE = "ami-0c40f700000000001"
SCALARS = {
    "string": lambda text: True,
    "character": lambda text: True,
    "blob": lambda text: True,
    "integer": lambda text: re.fullmatch(r"-?\d+", text or ""),
    "long": lambda text: re.fullmatch(r"-?\d+", text or ""),
    "double": lambda text: re.fullmatch(r"-?\d+(\.\d+)?", text or ""),
    "float": lambda text: re.fullmatch(r"-?\d+(\.\d+)?", text or ""),
    "boolean": lambda text: text in ("true", "false"),
    "timestamp": lambda text: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text or ""),
}


def problems(element, shape, path):
    if shape.type_name == "structure":
        members = {m.serialization.get("name", n): m for n, m in shape.members.items()}
        seen = set()
        for child in element:
            assert child.tag.startswith(NAMESPACE), child.tag
            name = child.tag[len(NAMESPACE):]
            here = f"{path}.{name}"
            if name not in members:
                yield f"{here} is unknown"
            elif name in seen:
                yield f"{here} stands twice"
            else:
                yield from problems(child, members[name], here)
            seen.add(name)
        if element.text and element.text.strip():
            yield f"{path} holds text"
    elif shape.type_name == "list":
        name = shape.member.serialization.get("name", "item")
        for index, child in enumerate(element):
            if child.tag != NAMESPACE + name:
                yield f"{path}[{index}] is wrapped in {child.tag}"
            else:
                yield from problems(child, shape.member, f"{path}[{index}]")
    else:
        if len(element):
            yield f"{path} holds elements"
        if not SCALARS[shape.type_name](element.text):
            yield f"{path} = {element.text!r} is no {shape.type_name}"
        enum = getattr(shape, "enum", None)
        if enum and element.text and element.text not in enum and shape.name != "InstanceType":
            yield f"{path} = {element.text!r} is none of {shape.name}"


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
            found = list(problems(root, model.output_shape, model.name))
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
        return enum[0] if enum else least if isinstance(samples[shape.type_name], int) and least else samples[shape.type_name]

    for name in ("TerminateInstances", "StopInstances", "StartInstances", "RebootInstances", "DescribeInstances",
                 "DescribeInstanceStatus", "CreateTags", "DeleteTags", "DescribeTags", "CreateKeyPair", "ImportKeyPair",
                 "DeleteKeyPair", "DescribeKeyPairs", "DescribeImages", "DescribeRegions", "DescribeAvailabilityZones",
                 "GetConsoleOutput", "DescribeAccountAttributes", "DescribeInstanceTypes", "DescribeVpcs",
                 "DescribeSubnets", "DescribeSecurityGroups", "RunInstances"):
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
