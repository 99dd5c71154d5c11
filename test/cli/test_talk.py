"""The talk's example, whole: up, what other clients see, liveness, down with its proof."""
import pytest

from support.clients import aws, client
from support.croft import TALK, TALK_ID, TALK_KEY, wait_until


@pytest.fixture(scope="module")
def talk():
    from support.croft import Croft
    one = Croft()
    one.up = one.ok("up", TALK, "--json", limit=120).json
    one.url = one.up["farm"]["url"]
    yield one
    one.close()


def components(tree):
    yield tree
    for child in tree.get("children", []):
        yield from components(child)


def by_path(document, path):
    found = [c for c in components(document["root"]) if c["path"] == path]
    assert found, f"{path} is not among {[c['path'] for c in components(document['root'])]}"
    return found[0]


def test_up_prints_one_document_with_every_component_running(talk):
    assert talk.up["name"] == "talk"
    assert talk.up["phase"] == "running"
    assert {c["state"] for c in components(talk.up["root"])} == {"running"}


def test_the_quota_decides_how_many_instances_there_are(talk):
    ec2 = client("ec2", talk.url, TALK_ID, TALK_KEY)
    instances = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    running = [i for i in instances if i["State"]["Name"] == "running"]
    assert len(running) == 20
    assert {i["ImageId"] for i in running} == {"ami-26b6534f"}
    tags = {t["Key"]: t["Value"] for t in running[0]["Tags"]}
    assert tags["croft:application"] == "talk"
    assert tags["croft:component"].endswith("service")
    assert sorted(i["AmiLaunchIndex"] for i in running) == list(range(20))


def test_awscli_and_boto3_see_the_same_buckets(talk):
    code, out, err = aws(talk.env, talk.url, TALK_ID, TALK_KEY, "s3api", "list-buckets", "--query", "Buckets[].Name", "--output", "text")
    assert code == 0, err
    seen = {b["Name"] for b in client("s3", talk.url, TALK_ID, TALK_KEY).list_buckets()["Buckets"]}
    assert set(out.split()) == seen and len(seen) == 2


def test_status_says_state_since_and_place(talk):
    document = talk.ok("status", "talk", "--json").json
    for component in components(document["root"]):
        assert component["state"] == "running"
        assert component["since"]
    text = talk.ok("status", "talk").out
    assert "running" in text and "service" in text


def test_events_are_one_object_a_line_in_order(talk):
    lines = talk.ok("events", "talk").lines()
    assert [e["seq"] for e in lines] == sorted(e["seq"] for e in lines)
    kinds = [e["event"] for e in lines if e["component"].startswith("talk")]
    assert kinds.index("DEPLOYING") < kinds.index("STARTING") < kinds.index("RUNNING")


def test_up_again_changes_nothing(talk):
    again = talk.ok("up", TALK, "--json").json
    ids = lambda document: sorted(str(c.get("attributes", {}).get("instances")) for c in components(document["root"]))
    assert ids(again) == ids(talk.up)


def test_no_secret_stands_in_any_file_or_answer(talk):
    import pathlib
    for args in (["status", "talk", "--json"], ["events", "talk"], ["plan", TALK, "--json"]):
        outcome = talk.run(*args)
        assert TALK_KEY not in outcome.out + outcome.err, args
    for path in pathlib.Path(talk.home).rglob("*"):
        if path.is_file() and "machines" not in path.parts:
            assert TALK_KEY.encode() not in path.read_bytes(), path


def test_down_proves_that_nothing_is_left_and_lists_what_was_kept(talk):
    document = talk.ok("down", "talk", "--json", limit=120).json
    assert document["left"] == []
    assert [k["kind"] for k in document["kept"]] == ["bucket"]
    assert len([r for r in document["rented"] if r["kind"] == "instance"]) == 20
    assert len(document["rented"]) == len(document["returned"]) + len(document["kept"])
    ec2 = client("ec2", talk.url, TALK_ID, TALK_KEY)
    states = {i["State"]["Name"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
    assert states <= {"terminated"}
    kept = document["kept"][0]["id"]
    assert [b["Name"] for b in client("s3", talk.url, TALK_ID, TALK_KEY).list_buckets()["Buckets"]] == [kept]
    final = talk.ok("down", "talk", "--kept", "--json").json
    assert final["kept"] == [] and final["left"] == []
    assert client("s3", talk.url, TALK_ID, TALK_KEY).list_buckets()["Buckets"] == []
