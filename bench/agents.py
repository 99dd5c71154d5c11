#!/usr/bin/env python3
"""Hundreds of real agents, each in an instance of its own: how long until all have joined, the controller's CPU a heartbeat, the
memory of an agent and of a machine with one. Then thousands of simulated ones against one controller (agents_bench).

usage: bench/agents.py [--agents N] [--idle SECONDS] [--simulated N] [--only real|simulated]
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.croft import Croft, wait_until  # noqa: E402

APPLICATION = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm {
  images extends { any "ami-0c40f700000000001"; }
  accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; instances COUNT; } }
}
sfConfig extends Compound {
  workers extends InstanceGroup { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-0c40f700000000001"; instanceType "t2.nano";
    minCount COUNT; maxCount COUNT;
    each extends Compound { job extends Process { command ["/bin/sleep", "100000"]; } } } }
'''


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def available():
    return int(re.search(r"MemAvailable: +(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) / 1024


def real(count, idle):
    croft = Croft()
    try:
        file = pathlib.Path(croft.home) / "app.sf"
        file.write_text(APPLICATION.replace("COUNT", str(count)))
        before = available()
        begin = time.perf_counter()
        croft.ok("up", file, "--max-instances", str(count), "--json", limit=900)
        took = time.perf_counter() - begin
        hosts = croft.ok("hosts", "app", "--json").json["hosts"]
        assert len(hosts) == count and all(host["connected"] for host in hosts)
        print(f"{count} machines are hosts, with a process on each, after {took:.1f} s ({took / count * 1e3:.1f} ms each); "
              f"{(before - available()) / count:.2f} MiB of the computer's memory each")
        controller = croft.pid("controller")
        wait_until(lambda: all("usage" in host for host in croft.ok("hosts", "app", "--json").json["hosts"]), "each agent has told what it uses")
        start, since = cpu_of(controller), time.perf_counter()
        time.sleep(idle)  # what is measured is that time
        used, span = cpu_of(controller) - start, time.perf_counter() - since
        print(f"the controller's CPU while nothing happens: {used / span * 100:.2f} % of a core, "
              f"{used / (count * span) * 1e6:.1f} us a heartbeat, all else that it does included (bar 15)")
        told = [host["usage"] for host in croft.ok("hosts", "app", "--json").json["hosts"] if "usage" in host]
        memory = sorted(usage["memory"] / 2**20 for usage in told)
        print(f"an agent has {statistics.median(memory):.1f} MiB resident, at most {memory[-1]:.1f} (bar 10), and used "
              f"{statistics.median(usage['cpu'] for usage in told):.2f} s of CPU ({len(told)} have told)")
        begin = time.perf_counter()
        croft.ok("down", "app", limit=600)
        print(f"down after {time.perf_counter() - begin:.1f} s")
    finally:
        croft.close()


def simulated(count):
    tool = ROOT / "build/release/test/agents_bench"
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", "agents_bench"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([tool, str(count)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--idle", type=float, default=30)
    parser.add_argument("--simulated", type=int, default=5000)
    parser.add_argument("--only", choices=("real", "simulated"))
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    if options.only != "simulated":
        real(options.agents, options.idle)
    if options.only != "real":
        sys.stdout.flush()
        simulated(options.simulated)


if __name__ == "__main__":
    main()
