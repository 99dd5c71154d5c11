"""Disks with real bytes: a volume carries a file from one instance to another, a snapshot keeps it, an image of a
running instance starts others that have what the first had written."""
import os

import pytest

from support.croft import wait_until

IMAGE = "ami-0c40f700000000001"


def console(ec2, id):
    return ec2.get_console_output(InstanceId=id).get("Output", "")


def describe(ec2, id):
    return ec2.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]


@pytest.fixture
def boot(ec2):
    made = []

    def run(script, image=IMAGE, **fields):
        answer = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, UserData=f"#!/bin/bash\n{script}\necho the-end\n", **fields)
        made.append(answer["Instances"][0]["InstanceId"])
        return made[-1]

    run.made = made
    yield run
    if made:
        ec2.terminate_instances(InstanceIds=made)
    for id in made:
        wait_until(lambda: describe(ec2, id)["State"]["Name"] == "terminated", f"{id} is gone")


def told(ec2, id, what="the-end"):
    return wait_until(lambda: what in console(ec2, id) and console(ec2, id), f"{id} tells {what}")


def zone(ec2):
    return ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]


def test_a_volume_carries_a_file_and_a_snapshot_keeps_it(farm, ec2, boot):
    volume = ec2.create_volume(AvailabilityZone=zone(ec2), Size=1)["VolumeId"]
    first = boot("for i in $(seq 300); do [ -d /volumes/sdf/lost+found ] && break; sleep 0.1; done\n"
                 "echo precious > /volumes/sdf/kept && sync && df -k /volumes/sdf | tail -1 && echo written-$?")
    wait_until(lambda: describe(ec2, first)["State"]["Name"] == "running", "it runs")
    ec2.attach_volume(VolumeId=volume, InstanceId=first, Device="/dev/sdf")
    told(ec2, first, "written-0")
    snapshot = ec2.create_snapshot(VolumeId=volume, Description="with a file")["SnapshotId"]
    farm.kill()
    farm.start()
    ec2.detach_volume(VolumeId=volume, InstanceId=first)
    ec2.terminate_instances(InstanceIds=[first])
    wait_until(lambda: describe(ec2, first)["State"]["Name"] == "terminated", "the first is gone")
    second = boot("for i in $(seq 300); do [ -f /volumes/sdf/kept ] && break; sleep 0.1; done\necho volume=$(cat /volumes/sdf/kept)\n"
                  "echo snapshot=$(cat /volumes/xvdg/kept)",
                  BlockDeviceMappings=[{"DeviceName": "/dev/xvdg", "Ebs": {"SnapshotId": snapshot, "VolumeSize": 2}}])
    wait_until(lambda: describe(ec2, second)["State"]["Name"] == "running", "it runs")
    ec2.attach_volume(VolumeId=volume, InstanceId=second, Device="/dev/sdf")
    out = told(ec2, second)
    assert "volume=precious" in out and "snapshot=precious" in out, out
    ec2.terminate_instances(InstanceIds=[second])
    wait_until(lambda: describe(ec2, second)["State"]["Name"] == "terminated", "the second is gone")
    assert [v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]] == [volume]
    ec2.delete_volume(VolumeId=volume)
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert os.listdir(os.path.join(farm.data, "disks")) == []


def test_an_image_of_a_running_instance_starts_others(ec2, boot):
    first = boot("echo baked > /root/cake; mkdir -p /usr/local/share/mine; echo usr > /usr/local/share/mine/x")
    told(ec2, first)
    image = ec2.create_image(InstanceId=first, Name="cake", NoReboot=True)["ImageId"]
    second = boot("echo has=$(cat /root/cake)/$(cat /usr/local/share/mine/x) host=$(hostname)", image=image)
    out = told(ec2, second)
    assert f"has=baked/usr host=ip-{describe(ec2, second)['PrivateIpAddress'].replace('.', '-')}" in out, out
    assert describe(ec2, first)["State"]["Name"] == "running"
    snapshot = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.deregister_image(ImageId=image)
    ec2.delete_snapshot(SnapshotId=snapshot)
