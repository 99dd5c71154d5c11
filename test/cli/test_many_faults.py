"""Twenty times trouble for whoever leads, in the middle of an `up`: killed, stopped for longer than its lease, cut off from the store.
Another goes on; each thing exists once; and the one that comes back, thinking that it still leads, has no effect any more."""
import random
import signal

import pytest

from support.croft import wait_until
from support.several import APP, Several, things

ROUNDS = 20
SEED = 20261127


@pytest.fixture
def several():
    one = Several()
    yield one
    one.close()


def trouble(several, kind, i):
    if kind == "kill":
        several.processes[i].kill()
        several.processes[i].wait(30)
    elif kind == "stop":
        several.processes[i].send_signal(signal.SIGSTOP)
    else:
        for door in several.doors[i]:
            door.cut()


def relief(several, kind, i):
    if kind == "kill":
        several.start(i)
    elif kind == "stop":
        several.processes[i].send_signal(signal.SIGCONT)
    else:
        for door in several.doors[i]:
            door.heal()
    # One that lost its seat may end itself: whoever looks after it starts it again.
    def back():
        if several.processes[i].poll() is not None:
            several.start(i)
        return several.role(i) == "stands by"
    wait_until(back, f"controller {i} stands by after {kind}\n{several.homes[i].log()}")


def test_twenty_times_trouble_for_the_leader(several, tmp_path):
    draw = random.Random(SEED)
    file = tmp_path / "app.sf"
    leader = 0
    for number in range(ROUNDS):
        kind, wanted = draw.choice(["kill", "stop", "cut"]), draw.randint(1, 3)
        told = f"round {number}: {kind} of controller {leader}, {wanted} machines"
        file.write_text(APP % wanted)
        first, other = several.homes[leader], several.homes[1 - leader]
        begun = first.start("up", file, "--farm", several.farm.url, env=several.env)
        # Somewhere in the middle of it: before, while or after machines are asked for.
        steps = draw.randint(0, 3)
        wait_until(lambda: begun.poll() is not None or len(things(several)[0]) + len(things(several)[1]) >= steps, told)
        trouble(several, kind, leader)
        several.leads(1 - leader)
        wait_until(lambda: other.run("up", file, "--farm", several.farm.url, env=several.env).code == 0, told)
        settled = things(several)
        assert len(settled[0]) == wanted and settled[1] == ["several-store"], (told, settled)
        begun.kill()
        begun.communicate()
        relief(several, kind, leader)
        assert things(several) == settled, told
        leader = 1 - leader
    proof = several.homes[leader].ok("down", "app", "--json").json
    assert proof["left"] == [] and things(several) == ([], [])
