"""Asked again: a second `up`, a restarted controller, a lost part of the farm. Credentials that the farm gave stay."""
import os
import signal

import pytest

from support.croft import alive, wait_until

# No keys in it: the account is the one that the farm gives.
APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
sfConfig extends Compound {
  a extends ImageInstance { imageID "ami-0c40f700000000001"; minCount 1; maxCount 1; }
  b extends TransientS3Bucket { bucket "again-bucket"; }
}
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "again.sf"
    path.write_text(APP)
    return path


def rented(croft):
    return {thing["id"] for child in croft.ok("status", "again", "--json").json["root"]["children"] for thing in child["rented"]}


def test_a_second_up_keeps_the_account_that_the_farm_gave(croft, file):
    croft.ok("up", file)
    first = rented(croft)
    croft.ok("up", file)
    assert rented(croft) == first and len(first) == 2
    down = croft.ok("down", "again", "--json").json
    assert down["left"] == [] and len(down["returned"]) == 2


def test_a_controller_that_was_killed_goes_on_with_that_account(croft, file):
    croft.ok("up", file)
    first = rented(croft)
    croft.kill("controller")
    croft.ok("up", file)
    assert rented(croft) == first
    croft.kill("controller")
    assert croft.ok("down", "again", "--json").json["left"] == []


def test_foreign_credentials_of_a_second_caller_change_nothing(croft, file):
    croft.ok("up", file)
    croft.ok("up", file, env={"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "of-another-cloud"})
    assert croft.ok("down", "again", "--json").json["left"] == []


def test_a_lifetime_given_later_still_removes_everything(croft, file):
    croft.ok("up", file)
    croft.ok("up", file, "--lifetime", "1s")
    wait_until(lambda: croft.run("status", "again", "--json").json.get("phase") == "terminated", "the lifetime ends it")
    assert croft.ok("down", "again", "--json").json["left"] == []


def spawner_of(farm_pid):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline", "rb") as line:
                if stat.read().rsplit(")", 1)[1].split()[1] == str(farm_pid) and b"sandbox-spawner" in line.read():
                    return int(pid)
        except OSError:
            continue
    return None


def test_a_farm_that_loses_its_spawner_comes_back_with_its_machines(croft, file):
    croft.ok("up", file)
    first = rented(croft)
    farm = croft.pid("farm")
    spawner = spawner_of(farm)
    assert spawner, "the farm has a spawner"
    os.kill(spawner, signal.SIGKILL)
    wait_until(lambda: not alive(farm), "the farm ends with its spawner")
    wait_until(lambda: croft.pid("farm") not in (None, farm), "the controller starts the farm again")
    croft.ok("up", file)
    assert rented(croft) == first
    assert croft.ok("down", "again", "--json").json["left"] == []


def test_status_says_that_the_farm_is_silent(croft, file):
    file.write_text(APP.replace("sfConfig extends Compound {", "sfConfig extends Compound { sfLivenessDelay 1;"))
    croft.ok("up", file)
    os.kill(croft.pid("farm"), signal.SIGSTOP)
    try:
        why = wait_until(lambda: croft.ok("status", "again", "--json").json["why"], "status gives a reason")
        assert "again:" in why and ("cannot be asked" in why or "no answer" in why)
    finally:
        os.kill(croft.pid("farm"), signal.SIGCONT)
    wait_until(lambda: not croft.ok("status", "again", "--json").json["why"], "the reason goes with its cause")
    assert croft.ok("down", "again", "--json").json["left"] == []
