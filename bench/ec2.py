#!/usr/bin/env python3
"""RunInstances until user data runs, for 1 and for 100 instances at once, against the system calls alone; 500 instances alive:
memory each, a rule more or less, describe, the end of all, each with its ratio to the bar.

The user data's first command prints the kernel's clock on the console; the span from just before the call to that
stamp is the figure. The floor makes the same namespaces, mounts and links without croft (machine_bench).
"""
import argparse
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

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


class Raw:
    """Signed calls on one socket: a client's own work (signing, reading heads into dictionaries) is as much as the farm's, so it is
    done before the clock runs or not at all."""

    def __init__(self, url, account):
        self.url, self.account = url, account
        self.line = socket.create_connection(url.removeprefix("http://").split(":"))
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.room = bytearray(1 << 24)

    def signed(self, action, fields):
        """The request's bytes."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        body = urllib.parse.urlencode({"Action": action, "Version": "2016-11-15", **fields})
        request = AWSRequest("POST", self.url + "/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        SigV4Auth(Credentials(self.account["accessKey"], self.account["secretKey"]), "ec2", "us-east-1").add_auth(request)
        headers = {"Host": self.url.removeprefix("http://"), "Content-Length": len(body), **dict(request.headers)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST / HTTP/1.1\r\n{head}\r\n{body}".encode()

    def exchange(self, request):
        """Head and body of the answer."""
        view, got, body = memoryview(self.room), 0, -1
        self.line.sendall(request)
        while True:
            count = self.line.recv_into(view[got:])
            if count == 0:
                raise SystemExit("the farm closed the connection")
            got += count
            if body < 0:
                body = self.room.find(b"\r\n\r\n", 0, got) + 4
                if body < 4:
                    body = -1
                    continue
                length = re.search(rb"\r\nContent-Length: *(\d+)", self.room[:body], re.I)
                if not length:
                    raise SystemExit("an answer without Content-Length")
                end = body + int(length.group(1))
            if got >= end:
                return body, end

    def call(self, action, **fields):
        """Seconds, and the answer."""
        request = self.signed(action, fields)
        start = time.perf_counter()
        body, end = self.exchange(request)
        span = time.perf_counter() - start
        text = bytes(self.room[body:end])
        if not self.room.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{action}: {bytes(self.room[:12])} {text[:500]}")
        return span, text


def against(name, seconds, bar):
    print(f"{name}: {seconds * 1e3:.2f} ms, bar {bar * 1e3:g} ms, ratio {seconds / bar:.2f}")


def available():
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(re.search(r"MemAvailable: +(\d+)", text).group(1)) * 1024


def run_ids(raw, count, **more):
    ids = []
    while len(ids) < count:
        part = min(count - len(ids), 100)
        text = raw.call("RunInstances", ImageId="ami-0c40f700000000001", MinCount=part, MaxCount=part, InstanceType="t2.nano", **more)[1]
        ids += re.findall(r"<instanceId>(i-[0-9a-f]+)</instanceId>", text.decode())
    return ids


def until(raw, state, count):
    wanted = {"Filter.1.Name": "instance-state-name", "Filter.1.Value.1": state}
    wait_until(lambda: raw.call("DescribeInstances", **wanted)[1].count(b"<instanceId>") >= count, f"{count} are {state}", 300)


def describe(raw, name, bar, **fields):
    against(name, statistics.median(raw.call("DescribeInstances", **fields)[0] for _ in range(100)), bar)


def many(farm, count):
    """Real instances, all alive at once."""
    raw = Raw(farm.url, farm.account("many", instances=count + 10))
    group = re.search(r"<groupId>(sg-[0-9a-f]+)", raw.call("CreateSecurityGroup", GroupName="many", GroupDescription="many")[1].decode()).group(1)
    before = available()
    start = time.perf_counter()
    ids = run_ids(raw, count, **{"SecurityGroupId.1": group})
    until(raw, "running", count)
    print(f"{count} instances run after {time.perf_counter() - start:.1f} s; "
          f"{(before - available()) / count / 2**20:.2f} MiB of the computer's memory each")
    describe(raw, f"describe 1 of {count}", 0.0002, **{"InstanceId.1": ids[0]})
    describe(raw, f"describe all {count}", 0.01 * count / 1000)
    spans, plain = [], []
    for port in range(1, 51):
        rule = {"GroupId": group, "IpPermissions.1.IpProtocol": "tcp", "IpPermissions.1.FromPort": port,
                "IpPermissions.1.ToPort": port, "IpPermissions.1.IpRanges.1.CidrIp": "0.0.0.0/0"}
        spans += [raw.call(f"{verb}SecurityGroupIngress", **rule)[0] for verb in ("Authorize", "Revoke")]
        plain.append(raw.call("CreateTags", **{"ResourceId.1": group, "Tag.1.Key": "a", "Tag.1.Value": port})[0])
    against(f"one rule more or less with {count} instances in the group", statistics.median(spans), 0.002)
    print(f"  of that a commit to the disk, as a tag costs it: {statistics.median(plain) * 1e3:.2f} ms")
    start = time.perf_counter()
    for at in range(0, count, 100):
        raw.call("TerminateInstances", **{f"InstanceId.{n}": id for n, id in enumerate(ids[at:at + 100], 1)})
    until(raw, "terminated", count)
    against(f"terminate all {count}, until the last is terminated", time.perf_counter() - start, 2)


def records(program, count):
    """Instances that are records: what describing many costs."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-bench-ec2-"))
    account = {"accessKey": "AKIDBENCH", "secretKey": "a secret of the bench"}
    subprocess.run([program, "account", folder, "bench", account["accessKey"], account["secretKey"], "111122223333", f"--instances={count}"],
                   check=True, stdout=subprocess.DEVNULL)
    farm = subprocess.Popen([program, folder, "127.0.0.1:0", "--no-sync", "--fake-machines"], stdout=subprocess.PIPE, text=True)
    try:
        raw = Raw(farm.stdout.readline().strip(), account)
        ids = run_ids(raw, count)
        until(raw, "running", count)
        describe(raw, f"describe 1 of {count} (records)", 0.0002, **{"InstanceId.1": ids[0]})
        describe(raw, f"describe all {count} (records)", 0.01 * count / 1000)
    finally:
        farm.kill()
        farm.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("start", "many", "records"), help="one part")
    parser.add_argument("--instances", type=int, default=500, help="of the part `many`")
    parser.add_argument("--farm", default=str(ROOT / "build/release/croft-farm-dev"), help="of the part `records`")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    if options.only in (None, "start"):
        starts()
    if options.only in (None, "many"):
        farm = Farm()
        try:
            many(farm, options.instances)
        finally:
            farm.close()
    if options.only in (None, "records"):
        records(options.farm, 1000)


def starts():
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
