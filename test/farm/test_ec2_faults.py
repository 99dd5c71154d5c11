"""Failures on purpose, through the command line: what a client then meets, and that all ends again."""
import json
import subprocess

import pytest
from botocore.exceptions import ClientError

from support.croft import BINARY, wait_until

IMAGE = "ami-0c40f700000000001"


def croft(farm, *args):
    done = subprocess.run([BINARY, "farm", "fault", *args, "--data", farm.data, "--json"], env=farm.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def code(call, **fields):
    try:
        call(**fields)
    except ClientError as refused:
        return refused.response["Error"]["Code"]
    return ""


@pytest.fixture
def fault(farm):
    made = []

    def add(*args):
        made.append(croft(farm, "add", *args)["id"])
        return made[-1]

    yield add
    under_way = {f["id"] for f in croft(farm, "list")["faults"]}
    for one in under_way & set(made):
        croft(farm, "undo", one)


def test_calls_are_refused_until_it_is_undone(farm, ec2, fault):
    one = fault("refuse", "--action", "RunInstances", "--code", "InsufficientInstanceCapacity")
    assert code(ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1, DryRun=True) == "InsufficientInstanceCapacity"
    assert code(ec2.describe_regions) == ""
    assert [f["id"] for f in croft(farm, "list")["faults"]] == [one]
    croft(farm, "undo", one)
    assert code(ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1, DryRun=True) == "DryRunOperation"


def test_a_fault_ends_by_itself(ec2, fault):
    def refused():
        # Added again where the machine was so slow that it was over before anybody asked.
        fault("refuse", "--code", "RequestLimitExceeded", "--for", "1s")
        return code(ec2.describe_regions) == "RequestLimitExceeded"

    wait_until(refused, "a fault refuses calls")
    wait_until(lambda: code(ec2.describe_regions) == "", "calls are answered again")


def test_instances_stand_still_and_die(farm, ec2, fault):
    script = "#!/bin/sh\n(while sleep 0.1; do echo beat; done) &\n"
    id = ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, UserData=script)["Instances"][0]["InstanceId"]

    def beats():
        return ec2.get_console_output(InstanceId=id).get("Output", "").count("beat")

    def state():
        return ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["State"]["Name"]

    try:
        wait_until(lambda: beats() > 2, "it beats")
        one = fault("freeze", "--instance", id)
        status, = ec2.describe_instance_status(InstanceIds=[id])["InstanceStatuses"]
        assert (status["InstanceStatus"]["Status"], status["InstanceStatus"]["Details"][0]["Status"]) == ("impaired", "failed")
        still = beats()
        for _ in range(20):
            assert beats() == still
        croft(farm, "undo", one)
        wait_until(lambda: beats() > still + 2, "it beats again")
        fault("freeze", "--instance", id)
        farm.kill()
        farm.start()
        still = beats()
        wait_until(lambda: beats() > still + 2, "a new farm lets it go on")
        fault("kill", "--instance", id)
        wait_until(lambda: state() == "stopped", "it is dead")
    finally:
        ec2.terminate_instances(InstanceIds=[id])


def test_a_value_that_a_fault_does_not_take_is_a_wrong_argument(farm):
    for wrong in (["refuse", "--percent", "500"], ["lag", "--lag", "5x"], ["melt"]):
        done = subprocess.run([BINARY, "farm", "fault", "add", *wrong, "--data", farm.data], env=farm.env, capture_output=True, text=True)
        assert done.returncode == 64, (wrong, done)
