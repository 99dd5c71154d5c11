"""kill -9 at the durable steps and outside calls of an import and of a forget: carried through by whoever comes next, nothing twice."""
import os
import pathlib

import pytest

from support.clients import client
from support.croft import Croft, wait_until

KEYS = ("AKIDGIVE", "secret-of-give-1")
APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm {
  accounts extends { me extends Account { id "AKIDGIVE"; key "secret-of-give-1"; instances 9; } }
}
sfConfig extends Compound {
  store extends TransientS3Bucket { bucket "give-store"; username "AKIDGIVE"; password "secret-of-give-1"; }
%s
}
'''
WEB = '  web extends ImageInstance { imageID "ami-0c40f700000000001"; id "AKIDGIVE"; key "secret-of-give-1"; }'
POINTS = 30 if os.environ.get("CROFT_LONG_TESTS") else 6


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "give.sf"
    path.write_text(APP % "")
    return path


def clients(croft):
    url = croft.ok("status", "give", "--json").json["farm"]["url"]
    return client("ec2", url, *KEYS), client("s3", url, *KEYS)


def machines(ec2):
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    return {i["InstanceId"]: {t["Key"]: t["Value"] for t in i.get("Tags", [])}
            for r in ec2.describe_instances(Filters=states)["Reservations"] for i in r["Instances"]}


def count(log):
    return len(log.read_text().splitlines())


def forget(croft, file, **env):
    """Another controller takes over, and is asked to forget; the points that it had passed before."""
    croft.kill("controller")
    croft.run("up", file, env=env)
    before = count(pathlib.Path(env["CROFT_CRASH_LOG"])) if "CROFT_CRASH_LOG" in env else 0
    croft.run("forget", "give:store")
    return before


def take_over(croft, file, machine, **env):
    file.write_text(APP % WEB)
    croft.kill("controller")
    return croft.run("up", file, "--import", f"web={machine}", env=env, limit=120)


def once_more(croft, file, *more):
    """A death that has not come yet comes now; then what was asked for is asked for again."""
    if croft.pid("controller"):
        croft.kill("controller")
    croft.ok("up", file, *more, limit=120)


def rent(ec2):
    return ec2.run_instances(ImageId="ami-0c40f700000000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The numbers of the points between which a forget and an import lie."""
    out = {}
    for what in ("forget", "import"):
        croft, file = Croft(), tmp_path_factory.mktemp(what) / "give.sf"
        log = file.with_name("log")
        file.write_text(APP % "")
        try:
            croft.ok("up", file)
            ec2, _ = clients(croft)
            if what == "forget":
                before = forget(croft, file, CROFT_CRASH_LOG=str(log))
                wait_until(lambda: "TERMINATED" in croft.ok("events", "give").out, "it is over")
            else:
                assert take_over(croft, file, rent(ec2), CROFT_CRASH_LOG=str(log)).code == 0
                names = log.read_text().splitlines()
                before = next(i for i, name in enumerate(names) if "CreateTags" in name) - 8
            out[what] = (before, count(log))
            assert out[what][1] - before > 10, log.read_text()
        finally:
            croft.close()
    return out


def point(measured, what, k):
    first, last = measured[what]
    return first + 1 + (last - first - 1) * k // (POINTS - 1)


@pytest.mark.parametrize("k", range(POINTS))
def test_a_death_in_a_forget(croft, file, measured, k):
    croft.ok("up", file)
    _, s3 = clients(croft)
    forget(croft, file, CROFT_CRASH_AT=str(point(measured, "forget", k)))
    once_more(croft, file)
    again = croft.run("forget", "give:store")
    assert again.code == 0 or "holds nothing" in again.err, again
    wait_until(lambda: croft.ok("status", "give", "--json").json["settled"], "it settles")
    proof = croft.ok("down", "give", "--json").json
    assert proof["left"] == [] and [kept["id"] for kept in proof["kept"]] == ["give-store"], proof
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["give-store"]
    with pytest.raises(s3.exceptions.ClientError):
        s3.get_bucket_tagging(Bucket="give-store")


@pytest.mark.parametrize("k", range(POINTS))
def test_a_death_in_an_import(croft, file, measured, k):
    croft.ok("up", file)
    ec2, s3 = clients(croft)
    made = rent(ec2)
    take_over(croft, file, made, CROFT_CRASH_AT=str(point(measured, "import", k)))
    once_more(croft, file, "--import", f"web={made}")
    now = machines(ec2)
    assert set(now) == {made} and now[made]["croft:component"] == "give:web"
    assert croft.ok("down", "give", "--json").json["left"] == []
    assert machines(ec2) == {} and s3.list_buckets()["Buckets"] == []
