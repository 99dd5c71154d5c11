#!/usr/bin/env python3
"""A small web application on three real machines, under load, and each fault that its hosts may meet: when croft noticed, when the
machine was fenced (its end confirmed by the farm), when all was as it had to be again, and what the client saw.

usage: bench/faults.py [--only NAME] [--list]

A client on a fourth machine asks each backend for a page every 20 ms; it knows their addresses by a link. Times count from the
fault. `noticed`: a process's end, or a host declared dead, or a connection that is gone, as the controller's API shows it.
"""
import argparse
import datetime
import http.client
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.clients import client as client_of  # noqa: E402
from support.croft import Croft, wait_until  # noqa: E402

APPLICATION = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm {
  images extends { any "ami-0c40f700000000001"; }
  accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; } }
}
sfConfig extends Compound {
  workers extends InstanceGroup { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-0c40f700000000001";
    minCount 3; maxCount 3; onLoss "REPLACE"; sfLivenessDelay 1;
    each extends Compound {
      web extends Process { command "exec /usr/bin/python3 -m http.server 8000 >/dev/null 2>&1"; directory "/srv";
        ready extends TcpProbe { port 8000; period "50ms"; }
        alive extends HttpProbe { port 8000; period "500ms"; timeout "500ms"; failures 2; }
        stopWithin "1s"; } } }
  user extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-0c40f700000000001"; }
  backends extends TextListFile { sfProcessHost LAZY PARENT:user; filename "/srv/backends"; list LAZY PARENT:workers:addresses; }
  program extends File { sfProcessHost LAZY PARENT:user; filename "/srv/load.py"; text LOAD; }
  load extends Process { sfProcessHost LAZY PARENT:user; command ["/usr/bin/python3", "/srv/load.py"]; dependsOn ["backends", "program"];
    alive extends CommandProbe { command ["/bin/true"]; } }
}
'''

# One thread a backend; a line a request: time, backend, 1 or 0.
LOAD = r'''
import http.client, os, threading, time
out = open("/srv/requests", "a", buffering=1)
def ask(address, wanted):
    while address in wanted:
        begin = time.time()
        try:
            line = http.client.HTTPConnection(address, 8000, timeout=0.3)
            line.request("GET", "/")
            good = line.getresponse().status == 200
            line.close()
        except OSError:
            good = False
        except http.client.HTTPException:
            good = False
        out.write("%.4f %s %d\n" % (begin, address, good))
        time.sleep(max(0, begin + 0.02 - time.time()))
wanted = set()
while True:
    now = set(open("/srv/backends").read().split())
    for address in now - wanted:
        wanted.add(address)
        threading.Thread(target=ask, args=(address, wanted), daemon=True).start()
    wanted &= now
    time.sleep(0.05)
