"""examples/single-server: a web application and its database on one machine, brought up, used, broken and removed."""
import pathlib
import subprocess

import pytest

from support.croft import ROOT, Croft, wait_until

FOLDER = ROOT / "examples/single-server"
PASSWORD = "of-the-notes-5f0c7a"


def ask(croft, path, *options):
    return croft.run("exec", "server:web", "--", "curl", "-s", "--max-time", "10", *options, f"http://127.0.0.1:8080{path}")


def process(croft, name):
    for host in croft.ok("hosts", "server", "--json").json["hosts"]:
        for work in host["works"]:
            if work["name"] == f"server:{name}":
                return work
    return {}


@pytest.fixture(scope="module")
def croft(tmp_path_factory):
    one = Croft()
    place = tmp_path_factory.mktemp("war")
    subprocess.run([ROOT / "examples/notes/make-war", place / "notes.war", "7"], check=True)
    try:
        one.ok("secret", "set", "notes/password", stdin=PASSWORD + "\n")
        one.ok("up", FOLDER / "server.sf", "-D", f"war={place}/notes.war", "--allow-files", place, "--json", limit=150)
        yield one
    finally:
        one.close()


def test_it_serves_and_writes_rows(croft):
    assert "version 7" in ask(croft, "/").out
    assert ask(croft, "/note.jsp?id=a&text=first", "-X", "POST").out.strip() == "written"
    assert ask(croft, "/note.jsp?id=a").out.strip() == "first"


def test_neither_server_runs_as_root_and_no_password_is_shown(croft):
    def owner(path):
        return croft.ok("exec", "server:web", "--", "stat", "-c", "%U", path).out.strip()

    # What each has made since it began.
    assert owner("/srv/tomcat/" "work/Catalina") == "tomcat"
    assert owner("/srv/postgres/data/postmaster.pid") == "postgres"
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                assert PASSWORD.encode() not in (folder / name).read_bytes(), folder
            except OSError:
                pass  # it has ended
    assert croft.run("exec", "server:web", "--", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                     "cat", "/srv/tomcat/conf/context.xml").code != 0


@pytest.mark.parametrize("name", ["web:server", "database:server"])
def test_a_server_that_is_killed_comes_back_with_its_rows(croft, name):
    ask(croft, "/note.jsp?id=kept&text=kept", "-X", "POST")
    before = process(croft, name)
    croft.ok("exec", f"server:{name}", "--", "kill", "-9", str(before["pid"]))
    wait_until(lambda: process(croft, name).get("pid") not in (None, 0, before["pid"]), f"{name} runs again")
    wait_until(lambda: ask(croft, "/note.jsp?id=kept").out.strip() == "kept", "the row is there")


def test_a_machine_that_dies_is_started_again_with_its_rows(croft):
    before = {name: process(croft, name)["since"] for name in ("web:server", "database:server")}
    machine, = {host["instance"] for host in croft.ok("hosts", "server", "--json").json["hosts"]}
    croft.ok("farm", "fault", "add", "kill", "--instance", machine, "--data", f"{croft.home}/farm")
    wait_until(lambda: all(process(croft, name).get("phase") == "ready" and process(croft, name)["since"] != since
                           for name, since in before.items()), "both run again", 120)
    wait_until(lambda: ask(croft, "/note.jsp?id=kept").out.strip() == "kept", "the row is there")
    # What has run once (the role, the database) has not run again: its server may not have been ready.
    assert "FAILED" not in croft.ok("events", "server").out
    assert {host["instance"] for host in croft.ok("hosts", "server", "--json").json["hosts"]} == {machine}


def test_down_leaves_nothing(croft):
    croft.ok("down", "server", limit=100)
    assert croft.ok("status", "server", "--json").json["state"] == "terminated"
