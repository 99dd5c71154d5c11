"""Several controllers on one store of etcd: one leads, the others stand by, and what one has begun another goes on with."""
import signal

import pytest

from support.croft import BINARY, Croft, wait_until
from support.several import APP, Several, things


@pytest.fixture
def several():
    one = Several()
    yield one
    one.close()


def test_another_goes_on_where_the_leader_was_killed(several, tmp_path):
    first, second = several.homes
    assert (several.role(0), several.role(1)) == ("leads", "stands by")
    file = tmp_path / "app.sf"
    file.write_text(APP % 2)
    standing = second.run("up", file, "--farm", several.farm.url, env=several.env)
    assert standing.code == 1 and "c0 leads" in standing.err, standing
    first.ok("up", file, "--farm", several.farm.url, env=several.env)
    machines, buckets = things(several)
    assert len(machines) == 2 and buckets == ["several-store"]
    several.processes[0].kill()
    several.processes[0].wait(30)
    several.leads(1)
    wait_until(lambda: second.ok("status", "app", "--json").json["phase"] == "running", "the application goes on")
    assert things(several) == (machines, buckets)
    file.write_text(APP % 3)
    second.ok("up", file, "--farm", several.farm.url, env=several.env)
    assert len(things(several)[0]) == 3
    # The first comes back and stands by; a stop hands over.
    several.start(0)
    wait_until(lambda: several.role(0) == "stands by", "the first stands by")
    several.processes[1].terminate()
    assert several.processes[1].wait(30) == 0
    several.leads(0)
    proof = first.ok("down", "app", "--json").json
    assert proof["left"] == [] and len(proof["returned"]) == len(proof["rented"])
    assert things(several) == ([], [])


def test_without_a_majority_nobody_acts(several, tmp_path):
    first, _ = several.homes
    file = tmp_path / "app.sf"
    file.write_text(APP % 1)
    for i in (0, 1):
        several.etcd.signal(i, signal.SIGSTOP)
    tried = first.run("up", file, "--farm", several.farm.url, env=several.env, limit=150)
    assert tried.code == 1 and things(several) == ([], []), tried
    for i in (0, 1):
        several.etcd.signal(i, signal.SIGCONT)
    def leader():
        return [i for i in (0, 1) if several.role(i) == "leads"]
    # Right after a stall the members may choose more than once: whoever leads is asked each time.
    def up():
        return [i for i in leader() if several.homes[i].run("up", file, "--farm", several.farm.url, env=several.env).code == 0]
    home = several.homes[wait_until(up, "the application comes up")[0]]
    machines, buckets = things(several)
    assert len(machines) == 1 and buckets == ["several-store"]
    assert home.ok("down", "app", "--json").json["left"] == []


def test_who_joins_brings_no_keys_of_his_own(several):
    first, second = several.homes
    made = first.ok("operator", "add", "again", "--role", "own", "--json").json
    refused = second.run("controller", "join", made["url"], "--fingerprint", made["fingerprint"], stdin=made["token"])
    assert refused.code == 1 and "has keys of its own" in refused.err
    reader = first.ok("operator", "add", "reader", "--json").json
    fresh = Croft()
    try:
        denied = fresh.run("controller", "join", reader["url"], "--fingerprint", reader["fingerprint"], stdin=reader["token"])
        assert denied.code == 1 and "takes the role own" in denied.err
        assert fresh.run("controller", "serve", "--store", "redis://x").code == 1
        strange = fresh.run("controller", "serve", "--store", several.url(0), limit=60)
        assert strange.code == 1 and "has other keys than the controllers of" in strange.err, strange
    finally:
        fresh.close()


def test_who_has_logged_in_to_one_finds_the_others(several):
    """Also where the only one that he was told of is gone, and with it whoever could say who leads."""
    first, second = several.homes
    made = first.ok("operator", "add", "far", "--role", "operate", "--json").json
    elsewhere = Croft()
    try:
        elsewhere.ok("login", made["url"], "--fingerprint", made["fingerprint"], stdin=made["token"])
        assert elsewhere.ok("status", "--json").json["applications"] == []
        several.processes[0].kill()
        several.processes[0].wait(30)
        assert elsewhere.ok("status", "--json", limit=60).json["applications"] == []
        assert several.role(1) == "leads"
    finally:
        elsewhere.close()