'''


class Api:
    """The controller's, asked so often that what it shows has a time; every change is kept."""

    def __init__(self, croft):
        self.croft, self.seen, self.ending = croft, [], False
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def get(self, target):
        line = http.client.HTTPConnection("controller", timeout=5)
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.settimeout(5)
        line.sock.connect(str(pathlib.Path(self.croft.home) / "controller.sock"))
        try:
            line.request("GET", target)
            return json.loads(line.getresponse().read())
        finally:
            line.close()

    def hosts(self):
        return self.get("/v1/applications/app/hosts")["hosts"]

    def watch(self):
        before = {}
        while not self.ending:
            try:
                now = {}
                for host in self.hosts():
                    now[host["instance"]] = ("connected", host["connected"])
                    for work in host["works"]:
                        now[host["instance"], work["name"]] = (work["phase"], work["pid"], work["restarts"])
            except (OSError, ValueError, KeyError, http.client.HTTPException):
                now = None
            at = time.time()
            for key in set(before or {}) | set(now or {}):
                if now is not None and before is not None and before.get(key) != now.get(key):
                    self.seen.append((at, key, before.get(key), now.get(key)))
            if (now is None) != (before is None):
                self.seen.append((at, "controller", before is not None, now is not None))
            before = now
            time.sleep(0.02)

    def first_after(self, since, match):
        for at, key, old, new in list(self.seen):
            if at >= since and match(key, old, new):
                return at
        return None


class Stage:
    """The application, and what can be done to it."""

    def __init__(self):
        self.croft, self.fenced = Croft(), []
        file = pathlib.Path(self.croft.home) / "app.sf"
        file.write_text(APPLICATION.replace("LOAD", json.dumps(LOAD)))
        self.file = file
        self.url = self.croft.ok("up", file, "--json", limit=180).json["farm"]["url"]
        self.ec2 = client_of("ec2", self.url, "AKIDME", "secret-of-me-0001")
        self.api = Api(self.croft)

    def close(self):
        self.api.ending = True
        self.api.thread.join()
        self.croft.ok("down", "app", limit=180)
        self.croft.close()

    def web(self, instance):
        return f"app:workers:{instance}:web"

    def well(self):
        """Three connected members whose server is ready; their ids."""
        try:
            hosts = self.api.hosts()
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            return None
        members = [h for h in hosts if h["component"] == "app:workers"]
        good = [h["instance"] for h in members if h["connected"] and h["heard"] < 2500
                and any(w["name"] == self.web(h["instance"]) and w["phase"] == "ready" for w in h["works"])]
        return sorted(good) if len(good) == 3 and len(members) == 3 else None

    def address(self, instance):
        return next(h["address"] for h in self.api.hosts() if h["instance"] == instance)

    def processes(self, instance):
        """Of that machine, as this computer sees them: pid and command line."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if instance in (folder / "cgroup").read_text():
                    yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                pass

    def pids(self, instance, words):
        found = [pid for pid, line in self.processes(instance) if words in line]
        if not found:
            raise SystemExit(f"no '{words}' runs on {instance}: {list(self.processes(instance))}")
        return found

    def fault(self, kind, *where):
        data = f"{self.croft.home}/farm"
        made = self.croft.ok("farm", "fault", "add", kind, *where, "--for", "10m", "--data", data, "--json").json
        return lambda: self.croft.run("farm", "fault", "undo", made["id"], "--data", data)

    def requests(self, since):
        """(time, address, good) from then on."""
        text = self.croft.ok("exec", "app:user", "--", "tail", "-n", "60000", "/srv/requests").out
        for line in text.splitlines():
            words = line.split()
            if len(words) == 3 and float(words[0]) >= since - 0.5:
                yield float(words[0]), words[1], words[2] == "1"

    def events(self, since):
        for line in self.croft.ok("events", "app", "--json").out.splitlines():
            event = json.loads(line)
            at = datetime.datetime.fromisoformat(event["time"]).timestamp()
            if at >= since - 0.001:
                yield at, event


class Fault:
    def __init__(self, name, begin, noticed, fences=False, holds=0.0, loses=False, note=""):
        self.name, self.begin, self.noticed = name, begin, noticed
        self.fences = fences  # the machine has to be ended and another to come
        self.holds = holds    # seconds that it stays, where nothing has to be repaired meanwhile
        self.note = note


def changed(stage, victim, test):
    return lambda since: stage.api.first_after(since, lambda key, old, new: key[0] == victim and len(key) == 2 and new and test(old, new)
                                               if isinstance(key, tuple) else False)


def told(stage, *words):
    def look(since):
        for at, event in stage.events(since):
            if event["event"] in ("INSTANCES_GONE", "LIVENESS_FAILED") or any(word in json.dumps(event) for word in words):
                return at
        return None
    return look


def away(stage, victim):
    return lambda since: stage.api.first_after(since, lambda key, old, new: key == victim and new is not None and not new[1])


def faults(stage):
    """Name, what it does to a member (gives what undoes it), who notices, whether the machine is replaced."""
    def send(number, words):
        def do(victim):
            for pid in stage.pids(victim, words):
                os.kill(pid, number)
        return do

    def kill_controller(_):
        stage.croft.kill("controller")
        stage.croft.ok("up", stage.file, "--json", limit=180)

    def terminate(victim):
        stage.ec2.terminate_instances(InstanceIds=[victim])

    restarted = lambda victim: changed(stage, victim, lambda old, new: old is None or new[2] > old[2] or new[0] != "ready")
    dead = lambda victim: told(stage, "nothing was heard", victim)
    return [
        Fault("process killed", send(signal.SIGKILL, "http.server"), restarted),
        Fault("process frozen (SIGSTOP)", send(signal.SIGSTOP, "http.server"), restarted),
        Fault("agent killed", send(signal.SIGKILL, "croft-agent run"), lambda victim: away(stage, victim)),
        Fault("agent frozen (SIGSTOP)", send(signal.SIGSTOP, "croft-agent"), dead, fences=True),
        Fault("instance terminated through the API", terminate, dead, fences=True),
        Fault("instance frozen", lambda victim: stage.fault("freeze", "--instance", victim), dead, fences=True),
        Fault("network cut both ways", lambda victim: stage.fault("link", "--instance", victim), dead, fences=True),
        Fault("network cut one way (out)", lambda victim: stage.fault("link", "--instance", victim, "--one-way"), dead, fences=True),
        Fault("only the controller does not hear it", lambda victim: stage.fault("link", "--instance", victim, "--to", "gateway"),
              None, holds=8, note="its peers do: it is left alone"),
        Fault("controller killed (kill -9)", kill_controller,
              lambda victim: lambda since: stage.api.first_after(since, lambda key, old, new: key == "controller" and not new),
              note="repaired once `croft up` has brought another and all agents are back"),
        Fault("disk of the instance full", lambda victim: stage.fault("disk", "--instance", victim), None, holds=5,
              note="what need not write goes on, its agent too"),
    ]


BRAKE = (30, 3)  # seconds, hosts: where so many fall silent within that time, nobody is replaced (docs/hosts.md)


def run(stage, fault):
    if fault.fences:
        # Three in half a minute would be a mass loss, which is another story.
        wait_until(lambda: sum(time.time() - each < BRAKE[0] + 5 for each in stage.fenced) < BRAKE[1] - 1, "the last losses to be long ago", 120)
    before = wait_until(stage.well, "the application to be well", 120)
    victim = before[0]
    address = stage.address(victim)
    time.sleep(1)  # the client is in its stride again
    since = time.time()
    undo = fault.begin(victim)
    try:
        if fault.holds:
            time.sleep(fault.holds)  # what is measured is that nothing happens meanwhile
            undo = undo() and None
        def repaired():
            now = stage.well()
            if not now or fault.fences and victim in now:
                return None
            if fault.noticed and not fault.fences and not fault.noticed(victim)(since):
                return None
            return time.time()
        at = wait_until(repaired, f"'{fault.name}' to be repaired", 120)
    finally:
        if undo:
            undo()
        if fault.fences:
            stage.fenced.append(since)
    time.sleep(1)  # requests under way
    report(stage, fault, victim, address, before, since, at)


def report(stage, fault, victim, address, before, since, repaired):
    def span(moment):
        return "-" if moment is None else f"{moment - since:.2f} s"
    noticed = fault.noticed(victim)(since) if fault.noticed else None
    fenced = next((at for at, event in stage.events(since) if event["event"] == "RETURNED" and victim in json.dumps(event)), None)
    if fault.fences and fenced is None:
        fenced = next((at for at, event in stage.events(since) if event["event"] == "INSTANCES_GONE"), None)
    asked = [each for each in stage.requests(since) if since <= each[0] <= time.time()]
    lost = [each for each in asked if not each[2]]
    elsewhere = [each for each in lost if each[1] != address]
    after = stage.well()
    same = "the same machines" if after == before else "another machine"
    print(f"{fault.name:38} noticed {span(noticed):>8}  fenced {span(fenced if fault.fences else None):>8}  "
          f"repaired {span(None if fault.holds else repaired):>8}  {same}; {len(lost)} of {len(asked)} requests failed"
          + (f", the last {max(each[0] for each in lost) - since:.2f} s after it" if lost else "")
          + (f", {len(elsewhere)} of them at other machines" if elsewhere else "") + (f" ({fault.note})" if fault.note else ""),
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="one fault, by a part of its name")
    parser.add_argument("--list", action="store_true", help="their names")
    options = parser.parse_args()
    if options.list:
        for fault in faults(None):
            print(fault.name)
        return
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    stage = Stage()
    try:
        for fault in faults(stage):
            if not options.only or options.only in fault.name:
                run(stage, fault)
        print("clock stepped: not here, since the clock of a sandbox is the computer's own; verdicts count by the monotonic clock alone")
    finally:
        stage.close()


if __name__ == "__main__":
    main()
