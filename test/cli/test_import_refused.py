"""An import that is refused takes nothing: not what is another's, not what is nobody's; and it does not come back with the next `up`."""
import pytest

from support.clients import client
from support.croft import Farm

INCLUDES = '''#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
'''
IMAGE = "ami-0c40f700000000001"
OTHERS = INCLUDES + f'sfConfig extends Compound {{ w extends ImageInstance {{ imageID "{IMAGE}"; }} }}'
MINE = INCLUDES + f'''sfConfig extends Compound {{
  store extends TransientS3Bucket {{ bucket "stays-here"; }}
  w extends ImageInstance {{ imageID "{IMAGE}"; maxCount 3; }}
}}'''


@pytest.fixture
def farm():
    one = Farm()
    yield one
    one.close()


@pytest.fixture
def croft(farm):
    one = farm.home()
    one.ec2 = client("ec2", farm.url, *one.keys)
    yield one
    one.close()


def running(croft):
    found = croft.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}])
    return {i["InstanceId"] for r in found["Reservations"] for i in r["Instances"]}


def test_what_is_another_s_is_neither_taken_nor_ended(croft, tmp_path):
    others, mine = tmp_path / "others.sf", tmp_path / "mine.sf"
    others.write_text(OTHERS)
    mine.write_text(MINE)
    croft.ok("up", others)
    theirs, = running(croft)
    free = croft.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    for ids in (f"i-1,{theirs},{free}", f"{free},{theirs}", "i-0123456789abcdef0"):
        refused = croft.run("up", mine, "--import", f"w={ids}")
        assert refused.code == 1, refused
        assert {theirs, free} <= running(croft)
        croft.run("down", "mine")
        assert running(croft) == {theirs, free}
    # The wish went with the life that it was for.
    croft.ok("up", mine)
    new = running(croft) - {theirs, free}
    assert len(new) == 3
    # A path that is nowhere is refused, and ends nothing that runs.
    for refused in (croft.run("import", "mine", "ww", free), croft.run("up", mine, "--import", f"ww={free}")):
        assert refused.code == 1 and "mine:ww is described nowhere" in refused.err and "'w'" in refused.err, refused
    assert running(croft) == {theirs, free} | new
    assert croft.ok("status", "mine", "--json").json["phase"] == "running"
    croft.ok("down", "mine")
    # And what is nobody's is taken.
    croft.ok("up", mine, "--import", f"w={free}")
    assert running(croft) == {theirs, free}
    croft.ok("down", "mine")
    assert running(croft) == {theirs}
    croft.ok("down", "others")
