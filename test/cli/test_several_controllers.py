"""Several controllers on one store of etcd: one leads, the others stand by, and what one has begun another goes on with."""
import os
import signal
import subprocess

import pytest

from support.clients import client
from support.croft import BINARY, Croft, Farm, free_port, wait_until
from support.etcd import Etcd

APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
sfConfig extends Compound {
  store extends TransientS3Bucket { bucket "several-store"; }
  web extends ImageInstance { imageID "ami-0c40f700000000001"; minCount %d; }
}
'''


class Several:
    def __init__(self, count=2):
        self.etcd = Etcd()
        self.farm = Farm()
        account = self.farm.account("several")
        self.keys = (account["accessKey"], account["secretKey"])
        self.env = {"AWS_ACCESS_KEY_ID": self.keys[0], "AWS_SECRET_ACCESS_KEY": self.keys[1]}
        self.homes, self.processes = [], {}
        for i in range(count):
            self.homes.append(Croft())
            if i:
                made = self.homes[0].ok("operator", "add", f"joins{i}", "--role", "own", "--json").json
                self.homes[i].ok("controller", "join", made["url"], "--fingerprint", made["fingerprint"], stdin=made["token"])
            self.start(i)
            wait_until(lambda: self.role(i), "the controller answers")

    def start(self, i):
        self.processes[i] = subprocess.Popen(
            [BINARY, "controller", "serve", "--store", self.etcd.url, "--name", f"c{i}", "--api", f"127.0.0.1:{free_port()}",
             "--pid-file", os.path.join(self.homes[i].home, "controller.pid")], env=self.homes[i].env,
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(self.homes[i].home, "controller.log"), "a"))

    def role(self, i):
        outcome = self.homes[i].run("status", "--json")
        if outcome.code == 0:
            return "leads"
        return "stands by" if "stands by" in outcome.out + outcome.err else None

    def leads(self, i):
        wait_until(lambda: self.role(i) == "leads", f"controller {i} to lead\n{self.homes[i].log()}")

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait(30)
        for home in self.homes:
            home.close()
        self.farm.close()
        self.etcd.close()


@pytest.fixture
def several():
    one = Several()
    yield one
    one.close()


def things(several):
    ec2 = client("ec2", several.farm.url, *several.keys)
    s3 = client("s3", several.farm.url, *several.keys)
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    return (sorted(i["InstanceId"] for r in ec2.describe_instances(Filters=states)["Reservations"] for i in r["Instances"]),
            [b["Name"] for b in s3.list_buckets()["Buckets"]])


def test_another_goes_on_where_the_leader_was_killed(several, tmp_path):
    first, second = several.homes
    assert (several.role(0), several.role(1)) == ("leads", "stands by")
    file = tmp_path / "app.sf"
    file.write_text(APP % 2)
    standing = second.run("up", file, "--farm", several.farm.url, env=several.env)
    assert standing.code == 1 and "c0 leads" in standing.err, standing
    first.ok("up", file, "--farm", several.farm.url, env=several.env)
    machines, buckets = things(several)
    assert len(machines) == 2 and buckets == ["several-store"]
    several.processes[0].kill()
    several.processes[0].wait(30)
    several.leads(1)
    wait_until(lambda: second.ok("status", "app", "--json").json["phase"] == "running", "the application goes on")
    assert things(several) == (machines, buckets)
    file.write_text(APP % 3)
    second.ok("up", file, "--farm", several.farm.url, env=several.env)
    assert len(things(several)[0]) == 3
    # The first comes back and stands by; a stop hands over.
    several.start(0)
    wait_until(lambda: several.role(0) == "stands by", "the first stands by")
    several.processes[1].terminate()
    assert several.processes[1].wait(30) == 0
    several.leads(0)
    proof = first.ok("down", "app", "--json").json
    assert proof["left"] == [] and len(proof["returned"]) == len(proof["rented"])
    assert things(several) == ([], [])


def test_without_a_majority_nobody_acts(several, tmp_path):
    first, _ = several.homes
    file = tmp_path / "app.sf"
    file.write_text(APP % 1)
    for i in (0, 1):
        several.etcd.signal(i, signal.SIGSTOP)
    tried = first.run("up", file, "--farm", several.farm.url, env=several.env, limit=150)
    assert tried.code == 1 and things(several) == ([], []), tried
    for i in (0, 1):
        several.etcd.signal(i, signal.SIGCONT)
    def leader():
        return [i for i in (0, 1) if several.role(i) == "leads"]
    # Right after a stall the members may choose more than once: whoever leads is asked each time.
    def up():
        return [i for i in leader() if several.homes[i].run("up", file, "--farm", several.farm.url, env=several.env).code == 0]
    home = several.homes[wait_until(up, "the application comes up")[0]]
    machines, buckets = things(several)
    assert len(machines) == 1 and buckets == ["several-store"]
    assert home.ok("down", "app", "--json").json["left"] == []


def test_who_joins_brings_no_keys_of_his_own(several):
    first, second = several.homes
    made = first.ok("operator", "add", "again", "--role", "own", "--json").json
    refused = second.run("controller", "join", made["url"], "--fingerprint", made["fingerprint"], stdin=made["token"])
    assert refused.code == 1 and "has keys of its own" in refused.err
    reader = first.ok("operator", "add", "reader", "--json").json
    fresh = Croft()
    try:
        denied = fresh.run("controller", "join", reader["url"], "--fingerprint", reader["fingerprint"], stdin=reader["token"])
        assert denied.code == 1 and "takes the role own" in denied.err
        assert fresh.run("controller", "serve", "--store", "redis://x").code == 1
    finally:
        fresh.close()
