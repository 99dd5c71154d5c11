"""kill -9 of controller or farm in the middle of `up`; `up` again: exactly the right number, none doubled, none forgotten."""
import pytest

from support.clients import client
from support.croft import TALK, TALK_ID, TALK_KEY, alive, wait_until

APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
farm extends EmbeddedFarm {
  accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; instances 50; } }
  images extends { small "ami-00000001"; }
}
sfConfig extends Compound {
  bucket extends TransientS3Bucket { bucket "kill-bucket"; username "AKIDME"; password "secret-of-me-0001"; }
  a extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-00000001"; minCount 4; maxCount 4; }
  b extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-00000001"; minCount 3; maxCount 3; }
}
'''


def live_instances(url):
    ec2 = client("ec2", url, "AKIDME", "secret-of-me-0001")
    found = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    return [i for i in found if i["State"]["Name"] not in ("terminated", "shutting-down")]


def finish_and_check(croft, file):
    up = croft.ok("up", file, "--name", "app", "--json", limit=120).json
    url = up["farm"]["url"]
    live = live_instances(url)
    assert sorted(i["State"]["Name"] for i in live) == ["running"] * 7, croft.log()
    per_component = {}
    for instance in live:
        component = {t["Key"]: t["Value"] for t in instance["Tags"]}["croft:component"]
        per_component[component.rsplit(":")[-1]] = per_component.get(component.rsplit(":")[-1], 0) + 1
    assert per_component == {"a": 4, "b": 3}
    down = croft.ok("down", "app", "--json", limit=120).json
    assert down["left"] == []
    assert live_instances(url) == []
    assert client("s3", url, "AKIDME", "secret-of-me-0001").list_buckets()["Buckets"] == []


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "app.sf"
    path.write_text(APP)
    return path


@pytest.mark.parametrize("role", ["controller", "farm"])
@pytest.mark.parametrize("moment", ["STARTING", "RUNNING"])
def test_kill_in_the_middle_of_up(croft, file, role, moment):
    process = croft.start("up", file, "--name", "app")
    wait_until(lambda: f'"{moment}"' in croft.run("events", "app").out, f"an event {moment}")
    croft.kill(role)
    process.communicate(timeout=120)
    finish_and_check(croft, file)


def crash_points(croft, file):
    """The crash points the controller passes during one `up`, by running it once with the list switched on."""
    log = f"{croft.home}/crash.log"
    croft.ok("up", file, "--name", "app", env={"CROFT_CRASH_LOG": log}, limit=120)
    with open(log) as lines:
        names = [line.split()[-1] for line in lines]
    croft.ok("down", "app", limit=120)
    croft.ok("stop")
    return names


def test_kill_at_a_sample_of_the_numbered_crash_points(croft, file):
    points = crash_points(croft, file)
    assert len(points) >= 10, points
    step = max(1, len(points) // 6)
    for number in range(1, len(points) + 1, step):
        died = croft.run("up", file, "--name", "app", env={"CROFT_CRASH_AT": str(number)}, limit=120)
        assert died.code != 0 or croft.pid("controller"), f"point {number}: {died!r}"
        # Runs differ by a point or two. One that did not reach its point must not die of it in the next `up`.
        if croft.pid("controller"):
            croft.kill("controller")
        finish_and_check(croft, file)
        croft.ok("stop")


def test_instances_outlive_the_farm_process(croft, file):
    up = croft.ok("up", file, "--name", "app", "--json").json
    before = {i["InstanceId"] for i in live_instances(up["farm"]["url"])}
    croft.kill("farm")
    again = croft.ok("up", file, "--name", "app", "--json", limit=120).json
    after = {i["InstanceId"] for i in live_instances(again["farm"]["url"])}
    assert after == before
    assert again["farm"]["url"] == up["farm"]["url"], "presigned URLs stay valid"
    assert croft.ok("down", "app", "--json").json["left"] == []
