"""croft image build, and groups of images that the same description builds: built once, rolled out, rolled back, checked,
removed; whatever is killed meanwhile."""
import os
import subprocess

import pytest

from support.clients import client
from support.croft import ROOT, Croft, wait_until

IMAGE = ROOT / "examples/image/image.sf"
FLEET = ROOT / "examples/image/fleet.sf"
KEYS = ("AKIDIMAGES", "secret-of-images-1")
ACCOUNT = '''farm extends EmbeddedFarm {
  accounts extends { me extends Account { id "AKIDIMAGES"; key "secret-of-images-1"; instances 20; } }
}
'''
POINTS = 60 if os.environ.get("CROFT_LONG_TESTS") else 10


@pytest.fixture
def croft():
    one = Croft()
    yield one
    one.close()


@pytest.fixture
def mine(tmp_path):
    """The example in an account whose keys are known."""
    def make(version="1", more=""):
        text = IMAGE.read_text().replace("sfConfig extends", '#include "/org/smartfrog/components.sf"\n' + ACCOUNT + "sfConfig extends")
        text = text.replace("  imageName", f'  id "{KEYS[0]}"; key "{KEYS[1]}"; {more}\n  imageName').replace('version "1"', f'version "{version}"')
        path = tmp_path / "image.sf"
        path.write_text(text)
        return path
    return make


def build(croft, file, *more, **how):
    return croft.ok("image", "build", file, *more, "--json", limit=120, **how).json["images"][0]


def account(croft):
    """What is in it: images, snapshots, machines, buckets."""
    url = croft.ok("status", "image", "--json").json["farm"]["url"]
    ec2, s3 = client("ec2", url, *KEYS), client("s3", url, *KEYS)
    machines = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"] if i["State"]["Name"] != "terminated"]
    return ([i["ImageId"] for i in ec2.describe_images(Owners=["self"])["Images"]],
            [s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]],
            machines, s3.list_buckets()["Buckets"])


def test_an_image_is_built_once_and_only_it_is_left(croft, mine):
    first = build(croft, mine())
    assert first["image"].startswith("ami-") and first["digest"].startswith("sha256:")
    assert build(croft, mine()) == first
    images, snapshots, machines, buckets = account(croft)
    assert (images, len(snapshots), machines, buckets) == ([first["image"]], 1, [], [])
    second = build(croft, mine("2"))
    assert second["digest"] != first["digest"]
    # The one before stays, to go back to; the third takes its place.
    again = build(croft, mine("1"))
    assert (again["image"], again["digest"]) == (first["image"], first["digest"])
    assert build(croft, mine("3"))["image"] not in (first["image"], second["image"])
    assert len(account(croft)[0]) == 2
    proof = croft.ok("down", "image", "--json").json
    assert proof["left"] == [] and proof["kept"] == []
    assert account(croft) == ([], [], [], [])


def test_contents_that_fail_leave_the_image_as_it_was(croft, mine):
    first = build(croft, mine())
    bad = mine("2")
    bad.write_text(bad.read_text().replace("grep -q greetings", "grep -q nothing"))
    failed = croft.run("image", "build", bad, limit=120)
    assert failed.code == 1 and "could not be built" in failed.err and "exit status 1" in failed.err, failed
    assert f"{bad.name}:" in failed.err  # the place is in the user's own text
    assert "not as described" in croft.ok("status", "image").out
    none = croft.run("image", "build", mine(more="generations 0;"), limit=120)
    assert none.code == 1 and "generations" in none.err, none
    assert build(croft, mine())["image"] == first["image"]
    images, snapshots, machines, buckets = account(croft)
    assert (images, len(snapshots), machines, buckets) == ([first["image"]], 1, [], [])


def test_a_build_that_failed_is_tried_again_when_it_is_asked_for_again(croft, mine):
    build(croft, mine())
    flaky = mine("2")
    flaky.write_text(flaky.read_text().replace('"/srv/greeter/greet | grep -q greetings"', '"curl -sf http://169.254.169.254/latest/meta-data/tags/instance/ready"'))
    assert croft.run("image", "build", flaky, limit=120).code == 1
    flaky2 = croft.run("image", "build", flaky, limit=120)
    assert flaky2.code == 1 and croft.ok("events", "image").out.count("could not be built") == 2, flaky2


def test_an_image_that_is_there_is_not_missed_and_one_that_is_gone_is_built_again(croft, mine):
    first = build(croft, mine())
    url = croft.ok("status", "image", "--json").json["farm"]["url"]
    ec2 = client("ec2", url, *KEYS)
    plan = croft.run("plan", mine())
    assert plan.code == 0, plan
    ec2.deregister_image(ImageId=first["image"])
    def again():
        croft.run("up", mine(), limit=120)
        return [i["ImageId"] for i in ec2.describe_images(Owners=["self"])["Images"]]
    images = wait_until(again, "another image", 120)
    assert len(images) == 1 and images != [first["image"]]
    proof = croft.ok("down", "image", "--json").json
    assert proof["left"] == []
    assert account(croft) == ([], [], [], [])


def test_what_describes_no_image_is_told(croft, tmp_path):
    (tmp_path / "none.sf").write_text('#include "/org/smartfrog/components.sf"\nsfConfig extends Compound {}\n')
    told = croft.run("image", "build", tmp_path / "none.sf")
    assert told.code == 1 and "describes no image" in told.err and "MachineImage" in told.err
    (tmp_path / "empty.sf").write_text(IMAGE.read_text().replace("contents", "other"))
    told = croft.run("image", "build", tmp_path / "empty.sf")
    assert told.code != 0 and "nothing that the image is to hold" in told.err, told


