"""Controllers on machines of a farm elsewhere, from where nobody calls this computer: what goes through them; their loss."""
import base64
import json
import pathlib
import signal
import ssl
import stat
import urllib.request

import pytest

from support.croft import wait_until
from support.elsewhere import Elsewhere, close_renting

APPLICATION = '''
#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
sfConfig extends Compound {
  web extends ImageInstance { imageID "ami-0c40f700000000001"; }
  site extends Process { sfProcessHost LAZY PARENT:web;
    command ["/usr/bin/python3", "-m", "http.server", "8000"]; directory "/srv"; ready extends TcpProbe { port 8000; } }
}
'''


@pytest.fixture
def far():
    one = Elsewhere()
    yield one
    one.close()


@pytest.fixture
def home(far):
    one = far.home()
    yield one
    close_renting(one)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "app.sf"
    path.write_text(APPLICATION)
    return path


def watched(home, *command):
    """What the controller on this computer says that watches those on machines."""
    return home.ok(*command, "--json", "--home", f"{home.home}/rented")


def user_data(far, machine):
    told = far.ec2.describe_instance_attribute(InstanceId=machine["InstanceId"], Attribute="userData")
    return base64.b64decode(told["UserData"]["Value"])


def objects(far):
    for bucket in far.s3.list_buckets()["Buckets"]:
        for each in far.s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            yield each["Key"], far.s3.get_object(Bucket=bucket["Name"], Key=each["Key"])["Body"].read()


def page_of(home, name):
    forward = home.start("forward", "app:site", "0:8000", "--json")
    try:
        at = json.loads(forward.stdout.readline())["address"]
        return urllib.request.urlopen(f"http://{at}/{name}", timeout=20).read().decode()
    finally:
        forward.send_signal(signal.SIGINT)
        forward.communicate(timeout=20)


def test_one_that_cannot_call_us_does_all_that_one_here_does(far, home, file, tmp_path):
    rented = home.ok("controller", "rent", "--json", limit=120).json
    url, = rented["urls"]
    assert rented["leads"] == url and len(rented["fingerprint"]) == 64
    machine, = far.machines("running")
    assert url == f"https://{machine['PublicIpAddress']}:7070"
    assert not far.calls_here()
    login = pathlib.Path(home.home, "login.json")
    assert stat.S_IMODE(login.stat().st_mode) == 0o600
    # The keys are in a file, which only this computer has; the farm is that on which the controller was rented.
    keys = tmp_path / "credentials"
    keys.write_text("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % far.keys)
    only_a_file = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "CROFT_FARM": "", "AWS_SHARED_CREDENTIALS_FILE": str(keys)}
    up = home.ok("up", file, "--json", limit=120, env=only_a_file)
    assert home.ok("status", "app", "--json").json["phase"] == "running", up

    passed = home.ok("exec", "app:web", "--", "cat", stdin="through a controller elsewhere\n")
    assert passed.out == "through a controller elsewhere\n"
    assert home.run("exec", "app:web", "--", "sh", "-c", "exit 7").code == 7
    here, back = tmp_path / "page.txt", tmp_path / "back.txt"
    here.write_text("a page from here\n" * 1000)
    home.ok("cp", here, "app:web:/srv/page.txt")
    home.ok("cp", "app:site:/srv/page.txt", back)
    assert back.read_text() == here.read_text()
    assert page_of(home, "page.txt") == here.read_text()
    wait_until(lambda: "GET /page.txt" in home.ok("logs", "app").out, "its log to tell of the page")
    trail = home.ok("operator", "trail", "--json").json["trail"]
    targets = [entry["target"] for entry in trail if entry["method"] == "POST"]
    tunnels = {target.rsplit("what=", 1)[1] for target in targets if target.startswith("/v1/tunnel/app?")}
    assert tunnels == {"exec", "put", "get", "forward", "logs"}, trail
    assert {entry["by"] for entry in trail} == {"owner"}

    check_nothing_tells_secrets(far, home)
    refused = home.run("controller", "return")
    assert refused.code == 1 and "app would be left without a controller" in refused.err, refused
    assert "croft down app" in refused.err and login.exists()
    assert home.ok("down", "app", "--json", limit=120).json["left"] == []
    proof = home.ok("controller", "return", "--json", limit=120).json
    assert proof["left"] == [] and proof["checked"] and len(proof["returned"]) == len(proof["rented"]) == 3
    assert far.left() == [] and not login.exists()
    again = home.run("controller", "return")
    assert again.code == 1 and "has rented no controllers" in again.err, again


