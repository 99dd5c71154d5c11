"""What the farm has and what the record says: drift found, told, repaired or accepted; things taken over and given up; parts of
a description acted upon alone."""
import pathlib

import pytest

from support.clients import client
from support.croft import wait_until

KEYS = ("AKIDDRIFT", "secret-of-drift-1")
APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm {
  accounts extends { me extends Account { id "AKIDDRIFT"; key "secret-of-drift-1"; instances 9; } }
}
sfConfig extends Compound {
  sfLivenessDelay 600;
%s
}
'''
MACHINES = '''  web extends ImageInstance { imageID "ami-0c40f700000000001"; id "AKIDDRIFT"; key "secret-of-drift-1";
    minCount 2; tags [["team", "blue"]]; %s }
'''
BUCKET = '''  store extends TransientS3Bucket { bucket "drift-store"; username "AKIDDRIFT"; password "secret-of-drift-1"; }
'''


@pytest.fixture
def describe(tmp_path):
    path = tmp_path / "drift.sf"
    def write(*parts):
        path.write_text(APP % "".join(parts))
        return path
    return write


def url_of(croft):
    return croft.ok("status", "drift", "--json").json["farm"]["url"]


def ec2_of(croft):
    return client("ec2", url_of(croft), *KEYS)


def s3_of(croft):
    return client("s3", url_of(croft), *KEYS)


def machines(ec2, *states):
    wanted = [{"Name": "instance-state-name", "Values": list(states or ["pending", "running"])}]
    return {i["InstanceId"]: {t["Key"]: t["Value"] for t in i.get("Tags", [])}
            for r in ec2.describe_instances(Filters=wanted)["Reservations"] for i in r["Instances"]}


def forget_state(croft):
    """As if the disk of the controller were lost."""
    croft.kill("controller")
    for name in ("controller.db", "controller.db-wal", "controller.db-shm"):
        pathlib.Path(croft.home, "controller", name).unlink(missing_ok=True)


def told(croft, word):
    return [e for e in croft.ok("events", "drift", "--json").lines() if e["event"] == word]


def test_drift_is_shown_by_plan_and_mended_by_up(croft, describe):
    file = describe(MACHINES % "", BUCKET)
    croft.ok("up", file)
    assert croft.ok("drift", "drift").out.strip() == "drift: the farm has it as it was made"
    assert croft.run("plan", file).code == 0
    ec2, s3 = ec2_of(croft), s3_of(croft)
    one, two = sorted(machines(ec2))
    ec2.create_tags(Resources=[one], Tags=[{"Key": "team", "Value": "red"}, {"Key": "note", "Value": "mine"}])
    ec2.delete_tags(Resources=[two], Tags=[{"Key": "croft:application"}])
    ec2.terminate_instances(InstanceIds=[two])
    s3.put_bucket_tagging(Bucket="drift-store", Tagging={"TagSet": [{"Key": "note", "Value": "mine"}]})
    wait_until(lambda: two not in machines(ec2), "the machine to go")
    drift = croft.run("drift", "drift", "--json")
    assert drift.code == 2 and drift.json["checked"]
    seen = {(d["component"], d["id"], d["what"], d.get("tag")) for d in drift.json["drifts"]}
    assert {("drift:web", one, "tag", "team"), ("drift:web", two, "gone", None),
            ("drift:store", "drift-store", "tag", "croft:application")} <= seen, seen
    plan = croft.run("plan", file)
    assert plan.code == 2 and f"instance {two} is gone: made again" in plan.out and "2 to repair" in plan.out, plan.out
    assert len(machines(ec2)) == 1, "plan changes nothing"
    assert croft.run("up", file, "--dry-run").code == 2 and len(machines(ec2)) == 1
    croft.ok("up", file)
    now = machines(ec2)
    assert len(now) == 2 and now[one]["team"] == "blue" and now[one]["note"] == "mine"
    tags = {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket="drift-store")["TagSet"]}
    assert tags["croft:application"] == "drift" and tags["note"] == "mine"
    assert croft.run("drift", "drift").code == 0 and croft.run("plan", file).code == 0
    assert told(croft, "DRIFTED") and told(croft, "REPAIRED")
    assert croft.ok("down", "drift", "--json").json["left"] == []


def test_a_stopped_machine_is_started_again_and_one_that_no_record_has_is_removed(croft, describe):
    file = describe(MACHINES % "")
    croft.ok("up", file)
    ec2 = ec2_of(croft)
    one, two = sorted(machines(ec2))
    ec2.stop_instances(InstanceIds=[one])
    wait_until(lambda: one in machines(ec2, "stopped"), "the machine to stop")
    tags = machines(ec2)[two]
    extra = ec2.run_instances(ImageId="ami-0c40f700000000001", MinCount=1, MaxCount=1, TagSpecifications=[
        {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}])["Instances"][0]["InstanceId"]
    seen = {(d["id"], d["what"]) for d in croft.run("drift", "drift", "--json").json["drifts"]}
    assert seen == {(one, "stopped"), (extra, "extra")}
    croft.ok("up", file)
    assert set(machines(ec2)) == {one, two}
    assert croft.ok("down", "drift", "--json").json["left"] == []


def test_what_is_only_to_be_reported_or_accepted_stays(croft, describe):
    file = describe(MACHINES % 'drift "REPORT"; minCount 1; maxCount 2;')
    croft.ok("up", file)
    ec2 = ec2_of(croft)
    one = sorted(machines(ec2))[0]
    ec2.create_tags(Resources=[one], Tags=[{"Key": "team", "Value": "red"}])
    plan = croft.run("plan", file)
    assert plan.code == 0 and 'only told (drift "REPORT")' in plan.out, plan.out
    croft.ok("up", file)
    assert machines(ec2)[one]["team"] == "red" and croft.run("drift", "drift").code == 2
    assert croft.ok("down", "drift", "--json").json["left"] == []


def test_a_saved_plan_is_refused_where_the_farm_has_moved(croft, describe, tmp_path):
    croft.ok("up", describe(MACHINES % ""))
    file = describe(MACHINES % "", BUCKET)
    saved = tmp_path / "drift.plan"
    assert croft.run("plan", file, "-o", saved).code == 2
    ec2 = ec2_of(croft)
    ec2.create_tags(Resources=[sorted(machines(ec2))[0]], Tags=[{"Key": "team", "Value": "red"}])
    refused = croft.run("up", saved)
    assert refused.code == 1 and "drift:web was to be kept as it is, and now would be repaired" in refused.err, refused.err
    assert "has the tag team = red" in refused.err, refused.err
    assert croft.ok("down", "drift", "--json").json["left"] == []


def test_a_saved_plan_is_refused_where_what_it_replaces_is_no_longer_the_same(croft, describe, tmp_path):
    croft.ok("up", describe(MACHINES % 'onLoss "REPLACE";'))
    file = describe(MACHINES % 'onLoss "REPLACE"; keyName "other";')
    saved = tmp_path / "replace.plan"
    planned = croft.run("plan", file, "-o", saved)
    assert planned.code == 2, planned
    ec2 = ec2_of(croft)
    gone = sorted(machines(ec2))[0]
    ec2.terminate_instances(InstanceIds=[gone])
    refused = croft.run("up", saved)
    assert refused.code == 1 and "drift:web was to " in refused.err and gone in refused.err, refused.err
    assert croft.ok("down", "drift", "--json").json["left"] == []


def test_things_are_taken_over_and_given_up(croft, describe):
    file = describe(BUCKET)
    croft.ok("up", file)
    ec2, s3 = ec2_of(croft), s3_of(croft)
    made = ec2.run_instances(ImageId="ami-0c40f700000000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    file = describe(BUCKET, MACHINES % "")
    missing = croft.run("up", file, "--import", "web=i-0123456789abcdef0")
    assert missing.code == 1 and "i-0123456789abcdef0" in missing.err, missing.err
    wait_until(lambda: croft.ok("status", "drift", "--json").json["settled"], "it settles")
    file = describe(BUCKET)
    croft.ok("up", file)
    file = describe(BUCKET, MACHINES % "")
    s3.put_bucket_tagging(Bucket="drift-store", Tagging={"TagSet": [
        *s3.get_bucket_tagging(Bucket="drift-store")["TagSet"], {"Key": "note", "Value": "mine"}]})
    croft.ok("up", file, "--import", f"web={made}")
    now = machines(ec2)
    assert len(now) == 2 and now[made]["croft:component"] == "drift:web" and now[made]["team"] == "blue"
    none = croft.run("forget", "drift:nothing")
    assert none.code == 1 and "no component drift:nothing" in none.err
    forgotten = croft.ok("forget", "drift:store", "--json").json["forgotten"]
    assert forgotten == ["drift-store"]
    tags = s3.get_bucket_tagging(Bucket="drift-store")["TagSet"]
    assert tags == [{"Key": "note", "Value": "mine"}]
    wait_until(lambda: croft.ok("status", "drift", "--json").json["settled"], "it settles")
    assert croft.run("plan", file).code == 0, "what was forgotten is not made again"
    proof = croft.ok("down", "drift", "--json").json
    assert proof["left"] == [] and [k["id"] for k in proof["kept"]] == ["drift-store"]
    assert "gave it up" in proof["kept"][0]["note"] and machines(ec2) == {}
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["drift-store"]
    assert [e["action"] for e in croft.ok("history", "drift", "--json").json["history"]].count("forget") == 1


def test_only_the_target_is_acted_upon_and_what_is_excluded_stays(croft, describe):
    parts = '''
  a extends TransientS3Bucket { bucket "drift-a"; username "AKIDDRIFT"; password "secret-of-drift-1"; }
  b extends TransientS3Bucket { bucket "drift-b"; username "AKIDDRIFT"; password "secret-of-drift-1"; dependsOn [LAZY a]; }
  c extends TransientS3Bucket { bucket "drift-c"; username "AKIDDRIFT"; password "secret-of-drift-1"; }
