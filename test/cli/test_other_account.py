"""What an application rents belongs to one account: other accounts of the farm, or other credentials, change nothing of it."""
import json

import pytest

from support.croft import Croft

TEXT = '''#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm { images extends { any "ami-0c40f700000000001"; } }
sfConfig extends Compound {
  web extends ImageInstance { imageID "ami-0c40f700000000001"; }
  %s
}
'''
BUCKET = 'store extends TransientS3Bucket { bucket "of-that-account-%d"; }'


@pytest.fixture
def croft():
    one = Croft()
    yield one
    one.close()


def rented(croft):
    def things(tree):
        yield from (thing["id"] for thing in tree["rented"] if not thing.get("returned"))
        for child in tree.get("children", []):
            yield from things(child)
    return sorted(things(croft.ok("status", "app", "--json").json["root"]))


def test_it_stays_in_the_account_that_it_began_in(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(TEXT % "")
    croft.ok("up", file)
    machine, = rented(croft)
    # Whatever their numbers are: one of so many would come first.
    accounts = [json.loads(croft.ok("farm", "account", "add", f"other{i}", "--data", f"{croft.home}/farm", "--json").out) for i in range(6)]
    file.write_text(TEXT % (BUCKET % 1))
    croft.ok("up", file)
    assert rented(croft) == sorted([machine, "of-that-account-1"])
    file.write_text(TEXT % (BUCKET % 2))
    other = {"AWS_ACCESS_KEY_ID": accounts[0]["accessKey"], "AWS_SECRET_ACCESS_KEY": accounts[0]["secretKey"]}
    refused = croft.run("up", file, env=other)
    assert refused.code == 1 and f"rents {machine} and more" in refused.err and "an account that has none of it" in refused.err, refused
    planned = croft.run("plan", file, env=other)
    assert planned.code == 1 and "an account that has none of it" in planned.err, planned
    assert rented(croft) == sorted([machine, "of-that-account-1"])

    def known():
        return croft.ok("farm", "account", "list", "--data", f"{croft.home}/farm", "--json").out
    before = known()
    file.write_text(file.read_text().replace("EmbeddedFarm {", 'EmbeddedFarm { accounts extends { new extends Account { id "AKIDNEW"; key "new-secret-01"; } }'))
    croft.run("plan", file)
    assert known() == before, "a plan makes nothing"
    assert not [event for event in croft.ok("events", "app", "--json").lines() if event["event"] in ("INSTANCES_GONE", "LIVENESS_FAILED")]
    # Another application may live in that account.
    file.write_text(TEXT % (BUCKET % 3))
    croft.ok("up", file, "--name", "second", env=other)
    for name in ("second", "app"):
        assert croft.ok("down", name, "--json").json["left"] == []
