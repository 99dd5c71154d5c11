"""examples/web-cluster: brought up, used, broken, changed and removed while visitors use it. No request may fail where a
server or its machine is lost or another version is rolled out, no row whose write was answered may be missing."""
import json
import pathlib
import socket
import subprocess
import time
import urllib.request

import pytest

from support.croft import ROOT, Croft, alive, wait_until

FOLDER = ROOT / "examples/web-cluster"
LIMIT = 150


class Cluster(Croft):
    def bring_up(self, version):
        war = pathlib.Path(self.home) / f"wars/notes-{version}.war"
        war.parent.mkdir(exist_ok=True)
        subprocess.run([ROOT / "examples/notes/make-war", war, version], check=True)
        # The size is the test's affair: without an own metric nothing else changes it.
        self.ok("up", FOLDER / "cluster.sf", "--set", f'version="{version}"', "--set", "requestsPerServer=100000", "-D", f"war={war}",
                "--allow-files", war.parent, "--json", limit=LIMIT)

    def lead_in(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.way = self.start("forward", "cluster:router", f"{self.port}:8080")
        wait_until(self.page, "the router answers")

    def page(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def until(self, check, what):
        """Waits; where it was in vain, with what the cluster has to say."""
        try:
            return wait_until(check, what, LIMIT)
        except AssertionError as error:
            told = [self.run(*args, limit=20).out for args in (("status", "cluster"), ("hosts", "cluster"), ("events", "cluster"))]
            raise AssertionError("\n".join([str(error), *(text[-2500:] for text in told)])) from None

    def hosts(self, component):
        return [h for h in self.ok("hosts", "cluster", "--json").json["hosts"] if h["component"] == f"cluster:{component}"]

    def works(self, component, end):
        return {work["name"]: work for host in self.hosts(component) for work in host["works"] if work["name"].endswith(end)}

    def lose(self, instance):
        # What only died would be started again; this one stands still.
        self.ok("farm", "fault", "add", "freeze", "--instance", instance, "--for", "10m", "--data", f"{self.home}/farm")
        self.until(lambda: all(h["instance"] != instance for c in ("web", "database:machines") for h in self.hosts(c)), f"{instance} is given up")

    def role(self, host, which="primary"):
        return self.run("exec", "cluster:database:machines", "--instance", host["instance"], "--", "curl", "-s", "-o", "/dev/null", "-w",
                        "%{http_code}", "--max-time", "5", f"http://{host['address']}:8008/{which}").out

    def primary(self):
        return next((host for host in self.hosts("database:machines") if self.role(host) == "200"), None)

    def all_there(self):
        def so():
            web, database = self.works("web", "tomcat:server"), self.works("database:machines", "postgres:server")
            return len(web) == 2 and len(database) == 3 and all(w["phase"] == "ready" for w in [*web.values(), *database.values()])
        self.until(so, "two web servers and three databases")


    def may_lose_its_primary(self):
        """Some standby has all that was committed: it may take the primary's place."""
        self.until(lambda: "200" in [self.role(host, "sync") for host in self.hosts("database:machines")], "a synchronous standby")


class Visitors:
    def __init__(self, port):
        self.process = subprocess.Popen([FOLDER / "load.py", f"http://127.0.0.1:{port}", "--rate", "20", "--threads", "4", "--quiet"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.mark("begin")

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def mark(self, text):
        return self.say("mark " + text)

    def went_on(self, text):
        """Requests that were made after this call were answered: then what was since the last mark."""
        seen, end = {"requests": 0}, time.monotonic() + LIMIT
        failed = 0
        while seen["requests"] < 40 and time.monotonic() < end:
            now = self.mark(text)
            seen["requests"] += now["requests"]
            failed += now["failed"]
        return failed


@pytest.fixture(scope="module")
def cluster():
    one = Cluster()
    one.way = None
    try:
        for name in ("password", "superuser", "replication"):
            one.ok("secret", "set", f"notes/{name}", stdin=f"of-{name}-77a1\n")
        one.bring_up("1")
        one.lead_in()
        yield one
    finally:
        if one.way:
            one.way.terminate()
            one.way.wait()
        one.close()


@pytest.fixture(scope="module")
def visitors(cluster):
    one = Visitors(cluster.port)
    yield one
    if alive(one.process.pid):
        one.process.kill()
        one.process.wait()


def test_a_killed_server_costs_no_request(cluster, visitors):
    path, before = next(iter(cluster.works("web", "tomcat:server").items()))
    cluster.ok("exec", path, "--", "kill", "-9", str(before["pid"]))
    wait_until(lambda: cluster.works("web", "tomcat:server")[path]["pid"] not in (0, before["pid"]), "it runs again")
    cluster.all_there()
    assert visitors.went_on("a killed server") == 0


def test_a_lost_web_server_costs_no_request(cluster, visitors):
    cluster.lose(cluster.hosts("web")[0]["instance"])
    cluster.all_there()
    assert visitors.went_on("a lost machine") == 0


def test_another_takes_the_place_of_a_lost_primary(cluster, visitors):
    cluster.may_lose_its_primary()
    before = cluster.until(cluster.primary, "a primary")
    cluster.lose(before["instance"])
    after = cluster.until(cluster.primary, "another primary")
    assert after["instance"] != before["instance"]
    cluster.all_there()
    cluster.until(lambda: sorted(cluster.role(host) for host in cluster.hosts("database:machines")) == ["200", "503", "503"], "one primary")
    visitors.went_on("a lost primary")


def test_a_primary_whose_machine_only_dies_comes_back_as_a_standby(cluster, visitors):
    cluster.may_lose_its_primary()
    before = cluster.until(cluster.primary, "a primary")
    cluster.ok("farm", "fault", "add", "kill", "--instance", before["instance"], "--data", f"{cluster.home}/farm")
    after = cluster.until(lambda: next((host for host in cluster.hosts("database:machines") if host["instance"] != before["instance"]
                                        and cluster.role(host) == "200"), None), "another primary")
    cluster.all_there()
    cluster.until(lambda: sorted(cluster.role(host) for host in cluster.hosts("database:machines")) == ["200", "503", "503"], "one primary")
    assert {before["instance"], after["instance"]} <= {host["instance"] for host in cluster.hosts("database:machines")}
    visitors.went_on("a primary that was off")


def test_a_rollout_costs_no_request(cluster, visitors):
    visitors.mark("before")
    cluster.bring_up("2")
    assert "ROLLED_OUT" in cluster.ok("events", "cluster").out
    cluster.all_there()
    assert "version 2" in cluster.page()
    assert visitors.went_on("a rollout") == 0


def test_another_size_costs_no_request(cluster, visitors):
    cluster.ok("scale", "cluster:web", "3")
    cluster.until(lambda: len(cluster.works("web", "tomcat:server")) == 3, "a third one")
    cluster.ok("scale", "cluster:web", "2")
    cluster.all_there()
    assert visitors.went_on("another size") == 0


def test_no_row_is_lost_and_nothing_is_left(cluster, visitors):
    total = visitors.say("stop")
    assert total["committed"] > 0 and total["lost"] == 0, total
    cluster.ok("down", "cluster", limit=LIMIT)
    assert cluster.ok("status", "cluster", "--json").json["state"] == "terminated"
