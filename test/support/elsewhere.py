"""A farm in a network of its own, as behind a provider's door: this computer calls it, and nothing there can call this computer."""
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import threading

from botocore.exceptions import BotoCoreError, ClientError

from support.clients import client
from support.croft import BINARY, Croft, Farm, alive, clean_environment, wait_until

# Machines answer through the farm's link to the computer that it is on, which for them is the far namespace.
FIREWALL = '''
table ip elsewhere {
  chain leaving {
    type nat hook postrouting priority 100
    oifname "croft-*" masquerade
  }
  chain calls {
    ip daddr %(here)s ct state new counter drop
  }
  chain sent {
    type filter hook output priority 0
    jump calls
  }
  chain passed {
    type filter hook forward priority 0
    jump calls
  }
}
'''
CALL = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))"


def run(*words, stdin=None):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


class Elsewhere(Farm):
    def __init__(self):
        # Tests run side by side, so names and the network are this one's own.
        number = f"{os.getpid()}{random.randrange(100)}"
        self.space, self.near_end, self.far_end = f"croft-far-{number}", f"far{number}", f"near{number}"
        net = random.randrange(64 * 256) * 4
        self.here, self.there = (f"10.99.{net // 256}.{net % 256 + host}" for host in (1, 2))
        self.watching, self.over, self.routes = None, threading.Event(), set()
        self.process, self.data = None, None
        try:
            self._make_network()
            super().__init__(tempfile.mkdtemp(prefix="croft-far-"), 4566)
            self.own = True
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
        run("ip", "link", "add", self.near_end, "type", "veth", "peer", "name", self.far_end, "netns", self.space)
        run("ip", "addr", "add", f"{self.here}/30", "dev", self.near_end)
        run("ip", "link", "set", self.near_end, "up")
        run("ip", "-n", self.space, "addr", "add", f"{self.there}/30", "dev", self.far_end)
        for link in ("lo", self.far_end):
            run("ip", "-n", self.space, "link", "set", link, "up")
        run("ip", "netns", "exec", self.space, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.reached_before = self.calls_here()
        run("ip", "netns", "exec", self.space, "nft", "-f", "-", stdin=FIREWALL % {"here": self.here})

    @property
    def url(self):
        return f"http://{self.there}:{self.port}"

    def start(self):
        self.log_file = open(pathlib.Path(self.data) / "serve.log", "ab")
        # ip netns exec would hide the cgroups, too.
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.space}", BINARY, "farm", "serve", "--data", self.data, "--listen",
             f"{self.there}:{self.port}"], stdout=self.log_file, stderr=self.log_file, env=self.env)
        wait_until(self.healthy, "the farm answers /_croft/health", 60)

    def home(self):
        """A home on this computer whose commands rent on that farm."""
        return Croft(CROFT_FARM=self.url, AWS_ACCESS_KEY_ID=self.keys[0], AWS_SECRET_ACCESS_KEY=self.keys[1])

    def calls_here(self, limit=1):
        """Whether what is there reaches a port that is open here."""
        with socket.create_server((self.here, 0)) as listener:
            done = subprocess.run(["nsenter", f"--net=/run/netns/{self.space}", "/usr/bin/python3", "-c", CALL, self.here,
                                   str(listener.getsockname()[1]), str(limit)], capture_output=True, timeout=60)
        return done.returncode == 0

    def machines(self, *states):
        filters = [{"Name": "instance-state-name", "Values": list(states or ("pending", "running"))}]
        return [i for r in self.ec2.describe_instances(Filters=filters)["Reservations"] for i in r["Instances"]]

    def _open_ways(self):
        """To each public address, once there is one: the whole network would take the addresses of farms on this computer, too."""
        own = client("ec2", self.url, *self.keys)
        while not self.over.wait(0.2):
            try:
                found = [i for r in own.describe_instances()["Reservations"] for i in r["Instances"]]
            except (BotoCoreError, ClientError):
                continue  # it is busy, or its test is over
            for address in {i["PublicIpAddress"] for i in found if i.get("PublicIpAddress")} - self.routes:
                run("ip", "route", "replace", f"{address}/32", "via", self.there)
                self.routes.add(address)

    def close(self):
        self.over.set()
        if self.watching:
            self.watching.join(90)
        if self.data:
            super().close()
        # With the link go all routes over it.
        subprocess.run(["ip", "link", "del", self.near_end], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.space], capture_output=True)


def close_home(home):
    """Ends its own controller and the one that watches what it has rented, which a login keeps the commands from."""
    login = pathlib.Path(home.home) / "login.json"
    login.unlink(missing_ok=True)
    pidfile = pathlib.Path(home.home) / "rented" / "controller.pid"
    watcher = int(pidfile.read_text().split()[0]) if pidfile.exists() else None
    home.run("stop", "--home", f"{home.home}/rented")
    if watcher and alive(watcher):
        os.kill(watcher, signal.SIGKILL)
    home.close()
