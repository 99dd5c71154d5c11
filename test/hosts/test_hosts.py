"""Machines that become hosts: real instances of the embedded farm, the agent brought by user data alone."""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess

import pytest

from support.clients import client
from support.croft import wait_until

INCLUDES = '''#include "/org/smartfrog/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm { images extends { any "ami-0c40f700000000001"; } }
'''
WITH_ACCOUNT = INCLUDES.replace("farm extends EmbeddedFarm {", '''farm extends EmbeddedFarm {
  accounts extends { me extends Account { id "AKIDME"; key "secret-of-me-0001"; } }''')
IMAGE = 'imageID "ami-0c40f700000000001";'


@pytest.fixture
def describe(tmp_path):
    def write(text, name="app.sf"):
        path = tmp_path / name
        path.write_text(INCLUDES + text)
        return path
    return write


def hosts_of(croft, name="app"):
    return croft.ok("hosts", name, "--json").json["hosts"]


def works_of(croft, name="app"):
    return {work["name"]: work for host in hosts_of(croft, name) for work in host["works"]}


def test_a_process_on_a_machine_lives_and_is_looked_into(croft, describe, tmp_path):
    file = describe('''sfConfig extends Compound {
      web extends ImageInstance { ''' + IMAGE + ''' }
      page extends File { sfProcessHost LAZY PARENT:web; filename "/srv/page.txt"; text "hello from the host"; }
      server extends Process { sfProcessHost LAZY PARENT:web; command ["/usr/bin/python3", "-u", "-m", "http.server", "8123"];
        directory "/srv"; dependsOn ["page"]; ready extends TcpProbe { port 8123; } } }''')
    croft.ok("up", file, limit=120)
    host, = hosts_of(croft)
    assert host["connected"] and host["component"] == "app:web"
    assert works_of(croft)["app:server"]["phase"] == "ready"
    read = croft.ok("exec", "app:server", "--", "cat", "/srv/page.txt")
    assert read.out.strip() == "hello from the host"
    assert croft.run("exec", "app:web", "--", "sh", "-c", "echo bad >&2; exit 7").code == 7
    for absent in ("no-such-program", "/no/such/program"):
        failed = croft.run("exec", "app:web", "--", absent)
        assert failed.code == 127 and absent in failed.err, failed
    assert croft.run("exec", "app:web", "--", "/etc/passwd").code == 126
    forward = croft.start("forward", "app:server", "0:8123", "--json")
    try:
        at = json.loads(forward.stdout.readline())["address"]
        import urllib.request
        assert urllib.request.urlopen(f"http://{at}/page.txt", timeout=20).read().decode().strip() == "hello from the host"
    finally:
        forward.send_signal(signal.SIGINT)
        forward.wait(20)
    assert "GET /page.txt" in wait_until(lambda: croft.ok("logs", "app:server").out, "its log")
    here = tmp_path / "copied"
    croft.ok("cp", "app:server:/srv/page.txt", here)
    assert here.read_text() == "hello from the host"
    croft.ok("cp", here, "app:web:/srv/back.txt")
    assert croft.ok("exec", "app:web", "--", "cat", "/srv/back.txt").out == "hello from the host"
    down = croft.ok("down", "app", "--json", limit=120)
    assert down.json["proof"]["left"] == [] if "proof" in down.json else down.json["left"] == []


def lines_of(croft, *arguments):
    return [json.loads(line) for line in croft.ok("logs", *arguments, "--json").out.splitlines()]


def noted(croft, text):
    """The time of a line, once the heartbeat has passed that fixes it: it is told with the same time again."""
    def told():
        return next((line["time"] for line in lines_of(croft, "app") if line["line"] == text), None)
    return wait_until(lambda: (lambda one, other: one if one and one == other else None)(told(), told()), f"'{text}' has its time")