def check_nothing_tells_secrets(far, home):
    token = pathlib.Path(home.home, "rented", "owner.token").read_text()
    assert json.loads(pathlib.Path(home.home, "login.json").read_text())["token"] == token
    told = {machine["InstanceId"]: user_data(far, machine) for machine in far.machines("running")}
    told.update(objects(far))
    assert len(told) >= 5 and "croft" in told and not any(name.startswith("papers") for name in told), told.keys()
    for command in (("status",), ("status", "controllers"), ("events", "controllers")):
        told[" ".join(command)] = watched(home, *command).out.encode()
    # The part after the name is what is secret of the token.
    for secret in (token.split(".")[1], far.keys[1]):
        assert [name for name, content in told.items() if secret.encode() in content] == []


def test_what_cannot_be_rented_changes_nothing(far, home, croft):
    here = croft.run("controller", "rent")
    assert here.code == 64 and "the embedded farm is on this machine" in here.err and "--farm aws" in here.err, here
    two = home.run("controller", "rent", "--count", "2")
    assert two.code == 64 and "an even number survives no more" in two.err, two
    assert far.left() == [] and not pathlib.Path(home.home, "login.json").exists()
    home.ok("controller", "rent", limit=120)

    def state():
        kept = {name: pathlib.Path(home.home, name).read_bytes() for name in ("login.json", "rented/controllers.sf")}
        return kept, sorted(far.left()), watched(home, "events", "controllers").out
    before = state()
    three = home.run("controller", "rent", "--count", "3", limit=120)
    assert three.code == 1 and "other controllers are rented" in three.err and "controller return" in three.err, three
    assert state() == before
    assert home.ok("status", "--json").json["applications"] == []
    home.ok("controller", "return", limit=120)
    assert far.left() == []


def roles(home, urls):
    """What each says that it does, in order."""
    login = json.loads(pathlib.Path(home.home, "login.json").read_text())
    out = []
    for url in urls:
        request = urllib.request.Request(url + "/v1/health", headers={"Authorization": f"Bearer {login['token']}"})
        try:
            with urllib.request.urlopen(request, timeout=5, context=ssl._create_unverified_context()) as answer:
                out.append(json.load(answer)["role"])
        except OSError:
            out.append("silent")
    return sorted(out)


def site(home):
    """The host of the application and its process, once the agent is connected to whoever leads."""
    outcome = home.run("hosts", "app", "--json")
    hosts = outcome.json["hosts"] if outcome.code == 0 else []
    return next(((host["instance"], host["works"][0]) for host in hosts if host["connected"] and host["works"]), None)


def three_with_an_application(far, home, file):
    """What was rented, and the id of the machine that leads."""
    rented = home.ok("controller", "rent", "--count", "3", "--json", limit=120).json
    assert len(set(rented["urls"])) == 3 and rented["leads"] in rented["urls"]
    login = json.loads(pathlib.Path(home.home, "login.json").read_text())
    assert login["url"] == rented["leads"] and sorted([login["url"], *login["others"]]) == sorted(rented["urls"])
    home.ok("up", file, limit=120)
    leader, = [machine["InstanceId"] for machine in far.machines("running")
               if machine.get("PublicIpAddress") and machine["PublicIpAddress"] in rented["leads"]]
    return rented, leader


def pid(home):
    return home.ok("exec", "app:web", "--", "pgrep", "-f", "http.server").out.split()


