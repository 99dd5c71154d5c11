"""Controllers, the members of their etcd and a farm, each in a network namespace of its own: ways between them are cut, also one way."""
import os
import random
import subprocess

from support.croft import Farm
from support.etcd import Etcd
from support.netns import inside, run
from support.several import Several

MEMBERS = ("e0", "e1", "e2", "c0", "c1")


class Network:
    """A hub, where the farm is, and a namespace for each member; this computer reaches them all by way of the hub."""

    def __init__(self):
        number = f"{os.getpid()}{random.randrange(100)}"
        self.hub, self.near = f"croft-hub-{number}", f"hub{number}"
        self.spaces = {name: f"croft-{name}-{number}" for name in MEMBERS}
        self.net = f"10.98.{random.randrange(256)}"
        self.farm_address = f"{self.net}.2"
        self.addresses = {name: f"{self.net}.{4 * i + 6}" for i, name in enumerate(MEMBERS)}
        self.cuts = {}
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        for space in (self.hub, *self.spaces.values()):
            run("ip", "netns", "add", space)
            run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "link", "add", self.near, "type", "veth", "peer", "name", "up0", "netns", self.hub)
        run("ip", "addr", "add", f"{self.net}.1/30", "dev", self.near)
        run("ip", "link", "set", self.near, "up")
        run("ip", "-n", self.hub, "addr", "add", f"{self.farm_address}/30", "dev", "up0")
        run("ip", "-n", self.hub, "link", "set", "up0", "up")
        for i, (name, space) in enumerate(self.spaces.items()):
            run("ip", "-n", self.hub, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", space)
            run("ip", "-n", self.hub, "addr", "add", f"{self.net}.{4 * i + 5}/30", "dev", name)
            run("ip", "-n", self.hub, "link", "set", name, "up")
            run("ip", "-n", space, "addr", "add", f"{self.addresses[name]}/30", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", space, "route", "add", "default", "via", f"{self.net}.{4 * i + 5}")
        run("ip", "netns", "exec", self.hub, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run("ip", "route", "add", f"{self.net}.0/24", "via", self.farm_address)

    def cut(self, name, way="both"):
        """Nothing to it ("in"), from it ("out"), or either; the test itself still reaches it by unix socket."""
        self.cuts[name] = way
        self._apply()

    def heal(self, name):
        self.cuts.pop(name, None)
        self._apply()

    def _apply(self):
        rules = [f"ip {field} {self.addresses[name]} counter drop" for name, way in self.cuts.items()
                 for field, ways in (("daddr", ("in", "both")), ("saddr", ("out", "both"))) if way in ways]
        table = "table ip cuts {\n" + "".join(
            f"chain {hook} {{ type filter hook {hook} priority 0;\n" + "\n".join(rules) + "\n}\n" for hook in ("forward", "input", "output")) + "}\n"
        run("ip", "netns", "exec", self.hub, "nft", "-f", "-", stdin="table ip cuts {}\ndelete table ip cuts\n" + table)

    def close(self):
        subprocess.run(["ip", "link", "del", self.near], capture_output=True)  # the route goes with it
        for space in (*self.spaces.values(), self.hub):
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


class HubFarm(Farm):
    def __init__(self, network):
        self.address, self.inside = network.farm_address, inside(network.hub)
        super().__init__(port=4566)


class Spread(Several):
    def __init__(self):
        self.network = Network()
        try:
            super().__init__()
        except BaseException:
            self.close()
            raise

    def open(self):
        self.etcd = Etcd(places=[(inside(self.network.spaces[name]), self.network.addresses[name]) for name in MEMBERS[:3]])
        self.farm = HubFarm(self.network)

    def url(self, i):
        return self.etcd.url

    def inside(self, i):
        return inside(self.network.spaces[f"c{i}"])

    def api(self, i):
        return f"{self.network.addresses[f'c{i}']}:7443"

    def close(self):
        try:
            super().close()
        finally:
            self.network.close()
