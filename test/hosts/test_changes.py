"""What an `up` changes on a host that is there: what comes back, what is tried again, what was never ours; and what is told of it."""
import os
import stat

import pytest

from support.croft import Croft, wait_until

HEAD = '''#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm { images extends { any "ami-0c40f700000000001"; } }
sfConfig extends Compound {
  m extends ImageInstance { imageID "ami-0c40f700000000001"; }
  all extends Compound { sfProcessHost LAZY m;
    p extends Process { command ["/bin/sleep", "1000"]; }
    %s
  }
}
'''
SLEEPER = 'extends Process { command ["/bin/sleep", "2000"]; }'
CANARY = "canary-71f0a2c4"


@pytest.fixture(scope="module")
def croft(tmp_path_factory):
    one = Croft()
    one.file = tmp_path_factory.mktemp("changes") / "w.sf"

    def change(parts="", *options):
        one.file.write_text(HEAD % parts)
        return one.run("up", one.file, *options, limit=150)
    one.change = change
    assert one.change().code == 0
    yield one
    proof = one.ok("down", "w", "--json", limit=120).json
    one.close()
    assert proof["left"] == []


def there(croft, *command):
    return croft.run("exec", "w:m", "--", *command)


def works(croft):
    hosts = croft.ok("hosts", "w", "--json").json["hosts"]
    return {work["name"]: work for host in hosts for work in host["works"]}


def state_of(croft, path):
    def find(tree):
        return tree if tree["path"] == path else next(filter(None, map(find, tree.get("children", []))), None)
    return find(croft.ok("status", "w", "--json").json["root"])


def test_what_was_removed_and_comes_back_runs_again(croft):
    for _ in range(2):
        assert croft.change(f"q {SLEEPER}").code == 0
        assert state_of(croft, "w:all:q")["state"] == "running" and works(croft)["w:all:q"]["phase"] == "ready"
        assert croft.change().code == 0
        assert "w:all:q" not in works(croft)
    # What was removed by the controller before.
    croft.kill("controller")
    assert croft.change(f"q {SLEEPER}").code == 0
    assert works(croft)["w:all:q"]["phase"] == "ready"
    assert croft.change().code == 0


def test_what_holds_parts_on_a_host_can_be_removed(croft):
    for holder in ("Compound", "Supervised"):
        assert croft.change(f"inner extends {holder} {{ deep extends Compound {{ q {SLEEPER} }} r {SLEEPER} }}").code == 0
        assert works(croft)["w:all:inner:deep:q"]["phase"] == "ready"
        assert croft.change().code == 0, holder
        assert set(works(croft)) == {"w:all:p"}


def test_what_failed_is_tried_again_once_its_cause_is_gone(croft):
    script = 's extends Script { script "test -e /root/cause-is-gone"; }'
    failed = croft.change(script, "--keep-on-failure")
    assert failed.code == 1 and "exit status 1" in failed.err, failed
    assert there(croft, "touch", "/root/cause-is-gone").code == 0
    again = croft.change(script, "--keep-on-failure")
    assert again.code == 0, again
    assert state_of(croft, "w:all:s")["state"] == "running"
    assert croft.change().code == 0


def test_a_folder_where_a_file_was_wanted_stays(croft):
    assert there(croft, "mkdir", "/opt/theirs").code == 0
    failed = croft.change('f extends File { filename "/opt/theirs"; text "x"; }', "--keep-on-failure")
    assert failed.code == 1 and "is there and a folder" in failed.err, failed
    # Nothing is in the way of the next change.
    assert croft.change('f extends File { filename "/opt/ours"; text "x"; }').code == 0
    assert there(croft, "test", "-d", "/opt/theirs").code == 0
    assert state_of(croft, "w:all:f").get("why", "") == ""
    assert croft.change().code == 0
    assert there(croft, "test", "-e", "/opt/ours").code == 1


def test_a_secret_in_what_a_program_writes_is_told_nowhere(croft, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(CANARY + "\n")
    part = (f's extends Script {{ script "echo it is $(cat $CREDENTIALS_DIRECTORY/token)\\nfalse"; '
            f'secrets extends {{ token extends Secret {{ from "FILE"; name "{secret}"; }} }} }}')
    failed = croft.change(part, "--keep-on-failure", "--allow-files", tmp_path)
    assert failed.code == 1 and "it is ***" in failed.err, failed
    told = failed.out + failed.err + croft.run("why", "w:all:s").out + croft.ok("status", "w", "--json").out + croft.ok("events", "w").out
    assert CANARY not in told
    for folder, _, files in os.walk(os.path.join(croft.home, "controller")):
        for name in files:
            assert CANARY.encode() not in open(os.path.join(folder, name), "rb").read(), name
    assert croft.change().code == 0


def test_a_process_that_was_started_again_is_told(croft):
    there(croft, "kill", "-9", str(works(croft)["w:all:p"]["pid"]))

    def told():
        return [e for e in croft.ok("events", "w", "--json").lines() if e["event"] == "RESTARTING" and e["component"] == "w:all:p"]
    event = wait_until(told, "the restart is told")[0]
    assert "killed by signal 9" in event["why"] and "1 times" in event["why"], event


def test_a_list_goes_into_a_template(croft):
    assert croft.change('t extends Template { filename "/root/list"; text "have ${them}\\n"; '
                        'values extends { them ["a", 2, true]; } }').code == 0
    assert there(croft, "cat", "/root/list").out == "have a,2,true\n"
    assert croft.change().code == 0


@pytest.mark.parametrize("wrong, said, meant", [
    ('limits extends { memroy "1MiB"; }', "there is no 'memroy' here", "memory"),
    ('stopSignal "TREM";', "'TREM' is no signal", "TERM"),
    ('reloadSignal "HUPP";', "'HUPP' is no signal", "HUP"),
    ('environment extends { "A=B" "c"; }', "'A=B' is no name of a variable", "'='"),
])
def test_what_is_wrong_is_said_where_it_stands(croft, wrong, said, meant):
    refused = croft.change(f'q extends Process {{ command ["/bin/sleep", "1"]; {wrong} }}')
    assert refused.code != 0 and said in refused.err and meant in refused.err and "w.sf:" in refused.err, refused
    assert croft.change().code == 0


def test_an_empty_command_is_none(croft):
    refused = croft.change('q extends Process { command ""; }')
    assert refused.code != 0 and "command names no program" in refused.err, refused
    assert croft.change().code == 0


def test_nothing_dangerous_is_copied_here(croft, tmp_path):
    assert there(croft, "sh", "-c", "mkdir -p /root/x && cp /bin/true /root/x/s && chmod 4755 /root/x/s").code == 0
    assert croft.run("cp", "w:m:/root/x", tmp_path).code == 0
    assert not (tmp_path / "x" / "s").stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    refused = croft.run("cp", "w:m:/dev/null", tmp_path / "null")
    assert refused.code != 0 and not (tmp_path / "null").exists(), refused
