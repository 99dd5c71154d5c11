"""Zones, racks and hosts; failures of them with real machines and packets; spot instances that are taken away."""
import json
import os
import subprocess

import pytest

from support.clients import client
from support.croft import BINARY, Farm, wait_until

IMAGE = "ami-0c40f700000000001"
HOST = {"cores": 4, "memory": "8GiB", "idleWatts": 60, "busyWatts": 160}
TOPOLOGY = {"placement": "spread", "zones": [
    {"name": "us-east-1a", "racks": [{"name": "r1", "hosts": [{"name": "h1", **HOST}]}, {"name": "r2", "hosts": [{"name": "h2", **HOST}]}]},
    {"name": "us-east-1b", "racks": [{"name": "r3", "hosts": [{"name": "h3", **HOST}]}]}]}

# Answers on port 7000, and tells all the time whether the peer answers, whether names do, and whether the disk takes a file.
WATCH = """#!/bin/bash
perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalPort=>7000,Listen=>5,ReuseAddr=>1) or die; while($c=$s->accept){print $c "up"; close $c}' &
reach() { [ "$(timeout 1 bash -c "exec 3<>/dev/tcp/$1/7000 && cat <&3" 2>/dev/null)" = up ] && echo yes || echo no; }
name() { timeout 2 perl -MSocket -e 'exit !gethostbyname("instance-data.ec2.internal")' && echo yes || echo no; }
disk() { head -c 8192 /dev/zero >> /root/probe 2>/dev/null && echo yes || echo no; }
(while :; do echo "peer=$([ -n "%s" ] && reach %s) name=$(name) disk=$(disk) notice=$(exec 3<>/dev/tcp/169.254.169.254/80; printf 'GET /latest/meta-data/spot/instance-action HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3 | grep -c terminate)"; sleep 0.1; done) &
"""


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    file = tmp_path_factory.mktemp("topology") / "farm.json"
    file.write_text(json.dumps(TOPOLOGY))
    one = Farm(options=["--topology", str(file)])
    yield one
    one.close()


@pytest.fixture(scope="module")
def ec2(farm):
    account = farm.account("topology")
    return client("ec2", farm.url, account["accessKey"], account["secretKey"])


def croft(farm, *args):
    done = subprocess.run([BINARY, "farm", *args, "--data", farm.data, "--json"], env=farm.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def hosts(farm):
    return {h["host"]: h for h in croft(farm, "topology")["hosts"]}


def describe(ec2, id):
    return ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]


def console(ec2, id):
    return ec2.get_console_output(InstanceId=id).get("Output", "")


@pytest.fixture(scope="module")
def pair(farm, ec2):
    """Two instances that watch each other's doings, on two racks."""
    group = ec2.create_security_group(GroupName="open", Description="x")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])

    def run(peer):
        fields = dict(ImageId=IMAGE, MinCount=1, MaxCount=1, SecurityGroupIds=[group], InstanceType="t2.nano", UserData=WATCH % (peer, peer),
                      BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 1}}], Placement={"AvailabilityZone": "us-east-1a"})
        return ec2.run_instances(**fields, InstanceMarketOptions={"MarketType": "spot"})["Instances"][0]

    first = run("")
    second = run(first["PrivateIpAddress"])
    ids = [first["InstanceId"], second["InstanceId"]]
    wait_until(lambda: "peer=yes name=yes disk=yes" in console(ec2, ids[1]), "they see each other")
    yield ids
    ec2.terminate_instances(InstanceIds=ids)
    for id in ids:
        wait_until(lambda: describe(ec2, id)["State"]["Name"] == "terminated", "it is gone")
    ec2.delete_security_group(GroupId=group)


def last(ec2, id):
    return [line for line in console(ec2, id).splitlines() if line.startswith("peer=")][-1]


@pytest.fixture
def fault(farm):
    made = []

    def add(*args):
        made.append(croft(farm, "fault", "add", *args)["id"])
        return made[-1]

    yield add
    under_way = {f["id"] for f in croft(farm, "fault", "list")["faults"]}
    for one in under_way & set(made):
        croft(farm, "fault", "undo", one)


def test_instances_lie_on_hosts_that_take_power(farm, ec2, pair):
    there = hosts(farm)
    assert [there[h]["instances"] for h in ("h1", "h2", "h3")] == [[pair[0]], [pair[1]], []]
    assert there["h1"]["watts"] > 60 and there["h3"]["watts"] == 0


def test_a_cut_link_and_its_end(farm, ec2, pair, fault):
    one = fault("link", "--rack", "r1", "--to", "r2")
    wait_until(lambda: "peer=no name=yes disk=yes" in last(ec2, pair[1]), "the link is cut")
    croft(farm, "fault", "undo", one)
    wait_until(lambda: "peer=yes" in last(ec2, pair[1]), "it is whole again")
    # From the one that answers to the one that asks: answers do not come, though the question does.
    def lost():
        fault("link", "--host", "h1", "--to", "h2", "--one-way", "--for", "3s")
        return "peer=no" in last(ec2, pair[1])

    wait_until(lost, "answers are lost")
    wait_until(lambda: "peer=yes" in last(ec2, pair[1]), "the fault ended by itself")