def test_a_kept_image_outlives_its_application(croft, mine):
    made = build(croft, mine(more="keep true;"))
    proof = croft.ok("down", "image", "--json").json
    assert made["image"] in [thing["id"] for thing in proof["kept"]]
    assert account(croft)[0] == [made["image"]]
    # The next life has it again, and nothing of it is forgotten.
    assert build(croft, mine(more="keep true;"))["image"] == made["image"]
    assert len(account(croft)[0]) == 1
    croft.ok("down", "image", "--kept")
    assert account(croft) == ([], [], [], [])


def test_what_a_link_leads_to_is_part_of_the_image(croft, mine):
    def linked(word):
        file = mine()
        file.write_text(file.read_text().replace("  imageName", f'  word "{word}";\n  imageName').replace(
            'text ("#!/bin/sh\\necho greetings of version " ++ version ++ "\\n");', "text LAZY ROOT:sfConfig:word;").replace(
            "| grep -q greetings", "|| true"))
        assert "LAZY ROOT:sfConfig:word" in file.read_text()
        return file
    one = build(croft, linked("one"))
    two = build(croft, linked("two"))
    assert one["digest"] != two["digest"] and one["image"] != two["image"]
    assert build(croft, linked("one"))["image"] == one["image"]


def test_only_the_image_that_is_meant_is_rented(croft, mine, tmp_path):
    made = build(croft, mine())
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other",
                    "-keyout", tmp_path / "key", "-out", other], check=True, capture_output=True)
    signer = tmp_path / "signer.pem"
    signer.write_text(croft.ok("image", "signer").out)

    def use(digest, *signers, **tags):
        pems = "".join(f"imageSigner ##{pem.read_text()}#;" for pem in signers)
        file = tmp_path / "use.sf"
        file.write_text('#include "/org/smartfrog/services/amazon/ec2/components.sf"\nsfConfig extends ImageInstance { '
                        f'id "{KEYS[0]}"; key "{KEYS[1]}"; imageID "{made["image"]}"; imageDigest "{digest}"; {pems} }}\n')
        outcome = croft.run("up", file, limit=120)
        croft.run("down", "use", limit=60)
        return outcome

    assert use(made["digest"]).code == 0
    assert use(made["digest"], signer).code == 0
    wrong = use("sha256:" + "0" * 64)
    assert wrong.code == 1 and f"has the digest {made['digest']}" in wrong.err and "imageDigest" in wrong.err, wrong
    assert "is not signed by" in use(made["digest"], other).err
    url = croft.ok("status", "image", "--json").json["farm"]["url"]
    ec2 = client("ec2", url, *KEYS)
    forged = "sha256:" + "1" * 64
    ec2.create_tags(Resources=[made["image"]], Tags=[{"Key": "croft:digest", "Value": forged}])
    assert "is not signed by" in use(forged).err


def greetings(croft):
    hosts = [h for h in croft.ok("hosts", "fleet", "--json").json["hosts"] if h["component"] == "fleet:greeters"]
    return [croft.ok("exec", "fleet:greeters", "--instance", h["instance"], "--", "cat", "/run/greeting").out.strip() for h in hosts]


def test_another_image_is_rolled_out_and_back(croft):
    croft.ok("up", FLEET, limit=120)
    assert greetings(croft) == ["greetings of version 1"] * 3
    # Nothing of the agent that was there when the image was made: its key, its work, its start.
    left = croft.ok("exec", croft.ok("hosts", "fleet", "--json").json["hosts"][0]["works"][0]["name"], "--", "sh", "-c",
                    "grep -rlE 'fleet:image|image:i-' /var/lib/croft /var/lib/cloud; find / -xdev -name '*image:i-*'").out
    assert left == ""
    croft.ok("up", FLEET, "--set", 'version="2"', limit=120)
    assert greetings(croft) == ["greetings of version 2"] * 3
    before = croft.ok("events", "fleet").out.count('"IMAGE ami-')
    croft.ok("rollback", "fleet", "1", limit=120)
    assert greetings(croft) == ["greetings of version 1"] * 3
    events = croft.ok("events", "fleet").out
    assert events.count("CreateImage") == 0 and events.count('"IMAGE ami-') == before + 1  # taken again, not built
    proof = croft.ok("down", "fleet", "--json").json
    assert proof["left"] == [] and proof["kept"] == []


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """The crash points of one build."""
    one = Croft()
    log = tmp_path_factory.mktemp("points") / "log"
    try:
        build(one, IMAGE, env={"CROFT_CRASH_LOG": str(log)})
        return len(log.read_text().splitlines())
    finally:
        one.close()


@pytest.mark.parametrize("k", range(POINTS))
def test_a_death_in_a_build(croft, mine, points, k):
    file = mine()
    croft.run("image", "build", file, limit=120, env={"CROFT_CRASH_AT": str(1 + (points - 1) * k // (POINTS - 1))})
    if croft.pid("controller"):
        croft.kill("controller")  # its death has not come yet
    if k % 2:
        build(croft, file)
        images, snapshots, machines, buckets = account(croft)
        assert (len(images), len(snapshots), machines, buckets) == (1, 1, [], [])
    else:
        croft.run("up", file, "--dry-run", limit=60)  # begins a controller, which goes on
    down = croft.run("down", "image", "--json", limit=120)
    if k <= POINTS // 20 and down.code and down.json["error"]["code"] == "not_found":
        return  # it died before it had taken the application on
    assert down.code == 0 and down.json["left"] == [], down
    assert account(croft) == ([], [], [], [])
