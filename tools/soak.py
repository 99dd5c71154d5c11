#!/usr/bin/env python3
"""Runs, breaks and ends instances of a fresh farm for a while; at the end everything must be as at the start.

  tools/soak.py [--minutes N] [--instances N] [--binary PROGRAM]

Each round launches instances with volumes and elastic addresses, breaks some (kill, freeze, cut links, full disks, refused calls), stops,
starts and reboots others, kills the farm itself now and then, and terminates all. Before and after: the farm's memory and descriptors,
and of the whole computer the network namespaces, mounts and links (so let nothing else make some meanwhile), the cgroups of its instances
and the rules of its packet filter. The first round comes before the first count: what a farm makes once stays for its life. Needs root.
Exits with 1 when something is left.
"""
import argparse
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

IMAGE = "ami-0c40f700000000001"
# What may differ: memory by what the allocator keeps and by what is remembered of an ended instance (EC2 shows it for an hour), the rest by
# nothing.
MEMORY_GROWTH = 0.25
REMEMBERED_KIB = 12


def of_farm(farm):
    pid = farm.process.pid
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    memory = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return {"farm memory KiB": memory, "farm descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def of_computer(instances):
    namespaces, mounts = set(), 0
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            namespaces.add(os.readlink(f"/proc/{process}/ns/net"))
        except OSError:
            continue
    mounts = len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
    # Of instances: another farm of this computer, a test's perhaps, has groups of its own.
    cgroups = sum(folder in instances for _, folders, _ in os.walk("/sys/fs/cgroup") for folder in folders)
    links = len(json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, text=True, check=True).stdout))
    return {"network namespaces": len(namespaces), "mounts": mounts, "links": links, "cgroups": cgroups}


def of_router(farm):
    """Inside the farm's own network: its links, the lines of its packet filter; and of how many ended machines bytes are not yet counted."""
    record = (pathlib.Path(farm.data) / "machines/.router").read_bytes()
    key, value = struct.unpack_from("=II", record)  # sandbox/sheet.h: lengths, then the texts; "pid" comes first
    pid = record[8 + key:8 + key + value].decode()
    inside = ["nsenter", "-t", pid, "-n"]
    rules = subprocess.run([*inside, "nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    links = json.loads(subprocess.run([*inside, "ip", "-j", "link"], capture_output=True, text=True, check=True).stdout)
    untaken = os.listdir(pathlib.Path(farm.data) / "machines/.traffic")
    return {"router links": len(links), "router filter lines": len(rules.splitlines()), "bytes not yet billed of": len(untaken)}


class Soak:
    def __init__(self, options):
        from support.clients import client
        from support.croft import Farm
        self.options, self.client, self.chance = options, client, random.Random(1)
        self.farm = Farm()
        self.account = self.farm.account("soak", instances=options.instances * 2)
        self.connect()
        self.group = self.ec2.create_security_group(GroupName="soak", Description="soak")["GroupId"]
        self.done = dict.fromkeys(("rounds", "instances", "faults", "farm killed"), 0)
        self.instances = set()

    def connect(self):
        self.ec2 = self.client("ec2", self.farm.url, self.account["accessKey"], self.account["secretKey"])

    def states(self, ids):
        return [i["State"]["Name"] for r in self.ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]

    def wait(self, ids, wanted, what):
        from support.croft import wait_until
        wait_until(lambda: all(state in wanted for state in self.states(ids)), what, 180)

    def fault(self, *words):
        self.done["faults"] += 1
        subprocess.run([self.options.binary, "farm", "fault", "add", *words, "--for", "2s", "--data", self.farm.data],
                       check=True, capture_output=True, env=self.farm.env)

    def round(self):
        ec2, n = self.ec2, self.options.instances
        ids = [i["InstanceId"] for i in ec2.run_instances(
            ImageId=IMAGE, MinCount=n, MaxCount=n, InstanceType="t2.nano", SecurityGroupIds=[self.group],
            UserData="#!/bin/sh\nsleep 1000 &\n",
            BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}])["Instances"]]
        self.instances.update(ids)
        self.wait(ids, ("running",), "all run")
        address = ec2.allocate_address()
        ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=ids[0])
        for port in (80, 81):
            rule = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
            ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=rule)
            ec2.revoke_security_group_ingress(GroupId=self.group, IpPermissions=rule)
        # One each: what is killed or stands still takes no other fault.
        kinds = self.chance.sample(("freeze", "kill", "link", "dns", "disk"), min(3, n - 1))
        for kind, id in zip(kinds, self.chance.sample(ids[1:], len(kinds))):
            self.fault(kind, "--instance", id)
        live = [i for i, state in zip(ids, self.states(ids)) if state == "running"]
        some = live[: max(1, len(live) // 4)]
        ec2.stop_instances(InstanceIds=some, Force=True)
        self.wait(some, ("stopped",), "some are stopped")
        ec2.start_instances(InstanceIds=some)
        self.wait(some, ("running",), "and run again")
        ec2.reboot_instances(InstanceIds=some)
        if self.done["rounds"] % 5 == 4:
            self.done["farm killed"] += 1
            self.farm.kill()
            self.farm.start()
            self.connect()
        self.ec2.disassociate_address(PublicIp=address["PublicIp"])
        self.ec2.release_address(AllocationId=address["AllocationId"])
        self.ec2.terminate_instances(InstanceIds=ids)
        self.wait(ids, ("terminated",), "all are gone")
        self.done["rounds"] += 1
        self.done["instances"] += n

    def count(self):
        return {**of_farm(self.farm), **of_computer(self.instances), **of_router(self.farm)}

    def settled(self, before):
        """The kernel takes networks and cgroups down behind the answer."""
        end = time.monotonic() + 60
        while True:
            after = self.count()
            left = {k: v for k, v in after.items() if k != "farm memory KiB" and v > before[k]}
            if not left or time.monotonic() > end:
                return after, left
            time.sleep(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--instances", type=int, default=12)
    parser.add_argument("--binary", default=str(ROOT / "build/release/croft"))
    options = parser.parse_args()
    os.environ["CROFT_BINARY"] = options.binary
    soak = Soak(options)
    try:
        soak.round()
        before, _ = soak.settled(soak.count())
        end = time.monotonic() + options.minutes * 60
        while time.monotonic() < end:
            soak.round()
        after, left = soak.settled(before)
        print(", ".join(f"{v} {k}" for k, v in soak.done.items()))
        for name, value in after.items():
            print(f"{name:22} {before[name]:8} -> {value:8}")
        allowed = before["farm memory KiB"] * (1 + MEMORY_GROWTH) + REMEMBERED_KIB * soak.done["instances"]
        if after["farm memory KiB"] > allowed:
            left["farm memory KiB"] = after["farm memory KiB"]
        if left:
            print(f"left behind: {', '.join(left)}")
    finally:
        soak.farm.close()
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
