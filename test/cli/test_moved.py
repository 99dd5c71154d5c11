"""Components under new names and old ones again, parts of a description acted upon alone, across ends of the controller."""
import os
import shutil
import subprocess

import pytest

from support.clients import client
from support.croft import wait_until

KEYS = ("AKIDMOVED", "secret-of-moved-01")
HEAD = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm {
  images extends { any "ami-0c40f700000000001"; }
  accounts extends { me extends Account { id "AKIDMOVED"; key "secret-of-moved-01"; instances 20; } }
}
machine extends ImageInstance { imageID "ami-0c40f700000000001"; id "AKIDMOVED"; key "secret-of-moved-01"; sfLivenessDelay 1; }
store extends TransientS3Bucket { username "AKIDMOVED"; password "secret-of-moved-01"; sfLivenessDelay 1; }
sfConfig extends Compound {
%s
}
'''


@pytest.fixture
def write(tmp_path):
    path = tmp_path / "m.sf"
    def write_it(*lines):
        path.write_text(HEAD % "\n".join("  " + line for line in lines))
        return path
    return write_it


def ec2_of(croft):
    return client("ec2", croft.ok("status", "m", "--json").json["farm"]["url"], *KEYS)


def machines(croft):
    found = ec2_of(croft).describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}])
    return {i["InstanceId"]: {t["Key"]: t["Value"] for t in i["Tags"]} for r in found["Reservations"] for i in r["Instances"]}


def running(croft):
    return wait_until(lambda: (lambda s: s if s["phase"] == "running" and s["settled"] else None)(croft.ok("status", "m", "--json").json),
                      "it runs")


def gone(croft):
    proof = croft.ok("down", "m", "--json", limit=120).json
    assert proof["left"] == [] and proof["kept"] == [] and len(proof["returned"]) == len(proof["rented"]), proof
    ids = [thing["id"] for thing in proof["rented"] if thing["kind"] == "instance"]
    assert len(ids) == len(set(ids)), ids
    return proof


def test_what_moves_and_is_replaced_has_a_way_on_after_a_crash_in_between(croft, write):
    croft.ok("up", write('old extends machine { instanceType "m1.small"; }'))
    data = ("--data", f"{croft.home}/farm")
    fault = croft.ok("farm", "fault", "add", "refuse", "--action", "TerminateInstances", "--for", "10m", *data, "--json").json["id"]
    file = write('new extends machine { instanceType "m1.large"; renamedFrom "old"; }')
    going = croft.start("up", file, stdin=subprocess.DEVNULL)
    wait_until(lambda: any("was m:old before" in e.get("why", "") for e in croft.ok("events", "m", "--json").lines()), "it has moved")
    croft.kill("controller")
    going.communicate(timeout=60)
    croft.ok("farm", "fault", "undo", fault, *data)
    croft.ok("up", file, limit=120)
    assert [tags["croft:component"] for tags in machines(croft).values()] == ["m:new"]
    gone(croft)


def test_a_name_that_became_free_is_used_again(croft, write):
    first = write('old extends machine { minCount 2; maxCount 2; }')
    croft.ok("up", first)
    before = set(machines(croft))
    croft.ok("up", write('new extends machine { minCount 2; maxCount 2; renamedFrom "old"; }'))
    assert set(machines(croft)) == before
    croft.ok("up", write('old extends machine { minCount 2; maxCount 2; }'))
    after = machines(croft)
    assert len(after) == 2 and not before & set(after) and {tags["croft:component"] for tags in after.values()} == {"m:old"}
    assert len(gone(croft)["rented"]) == 4


def test_a_host_that_moves_keeps_its_bucket_and_gives_it_back(croft, write):
    job = 'job extends Process { sfProcessHost LAZY PARENT:%s; command "exec sleep 100000"; }'
    croft.ok("up", write("old extends machine;", job % "old"))
    before = set(machines(croft))
    croft.ok("up", write('new extends machine { renamedFrom "old"; }', job % "new"))
    assert set(machines(croft)) == before
    assert croft.run("drift", "m").code == 0
    gone(croft)


def test_what_was_protected_at_the_end_of_a_lifetime_is_in_use_again(croft, write):
    file = write('kept extends store { bucket "moved-kept"; protect true; }')
    croft.ok("up", file, "--lifetime", "1s")
    wait_until(lambda: croft.ok("status", "m", "--json").json["phase"] == "terminated", "its lifetime is over")
    assert "lifetime" not in croft.ok("status", "m").out.replace("its lifetime is over", "")
    croft.ok("up", file)
    refused = croft.run("up", write('other extends store { bucket "moved-other"; }'))
    assert refused.code == 1 and "m:kept is protected" in refused.err, refused
    croft.ok("up", write('kept extends store { bucket "moved-kept"; protect false; }'))
    assert [thing["id"] for thing in gone(croft)["returned"]] == ["moved-kept"]


def test_a_rollback_goes_back_as_a_whole(croft, write):
    croft.ok("up", write('one extends store { bucket "moved-one-1"; }', 'two extends store { bucket "moved-two-1"; }'))
    second = write('one extends store { bucket "moved-one-2"; }', 'two extends store { bucket "moved-two-2"; }', 'three extends store;'
                   .replace("store;", 'store { bucket "moved-three"; }'))
    croft.ok("up", second)
    croft.ok("up", second, "--target", "three")
    croft.ok("rollback", "m", "1")
    s3 = client("s3", croft.ok("status", "m", "--json").json["farm"]["url"], *KEYS)
    assert {b["Name"] for b in s3.list_buckets()["Buckets"]} == {"moved-one-1", "moved-two-1"}
    gone(croft)


def test_what_an_up_leaves_out_is_looked_after_by_the_next_controller(croft, write):
    one = 'one extends machine { minCount 2; maxCount 2; onLoss "REPLACE"; %s }'
    croft.ok("up", write(one % "", 'two extends store { bucket "moved-two"; }'))
    file = write(one % 'tags [["team", "red"]];', 'two extends store { bucket "moved-two"; }', 'three extends store { bucket "moved-three"; }')
    croft.ok("up", file, "--target", "three")
    croft.kill("controller")
    # What starts one asks for nothing that would change something.
    saved = file.with_suffix(".plan")
    assert croft.run("plan", file, "-o", saved).code == 2
    running(croft)
    before = machines(croft)
    assert all("team" not in tags for tags in before.values())
    victim = sorted(before)[0]
    ec2_of(croft).terminate_instances(InstanceIds=[victim])
    wait_until(lambda: len(machines(croft)) == 2 and victim not in machines(croft), "another takes its place")
    croft.ok("up", file)
    gone(croft)


def test_a_saved_plan_is_shown_and_outlives_its_controller(croft, write):
    croft.ok("up", write('one extends store { bucket "moved-one"; }'))
    file = write('one extends store { bucket "moved-one"; }', 'two extends store { bucket "moved-two"; }')
    saved = file.with_suffix(".plan")
    assert croft.run("plan", file, "-o", saved).code == 2
    for shown in (croft.run("plan", saved), croft.run("up", saved, "--dry-run")):
        assert shown.code == 2 and "+   two " in shown.out, shown
    assert croft.run("plan", saved, "--json").json["name"] == "m"
    croft.kill("controller")
    croft.ok("up", saved)
    nothing = croft.run("up", file, "--target", "two", "--exclude", "two")
    assert nothing.code == 1 and "leave nothing of m:two" in nothing.err, nothing
    gone(croft)


def test_the_tags_of_the_bucket_that_brought_the_agent_are_put_back(croft, write):
    file = write("host extends machine { tags [[\"team\", \"blue\"]]; }",
                 'job extends Process { sfProcessHost LAZY PARENT:host; command "exec sleep 100000"; }')
    croft.ok("up", file)
    assert croft.run("drift", "m").code == 0
    s3 = client("s3", croft.ok("status", "m", "--json").json["farm"]["url"], *KEYS)
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    s3.delete_bucket_tagging(Bucket=bucket)
    one = sorted(machines(croft))[0]
    ec2_of(croft).create_tags(Resources=[one], Tags=[{"Key": "team", "Value": "red"}])
    assert croft.run("drift", "m").code == 2
    croft.ok("up", file)
    assert croft.run("drift", "m").code == 0 and machines(croft)[one]["team"] == "blue"
    assert sorted(map(str, s3.get_bucket_tagging(Bucket=bucket)["TagSet"])) == sorted(map(str, tags))
    gone(croft)


def test_a_restored_application_removes_nothing_by_itself(croft, write, tmp_path):
    croft.ok("up", write('one extends store { bucket "moved-before"; }'))
    saved = tmp_path / "m.backup"
    croft.ok("controller", "backup", saved)
    file = write('one extends store { bucket "moved-after"; }', "web extends machine;")
    croft.ok("up", file)
    before = set(machines(croft))
    url = croft.ok("status", "m", "--json").json["farm"]["url"]
    croft.kill("controller")
    shutil.rmtree(os.path.join(croft.home, "controller"))
    croft.ok("controller", "restore", saved)
    croft.run("plan", file)
    state = wait_until(lambda: (lambda s: s if s["settled"] else None)(croft.ok("status", "m", "--json").json), "it settles")
    assert state["phase"] == "failed" and "from a backup" in str(state), state
    assert set(machines(croft)) == before
    assert [b["Name"] for b in client("s3", url, *KEYS).list_buckets()["Buckets"]] == ["moved-after"]
    croft.ok("up", file)
    assert running(croft)
    assert croft.ok("down", "m", "--json").json["left"] == []
    assert machines(croft) == {}
