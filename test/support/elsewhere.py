"""A farm in a network of its own, as a provider has: this computer calls it, and nobody there can call this computer."""
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading

from botocore.exceptions import BotoCoreError, ClientError

from support.clients import client
from support.croft import Croft, Farm, alive, wait_until
from support.netns import inside, run

# The far namespace is the computer that the farm is on: what it passes on to machines comes from there.
FIREWALL = '''
table ip elsewhere {
  chain leaving {
    type nat hook postrouting priority 100
    oifname "croft-*" masquerade
  }
  chain calls {
    ip daddr %s ct state new counter drop
  }
  chain sent {
    type filter hook output priority 0
    jump calls
  }
  chain passed_on {
    type filter hook forward priority 0
    jump calls
  }
}
'''
CALL = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))"
LIVE = ("pending", "running", "shutting-down", "stopping", "stopped")


class Elsewhere(Farm):
    process = watching = None

    def __init__(self):
        # Tests run side by side: names and the network are this one's own.
        number = f"{os.getpid()}{random.randrange(100)}"
        self.space, self.near, self.far = f"croft-far-{number}", f"near{number}", f"far{number}"
        network = 4 * random.randrange(1 << 14)
        self.here, self.there = (f"10.99.{network >> 8}.{(network & 255) + host}" for host in (1, 2))
        self.address, self.inside = self.there, inside(self.space)
        self.over, self.ways = threading.Event(), set()
        try:
            self._make_network()
            super().__init__(port=4566)
            account = self.account("elsewhere")
            self.keys = (account["accessKey"], account["secretKey"])
            self.ec2, self.s3 = (client(service, self.url, *self.keys) for service in ("ec2", "s3"))
            self.watching = threading.Thread(target=self._open_ways, daemon=True)
            self.watching.start()
        except BaseException:
            self.close()
            raise

    def _make_network(self):
        run("ip", "netns", "add", self.space)
        run("ip", "link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.space)
        run("ip", "addr", "add", f"{self.here}/30", "dev", self.near)
        run("ip", "link", "set", self.near, "up")
        run("ip", "-n", self.space, "addr", "add", f"{self.there}/30", "dev", self.far)
        for link in ("lo", self.far):
            run("ip", "-n", self.space, "link", "set", link, "up")
        run("ip", "netns", "exec", self.space, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        # Else it would be no firewall that keeps it from calling later.
        assert self.calls_here(20), "the network between the two is there"
        run("ip", "netns", "exec", self.space, "nft", "-f", "-", stdin=FIREWALL % self.here)

    def home(self):
        """One on this computer, whose commands rent there."""
        return Croft(CROFT_FARM=self.url, AWS_ACCESS_KEY_ID=self.keys[0], AWS_SECRET_ACCESS_KEY=self.keys[1])

    def calls_here(self, limit=1):
        """Whether who is there reaches a port that is open here."""
        with socket.create_server((self.here, 0)) as listener:
            port = listener.getsockname()[1]
            done = subprocess.run([*self.inside, "/usr/bin/python3", "-c", CALL, self.here, str(port), str(limit)],
                                  capture_output=True, timeout=60)
        return done.returncode == 0

    def machines(self, *states):
        filters = [{"Name": "instance-state-name", "Values": states or LIVE}]
        return [i for r in self.ec2.describe_instances(Filters=filters)["Reservations"] for i in r["Instances"]]

    def left(self):
        """The ids of machines and buckets, and the security groups that somebody made."""
        groups = [group["GroupName"] for group in self.ec2.describe_security_groups()["SecurityGroups"]]
        return ([machine["InstanceId"] for machine in self.machines()] +
                [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]] +
                [group for group in groups if group != "default"])

    def _open_ways(self):
        """To each public address once it is given. The range as a whole is that of farms on this computer, too."""
        while not self.over.wait(0.1):
            try:
                found = {machine.get("PublicIpAddress") for machine in self.machines("pending", "running")}
            except (BotoCoreError, ClientError):
                continue  # it is busy, or at its end
            for address in found - self.ways - {None}:
                run("ip", "route", "add", f"{address}/32", "via", self.there)
                self.ways.add(address)

    def close(self):
        self.over.set()
        if self.watching:
            self.watching.join(90)
        try:
            if self.process:
                super().close()
        finally:
            # The routes go with the link.
            subprocess.run(["ip", "link", "del", self.near], capture_output=True)
            subprocess.run(["ip", "netns", "del", self.space], capture_output=True)


def close_renting(home):
    """Closes a home, and before that ends the controller that watches what it has rented."""
    file = pathlib.Path(home.home, "rented", "controller.pid")
    pid = int(file.read_text().split()[0]) if file.exists() else None
    if pid and alive(pid) and home.home.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), f"{pid} gone")
    # A login would send `stop` to a machine.
    pathlib.Path(home.home, "login.json").unlink(missing_ok=True)
    home.close()
