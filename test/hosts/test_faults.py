"""What hosts meet in their life, on real machines: short forms of what bench/faults.py measures. The machines are shared; each test
leaves two of them well."""
import json
import os
import pathlib
import signal

import pytest

from support.croft import Croft, wait_until

APPLICATION = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm { images extends { any "ami-0c40f700000000001"; } }
sfConfig extends Compound {
  workers extends InstanceGroup { imageID "ami-0c40f700000000001"; minCount 2; maxCount 2; onLoss "REPLACE"; sfLivenessDelay 1;
    each extends Compound {
      job extends Process { command ["/usr/bin/python3", "-u", "-m", "http.server", "8000"]; directory "/srv";
        ready extends TcpProbe { port 8000; period "50ms"; } stopWithin "1s";
        alive extends HttpProbe { port 8000; period "200ms"; timeout "500ms"; failures 2; } } } } }
'''


@pytest.fixture(scope="module")
def croft(tmp_path_factory):
    one = Croft()
    one.file = tmp_path_factory.mktemp("faults") / "app.sf"
    one.file.write_text(APPLICATION)
    one.ok("up", one.file, limit=120)
    yield one
    down = one.ok("down", "app", limit=120)
    one.close()
    assert "left 0" in down.out


def jobs(croft):
    """Of the members that are well: id to the state of their process."""
    hosts = croft.ok("hosts", "app", "--json").json["hosts"]
    return {host["instance"]: work for host in hosts for work in host["works"]
            if host["connected"] and host["heard"] < 3000 and work["phase"] == "ready"}


def both_well(croft, without=None):
    return wait_until(lambda: (lambda now: now if len(now) == 2 and without not in now else None)(jobs(croft)), "two machines that are well", 120)


def outside(instance, words):
    """The pids on this computer of a machine's processes."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if instance in (folder / "cgroup").read_text() and words in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                found.append(int(folder.name))
        except (OSError, UnicodeDecodeError):
            pass
    assert found, f"nothing like '{words}' runs on {instance}"
    return found


def fault(croft, kind, *where):
    made = croft.ok("farm", "fault", "add", kind, *where, "--for", "10m", "--data", f"{croft.home}/farm", "--json").json
    return lambda: croft.run("farm", "fault", "undo", made["id"], "--data", f"{croft.home}/farm")


def test_a_process_that_stands_still_is_ended_and_started_again(croft):
    before = both_well(croft)
    victim = min(before)
    for pid in outside(victim, "http.server"):
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: jobs(croft).get(victim, {}).get("restarts") == before[victim]["restarts"] + 1, "another process in its place")
    after = both_well(croft)
    other = max(before)
    assert after[other]["pid"] == before[other]["pid"] and set(after) == set(before)


def test_an_agent_that_is_killed_comes_back_and_its_process_never_knew(croft):
    before = both_well(croft)
    victim = min(before)
    old = outside(victim, "croft-agent run")
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: (lambda now: now and not set(old) & set(now))(outside_or_none(victim)), "another agent")
    after = both_well(croft)
    assert {name: (work["pid"], work["restarts"]) for name, work in after.items()} == \
           {name: (work["pid"], work["restarts"]) for name, work in before.items()}


def outside_or_none(instance):
    try:
        return outside(instance, "croft-agent run")
    except AssertionError:
        return []


def test_where_the_disk_is_full_what_runs_runs_on(croft):
    before = both_well(croft)
    victim = min(before)
    undo = fault(croft, "disk", "--instance", victim)
    try:
        full = croft.run("exec", f"app:workers:{victim}:job", "--", "sh", "-c", "dd if=/dev/zero of=/srv/more bs=1M count=64 2>&1; rm -f /srv/more")
        assert "No space left" in full.out + full.err
        for pid in outside(victim, "http.server"):
            os.kill(pid, signal.SIGKILL)
        # Its supervision needs no disk.
        wait_until(lambda: jobs(croft).get(victim, {}).get("restarts") == before[victim]["restarts"] + 1, "it is started again all the same")
    finally:
        undo()
    assert set(both_well(croft)) == set(before)


@pytest.mark.parametrize("how", [(), ("--one-way",)], ids=["both ways", "one way"])
def test_a_machine_that_nobody_reaches_is_fenced_and_replaced(croft, how):
    before = both_well(croft)
    victim = min(before)
    undo = fault(croft, "link", "--instance", victim, *how)
    try:
        after = both_well(croft, without=victim)
    finally:
        undo()
    assert max(before) in after and len(after) == 2
    story = [json.loads(line) for line in croft.ok("events", "app", "--json").out.splitlines()]
    assert any(event["event"] == "INSTANCES_GONE" and victim in json.dumps(event) for event in story)
