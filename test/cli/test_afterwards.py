"""What is true after the end: of an application, of its farm, of the controller."""
import json
import pathlib
import re
import signal

import pytest

from support.clients import client
from support.croft import BINARY, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDES = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
'''
BUCKETS = INCLUDES + '''sfConfig extends Compound {
  gone extends TransientS3Bucket { bucket "afterwards-gone"; }
  stays extends PersistentS3Bucket { bucket "afterwards-stays"; }
}
'''


@pytest.fixture
def describe(tmp_path):
    def write(text, name="app.sf"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


def test_a_plan_after_down_says_what_up_would_make(croft, describe):
    file = describe(BUCKETS)
    croft.ok("up", file)
    croft.ok("down", "app")
    plan = croft.run("plan", file, "--json")
    assert plan.code == 2, plan
    assert {i["path"]: i["change"] for i in plan.json["items"]}["app:gone"] == "create"
    croft.ok("up", file)
    assert croft.run("plan", file).code == 0
    croft.ok("down", "app", "--kept")


def test_what_was_kept_and_somebody_removed_is_kept_no_more(croft, describe):
    login = 'username "AKIDAFTER"; password "secret-of-after-1";'
    croft.ok("up", describe(INCLUDES + f'''
farm extends EmbeddedFarm {{ accounts extends {{ me extends Account {{ id "AKIDAFTER"; key "secret-of-after-1"; }} }} }}
sfConfig extends Compound {{
  gone extends TransientS3Bucket {{ bucket "afterwards-gone"; {login} }}
  stays extends PersistentS3Bucket {{ bucket "afterwards-stays"; {login} }}
}}'''))
    for _ in range(2):
        assert [k["id"] for k in croft.ok("down", "app", "--json").json["kept"]] == ["afterwards-stays"]
    url = croft.ok("status", "app", "--json").json["farm"]["url"]
    client("s3", url, "AKIDAFTER", "secret-of-after-1").delete_bucket(Bucket="afterwards-stays")
    again = croft.ok("down", "app", "--json").json
    assert again["kept"] == [] and again["left"] == []
    assert {r["id"] for r in again["returned"]} == {"afterwards-gone", "afterwards-stays"}


def test_a_plan_after_a_failed_up_says_what_up_would_make(croft, describe):
    file = describe(INCLUDES + 'sfConfig extends ImageInstance { imageID "ami-0123456789abcdef0"; minCount 1; maxCount 1; }')
    assert croft.run("up", file).code == 1
    croft.ok("down", "app")
    assert croft.run("plan", file).code == 2


@pytest.mark.parametrize("attribute,value", [("keyName", '"nobody"'), ("securityGroups", '["nobody"]'), ("zone", '"nowhere-1a"')])
def test_what_the_farm_refuses_is_told_with_its_place(croft, describe, attribute, value):
    file = describe(INCLUDES + f'sfConfig extends ImageInstance {{ imageID "ami-0c40f700000000001";\n  {attribute} {value};\n}}')
    refused = croft.run("up", file)
    assert refused.code == 1 and f"{file}:5:" in refused.err, refused


def test_a_destroyed_farm_takes_its_applications_with_it(croft, describe):
    file = describe(BUCKETS)
    croft.ok("up", file)
    croft.ok("stop", "--destroy")
    down = croft.ok("down", "app", "--json").json
    assert down["left"] == [] and len(down["returned"]) == 2
    croft.ok("up", file)
    assert croft.ok("down", "app", "--kept", "--json").json["left"] == []


def test_also_when_the_controller_was_dead(croft, describe):
    file = describe(BUCKETS)
    croft.ok("up", file)
    croft.kill("controller")
    croft.ok("stop", "--destroy")
    assert croft.ok("down", "app", "--json").json["left"] == []


def test_nothing_made_on_a_silent_farm_is_not_called_checked(croft, describe):
    file = describe(BUCKETS)
    croft.env.update(AWS_ACCESS_KEY_ID="AKIAANY", AWS_SECRET_ACCESS_KEY="any")
    assert croft.run("up", file, "--farm", f"http://127.0.0.1:{free_port()}").code == 1
    down = croft.ok("down", "app", "--json").json
    assert down["checked"] is False and "does not answer" in down["unasked"] and down["left"] == []


def test_a_secret_of_the_wrong_kind_is_found_before_anything_is_made(croft, describe):
    file = describe(INCLUDES + 'sfConfig extends ImageInstance {\n  id "me";\n  key 77665544;\n}\n')
    checked = croft.run("check", file)
    assert checked.code == 1 and ":4:" in checked.err and "77665544" not in checked.err, checked
    assert croft.run("up", file).code == 1
    file.write_text(BUCKETS)
    croft.ok("up", file)
    croft.ok("down", "app", "--kept")


def test_secrets_of_quoted_lines_reach_no_file(croft, describe):
    account = 'id "AKIDME"; key "never-in-a-file"; '
    file = describe(INCLUDES + f'''farm extends EmbeddedFarm {{ accounts extends {{ me extends Account {{ {account} instances 6; }} }} }}
