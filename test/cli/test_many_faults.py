"""Trouble for controllers and for the members of their etcd, each in a network namespace of its own, in the middle of an `up`: killed,
stopped for longer than a lease, cut off both ways or one. Somebody goes on; each thing exists once; and one that comes back, thinking that
it still leads, has no effect any more. Twenty times; two hundred with CROFT_LONG_TESTS."""
import os
import random
import signal

import pytest

from support.croft import wait_until
from support.several import APP, things
from support.spread import Spread

ROUNDS = 200 if os.environ.get("CROFT_LONG_TESTS") else 20
SEED = 20261127
KINDS = ("kill", "stop", "cut", "cut in", "cut out")


@pytest.fixture
def spread():
    one = Spread()
    yield one
    one.close()


def trouble(spread, kind, name):
    process = spread.processes[int(name[1])] if name[0] == "c" else spread.etcd.processes[int(name[1])]
    if kind == "kill":
        process.kill()
        process.wait(30)
    elif kind == "stop":
        process.send_signal(signal.SIGSTOP)
    else:
        spread.network.cut(name, kind.removeprefix("cut").strip() or "both")


def relief(spread, kind, name):
    i = int(name[1])
    if kind == "kill" and name[0] == "e":
        spread.etcd.restart(i)
    elif kind == "kill":
        spread.start(i)
    elif kind == "stop":
        (spread.processes if name[0] == "c" else spread.etcd.processes)[i].send_signal(signal.SIGCONT)
    else:
        spread.network.heal(name)
    if name[0] == "e":
        spread.etcd.ready(i)


def one_leads(spread, told):
    """Once all is well again: the number of who leads. One that lost its seat may end itself: whoever looks after it starts it again."""
    def look():
        for i, process in spread.processes.items():
            if process.poll() is not None:
                spread.start(i)
        roles = [spread.role(i) for i in spread.processes]
        return sorted(map(str, roles)) == ["leads", "stands by"] and [roles.index("leads")]
    return wait_until(look, lambda: told + "".join(home.log() for home in spread.homes))[0]


def test_trouble_again_and_again_has_no_effect_of_its_own(spread, tmp_path):
    draw = random.Random(SEED)
    file = tmp_path / "app.sf"
    for number in range(ROUNDS):
        leader = one_leads(spread, f"before round {number}")
        victim = draw.choice([f"c{leader}"] * 3 + ["e0", "e1", "e2"])
        kind, wanted = draw.choice(KINDS), draw.randint(1, 3)
        told = f"round {number}: {kind} of {victim}, c{leader} leads, {wanted} machines"
        print(told)
        file.write_text(APP % wanted)
        begun = spread.homes[leader].start("up", file, "--farm", spread.farm.url, env=spread.env)
        # Somewhere in the middle of it: before, while or after machines are asked for.
        steps = draw.randint(0, 3)
        wait_until(lambda: begun.poll() is not None or sum(map(len, things(spread))) >= steps, told)
        trouble(spread, kind, victim)

        def goes_on():
            able = [i for i in spread.processes if f"c{i}" != victim]
            return any(spread.homes[i].run("up", file, "--farm", spread.farm.url, env=spread.env).code == 0 for i in able)
        wait_until(goes_on, told)
        settled = things(spread)
        assert len(settled[0]) == wanted and settled[1] == ["several-store"], (told, settled)
        begun.kill()
        begun.communicate()
        relief(spread, kind, victim)
        leader = one_leads(spread, told)
        assert things(spread) == settled, told
    proof = spread.homes[leader].ok("down", "app", "--json").json
    assert proof["left"] == [] and things(spread) == ([], [])
