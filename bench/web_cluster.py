#!/usr/bin/python3
"""web_cluster.py [--croft BINARY] [--rate N] [--tell]: examples/web-cluster brought up, broken, scaled, changed and removed
under load. Prints for each step how many requests failed and for how long writes did, then rows committed and lost. With
--tell (what ./demo.sh runs) every command and each second of the load is shown. Needs root and `tools/setup.sh apps`."""
import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples/web-cluster"
PATIENCE = 180


class Show:
    """What the reader sees; with `tell` the commands, too."""

    def __init__(self, tell):
        self.tell = tell
        self.plain = not sys.stdout.isatty() or bool(os.environ.get("NO_COLOR"))

    def head(self, text):
        print(f"\n== {text}" if self.plain else f"\n\033[1m{text}\033[0m", flush=True)

    def command(self, words):
        if self.tell:
            print("$ croft " + " ".join(str(word) for word in words), flush=True)


class Cluster:
    def __init__(self, binary, show, rate, extra):
        self.binary, self.show, self.rate = binary, show, rate
        self.home = tempfile.mkdtemp(prefix="croft-cluster-")
        self.wars = tempfile.mkdtemp(prefix="croft-wars-")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env.update(CROFT_HOME=self.home, **extra)
        self.forward = None

    def croft(self, *words, told=False, stdin=None, check=True, limit=PATIENCE):
        if told:
            self.show.command(words)
        done = subprocess.run([self.binary, *map(str, words)], env=self.env, capture_output=True, text=True, timeout=limit, input=stdin or "")
        if check and done.returncode != 0:
            raise SystemExit(f"croft {' '.join(map(str, words))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def up(self, version):
        war = f"{self.wars}/notes-{version}.war"
        subprocess.run([ROOT / "examples/notes/make-war", war, version], check=True)
        self.croft("up", EXAMPLE / "cluster.sf", "--set", f'version="{version}"', "--set",
                   f"requestsPerServer={self.rate * 3 // 4}", "-D", f"war={war}", "--allow-files", self.wars, told=True)

    def secrets(self):
        for name in ("password", "superuser", "replication"):
            self.croft("secret", "set", f"notes/{name}", stdin=os.urandom(16).hex())

    def open_way_in(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.forward = subprocess.Popen([self.binary, "forward", "cluster:router", f"{self.port}:8080"], env=self.env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def page(self):
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def hosts(self, component):
        return [host for host in json.loads(self.croft("hosts", "cluster", "--json"))["hosts"] if host["component"] == component]

    def events(self, first=1):
        return [json.loads(line) for line in self.croft("events", "cluster", "--from", first).splitlines() if line.strip()]

    def last_event(self):
        return self.events()[-1]["seq"]

    def wait_for(self, what, check):
        end = time.monotonic() + PATIENCE
        while not (found := check()):
            if time.monotonic() > end:
                raise SystemExit(f"not within {PATIENCE} s: {what}")
            time.sleep(0.2)
        return found

    def wait_for_event(self, first, text):
        def seen():
            return next((event for event in self.events(first) if text in f"{event['event']} {event.get('why', '')}"), None)

        event = self.wait_for(text, seen)
        print(f"  {event['time'][11:19]}  {event['component']}  {event['event']}  {event.get('why', '')}"[:200], flush=True)

    def serving(self):
        def walk(part):
            if part["path"] == "cluster:web":
                return len([child for child in part.get("children", []) if child["state"] == "running"])
            return sum(walk(child) for child in part.get("children", []))

        return walk(json.loads(self.croft("status", "cluster", "--json"))["root"])

    def database(self, role):
        for host in self.hosts("cluster:database:machines"):
            answer = self.croft("exec", "cluster:database:machines", "--instance", host["instance"], "--", "curl", "-s", "-o", "/dev/null",
                                "-w", "%{http_code}", "--max-time", "3", f"http://{host['address']}:8008/{role}", check=False)
            if answer == "200":
                return host
        return None

    def work(self, component, end):
        for host in self.hosts(component):
            for work in host["works"]:
                if work["name"].endswith(end) and work["phase"] == "ready":
                    return work
        raise SystemExit(f"nothing of {component} ends with {end}")

    def close(self):
        if self.forward:
            self.forward.terminate()
            self.forward.wait()
        subprocess.run([self.binary, "stop", "--destroy"], env=self.env, capture_output=True, timeout=PATIENCE)
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.wars, ignore_errors=True)


class Load:
    """examples/web-cluster/load.py beside this."""

    def __init__(self, url, rate, tell):
        words = [str(EXAMPLE / "load.py"), url, "--rate", str(rate), "--threads", "12", *([] if tell else ["--quiet"])]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answers, self.changed = [], threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            if not line.startswith("{"):
                print(line, end="", flush=True)
                continue
            with self.changed:
                self.answers.append(json.loads(line))
                self.changed.notify_all()

    def answer(self):
        with self.changed:
            self.changed.wait_for(lambda: self.answers, PATIENCE)
            return self.answers.pop(0)

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def mark(self, text):
        self.say("mark " + text)
        return self.answer()

    def stop(self):
        self.say("stop")
        out = self.answer()
        self.process.wait()
        return out


def settle(cluster, members):
    cluster.wait_for(f"{members} web servers serve", lambda: cluster.serving() == members)
    cluster.wait_for("three databases", lambda: len([w for h in cluster.hosts("cluster:database:machines") for w in h["works"]
                                                     if w["name"].endswith("postgres:server") and w["phase"] == "ready"]) == 3)
    cluster.wait_for("a standby that has all that was committed", lambda: cluster.database("sync"))


def faults(cluster, load, rows):
    show = cluster.show

    def step(name, breaks, over):
        show.head(name)
        load.mark("before")
        first = cluster.last_event() + 1
        breaks()
        over(first)
        time.sleep(2)
        rows.append((name, load.mark(name)))

    def kill_tomcat():
        victim = cluster.work("cluster:web", "tomcat:server")
        cluster.croft("exec", victim["name"], "--", "kill", "-9", victim["pid"], told=True)
        cluster.wait_for("it runs again", lambda: any(work["name"] == victim["name"] and work["phase"] == "ready" and work["pid"] != victim["pid"]
                                                      for host in cluster.hosts("cluster:web") for work in host["works"]))

    def harm(kind, find):
        return lambda: cluster.croft("farm", "fault", "add", kind, "--instance", find()["instance"], "--for", "10m", told=True)

    step("a Tomcat is killed", kill_tomcat, lambda first: None)
    step("a web server's machine stands still for good", harm("freeze", lambda: cluster.hosts("cluster:web")[0]),
         lambda first: (cluster.wait_for_event(first, "REPLACING"), settle(cluster, 2)))
    step("the machine of the database's primary dies", harm("kill", lambda: cluster.wait_for("a primary", lambda: cluster.database("primary"))),
         lambda first: (cluster.wait_for_event(first, "REPAIRED"), settle(cluster, 2)))
    step("the next primary's machine stands still for good", harm("freeze", lambda: cluster.wait_for("a primary", lambda: cluster.database("primary"))),
         lambda first: (cluster.wait_for_event(first, "REPLACING"), settle(cluster, 2)))


def changes(cluster, load, rows, rate):
    show = cluster.show
    show.head("the load doubles: the group follows it")
    load.mark("before")
    first = cluster.last_event() + 1
    load.say(f"rate {rate * 2}")
    cluster.wait_for_event(first, "SCALE")
    cluster.wait_for("a third web server", lambda: cluster.serving() >= 3)
    time.sleep(2)
    rows.append(("scale-out", load.mark("scale-out")))
    show.head("and halves again")
    first = cluster.last_event() + 1
    load.say(f"rate {rate}")
    cluster.wait_for_event(first, "SCALE")
    settle(cluster, 2)
    rows.append(("scale-in", load.mark("scale-in")))
    show.head("version 2 is rolled out")
    first = cluster.last_event() + 1
    cluster.up("2")
    cluster.wait_for_event(first, "ROLLED_OUT")
    cluster.wait_for("version 2", lambda: "version 2" in cluster.page())
    rows.append(("rolling update", load.mark("rolling update")))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--croft", default=str(ROOT / "build/release/croft"))
    options.add_argument("--rate", type=int, default=80)
    options.add_argument("--tell", action="store_true")
    given = options.parse_args()
    show = Show(given.tell)
    extra = {"CROFT_PATH": os.environ["CROFT_PATH"]} if "CROFT_PATH" in os.environ else {}
    cluster = Cluster(given.croft, show, given.rate, extra)
    rows = []
    try:
        show.head("up: a router, two web servers, a database on three machines")
        cluster.secrets()
        begun = time.monotonic()
        cluster.up("1")
        cluster.open_way_in()
        page = cluster.wait_for("the first request is served", cluster.page)
        first_request = time.monotonic() - begun
        print(page.strip().splitlines()[-2] if given.tell else "", end="\n" if given.tell else "")
        print(f"first request served {first_request:.1f} s after croft up began", flush=True)
        load = Load(cluster.url, given.rate, given.tell)
        time.sleep(3)
        faults(cluster, load, rows)
        changes(cluster, load, rows, given.rate)
        show.head("the visitors leave: is every row there whose write was answered?")
        total = load.stop()
        cluster.forward.terminate()
        show.head("down, and the proof")
        begun = time.monotonic()
        told = cluster.croft("down", "cluster", told=True)
        removal = time.monotonic() - begun
        if given.tell:
            print(told)
        print(f"\n{'':48} requests   failed   writes failed for")
        for name, mark in rows:
            print(f"{name:48} {mark['requests']:8d} {mark['failed']:8d} {mark['writesFailedFor']:10.1f} s")
        print(f"rows committed {total['committed']}, lost {total['lost']}; requests {total['requests']}, failed {total['failed']}"
              f" {total['reasons'] or ''}")
        print(f"first request after {first_request:.1f} s; removal {removal:.1f} s")
        sys.exit(1 if total["lost"] else 0)
    finally:
        cluster.close()


main()