def test_logs_of_several_hosts_are_one_stream(croft, describe):
    talker = '''extends Process { sfProcessHost LAZY PARENT:%s;
        command "echo %s early; until [ -e /run/go ]; do sleep 0.02; done; echo %s late; exec sleep 100000"; }'''
    file = describe("sfConfig extends Compound { one extends ImageInstance { " + IMAGE + " } two extends ImageInstance { " + IMAGE + " }"
                    + " a " + talker % ("one", "a", "a") + " b " + talker % ("two", "b", "b") + " }")
    croft.ok("up", file, limit=120)
    follow = croft.start("logs", "app", "--follow", "--grep", "late$", "--json")
    try:
        assert noted(croft, "a early") and noted(croft, "b early")
        croft.ok("exec", "app:b", "--", "touch", "/run/go")
        assert json.loads(follow.stdout.readline())["line"] == "b late"
        first = noted(croft, "b late")
        croft.ok("exec", "app:a", "--", "touch", "/run/go")
        assert json.loads(follow.stdout.readline())["line"] == "a late"
        assert noted(croft, "a late") > first
    finally:
        follow.send_signal(signal.SIGINT)
        follow.wait(20)
    shown = lines_of(croft, "app")
    assert {line["line"] for line in shown[:2]} == {"a early", "b early"}
    assert [line["line"] for line in shown[2:]] == ["b late", "a late"]
    assert [line["time"] for line in shown] == sorted(line["time"] for line in shown)
    assert {(line["component"], line["instance"]) for line in shown} == {(f"app:{n}", instance_of(croft, f"app:{n}")) for n in "ab"}
    # Times are printed in milliseconds, rounded down.
    moment = (datetime.datetime.fromisoformat(first) + datetime.timedelta(milliseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert [line["line"] for line in lines_of(croft, "app", "--since", moment)] == ["a late"]
    assert [line["line"] for line in lines_of(croft, "app", "--since", "1h", "--grep", "^b ")] == ["b early", "b late"]
    assert croft.ok("logs", "app:a").out.splitlines() == ["a early", "a late"]
    assert croft.ok("logs", "app:a", "--times").out.splitlines()[1].split(" ", 1)[1] == "a late"
    assert "a while such as 90s" in croft.run("logs", "app", "--since", "yesterday").err
    assert "give one" in croft.run("logs", "app", "--since", "1h", "-n", "3").err


def instance_of(croft, work):
    return next(host["instance"] for host in hosts_of(croft) if work in {each["name"] for each in host["works"]})


def test_what_processes_use_and_tell_is_shown(croft, describe):
    file = describe('''sfConfig extends Compound {
      web extends ImageInstance { ''' + IMAGE + ''' }
      server extends Process { sfProcessHost LAZY PARENT:web;
        command "echo 'queue_length 17' > /run/figures; while :; do :; done";
        limits extends { cpu 0.2; }
        metrics extends FileProbe { filename "/run/figures"; period "1s"; } } }''')
    croft.ok("up", file, limit=120)

    def usage():
        root = croft.ok("status", "app", "--json").json["root"]
        return next(child for child in root["children"] if child["name"] == "server").get("usage", {})

    wait_until(lambda: usage().get("metrics") and usage()["cpu"] > 0, "its figures are told")
    told = usage()
    assert told["metrics"] == {"queue_length": 17} and told["memory"] > 100_000 and told["processes"] == 1 and told["files"] >= 3
    page = metrics_page(croft)
    instance = instance_of(croft, "app:server")
    labels = f'{{application="app",instance="{instance}",component="app:web",work="app:server"'
    assert f'croft_work_metric{labels},name="queue_length"}} 17' in page
    for name in ("croft_work_cpu_seconds_total", "croft_work_resident_memory_bytes", "croft_work_open_files"):
        assert float(page.split(f"{name}{labels}}} ")[1].split("\n")[0]) > 0
    assert "croft_agent_resident_memory_bytes{" in page


def metrics_page(croft):
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(pathlib.Path(croft.home) / "controller.sock"))
        stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        out = b""
        while piece := stream.recv(65536):
            out += piece
    return out.decode()


def test_a_controller_that_dies_restarts_no_process(croft, describe):
    file = describe('''sfConfig extends Compound {
      web extends ImageInstance { ''' + IMAGE + ''' }
      server extends Process { sfProcessHost LAZY PARENT:web; command ["/bin/sleep", "100000"]; } }''')
    croft.ok("up", file, limit=120)
    before = works_of(croft)["app:server"]
    os.kill(int((pathlib.Path(croft.home) / "controller.pid").read_text()), signal.SIGKILL)
    croft.ok("up", file, limit=120)
    after = wait_until(lambda: works_of(croft).get("app:server"), "the host to come back")
    assert after["pid"] == before["pid"] and after["restarts"] == 0
    croft.ok("exec", "app:web", "--", "kill", "-9", str(after["pid"]))
    again = wait_until(lambda: (lambda w: w if w["restarts"] == 1 and w["phase"] == "ready" else None)(works_of(croft)["app:server"]),
                       "the process to be started again")
    assert again["pid"] != before["pid"]
    croft.ok("down", "app", limit=120)


def test_the_rendezvous_is_signed_and_the_next_controller_writes_it_again(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(WITH_ACCOUNT + '''sfConfig extends Compound { web extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; ''' + IMAGE + ''' }
      job extends Process { sfProcessHost LAZY PARENT:web; command ["/bin/sleep", "100000"]; } }''')
    url = croft.ok("up", file, "--json", limit=120).json["farm"]["url"]
    s3 = client("s3", url, "AKIDME", "secret-of-me-0001")
    bucket, = [each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("croft-agents-")]

    def read():
        return json.loads(s3.get_object(Bucket=bucket, Key="rendezvous.json")["Body"].read())

    def kept():
        return json.loads(croft.ok("exec", "app:web", "--", "cat", "/var/lib/croft/agent.json").out)

    first = read()
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(first["authority"])).hexdigest()
    assert kept()["pin"] == pin and kept()["controllers"] == first["controllers"]
    check_statement(tmp_path, first)
    before = kept()["rendezvous"]
    # Of one second all URLs are the same.
    wait_until(lambda: datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ") not in before, "another second")
    croft.kill("controller")
    croft.ok("up", file, limit=120)
    again = wait_until(lambda: (lambda now: now if now["epoch"] > first["epoch"] else None)(read()), "it is written again")
    assert again["authority"] == first["authority"] and again["signature"] != first["signature"]
    wait_until(lambda: kept()["rendezvous"] != before, "the agent is told another URL of it")
    assert kept()["rendezvous"].startswith(f"{url.rstrip('/')}/{bucket}/rendezvous.json?")
    croft.ok("down", "app", limit=120)


def check_statement(folder, document):
    """With another program than ours."""
    statement = f"croft rendezvous 1\nepoch {document['epoch']}\ncontrollers {' '.join(document['controllers'])}\n"
    for name, content in (("ca.pem", document["authority"].encode()), ("signature", base64.b64decode(document["signature"])),
                          ("text", statement.encode())):
        (folder / name).write_bytes(content)
    key = subprocess.run(["openssl", "x509", "-in", folder / "ca.pem", "-pubkey", "-noout"], check=True, capture_output=True).stdout
    (folder / "key.pem").write_bytes(key)
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", folder / "key.pem", "-signature", folder / "signature", folder / "text"],
                   check=True, capture_output=True)


def test_a_group_has_its_parts_on_every_member(croft, describe):
    file = describe('''sfConfig extends Compound {
      workers extends InstanceGroup { ''' + IMAGE + ''' minCount 2; maxCount 2; onLoss "REPLACE"; sfLivenessDelay 1;
        each extends Compound { job extends Process { command ["/bin/sleep", "100000"]; } } } }''')
    croft.ok("up", file, limit=120)
    hosts = hosts_of(croft)
    assert len(hosts) == 2
    names = {f"app:workers:{host['instance']}:job" for host in hosts}
    assert {name: work["phase"] for name, work in works_of(croft).items()} == dict.fromkeys(names, "ready")
    croft.ok("down", "app", limit=120)


def replaced(croft, before):
    """The ids of the group's hosts, once none of `before` is left and as many are there and connected."""
    def look():
        hosts = hosts_of(croft)
        ids = {host["instance"] for host in hosts if host["connected"]}
        return ids if len(ids) == 2 and not before & ids else None
    return wait_until(look, f"{before} to be replaced", limit=120)


GROUP = '''sfConfig extends Compound {
  workers extends InstanceGroup { ''' + IMAGE + ''' minCount 2; maxCount 2; onLoss "REPLACE"; sfLivenessDelay 1;
    each extends Compound { job extends Process { command ["/bin/sleep", "100000"]; } } } }'''


def test_a_frozen_machine_is_declared_dead_fenced_and_replaced(croft, describe):
    croft.ok("up", describe(GROUP), limit=120)
    victim, other = (host["instance"] for host in hosts_of(croft))
    croft.ok("farm", "fault", "add", "freeze", "--instance", victim, "--for", "10m", "--data", f"{croft.home}/farm")
    ids = replaced(croft, {victim})
    assert other in ids
    new, = ids - {other}
    works = wait_until(lambda: (lambda w: w if w.get(f"app:workers:{new}:job", {}).get("phase") == "ready" else None)(works_of(croft)),
                       "the parts to be on the new machine")
    assert f"app:workers:{victim}:job" not in works
    story = croft.ok("events", "app", "--json").out
    assert "nothing was heard of it" in story
    down = croft.ok("down", "app", limit=120)
    assert "left 0" in down.out
    assert victim in down.out


def test_members_are_dealt_over_zones_and_replaced_in_the_thinnest(croft, tmp_path):
    zones_file = tmp_path / "zones.json"
    zones_file.write_text(json.dumps({"zones": [
        {"name": f"us-east-1{letter}", "racks": [
            {"name": f"r{letter}", "hosts": [{"name": f"h{letter}", "cores": 64, "memory": "256GiB"}]}]} for letter in "ab"]}))
    farm = croft.start("farm", "serve", "--data", f"{croft.home}/farm", "--topology", zones_file)
    wait_until(lambda: croft.run("farm", "topology", "--data", f"{croft.home}/farm").code == 0, "the farm")
    try:
        spread_and_lose(croft, tmp_path)
    finally:
        farm.send_signal(signal.SIGTERM)
        farm.wait(30)


def spread_and_lose(croft, tmp_path):
    file = tmp_path / "spread.sf"
    file.write_text(WITH_ACCOUNT + '''
      sfConfig extends Compound { workers extends InstanceGroup { id "AKIDME"; key "secret-of-me-0001"; ''' + IMAGE + '''
        minCount 4; maxCount 4; onLoss "REPLACE"; sfLivenessDelay 1; spread "BY_ZONE"; zones ["us-east-1b", "us-east-1a"]; } }''')
    url = croft.ok("up", file, "--name", "app", "--json", limit=120).json["farm"]["url"]
    ec2 = client("ec2", url, "AKIDME", "secret-of-me-0001")

    def zones():
        found = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
        alive = [i for i in found if i["State"]["Name"] in ("pending", "running")]
        return {i["InstanceId"]: i["Placement"]["AvailabilityZone"] for i in alive}
    before = zones()
    assert sorted(before.values()) == ["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1b"]
    lost = [id for id, zone in before.items() if zone == "us-east-1a"]
    ec2.terminate_instances(InstanceIds=lost)
    after = wait_until(lambda: (lambda z: z if len(z) == 4 and not set(lost) & set(z) else None)(zones()), "two others", limit=120)
    assert sorted(after.values()) == ["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1b"]
    croft.ok("down", "app", limit=120)
    assert not zones()


def test_what_runs_with_secrets_comes_back_on_a_machine_that_was_stopped(croft, tmp_path):
    (tmp_path / "secret").write_text("canary-of-a-stopped-machine\n")
    file = tmp_path / "app.sf"
    file.write_text(WITH_ACCOUNT + '''sfConfig extends Compound {
      web extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; ''' + IMAGE + ''' sfLivenessDelay 1; }
      word extends Secret { from "FILE"; name PROPERTY secret.file; }
      server extends Process { sfProcessHost LAZY PARENT:web; secrets extends { word LAZY PARENT:PARENT:word; }
        user "daemon"; runtimeDirectory "seen";
        command "cat \\"$CREDENTIALS_DIRECTORY/word\\" > \\"$RUNTIME_DIRECTORY/word\\"; exec sleep 100000"; } }''')
    url = croft.ok("up", file, "-D", f"secret.file={tmp_path / 'secret'}", "--allow-files", tmp_path, "--json", limit=120).json["farm"]["url"]
    host, = hosts_of(croft)
    before = works_of(croft)["app:server"]
    client("ec2", url, "AKIDME", "secret-of-me-0001").stop_instances(InstanceIds=[host["instance"]])
    wait_until(lambda: "REPAIRED" in croft.ok("events", "app").out, "the machine is started again", 120)
    def runs_again():
        # A machine that goes down may start what it stops once more: only what its next life tells counts.
        again, = hosts_of(croft)
        now = works_of(croft).get("app:server", before)
        return again["connected"] and now["phase"] == "ready" and now["since"] != before["since"]
    wait_until(runs_again, "its process runs again")
    assert [again["instance"] for again in hosts_of(croft)] == [host["instance"]]
    # Silent for longer than a dead one may be, it was not given up: the farm knew why.
    assert "INSTANCES_GONE" not in croft.ok("events", "app").out
    assert croft.ok("exec", "app:server", "--", "cat", "/run/seen/word").out.strip() == "canary-of-a-stopped-machine"
    assert croft.ok("exec", "app:server", "--", "stat", "-c", "%U %a", "/run/seen").out.strip() == "daemon 700"
    croft.ok("down", "app", limit=120)


def test_a_machine_that_is_rebooted_stays_and_runs_what_it_ran(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(WITH_ACCOUNT + '''sfConfig extends Compound { web extends ImageInstance { id "AKIDME"; key "secret-of-me-0001"; onLoss "REPLACE"; ''' + IMAGE + ''' }
      job extends Process { sfProcessHost LAZY PARENT:web; command ["/bin/sleep", "100000"]; } }''')
    url = croft.ok("up", file, "--json", limit=120).json["farm"]["url"]
    host, = hosts_of(croft)
    before = works_of(croft)["app:job"]["since"]
    client("ec2", url, "AKIDME", "secret-of-me-0001").reboot_instances(InstanceIds=[host["instance"]])

    def runs_again():
        now = hosts_of(croft)
        return [h for h in now if h["connected"] and any(w["phase"] == "ready" and w["since"] != before for w in h["works"])]
    again, = wait_until(runs_again, lambda: f"the process to run again: {hosts_of(croft)}\n{croft.ok('events', 'app').out[-3000:]}", 90)
    assert again["instance"] == host["instance"]
    assert "INSTANCES_GONE" not in croft.ok("events", "app").out
    croft.ok("down", "app", limit=120)


def test_a_folder_in_run_that_is_anothers_is_neither_taken_nor_removed(croft, describe):
    refused = croft.run("up", describe('sfConfig extends Compound { web extends ImageInstance { ' + IMAGE + """ }
      server extends Process { sfProcessHost LAZY PARENT:web; runtimeDirectory "lock"; crashLoop 2; command "exec sleep 1000"; } }"""),
      "--keep-on-failure", limit=120)
    assert refused.code == 1 and "/run/lock' is there already" in refused.err, refused
    machine = hosts_of(croft)[0]["instance"]
    assert croft.ok("exec", "app:web", "--instance", machine, "--", "stat", "-c", "%U %a", "/run/lock").out.split()[0] == "root"
    croft.ok("down", "app", limit=120)


def test_a_machine_that_only_we_do_not_hear_is_left_alone(croft, describe):
    croft.ok("up", describe(GROUP), limit=120)
    before = works_of(croft)
    victim = hosts_of(croft)[0]["instance"]
    fault = croft.ok("farm", "fault", "add", "link", "--instance", victim, "--to", "gateway", "--for", "10m", "--data",
                     f"{croft.home}/farm", "--json")
    wait_until(lambda: next(h for h in hosts_of(croft) if h["instance"] == victim)["heard"] > 20000, "twenty seconds of silence: more than any connection lasts")
    assert {host["instance"] for host in hosts_of(croft)} == {name.split(":")[2] for name in before}
    croft.ok("farm", "fault", "undo", fault.json["id"], "--data", f"{croft.home}/farm")
    wait_until(lambda: all(host["connected"] and host["heard"] < 3000 for host in hosts_of(croft)), "it to be heard again")
    assert {name: work["pid"] for name, work in works_of(croft).items()} == {name: work["pid"] for name, work in before.items()}
    croft.ok("down", "app", limit=120)


def test_the_way_in_is_in_no_process_list_and_no_token_is_left(croft, describe):
    croft.ok("up", describe(GROUP), limit=120)
    victim = hosts_of(croft)[0]["instance"]
    seen = croft.ok("exec", f"app:workers:{victim}", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline; ls /var/lib/croft").out
    assert "X-Amz-Signature" not in seen
    assert "\ntoken\n" not in seen
    croft.ok("down", "app", limit=120)


def test_who_reads_the_user_data_of_a_host_cannot_end_it(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text(WITH_ACCOUNT + GROUP.replace(IMAGE, IMAGE + ' id "AKIDME"; key "secret-of-me-0001";'))
    url = croft.ok("up", file, "--json", limit=120).json["farm"]["url"]
    victim, other = hosts_of(croft)[:2]
    ec2 = client("ec2", url, "AKIDME", "secret-of-me-0001")
    data = base64.b64decode(ec2.describe_instance_attribute(InstanceId=victim["instance"], Attribute="userData")["UserData"]["Value"]).decode()
    token, controller, pin = (re.search(pattern, data)[1] for pattern in (r"'([^']*)' > token", r"--controller '([^']*)'", r"--pin '([^']*)'"))
    joined = croft.run("exec", f"app:workers:{other['instance']}", "--", "sh", "-c",
                       f"printf %s '{token}' > /tmp/token; cp /var/lib/croft/croft-agent /tmp/thief; exec timeout 20 /tmp/thief run "
                       f"--folder /tmp/thief.d --controller {controller} --pin {pin} --instance {victim['instance']} "
                       f"--address {victim['address']} --token-file /tmp/token")
    assert joined.code == 64 and "it called from" in joined.out + joined.err, joined

    def told():
        return [e for e in croft.ok("events", "app", "--json").lines() if e["event"] == "ATTENTION" and victim["instance"] in e["why"]]
    assert "tried to join with the token" in wait_until(told, "the attempt is told")[0]["why"]
    before = works_of(croft)
    wait_until(lambda: next(h for h in hosts_of(croft) if h["instance"] == victim["instance"])["heard"] < 1500, "it is heard")
    croft.ok("exec", f"app:workers:{victim['instance']}", "--", "true")
    assert {name: work["pid"] for name, work in works_of(croft).items()} == {name: work["pid"] for name, work in before.items()}
    croft.ok("down", "app", limit=120)


def test_where_a_process_crashes_again_and_again_the_machine_is_replaced(croft, describe):
    croft.ok("up", describe('''sfConfig extends Compound {
      web extends ImageInstance { ''' + IMAGE + ''' onLoss "REPLACE"; }
      keeper extends Supervised { maxRestarts 1; backoff ["10ms", "1s"]; then "REPLACE_HOST"; sfProcessHost LAZY PARENT:web;
        server extends Process { command "while [ ! -e /tmp/broken ]; do sleep 0.05; done; echo it is broken; exit 1";
          crashLoop 2; backoff "10ms"; } } }'''), limit=120)
    before, = hosts_of(croft)
    croft.ok("exec", "app:web", "--", "touch", "/tmp/broken")
    def look():
        works = [work for host in hosts_of(croft) if host["instance"] != before["instance"] and host["connected"]
                 for work in host["works"]]
        return [work["phase"] for work in works] == ["ready"]
    wait_until(look, "the process to run on another machine", limit=120)
    story = croft.ok("events", "app").out
    assert all(word in story for word in ("RESTARTING", "CRASH_LOOP", "exit status 1", "REPLACING")), story
    down = croft.ok("down", "app", limit=120)
    assert before["instance"] in down.out and "left 0" in down.out