'''
    file = describe(parts)
    unknown = croft.run("up", file, "--target", "bb")
    assert unknown.code == 1 and "has no component 'bb'" in unknown.err
    croft.ok("up", file, "--target", "b")
    names = lambda: sorted(b["Name"] for b in s3_of(croft).list_buckets()["Buckets"])
    assert names() == ["drift-a", "drift-b"]
    # What was left out stays so after a crash, and is still to do.
    croft.kill("controller")
    assert croft.run("plan", file).code == 2
    wait_until(lambda: croft.ok("status", "drift", "--json").json["phase"] == "running", "it goes on")
    assert names() == ["drift-a", "drift-b"]
    changed = describe(parts.replace("drift-a", "drift-x").replace('"drift-c"', '"drift-y"'))
    plan = croft.run("plan", changed, "--exclude", "a")
    assert plan.code == 2 and "1 to create" in plan.out and "2 left out" in plan.out, plan.out
    croft.ok("up", changed, "--exclude", "a", "--parallelism", "1")
    assert names() == ["drift-a", "drift-b", "drift-y"]
    croft.ok("up", changed)
    assert names() == ["drift-b", "drift-x", "drift-y"]
    assert croft.run("up", changed, "--parallelism", "0").code == 64
    assert croft.ok("down", "drift", "--json").json["left"] == []


def test_an_up_whose_state_was_lost_tells_of_what_still_runs(croft, describe):
    file = describe(MACHINES % "")
    croft.ok("up", file)
    ec2 = ec2_of(croft)
    before = set(machines(ec2))
    forget_state(croft)
    croft.ok("up", file)
    said = wait_until(lambda: [e["why"] for e in told(croft, "ATTENTION")], "it is told")[0]
    assert all(instance in said for instance in before) and "croft down --lost drift" in said, said
    assert croft.ok("down", "drift", "--json").json["left"] == []
    env = {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}
    gone = croft.ok("down", "--lost", "drift", "--yes", "--json", env=env).json
    assert {thing["id"] for thing in gone["returned"]} >= before and gone["left"] == []
    assert machines(ec2) == {}


def test_volumes_and_elastic_addresses_with_the_tags_go_with_the_rest(croft, describe):
    croft.ok("up", describe(MACHINES % ""))
    ec2 = ec2_of(croft)
    one = sorted(machines(ec2))[0]
    tags = [tag for r in ec2.describe_instances(InstanceIds=[one])["Reservations"] for tag in r["Instances"][0]["Tags"]]
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    disk = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_tags(Resources=[disk, address], Tags=tags)
    env = {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}
    assert {disk, address} <= {thing["id"] for thing in croft.ok("audit", "--json", env=env).json["held"]}
    down = croft.ok("down", "drift", "--json").json
    assert {disk, address} <= {thing["id"] for thing in down["returned"]} and down["left"] == [], down
    assert ec2.describe_volumes()["Volumes"] == [] and ec2.describe_addresses()["Addresses"] == []
