"""kill -9 at the durable steps and outside calls of renting controllers and of giving them back: the same command again carries it
through, each thing is there once, and then nothing is."""
import os
import pathlib

import pytest

from support.clients import client
from support.croft import Croft, Farm

POINTS = 40 if os.environ.get("CROFT_LONG_TESTS") else 6


class Place:
    def __init__(self):
        self.farm = Farm()
        account = self.farm.account("rents")
        self.keys = (account["accessKey"], account["secretKey"])
        self.ec2, self.s3 = (client(service, self.farm.url, *self.keys) for service in ("ec2", "s3"))

    def home(self):
        return Croft(CROFT_FARM=self.farm.url, AWS_ACCESS_KEY_ID=self.keys[0], AWS_SECRET_ACCESS_KEY=self.keys[1])

    def there(self):
        """Machines, objects by bucket, security groups that somebody made."""
        states = [{"Name": "instance-state-name", "Values": ["pending", "running", "shutting-down", "stopped", "stopping"]}]
        machines = [i["InstanceId"] for r in self.ec2.describe_instances(Filters=states)["Reservations"] for i in r["Instances"]]
        buckets = {b["Name"]: sorted(o["Key"] for o in self.s3.list_objects_v2(Bucket=b["Name"]).get("Contents", []))
                   for b in self.s3.list_buckets()["Buckets"]}
        groups = [g["GroupId"] for g in self.ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"]
        return machines, buckets, groups


@pytest.fixture
def place():
    one = Place()
    yield one
    one.farm.close()


def lines(log):
    return len(log.read_text().splitlines()) if log.exists() else 0


def end_watcher(croft):
    """The controller on this computer that looks after those that are rented, if it lives."""
    file = pathlib.Path(croft.home, "rented", "controller.pid")
    if not file.exists():
        return
    try:
        os.kill(int(file.read_text()), 9)
    except ProcessLookupError:
        pass
    file.unlink()


def rented_once(place):
    machines, buckets, groups = place.there()
    assert len(machines) == 1 and len(groups) == 1, (machines, groups)
    assert list(buckets.values()) == [["croft"]], f"the papers are gone, the program is there: {buckets}"


def chosen(total):
    return sorted({1 + at * (total - 1) // (POINTS - 1) for at in range(POINTS)})


def test_renting_is_cut_off(place, tmp_path):
    croft, log = place.home(), tmp_path / "points"
    try:
        croft.ok("controller", "rent", "--json", env={"CROFT_CRASH_LOG": str(log)}, limit=120)
        total = lines(log)
        rented_once(place)
        croft.ok("controller", "return", limit=120)
        assert place.there() == ([], {}, [])
    finally:
        end_watcher(croft)
        croft.close()
    for point in chosen(total):
        croft = place.home()
        try:
            cut = croft.run("controller", "rent", env={"CROFT_CRASH_AT": str(point)}, limit=120)
            end_watcher(croft)  # a death that has not come yet comes now
            croft.ok("controller", "rent", limit=120)
            croft.ok("controller", "rent", env={"CROFT_FARM": ""}, limit=120)  # now the home knows the farm
            rented_once(place)
            assert croft.ok("status", "--json").json["applications"] == [], (point, cut)
            proof = croft.ok("controller", "return", "--json", limit=120).json
            assert proof["left"] == [] and place.there() == ([], {}, []), (point, cut)
        finally:
            end_watcher(croft)
            croft.close()


def test_giving_back_is_cut_off(place, tmp_path):
    log = tmp_path / "points"
    croft = place.home()
    try:
        croft.ok("controller", "rent", limit=120)
        end_watcher(croft)
        croft.ok("controller", "return", env={"CROFT_CRASH_LOG": str(log)}, limit=120)
        total = lines(log)
        for point in chosen(total):
            croft.ok("controller", "rent", limit=120)
            end_watcher(croft)
            croft.run("controller", "return", env={"CROFT_CRASH_AT": str(point)}, limit=120)
            end_watcher(croft)
            again = croft.run("controller", "return", "--json", limit=120)
            # Nothing to give back: the death came after the last word.
            assert again.code == 0 or "has rented no controllers" in again.err + again.out, (point, again)
            assert place.there() == ([], {}, []), point
    finally:
        end_watcher(croft)
        croft.close()
