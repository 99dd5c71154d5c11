#!/usr/bin/env python3
"""RunInstances until user data runs, for 1 and for 100 instances at once, against the system calls alone.

The user data's first command prints the kernel's clock on the console; the span from just before the call to that
stamp is the figure. The floor makes the same namespaces, mounts and links without croft (machine_bench).
"""
import pathlib
import statistics
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.clients import client  # noqa: E402
from support.croft import Farm, wait_until  # noqa: E402

# The shell's own clock: another program to print it would be a second start.
STAMP = "#!/bin/bash\necho croft-bench-at $EPOCHREALTIME\n"


def stamp(ec2, instance):
    for line in ec2.get_console_output(InstanceId=instance).get("Output", "").splitlines():
        if line.startswith("croft-bench-at "):
            return float(line.split()[1])
    return None


def launch(ec2, count):
    before = time.time()
    answer = ec2.run_instances(ImageId="ami-0c40f700000000001", MinCount=count, MaxCount=count, InstanceType="t2.nano", UserData=STAMP)
    answered = time.time()
    ids = [i["InstanceId"] for i in answer["Instances"]]
    # Asking costs the processors that the instances start on: the consoles are read when it is over.
    time.sleep(0.1 if count == 1 else 3)
    at = [wait_until(lambda: stamp(ec2, i), f"the user data of {i} has run", 120) for i in ids]
    ec2.terminate_instances(InstanceIds=ids)
    wait_until(lambda: all(i["State"]["Name"] == "terminated" for i in described(ec2, ids)), "they are gone", 60)
    return max(at) - before, answered - before


def described(ec2, ids):
    return [i for r in ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]


def floor(count):
    tool = ROOT / "build/release/test/machine_bench"
    if not tool.exists():
        subprocess.run(["cmake", "--build", "--preset", "release", "--target", "machine_bench"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    out = subprocess.run([str(tool)], capture_output=True, text=True, timeout=300, check=True).stdout
    line = next(line for line in out.splitlines() if line.startswith("one machine" if count == 1 else f"{count} at once"))
    return float(re.search(r"floor +([0-9.]+) ms", line).group(1)) / 1e3


def rules(ec2, count=100):
    """One rule more and less of a group that all instances are in, until the packet filter has it."""
    group = ec2.create_security_group(GroupName="bench", Description="bench")["GroupId"]
    ids = [i["InstanceId"] for i in ec2.run_instances(ImageId="ami-0c40f700000000001", MinCount=count, MaxCount=count,
                                                      InstanceType="t2.nano", SecurityGroupIds=[group])["Instances"]]
    running = {"Name": "instance-state-name", "Values": ["running"]}
    wait_until(lambda: sum(len(r["Instances"]) for r in ec2.describe_instances(InstanceIds=ids, Filters=[running])["Reservations"]) == count,
               "all run", 120)
    spans, plain = [], []
    for port in range(1, 51):
        rule = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        for change in (ec2.authorize_security_group_ingress, ec2.revoke_security_group_ingress):
            start = time.perf_counter()
            change(GroupId=group, IpPermissions=rule)
            spans.append(time.perf_counter() - start)
        start = time.perf_counter()
        ec2.create_tags(Resources=[group], Tags=[{"Key": "bench", "Value": str(port)}])
        plain.append(time.perf_counter() - start)
    print(f"a rule more or less with {count} instances in its group: {statistics.median(spans) * 1e3:.2f} ms; "
          f"a tag (as durable, no packet filter): {statistics.median(plain) * 1e3:.2f} ms; both with boto3's own share")
    ec2.terminate_instances(InstanceIds=ids)


def main():
    farm = Farm()
    try:
        account = farm.account("bench", instances=200)
        ec2 = client("ec2", farm.url, account["accessKey"], account["secretKey"])
        launch(ec2, 1)
        for count, rounds in ((1, 15), (100, 3)):
            spans = [launch(ec2, count) for _ in range(rounds)]
            whole = statistics.median(s for s, _ in spans) * 1e3
            answer = statistics.median(a for _, a in spans) * 1e3
            limit = floor(count)
            ratio = f", floor {limit * 1e3:.1f} ms, ratio {whole / (limit * 1e3):.2f}" if limit else ""
            print(f"{count:4} instances: user data runs after {whole:.1f} ms (answered after {answer:.1f} ms){ratio}")
        ids = [i["InstanceId"] for i in ec2.run_instances(ImageId="ami-0c40f700000000001", MinCount=20, MaxCount=20)["Instances"]]
        for name, arguments in (("one id", {"InstanceIds": ids[:1]}), ("all 20", {"InstanceIds": ids})):
            times = []
            for _ in range(100):
                start = time.perf_counter()
                ec2.describe_instances(**arguments)
                times.append(time.perf_counter() - start)
            print(f"DescribeInstances, {name}: {statistics.median(times) * 1e3:.2f} ms with boto3's own share")
        rules(ec2)
    finally:
        farm.close()


if __name__ == "__main__":
    main()