def test_names_that_nobody_answers_and_a_full_disk(farm, ec2, pair, fault):
    one = fault("dns", "--instance", pair[1])
    wait_until(lambda: "name=no" in last(ec2, pair[1]), "names are not answered")
    assert "name=yes" in last(ec2, pair[0])
    croft(farm, "fault", "undo", one)
    wait_until(lambda: "name=yes" in last(ec2, pair[1]), "they are again")
    one = fault("disk", "--host", "h2")
    wait_until(lambda: "disk=no" in last(ec2, pair[1]), "the disk is full")
    assert "disk=yes" in last(ec2, pair[0])
    croft(farm, "fault", "undo", one)
    wait_until(lambda: "disk=yes" in last(ec2, pair[1]), "it has room again")


def test_the_farms_own_disk_and_keys(farm, ec2, fault):
    one = fault("disk", "--for", "1m")
    with pytest.raises(ec2.exceptions.ClientError) as refused:
        ec2.create_key_pair(KeyName="full")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    ec2.describe_key_pairs()
    croft(farm, "fault", "undo", one)
    ec2.create_key_pair(KeyName="full")
    ec2.delete_key_pair(KeyName="full")
    fault("throttle", "--action", "DescribeRegions", "--rate", "1", "--burst", "2")
    codes = []
    for _ in range(4):
        try:
            ec2.describe_regions()
            codes.append("")
        except ec2.exceptions.ClientError as error:
            codes.append(error.response["Error"]["Code"])
    assert codes[0] == "" and "RequestLimitExceeded" in codes
    ec2.describe_availability_zones()


def test_a_spot_instance_gets_notice_and_goes(farm, ec2, pair, fault):
    seen = describe(ec2, pair[0])
    assert seen["InstanceLifecycle"] == "spot"
    request = seen["SpotInstanceRequestId"]
    assert ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[request])["SpotInstanceRequests"][0]["State"] == "active"
    assert "notice=0" in last(ec2, pair[0])
    fault("interrupt", "--instance", pair[0], "--time", "5s")
    wait_until(lambda: "notice=1" in last(ec2, pair[0]), "the metadata tell of it")
    wait_until(lambda: describe(ec2, pair[0])["State"]["Name"] == "terminated", "it is taken away")
    assert describe(ec2, pair[0])["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    closed = lambda: ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[request])["SpotInstanceRequests"][0]["State"] == "closed"
    wait_until(closed, "the request is closed")
    assert hosts(farm)["h1"]["instances"] == []


def test_a_dead_rack_takes_nothing_new(farm, ec2, pair, fault):
    fault("kill", "--rack", "r2")
    wait_until(lambda: describe(ec2, pair[1])["State"]["Name"] == "stopped", "its instance is dead")
    assert not hosts(farm)["h2"]["up"]
    ids = [i["InstanceId"] for i in ec2.run_instances(ImageId=IMAGE, MinCount=2, MaxCount=2, InstanceType="t2.nano", Placement={
        "AvailabilityZone": "us-east-1a"})["Instances"]]
    try:
        assert set(ids) <= set(hosts(farm)["h1"]["instances"])
    finally:
        ec2.terminate_instances(InstanceIds=ids)


def test_a_launch_that_names_no_zone_goes_where_there_is_room(farm, ec2, pair):
    run = lambda type, zone, count: [i["InstanceId"] for i in ec2.run_instances(
        ImageId=IMAGE, MinCount=count, MaxCount=count, InstanceType=type, Placement=zone)["Instances"]]
    ids = run("c5.large", {"AvailabilityZone": "us-east-1b"}, 2) + run("t2.nano", {"AvailabilityZone": "us-east-1a"}, 1)
    try:
        # us-east-1b has the fewest, and room for none more.
        ids += run("t2.nano", {}, 1)
        assert describe(ec2, ids[-1])["Placement"]["AvailabilityZone"] == "us-east-1a"
    finally:
        ec2.terminate_instances(InstanceIds=ids)


def test_destroy_returns_when_nothing_is_left(tmp_path):
    file = tmp_path / "farm.json"
    file.write_text(json.dumps(TOPOLOGY))
    one = Farm(options=["--topology", str(file)])
    try:
        account = one.account("gone")
        client("ec2", one.url, account["accessKey"], account["secretKey"]).run_instances(ImageId=IMAGE, MinCount=2, MaxCount=2)
        done = subprocess.run([BINARY, "farm", "destroy", "--data", one.data], env=one.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not any(name in ("machines", "s3", "farm.db", "secret.key") for name in os.listdir(one.data)), done
    finally:
        one.close()
