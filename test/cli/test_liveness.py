"""A bucket that vanishes behind croft's back ends its Compound, and everybody can read why."""
from support.clients import client
from support.croft import wait_until

BUCKETS = """
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
farm extends EmbeddedFarm { accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; } } }
sfConfig extends Compound {
  sfLivenessDelay 1;
  one extends TransientS3Bucket { bucket "liveness-one"; username "AKIDME"; password "secret-of-me-0001"; }
  two extends TransientS3Bucket { bucket "liveness-two"; username "AKIDME"; password "secret-of-me-0001"; }
}
"""


def test_a_lost_bucket_terminates_the_application_with_its_reason(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(BUCKETS)
    up = croft.ok("up", file, "--name", "app", "--json").json
    s3 = client("s3", up["farm"]["url"], "AKIDME", "secret-of-me-0001")
    s3.delete_bucket(Bucket="liveness-one")

    def ended():
        state = croft.run("status", "app", "--json")
        return state.json if state.json["state"] == "terminated" else None

    document = wait_until(ended, "the application has terminated")
    record = document["record"]
    assert record["type"] == "abnormal"
    assert record["culprit"].endswith(":one") or record["culprit"].endswith("one")
    assert "404" in record["cause"] + record["description"] or "NoSuchBucket" in record["cause"] + record["description"]
    # The other bucket went with its Compound.
    assert s3.list_buckets()["Buckets"] == []
    down = croft.ok("down", "app", "--json").json
    assert down["left"] == []
