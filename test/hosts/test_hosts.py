"""Machines that become hosts: real instances of the embedded farm, the agent brought by user data alone."""
import json
import os
import pathlib
import signal

import pytest

from support.croft import wait_until

INCLUDES = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm { images extends { any "ami-0c40f700000000001"; } }
'''
IMAGE = 'imageID "ami-0c40f700000000001";'


@pytest.fixture
def describe(tmp_path):
    def write(text, name="app.sf"):
        path = tmp_path / name
        path.write_text(INCLUDES + text)
        return path
    return write


def hosts_of(croft, name="app"):
    return croft.ok("hosts", name, "--json").json["hosts"]


def works_of(croft, name="app"):
    return {work["name"]: work for host in hosts_of(croft, name) for work in host["works"]}


def test_a_process_on_a_machine_lives_and_is_looked_into(croft, describe, tmp_path):
    file = describe('''sfConfig extends Compound {
      web extends ImageInstance { ''' + IMAGE + ''' }
      page extends File { sfProcessHost LAZY PARENT:web; filename "/srv/page.txt"; text "hello from the host"; }
      server extends Process { sfProcessHost LAZY PARENT:web; command ["/usr/bin/python3", "-u", "-m", "http.server", "8123"];
        directory "/srv"; dependsOn ["page"]; ready extends TcpProbe { port 8123; } } }''')
    croft.ok("up", file, limit=120)
    host, = hosts_of(croft)
    assert host["connected"] and host["component"] == "app:web"
    assert works_of(croft)["app:server"]["phase"] == "ready"
    read = croft.ok("exec", "app:server", "--", "cat", "/srv/page.txt")
    assert read.out.strip() == "hello from the host"
    assert croft.run("exec", "app:web", "--", "sh", "-c", "echo bad >&2; exit 7").code == 7
    forward = croft.start("forward", "app:server", "0:8123", "--json")
    try:
        at = json.loads(forward.stdout.readline())["address"]
        import urllib.request
        assert urllib.request.urlopen(f"http://{at}/page.txt", timeout=20).read().decode().strip() == "hello from the host"
    finally:
        forward.send_signal(signal.SIGINT)
        forward.wait(20)
    assert "GET /page.txt" in wait_until(lambda: croft.ok("logs", "app:server").out, "its log")
    here = tmp_path / "copied"
    croft.ok("cp", "app:server:/srv/page.txt", here)
    assert here.read_text() == "hello from the host"
    croft.ok("cp", here, "app:web:/srv/back.txt")
    assert croft.ok("exec", "app:web", "--", "cat", "/srv/back.txt").out == "hello from the host"
    down = croft.ok("down", "app", "--json", limit=120)
    assert down.json["proof"]["left"] == [] if "proof" in down.json else down.json["left"] == []


def test_a_controller_that_dies_restarts_no_process(croft, describe):
    file = describe('''sfConfig extends Compound {
      web extends ImageInstance { ''' + IMAGE + ''' }
      server extends Process { sfProcessHost LAZY PARENT:web; command ["/bin/sleep", "100000"]; } }''')
    croft.ok("up", file, limit=120)
    before = works_of(croft)["app:server"]
    os.kill(int((pathlib.Path(croft.home) / "controller.pid").read_text()), signal.SIGKILL)
    croft.ok("up", file, limit=120)
    after = wait_until(lambda: works_of(croft).get("app:server"), "the host to come back")
    assert after["pid"] == before["pid"] and after["restarts"] == 0
    croft.ok("exec", "app:web", "--", "kill", "-9", str(after["pid"]))
    again = wait_until(lambda: (lambda w: w if w["restarts"] == 1 and w["phase"] == "ready" else None)(works_of(croft)["app:server"]),
                       "the process to be started again")
    assert again["pid"] != before["pid"]
    croft.ok("down", "app", limit=120)


def test_a_group_has_its_parts_on_every_member(croft, describe):
    file = describe('''sfConfig extends Compound {
      workers extends InstanceGroup { ''' + IMAGE + ''' minCount 2; maxCount 2; onLoss "REPLACE"; sfLivenessDelay 1;
        each extends Compound { job extends Process { command ["/bin/sleep", "100000"]; } } } }''')
    croft.ok("up", file, limit=120)
    hosts = hosts_of(croft)
    assert len(hosts) == 2
    names = {f"app:workers:{host['instance']}:job" for host in hosts}
    assert {name: work["phase"] for name, work in works_of(croft).items()} == dict.fromkeys(names, "ready")
    croft.ok("down", "app", limit=120)


def replaced(croft, before):
    """The ids of the group's hosts, once none of `before` is left and as many are there and connected."""
    def look():
        hosts = hosts_of(croft)
        ids = {host["instance"] for host in hosts if host["connected"]}
        return ids if len(ids) == 2 and not before & ids else None
    return wait_until(look, f"{before} to be replaced", limit=120)


GROUP = '''sfConfig extends Compound {
  workers extends InstanceGroup { ''' + IMAGE + ''' minCount 2; maxCount 2; onLoss "REPLACE"; sfLivenessDelay 1;
    each extends Compound { job extends Process { command ["/bin/sleep", "100000"]; } } } }'''


def test_a_frozen_machine_is_declared_dead_fenced_and_replaced(croft, describe):
    croft.ok("up", describe(GROUP), limit=120)
    victim, other = (host["instance"] for host in hosts_of(croft))
    croft.ok("farm", "fault", "add", "freeze", "--instance", victim, "--for", "10m", "--data", f"{croft.home}/farm")
    ids = replaced(croft, {victim})
    assert other in ids
    new, = ids - {other}
    works = wait_until(lambda: (lambda w: w if w.get(f"app:workers:{new}:job", {}).get("phase") == "ready" else None)(works_of(croft)),
                       "the parts to be on the new machine")
    assert f"app:workers:{victim}:job" not in works
    story = croft.ok("events", "app", "--json").out
    assert "nothing was heard of it" in story
    down = croft.ok("down", "app", limit=120)
    assert "left 0" in down.out
    assert victim in down.out


def test_a_machine_that_only_we_do_not_hear_is_left_alone(croft, describe):
    croft.ok("up", describe(GROUP), limit=120)
    before = works_of(croft)
    victim = hosts_of(croft)[0]["instance"]
    fault = croft.ok("farm", "fault", "add", "link", "--instance", victim, "--to", "gateway", "--for", "10m", "--data",
                     f"{croft.home}/farm", "--json")
    wait_until(lambda: next(h for h in hosts_of(croft) if h["instance"] == victim)["heard"] > 8000, "eight seconds of silence")
    assert {host["instance"] for host in hosts_of(croft)} == {name.split(":")[2] for name in before}
    croft.ok("farm", "fault", "undo", fault.json["id"], "--data", f"{croft.home}/farm")
    wait_until(lambda: all(host["connected"] and host["heard"] < 3000 for host in hosts_of(croft)), "it to be heard again")
    assert {name: work["pid"] for name, work in works_of(croft).items()} == {name: work["pid"] for name, work in before.items()}
    croft.ok("down", "app", limit=120)


def test_the_way_in_is_in_no_process_list_and_no_token_is_left(croft, describe):
    croft.ok("up", describe(GROUP), limit=120)
    victim = hosts_of(croft)[0]["instance"]
    seen = croft.ok("exec", f"app:workers:{victim}", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline; ls /var/lib/croft").out
    assert "X-Amz-Signature" not in seen
    assert "\ntoken\n" not in seen
    croft.ok("down", "app", limit=120)
