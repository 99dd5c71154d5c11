"""Money safety: limits hold at the moment of renting, a lifetime ends what nobody ends."""
from support.clients import client
from support.croft import wait_until

APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
farm extends EmbeddedFarm {
  accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; instances 30; } }
  images extends { small "ami-00000001"; }
}
sfConfig extends Compound {
  %s
  a extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-00000001"; minCount 2; maxCount 20; }
  b extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-00000001"; minCount 3; maxCount 20; }
}
'''


def write(tmp_path, line=""):
    file = tmp_path / "app.sf"
    file.write_text(APP % line)
    return file


def live(url):
    ec2 = client("ec2", url, "AKIDME", "secret-of-me-0001")
    return [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]
            if i["State"]["Name"] in ("pending", "running")]


def test_the_lower_of_description_and_operator_holds_for_all_components_together(croft, tmp_path):
    up = croft.ok("up", write(tmp_path, "maxInstances 9;"), "--name", "app", "--max-instances", "7", "--json").json
    assert len(live(up["farm"]["url"])) == 7
    croft.ok("down", "app")
    up = croft.ok("up", write(tmp_path, "maxInstances 6;"), "--name", "app", "--max-instances", "7", "--json").json
    assert len(live(up["farm"]["url"])) == 6


def test_a_limit_below_what_is_needed_rents_nothing(croft, tmp_path):
    for option in ("--max-instances", "--account-instances"):
        outcome = croft.run("up", write(tmp_path), "--name", "app", option, "4")
        assert outcome.code == 1, outcome
        assert "at least 5" in outcome.err, outcome
    # Refused before anything was made: there is no application to take down.
    assert croft.ok("status", "--json").json["applications"] == []


def test_a_limit_of_all_applications_together(croft, tmp_path):
    first = croft.ok("up", write(tmp_path), "--name", "one", "--account-instances", "12", "--json").json
    assert len(live(first["farm"]["url"])) == 12
    outcome = croft.run("up", write(tmp_path), "--name", "two", "--account-instances", "12")
    assert outcome.code == 1 and "12" in outcome.err, outcome
    assert len(live(first["farm"]["url"])) == 12


def test_a_lifetime_given_with_a_second_up_counts(croft, tmp_path):
    file = write(tmp_path, "maxInstances 5;")
    croft.ok("up", file, "--name", "app")
    croft.ok("up", file, "--name", "app", "--lifetime", "1s")
    wait_until(lambda: croft.ok("status", "app", "--json").json["phase"] == "terminated", "the application removed itself")
    proof = croft.ok("down", "app", "--json").json
    assert proof["left"] == [] and len(proof["returned"]) == 5


def test_a_failed_up_gives_back_what_it_rented_unless_told_to_keep(croft, tmp_path):
    file = write(tmp_path, 'bad extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; imageID "ami-ffffffff"; dependsOn [LAZY PARENT:a, LAZY PARENT:b]; }')
    outcome = croft.run("up", file, "--name", "app")
    assert outcome.code == 1 and "ami-ffffffff" in outcome.err, outcome
    assert croft.ok("down", "app", "--json").json["left"] == []
    kept = croft.run("up", file, "--name", "app", "--keep-on-failure", "--max-instances", "12")
    assert kept.code == 1
    document = croft.ok("status", "app", "--json").json
    assert document["phase"] == "failed" and len(live(document["farm"]["url"])) == 11
    assert croft.ok("down", "app", "--json").json["left"] == []
