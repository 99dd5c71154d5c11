"""Controllers that share a store of etcd, and a farm that none of them carries."""
import os
import signal
import subprocess

from support.clients import client
from support.croft import BINARY, Croft, Farm, free_port, wait_until
from support.door import Door
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
    etcd = farm = None

    def __init__(self, count=2):
        self.homes, self.processes, self.doors, self.count = [], {}, [], count
        self.open()
        account = self.farm.account("several")
        self.keys = (account["accessKey"], account["secretKey"])
        self.env = {"AWS_ACCESS_KEY_ID": self.keys[0], "AWS_SECRET_ACCESS_KEY": self.keys[1]}
        for i in range(count):
            self.homes.append(Croft())
            if i:
                made = self.homes[0].ok("operator", "add", f"joins{i}", "--role", "own", "--json").json
                self.homes[i].ok("controller", "join", made["url"], "--fingerprint", made["fingerprint"], stdin=made["token"])
            self.start(i)
            wait_until(lambda: self.role(i), "the controller answers")

    def open(self):
        self.etcd = Etcd()
        # Each has its own ways to the store.
        self.doors = [[Door(port) for port in self.etcd.clients] for _ in range(self.count)]
        self.farm = Farm()

    def inside(self, i):
        """What enters the network namespace of a controller."""
        return []

    def api(self, i):
        return f"127.0.0.1:{free_port()}"

    def start(self, i):
        self.processes[i] = subprocess.Popen(
            [*self.inside(i), BINARY, "controller", "serve", "--store", self.url(i), "--name", f"c{i}", "--api", self.api(i),
             "--pid-file", os.path.join(self.homes[i].home, "controller.pid")], env=self.homes[i].env,
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(self.homes[i].home, "controller.log"), "a"))

    def url(self, i):
        return "etcd://" + ",".join(f"127.0.0.1:{door.port}" for door in self.doors[i])

    def role(self, i):
        outcome = self.homes[i].run("status", "--json")
        if outcome.code == 0:
            return "leads"
        return "stands by" if "stands by" in outcome.out + outcome.err else None

    def leads(self, i):
        wait_until(lambda: self.role(i) == "leads", f"controller {i} to lead\n{self.homes[i].log()}")

    def close(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(30)
        for home in self.homes:
            home.close()
        for door in (door for doors in self.doors for door in doors):
            door.close()
        for part in (self.farm, self.etcd):
            if part:
                part.close()


def things(several):
    ec2 = client("ec2", several.farm.url, *several.keys)
    s3 = client("s3", several.farm.url, *several.keys)
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    return (sorted(i["InstanceId"] for r in ec2.describe_instances(Filters=states)["Reservations"] for i in r["Instances"]),
            [b["Name"] for b in s3.list_buckets()["Buckets"]])
