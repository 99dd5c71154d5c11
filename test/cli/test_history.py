"""Versions of a description: who made them, what they differ in, the way back; plans that wait; protection; the account's audit."""
import json
import os
import stat

import pytest

from support.clients import client
from support.croft import wait_until

APP = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/s3/components.sf"
farm extends EmbeddedFarm {
  accounts extends { me extends Account { id "AKIDHIST"; key "secret-of-history-1"; instances 5; } }
}
sfConfig extends Compound {
  one extends TransientS3Bucket { bucket "%s"; username "AKIDHIST"; password "secret-of-history-1"; %s }
  two extends TransientS3Bucket { bucket "hist-two"; username "AKIDHIST"; password "secret-of-history-1"; }
}
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "hist.sf"
    path.write_text(APP % ("hist-one", ""))
    return path


def buckets(croft):
    url = croft.ok("status", "hist", "--json").json["farm"]["url"]
    return sorted(b["Name"] for b in client("s3", url, "AKIDHIST", "secret-of-history-1").list_buckets()["Buckets"])


def test_history_diff_and_the_way_back(croft, file):
    croft.ok("up", file)
    croft.ok("up", file)
    file.write_text(APP % ("hist-other", ""))
    croft.ok("up", file)
    assert buckets(croft) == ["hist-other", "hist-two"]
    entries = croft.ok("history", "hist", "--json").json["history"]
    assert [(e["action"], e["version"]) for e in entries] == [("up", 1), ("continue", 1), ("update", 2)]
    assert all(e["by"] and e["file"].endswith("hist.sf") for e in entries)
    outcome = croft.run("diff", "hist", "1", "2", "--json")
    assert outcome.code == 2
    changed = outcome.json["differences"]
    assert {"component": "hist:one", "attribute": "bucket", "before": '"hist-one"', "after": '"hist-other"'} in changed
    assert {line["component"] for line in changed} == {"hist:one"}
    assert croft.run("diff", "hist", "2").code == 0
    wrong = croft.run("diff", "hist", "1", "9")
    assert wrong.code == 1 and "versions are 1 to 2" in wrong.err
    croft.ok("rollback", "hist", "1")
    assert buckets(croft) == ["hist-one", "hist-two"]
    last = croft.ok("history", "hist", "--json").json["history"][-1]
    assert (last["action"], last["version"], last["why"]) == ("rollback", 3, "to version 1")
    assert croft.ok("down", "hist", "--json").json["left"] == []
    # The history outlives a controller that was killed, and tells the end.
    croft.kill("controller")
    croft.ok("up", file)
    assert [e["action"] for e in croft.ok("history", "hist", "--json").json["history"]][-2:] == ["down", "up"]
    assert croft.ok("down", "hist", "--json").json["left"] == []


def test_a_secret_is_never_shown_by_diff_or_plan(croft, file):
    croft.ok("up", file)
    file.write_text((APP % ("hist-one", "")).replace("secret-of-history-1", "another-secret-of-2"))
    plan = croft.run("plan", file)
    assert plan.code == 2 and "(secret)" in plan.out
    assert "another-secret" not in plan.out + plan.err and "secret-of-history" not in plan.out + plan.err
    croft.ok("down", "hist", limit=120)


def test_a_saved_plan_does_what_it_says_or_refuses(croft, file, tmp_path):
    saved = tmp_path / "change.plan"
    assert croft.run("plan", file, "-o", saved).code == 2
    assert stat.S_IMODE(os.stat(saved).st_mode) == 0o600
    assert "secret-of-history-1" not in saved.read_text()
    croft.ok("up", saved)
    assert buckets(croft) == ["hist-one", "hist-two"]
    # It was to create what is there now.
    again = croft.run("up", saved)
    assert again.code == 1 and "hist:one was to be created, and now would be kept as it is" in again.err
    assert buckets(croft) == ["hist-one", "hist-two"]
    refused = croft.run("up", saved, "--max-instances", "3")
    assert refused.code == 64 and "--max-instances" in refused.err
    document = json.loads(saved.read_text())
    document["sealed"] = document["sealed"][:-8] + "AAAAAAA="
    saved.write_text(json.dumps(document, separators=(",", ":")))
    broken = croft.run("up", saved)
    assert broken.code == 1 and "cannot be opened here" in broken.err
    assert croft.ok("down", "hist", "--json").json["left"] == []


def test_what_is_protected_is_not_destroyed(croft, file):
    file.write_text(APP % ("hist-one", "protect true;"))
    croft.ok("up", file)
    file.write_text(APP % ("hist-other", "protect true;"))
    replace = croft.run("up", file)
    assert replace.code == 1 and "hist:one is protected" in replace.err
    down = croft.run("down", "hist")
    assert down.code == 1 and "protected" in down.err
    assert buckets(croft) == ["hist-one", "hist-two"]
    file.write_text(APP % ("hist-one", "protect false;"))
    croft.ok("up", file)
    assert croft.ok("down", "hist", "--json").json["left"] == []


def test_what_is_protected_outlives_an_end_that_nobody_asked_for(croft, file):
    file.write_text(APP % ("hist-one", "protect true;"))
    croft.ok("up", file, "--lifetime", "1s")
    wait_until(lambda: croft.ok("status", "hist", "--json").json["phase"] == "terminated", "its lifetime is over")
    assert buckets(croft) == ["hist-one"]
    assert [e["action"] for e in croft.ok("history", "hist", "--json").json["history"]] == ["up", "ended"]
    file.write_text(APP % ("hist-one", "protect false;"))
    croft.ok("up", file)
    assert croft.ok("down", "hist", "--kept", "--json").json["left"] == []


