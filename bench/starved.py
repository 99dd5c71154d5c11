#!/usr/bin/env python3
"""A controller that gets a fifth of a core and loses every twentieth packet from and to its machines: no machine may be held dead.

usage: bench/starved.py [--minutes N] [--machines N] [--cpu PERCENT] [--loss PERCENT]

Its CPU is bounded by a control group (v1 `cpu` or v2), its network by the farm's fault `link --to gateway`. Beside it a load keeps it
busy: its status is asked for without a pause. Printed: how late its loop was, how many hosts it suspected, and how many it gave up,
which has to be none; then one machine is frozen, and how long it takes until that is noticed all the same.
"""
import argparse
import http.client
import os
import pathlib
import socket
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.croft import Croft, wait_until  # noqa: E402

APPLICATION = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm {
  images extends { any "ami-0c40f700000000001"; }
  accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; instances 200; } }
}
sfConfig extends Compound {
  workers extends InstanceGroup { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-0c40f700000000001";
    minCount COUNT; maxCount COUNT; onLoss "REPLACE";
    each extends Compound { job extends Process { command ["/usr/bin/sleep", "1000000"]; } } }
}
'''
ASKING = 4  # at once
PERIOD = 100_000  # of the control group, microseconds


class Bound:
    """A control group with so much of a core, made for one process and removed with close()."""

    def __init__(self, pid, percent):
        v1 = pathlib.Path("/sys/fs/cgroup/cpu")
        self.folder = (v1 if v1.is_dir() else pathlib.Path("/sys/fs/cgroup")) / f"croft-starved-{pid}"
        self.above = self.folder.parent / "cgroup.procs"
        self.folder.mkdir()
        quota = PERIOD * percent // 100
        if v1.is_dir():
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self.folder / "cpu.max").write_text(f"{quota} {PERIOD}")
        (self.folder / "cgroup.procs").write_text(str(pid))

    def throttled(self):
        stat = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(stat.get("nr_throttled", 0)), int(stat.get("nr_periods", 0))

    def close(self):
        for pid in (self.folder / "cgroup.procs").read_text().split():
            self.above.write_text(pid)
        self.folder.rmdir()


def verdicts(croft):
    log = pathlib.Path(croft.home, "controller.log").read_text()
    return [line for line in log.splitlines() if " is lost: " in line or "fell silent" in line]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--cpu", type=int, default=20)
    parser.add_argument("--loss", type=int, default=5)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    croft = Croft()
    bound = None
    try:
        file = pathlib.Path(croft.home) / "app.sf"
        file.write_text(APPLICATION.replace("COUNT", str(options.machines)))
        croft.ok("up", file, limit=300)
        data = f"{croft.home}/farm"
        bound = Bound(int(pathlib.Path(croft.home, "controller.pid").read_text()), options.cpu)
        for host in croft.ok("hosts", "app", "--json").json["hosts"]:
            croft.ok("farm", "fault", "add", "link", "--instance", host["instance"], "--to", "gateway", "--percent", str(options.loss),
                     "--for", f"{options.minutes + 5:g}m", "--data", data)
        over = threading.Event()
        asked = []

        def ask():
            while not over.is_set():
                begin = time.monotonic()
                line = http.client.HTTPConnection("controller", timeout=60)
                line.sock = socket.socket(socket.AF_UNIX)
                line.sock.settimeout(60)
                line.sock.connect(f"{croft.home}/controller.sock")
                line.request("GET", "/v1/applications/app")
                line.getresponse().read()
                line.close()
                asked.append(time.monotonic() - begin)

        threads = [threading.Thread(target=ask) for _ in range(ASKING)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + options.minutes * 60
        while time.monotonic() < end and not verdicts(croft):
            time.sleep(1)  # what is measured is that nothing happens
        over.set()
        for thread in threads:
            thread.join()
        throttled, periods = bound.throttled()
        asked.sort()
        wrong = verdicts(croft)
        print(f"{options.machines} machines, {options.minutes:g} minutes at {options.cpu} % of a core and {options.loss} % loss: "
              f"{len(wrong)} false verdicts; the controller waited for CPU in {throttled * 100 // max(periods, 1)} % of the periods; "
              f"{len(asked)} questions answered, median {asked[len(asked) // 2] * 1e3:.0f} ms, most {asked[-1] * 1e3:.0f} ms", flush=True)
        for line in wrong[:5]:
            print("  " + line)
        hosts = croft.ok("hosts", "app", "--json").json["hosts"]
        victim = hosts[0]["instance"]
        begin = time.monotonic()
        croft.ok("farm", "fault", "add", "freeze", "--instance", victim, "--for", "10m", "--data", data)
        wait_until(lambda: any(victim in line for line in verdicts(croft)), "the frozen machine to be noticed", 120)
        print(f"a machine that is frozen then is given up after {time.monotonic() - begin:.1f} s", flush=True)
        return 1 if wrong else 0
    finally:
        if bound:
            bound.close()
        croft.run("down", "app", limit=300)
        croft.close()


if __name__ == "__main__":
    sys.exit(main())