def another_leads(home, before):
    """Commands go on, and the application never knew."""
    wait_until(lambda: home.run("status", "app").code == 0, "an answer about the application", 60)
    instance, process = before
    now = wait_until(lambda: site(home), "the agent to find who leads now", 60)
    assert now[0] == instance and (now[1]["pid"], now[1]["restarts"]) == (process["pid"], 0)
    wait_until(lambda: home.ok("status", "app", "--json").json["phase"] == "running", "the application to go on", 60)
    story = home.ok("events", "app", "--json").lines()
    assert not {"INSTANCES_GONE", "TERMINATING", "FAILED"} & {event["event"] for event in story}, story


def made_up_for(home, lost):
    """What was said of the loss, once another machine is rented in its place."""
    def look():
        story = [(event["event"], event.get("why", "")) for event in watched(home, "events", "controllers").lines()]
        gone = [at for at, (event, why) in enumerate(story) if event == "INSTANCES_GONE" and lost in why]
        return story[gone[0]:] if gone and any(event == "RENTED" for event, _ in story[gone[0]:]) else None
    return wait_until(look, f"{lost} to be replaced", 120)


def the_new_one_is_found(home, rented):
    """A home that knows the old addresses alone finds the leader, also when it is the machine that came in place of another."""
    file = pathlib.Path(home.home, "login.json")
    old = file.read_text()
    for _ in range(30):
        home.ok("status", "app")
        now = json.loads(file.read_text())
        if now["url"] not in rented["urls"]:
            return
        request = urllib.request.Request(now["url"] + "/v1/stop", method="POST", headers={"Authorization": f"Bearer {now['token']}"})
        urllib.request.urlopen(request, timeout=10, context=ssl._create_unverified_context()).close()
        file.write_text(old)
    raise AssertionError("the one that came in place of another never led")


def three_again_and_back(far, home, rented, lost):
    again = home.ok("controller", "rent", "--json", limit=120).json
    assert len(set(again["urls"])) == 3 and len(set(again["urls"]) & set(rented["urls"])) == 2
    assert again["fingerprint"] == rented["fingerprint"] and again["leads"] != rented["leads"]
    # The new one may be on its way yet. Who stands by has read from its own member of the store.
    wait_until(lambda: roles(home, again["urls"]) == ["leads", "stands by", "stands by"], "three that answer", 60)
    assert lost not in [machine["InstanceId"] for machine in far.machines()]
    assert home.ok("down", "app", "--json", limit=120).json["left"] == []
    proof = home.ok("controller", "return", "--json", limit=120).json
    assert proof["left"] == [] and lost in {thing["id"] for thing in proof["returned"]}
    assert far.left() == []


def test_the_loss_of_the_one_that_leads_is_made_up_for(far, home, file):
    rented, leader = three_with_an_application(far, home, file)
    assert not far.calls_here()
    before, process = site(home), pid(home)
    far.ec2.terminate_instances(InstanceIds=[leader])
    another_leads(home, before)
    assert pid(home) == process
    made_up_for(home, leader)
    home.ok("controller", "rent", limit=120)  # all three answer
    stale = json.loads(pathlib.Path(home.home, "login.json").read_text())
    pathlib.Path(home.home, "login.json").write_text(json.dumps({**stale, "url": rented["urls"][0], "others": rented["urls"][1:]}))
    the_new_one_is_found(home, rented)
    wait_until(lambda: site(home), "the agent to find who leads now", 60)
    assert pid(home) == process
    three_again_and_back(far, home, rented, leader)


def test_a_leader_that_stands_still_is_fenced_and_replaced(far, home, file):
    rented, leader = three_with_an_application(far, home, file)
    before, process = site(home), pid(home)
    home.ok("farm", "fault", "add", "freeze", "--instance", leader, "--for", "10m", "--data", far.data)
    another_leads(home, before)
    assert pid(home) == process
    assert "has not answered for" in made_up_for(home, leader)[0][1]
    three_again_and_back(far, home, rented, leader)