def test_a_renamed_component_moves_and_nothing_is_made_anew(croft, file):
    croft.ok("up", file)
    def since():
        tree = croft.ok("status", "hist", "--json").json["root"]["children"]
        return {thing["id"]: (child["name"], thing["since"]) for child in tree for thing in child["rented"]}
    before = since()
    file.write_text((APP % ("hist-one", 'renamedFrom "one";')).replace("one extends", "first extends"))
    plan = croft.run("plan", file)
    assert plan.code == 2 and "was hist:one" in plan.out and "0 to create, 0 to replace, 0 to remove" in plan.out
    croft.ok("up", file)
    after = since()
    assert after["hist-one"] == ("first", before["hist-one"][1]) and after["hist-two"] == before["hist-two"]
    croft.kill("controller")
    croft.ok("up", file)
    assert since() == after
    assert croft.ok("down", "hist", "--json").json["left"] == []


def test_an_application_whose_state_is_lost_is_found_and_removed(croft, file):
    croft.ok("up", file)
    assert croft.run("audit").code == 0 or croft.run("audit", env={"AWS_ACCESS_KEY_ID": "AKIDHIST"}).code == 0
    keys = {"AWS_ACCESS_KEY_ID": "AKIDHIST", "AWS_SECRET_ACCESS_KEY": "secret-of-history-1"}
    held = croft.ok("audit", "--json", env=keys).json
    assert held["orphans"] == [] and {t["id"] for t in held["held"]} == {"hist-one", "hist-two"}
    refused = croft.run("down", "--lost", "hist", "--yes", env=keys)
    assert refused.code == 1 and "is not lost" in refused.err
    croft.kill("controller")
    for name in ("controller.db", "controller.db-wal", "controller.db-shm"):
        path = os.path.join(croft.home, "controller", name)
        if os.path.exists(path):
            os.unlink(path)
    orphans = croft.run("audit", "--json", env=keys)
    assert orphans.code == 2 and {t["id"] for t in orphans.json["orphans"]} == {"hist-one", "hist-two"}
    shown = croft.run("down", "--lost", "hist", env=keys)
    assert shown.code == 2 and "nothing was removed" in shown.err
    gone = croft.ok("down", "--lost", "hist", "--yes", "--json", env=keys).json
    assert {t["id"] for t in gone["returned"]} == {"hist-one", "hist-two"} and gone["left"] == []
    assert croft.ok("audit", "--json", env=keys).json["orphans"] == []


def test_why_leads_from_the_symptom_to_the_cause(croft, file):
    croft.ok("up", file)
    assert "it runs" in croft.ok("why", "hist").out
    client("s3", croft.ok("status", "hist", "--json").json["farm"]["url"], "AKIDHIST", "secret-of-history-1").delete_bucket(
        Bucket="hist-two")
    wait_until(lambda: croft.ok("status", "hist", "--json").json["phase"] == "terminated", "the loss ends it")
    why = croft.ok("why", "hist", "--json").json
    assert [c["component"] for c in why["chain"]] == ["hist", "hist:two"]
    assert why["chain"][0]["what"].endswith("the first to end was hist:two")
    assert any(e["event"] == "LIVENESS_FAILED" for e in why["events"]), why
    missing = croft.run("why", "hist:twoo")
    assert missing.code == 1 and "hist:two" in missing.err
    assert croft.ok("down", "hist", "--json").json["left"] == []


def test_the_proof_is_signed_and_can_be_checked(croft, file, tmp_path):
    croft.ok("up", file)
    early = croft.run("proof", "hist")
    assert early.code == 1 and "nothing to prove" in early.err
    down = croft.ok("down", "hist", "--json").json
    kept = tmp_path / "hist.proof"
    kept.write_text(json.dumps(down))
    checked = croft.ok("proof", "--check", kept)
    assert "rented 2, returned 2, kept on purpose 0, left 0" in checked.out
    assert croft.ok("proof", "hist").out == checked.out
    down["statement"]["text"] = down["statement"]["text"].replace("left 0", "left 1")
    kept.write_text(json.dumps(down))
    assert "does not belong" in croft.run("proof", "--check", kept).err
    kept.write_text(croft.ok("proof", "hist", "--json").out)
    assert croft.run("proof", "--check", kept, "--key", "AAAA").code == 1


def test_metrics_are_told_to_a_collector_and_nothing_else(croft, file):
    import subprocess
    import urllib.error
    import urllib.request
    from support.croft import BINARY, free_port
    port = free_port()
    process = subprocess.Popen([BINARY, "controller", "serve", "--metrics", f"127.0.0.1:{port}", "--pid-file",
                                os.path.join(croft.home, "controller.pid")], env=croft.env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        def page():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            except OSError:
                return ""
        wait_until(page, "the controller answers a collector")
        croft.ok("up", file)
        text = page()
        assert 'croft_application_phase{application="hist",phase="running"} 1' in text
        assert 'croft_components{application="hist",state="running"} 3' in text
        assert "secret-of-history" not in text
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/applications", timeout=5)
        assert refused.value.code == 404
        assert croft.ok("down", "hist", "--json").json["left"] == []
    finally:
        process.terminate()
        process.wait(30)
