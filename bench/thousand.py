#!/usr/bin/env python3
"""`croft up` and `croft down` of 1,000 instances on a farm that is 50 ms away: the calls that were made, by action, and the time.

usage: bench/thousand.py [--instances N] [--latency MS]

The farm's machines are real; a proxy before it holds every call back and counts it. The floor is one RunInstances and one
TerminateInstances at that distance and what the farm itself takes for them, without croft, in the same run.
"""
import argparse
import collections
import http.client
import http.server
import pathlib
import re
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.clients import client  # noqa: E402
from support.croft import Croft, Farm  # noqa: E402

KEYS = ("AKIDTHOUSAND", "secret-of-thousand-1")
APP = '''
#include "/org/smartfrog/services/amazon/ec2/components.sf"
sfConfig extends Compound {{
  maxInstances {2};
  many extends ImageInstance {{ id "{0}"; key "{1}"; imageID "ami-0c40f700000000001"; instanceType "t2.nano"; minCount {2}; sfLivenessDelay 60; }}
}}
'''


class Distance:
    """A proxy of HTTP/1.1 that holds each call back."""

    def __init__(self, url, seconds):
        self.calls = collections.Counter()
        there = urllib.parse.urlsplit(url)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                action = re.search(rb"(?:^|&)Action=(\w+)", body)
                outer.calls[action.group(1).decode() if action else f"{self.command} (S3)"] += 1
                time.sleep(seconds)
                way = http.client.HTTPConnection(there.hostname, there.port, timeout=300)
                way.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    way.putheader(name, value)
                way.endheaders(body)
                answer = way.getresponse()
                data = answer.read()
                self.send_response_only(answer.status, answer.reason)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                way.close()

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self):
        out, self.calls = self.calls, collections.Counter()
        return out


def tell(name, took, calls):
    print(f"{name}: {took:.1f} s, {sum(calls.values())} calls: " + ", ".join(f"{n} {a}" for a, n in sorted(calls.items())), flush=True)


def launch(ec2, given):
    """As many as are asked for, or as this machine has room for."""
    try:
        return ec2.run_instances(ImageId="ami-0c40f700000000001", InstanceType="t2.nano", MinCount=given.instances, MaxCount=given.instances)
    except ec2.exceptions.ClientError as error:
        room = re.search(r"room for (\d+) more", str(error))
        if not room:
            raise
        given.instances = int(room.group(1))
        print(f"this machine has room for {given.instances}", flush=True)
        return launch(ec2, given)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--instances", type=int, default=1000)
    options.add_argument("--latency", type=float, default=50)
    given = options.parse_args()
    farm, croft = Farm(), Croft()
    try:
        farm.account("me", access_key=KEYS[0], secret_key=KEYS[1], instances=given.instances + 10)
        away = Distance(farm.url, given.latency / 1e3)
        ec2 = client("ec2", away.url, *KEYS)
        begin = time.monotonic()
        made = launch(ec2, given)
        ids = [instance["InstanceId"] for instance in made["Instances"]]
        ec2.get_waiter("instance_running").wait(Filters=[{"Name": "reservation-id", "Values": [made["ReservationId"]]}],
                                                WaiterConfig={"Delay": 1})
        floor_up = time.monotonic() - begin
        begin = time.monotonic()
        ec2.terminate_instances(InstanceIds=ids)
        ec2.get_waiter("instance_terminated").wait(Filters=[{"Name": "reservation-id", "Values": [made["ReservationId"]]}],
                                                   WaiterConfig={"Delay": 1})
        floor_down = time.monotonic() - begin
        away.taken()
        print(f"floor: {floor_up:.1f} s up, {floor_down:.1f} s down (boto3, one call each, asked every second)", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "many.sf"
            file.write_text(APP.format(*KEYS, given.instances))
            croft.ok("up", file, "--farm", away.url, limit=900)
            begin = time.monotonic()
            croft.ok("down", "many", limit=900)
            away.taken()
            begin = time.monotonic()
            croft.ok("up", file, "--farm", away.url, limit=900)
            took = time.monotonic() - begin
            tell("up", took, away.taken())
            print(f"  ratio to the floor {took / floor_up:.2f}")
            begin = time.monotonic()
            croft.ok("plan", file, "--farm", away.url, limit=900)
            tell("plan without a change", time.monotonic() - begin, away.taken())
            begin = time.monotonic()
            croft.ok("down", "many", limit=900)
            took = time.monotonic() - begin
            tell("down", took, away.taken())
            print(f"  ratio to the floor {took / floor_down:.2f}")
    finally:
        croft.close()
        farm.close()


main()
