#!/usr/bin/env python3
"""Two controllers on a store of three etcd members, an application that runs: how long nobody leads when the leader is killed, and when
it hands over; ten times each.

usage: bench/takeover.py [--runs N]

The time counts from the signal to the first answer of the other that only a leader gives. Its limits: 7 s and 1 s.
"""
import argparse
import pathlib
import socket
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.croft import wait_until  # noqa: E402
from support.several import APP, Several  # noqa: E402

ASK = b"GET /v1/applications/app HTTP/1.1\r\nHost: croft\r\nConnection: close\r\n\r\n"


def leads(home):
    try:
        with socket.socket(socket.AF_UNIX) as way:
            way.settimeout(2)
            way.connect(f"{home}/controller.sock")
            way.sendall(ASK)
            return way.recv(64).split(b" ")[1] == b"200"
    except OSError:
        return False


def measure(several, leader, how):
    other = 1 - leader
    begin = time.monotonic()
    getattr(several.processes[leader], how)()
    while not leads(several.homes[other].home):
        time.sleep(0.005)
    took = time.monotonic() - begin
    several.processes[leader].wait(30)
    several.start(leader)
    wait_until(lambda: several.role(leader) == "stands by", "it stands by")
    return took


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=10)
    runs = options.parse_args().runs
    several = Several()
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "app.sf"
            file.write_text(APP % 2)
            several.homes[0].ok("up", file, "--farm", several.farm.url, env=several.env)
            leader = 0
            for how, name, limit in (("kill", "takeover after kill -9", 7), ("terminate", "hand-over", 1)):
                times = []
                for _ in range(runs):
                    times.append(measure(several, leader, how))
                    leader = 1 - leader
                times.sort()
                print(f"{name:24} median {times[len(times) // 2]:.2f} s, most {times[-1]:.2f} s of {runs}; "
                      f"most / limit ({limit} s) {times[-1] / limit:.2f}", flush=True)
            several.homes[leader].ok("down", "app")
    finally:
        several.close()


if __name__ == "__main__":
    main()