sfConfig extends Compound {{ b extends TransientS3Bucket {{ bucket "quoted"; username "AKIDME"; password ("never-in" ++ "-a-file"); }} s extends ImageInstance {{ {account} imageID "ami-0c40f700000000001"; minCount 7; maxCount 9; }} }}''')
    outcome = croft.run("up", file)
    assert outcome.code == 1 and "never-in-" not in outcome.err
    croft.run("down", "app")
    croft.ok("stop")
    for path in pathlib.Path(croft.home).rglob("*"):
        if path.is_file():
            assert b"never-in-a-file" not in path.read_bytes(), path


def test_a_literal_inside_a_secret_expression_is_masked(croft, describe):
    file = describe(INCLUDES + 'sfConfig extends ImageInstance { key ("first-half" ++ nowhere ++ "second-half"); }')
    for more in ((), ("--json",)):
        outcome = croft.run("check", file, *more)
        assert outcome.code == 1 and "first-half" not in outcome.out + outcome.err, outcome
        assert "second-half" not in outcome.out + outcome.err


def test_events_are_read_without_a_controller(croft, describe):
    croft.ok("up", describe(BUCKETS))
    croft.ok("down", "app", "--kept")
    with_one = croft.ok("events", "app").lines()
    croft.ok("stop")
    assert croft.ok("events", "app").lines()[:len(with_one)] == with_one
    assert croft.pid("controller") is None
    assert croft.run("events", "app", "--follow").code == 3
    assert croft.run("events", "ap").code == 1


def test_every_word_of_an_event_is_documented(croft):
    known = re.search(r"events: (.*)", croft.run("events", "x", "--until", "NO_SUCH").err).group(1)
    documented = (ROOT / "docs/json.md").read_text()
    for word in known.split(", "):
        assert f"`{word.strip()}`" in documented, word
    said = set(re.findall(r'event\("([A-Z_]+)"', "".join(p.read_text() for p in (ROOT / "src").rglob("*.cpp"))))
    assert said <= set(w.strip() for w in known.split(", "))


FARM = INCLUDES + '''farm extends EmbeddedFarm {
  accounts extends { one extends Account { id "AKIDONE"; key "%s"; instances %d; } }
}
sfConfig extends Compound { b extends TransientS3Bucket { bucket "%s"; } }
'''


@pytest.mark.parametrize("key, instances, what", [("other-secret", 3, "key"), ("same", 9, "instances")])
def test_two_descriptions_that_differ_over_an_account_are_both_named(croft, describe, key, instances, what):
    first = describe(FARM % ("same", 3, "conflict-one"), "one.sf")
    second = describe(FARM % (key, instances, "conflict-two"), "two.sf")
    croft.ok("up", first)
    outcome = croft.run("up", second)
    assert outcome.code == 1
    assert "one.sf:" in outcome.err and "two.sf:" in outcome.err and f"another {what}" in outcome.err, outcome
    croft.ok("down", "one")
    # A key's secret is the farm's and stays as it was given first; a quota is the description's.
    if what != "key":
        croft.ok("up", second)
        croft.ok("down", "two")


def test_output_that_cannot_be_written_is_no_success(croft, describe):
    import subprocess
    with open("/dev/full", "w") as full:
        done = subprocess.run([BINARY, "resolve", describe(BUCKETS)], stdout=full, stderr=subprocess.PIPE, text=True, env=croft.env)
    assert done.returncode == 1 and "could not be written" in done.stderr


def test_croft_alone_and_help_show_the_commands(croft):
    assert "up" in croft.ok("help").out
    alone = croft.run()
    assert alone.code == 64 and "Usage" in alone.err


@pytest.mark.parametrize("arguments", [("--name", "../x"), ("--name", "a b"), ("--farm", "nonsense")])
def test_values_that_an_option_does_not_take(croft, describe, arguments):
    assert croft.run("up", describe(BUCKETS), *arguments).code == 64
