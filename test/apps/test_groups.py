"""InstanceGroups that change while they run: another size, another version, and the way back. On machines of the embedded farm."""
import json

import pytest

from support.croft import wait_until

TEXT = """#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
sfConfig extends Compound {
  other extends ImageInstance { imageID "ami-0c40f700000000001"; }
  load extends Metric { sfProcessHost LAZY other; command "cat /srv/load 2>/dev/null || echo 0"; period "200ms"; }
  list extends TextListFile { sfProcessHost LAZY other; filename "/srv/serving"; list LAZY group:serving; sfLivenessDelay 0.5; }
  group extends InstanceGroup {
    imageID "ami-0c40f700000000001"; minCount 2; maxCount MOST; onLoss "REPLACE"; sfLivenessDelay 1;
    UPDATE
    each extends Compound { job extends Process { command "COMMAND"; } }
  }
}
"""
GOOD = "echo VERSION > /srv/version; exec sleep 100000"


def text(command, update="", version="1", most=2):
    return TEXT.replace("COMMAND", command.replace("VERSION", version)).replace("UPDATE", update).replace("MOST", str(most))


@pytest.fixture
def up(croft, tmp_path):
    file = tmp_path / "app.sf"

    def bring(command=GOOD, update="", version="1", most=2, expected=0):
        file.write_text(text(command, update, version, most))
        done = croft.run("up", file, "--json", limit=120)
        assert done.code == expected, done
        return done.json
    bring.file = file
    yield bring
    croft.ok("down", "app", limit=120)


def members(croft):
    hosts = json.loads(croft.ok("hosts", "app", "--json").out)["hosts"]
    return {host["instance"]: {work["name"].rsplit(":", 1)[1]: work for work in host["works"]}
            for host in hosts if host["component"] == "app:group"}


def versions(croft):
    """What each member with a job that runs has; None where one has none yet."""
    out = {}
    for instance, works in members(croft).items():
        ready = works.get("job", {}).get("phase") == "ready"
        seen = croft.run("exec", "app:group", "--instance", instance, "--", "cat", "/srv/version")
        out[instance] = seen.out.strip() if ready and seen.code == 0 else None
    return out


def serving(croft):
    return croft.run("exec", "app:other", "--", "cat", "/srv/serving").out.split()


def events(croft):
    return croft.ok("events", "app").out


def until_all_have(croft, version, count):
    return wait_until(lambda: (lambda v: v if sorted(v.values(), key=str) == [version] * count else None)(versions(croft)),
                      f"{count} members with version {version}", limit=120)


def test_scale_makes_more_and_fewer_and_stays_within_the_bounds(croft, up):
    up(most=4)
    assert len(members(croft)) == 4  # without a metric as many as there may be
    croft.ok("scale", "app:group", "2")
    wait_until(lambda: len(serving(croft)) == 2 and len(members(croft)) == 2, "two go", limit=120)
    first = set(members(croft))
    croft.ok("scale", "app:group", "4")
    wait_until(lambda: len(serving(croft)) == 4, "four serve", limit=120)
    assert first < set(members(croft))
    croft.ok("scale", "app:group", "2")
    wait_until(lambda: set(members(croft)) == first and len(serving(croft)) == 2, "those that came last go", limit=120)
    refused = croft.run("scale", "app:group", "5")
    assert refused.code == 1 and "2 to 4 members" in refused.err
    assert croft.run("scale", "app:other", "1").code == 1
    assert "its groups: app:group" in croft.run("scale", "app:nothing", "1").err
    assert "its groups: app:group" in croft.run("scale", "app", "1").err


def test_a_size_that_was_asked_for_outlives_the_controller(croft, up):
    up(most=4)
    croft.ok("scale", "app:group", "3")
    wait_until(lambda: len(serving(croft)) == 3 and len(members(croft)) == 3, "three serve, and the fourth has gone", limit=120)
    before = members(croft)
    croft.kill("controller")
    up(most=4)
    wait_until(lambda: len(members(croft)) == 3 and all("job" in works for works in members(croft).values()), "they are back")
    assert {i: works["job"]["pid"] for i, works in members(croft).items()} == {i: works["job"]["pid"] for i, works in before.items()}


def test_machines_that_are_all_cut_off_are_returned_all_the_same(croft, up):
    """What runs on them is asked to end, for a while; it goes with them, and the proof says so."""
    up()
    croft.ok("farm", "fault", "add", "link", "--zone", "us-east-1a", "--for", "10m", "--data", f"{croft.home}/farm")
    down = croft.ok("down", "app", "--json", limit=120).json
    assert down["left"] == [] and down["checked"], down
    assert len([thing for thing in down["returned"] if thing["kind"] == "instance"]) == 3


def test_a_metric_decides_how_many_there_are(croft, up):
    up(update='scale extends ScaleOnMetric { metric LAZY PARENT:PARENT:load:value; target 10; cooldown "1s"; }', most=4)
    assert len(members(croft)) == 2
    croft.ok("exec", "app:other", "--", "sh", "-c", "echo 35 > /srv/load")
    wait_until(lambda: len(serving(croft)) == 4, "a member for each ten", limit=120)
    croft.ok("exec", "app:other", "--", "sh", "-c", "echo 1 > /srv/load")
    wait_until(lambda: len(serving(croft)) == 2, "no fewer than minCount", limit=120)


def test_without_update_a_change_comes_to_the_members_where_they_are(croft, up):
    up()
    before = set(members(croft))
    up(version="2")
    assert set(until_all_have(croft, "2", 2)) == before


@pytest.mark.parametrize("update", ["RollingUpdate { batch 1; surge 1; }", 'Canary { pause "100ms"; }', "BlueGreen"])
def test_a_rollout_reaches_all_and_somebody_always_serves(croft, up, update):
    update = f"update extends {update if update.endswith('}') else update + ' {}'}"
    up(update=update)
    before = set(members(croft))
    up.file.write_text(text(GOOD, update, "2"))
    rollout = croft.start("up", up.file)
    fewest = []

    def done():
        fewest.append(len(serving(croft)))
        return rollout.poll() is not None
    wait_until(done, "the rollout's end", limit=120)
    # `up` returns when all have it, not when the first has.
    assert rollout.returncode == 0 and "ROLLED_OUT" in events(croft), rollout.communicate()
    after = versions(croft)
    assert sorted(after.values()) == ["2", "2"]
    assert min(fewest) >= (1 if "Canary" in update else 2) or "Rolling" in update and min(fewest) >= 1
    assert not before & set(after) if "BlueGreen" in update else True


@pytest.mark.parametrize("update", ["RollingUpdate { batch 1; surge 0; }", 'Canary { pause "5s"; }'])
def test_a_version_that_fails_is_given_up_and_the_good_one_comes_back(croft, up, update):
    up(update=f"update extends {update}")
    before = set(members(croft))
    told = up("echo VERSION > /srv/version; exit 1", update=f"update extends {update}", version="2", expected=1)
    assert told["phase"] == "running" and "version 2 was given up" in told["setbacks"]["app:group"]
    assert "all members run version 1 again" in events(croft)
    assert set(until_all_have(croft, "1", 2)) == before
    # A mended one is rolled out as if nothing had been.
    up(update=f"update extends {update}", version="3")
    until_all_have(croft, "3", 2)


def test_another_machine_is_rented_before_the_old_one_goes(croft, up, tmp_path):
    up()
    before = set(members(croft))
    up(update='userData "#!/bin/sh\\n# another machine\\n";')
    after = wait_until(lambda: (lambda now: now if len(now) == 2 and not before & set(now) and len(serving(croft)) == 2 else None)(members(croft)),
                       "two other machines", limit=120)
    assert len(after) == 2


def test_a_budget_that_nobody_could_keep_is_refused_and_one_that_binds_says_what_would_help(croft, up):
    refused = up(update="update extends RollingUpdate { minServing 3; }", expected=1)
    assert "minServing is 3, and the group has at most 2 members" in json.dumps(refused)
    update = "update extends RollingUpdate { surge 0; minServing 2; }"
    up(update=update)
    up.file.write_text(text(GOOD, update, "2"))
    rollout = croft.start("up", up.file)
    wait_until(lambda: "minServing is 2; `surge 1`" in events(croft), "it says what it waits for")
    assert rollout.poll() is None and sorted(versions(croft).values()) == ["1", "1"]
    up(update="update extends RollingUpdate { surge 1; minServing 2; }", version="2")
    _, told = rollout.communicate(timeout=30)
    assert rollout.returncode == 1 and "has been overtaken" in told and sorted(versions(croft).values()) == ["2", "2"], told


def test_members_that_work_hard_get_company(croft, up):
    scale = 'scale extends ScaleOnMetric { metric "CPU"; target 10; cooldown "1s"; }'
    up("while :; do :; done", update=scale, most=3)
    wait_until(lambda: len(serving(croft)) == 3, "one more for the load", limit=120)
    up(update=scale, most=3)
    wait_until(lambda: len(serving(croft)) == 2, "the load is gone", limit=120)


def test_a_rollout_goes_on_after_the_controller_died(croft, up):
    update = 'update extends RollingUpdate { surge 0; pause "2s"; }'
    up(update=update)
    before = set(members(croft))
    up.file.write_text(text(GOOD, update, "2"))
    rollout = croft.start("up", up.file)
    wait_until(lambda: "ROLLOUT of version 2" in events(croft), "it begins")
    croft.kill("controller")
    rollout.wait(60)
    up(update=update, version="2")
    assert set(versions(croft)) == before and set(versions(croft).values()) == {"2"}


def test_an_update_that_cannot_be_is_refused_and_nothing_changes(croft, up):
    up()
    before = members(croft)
    for wrong, told in (('minServing 4;', "minServing is 4"), ('pause "abc";', "abc"), ('onFailure "PANIC";', "PANIC")):
        up.file.write_text(text(GOOD, "update extends RollingUpdate { " + wrong + " }", "2"))
        refused = croft.run("up", up.file, limit=120)
        assert refused.code == 1 and told in refused.err and "app.sf:" in refused.err, refused
    assert members(croft) == before and set(versions(croft).values()) == {"1"}


def test_a_version_that_is_never_ready_is_given_up_when_its_time_is_over(croft, up):
    up()
    never = 'exec sleep 100000"; readyWithin "12s"; ready extends FileProbe { filename "/srv/never"; } note "'
    up(never, "update extends Canary { }", "2", expected=1)
    assert "not ready within 12 s" in croft.ok("events", "app").out
    wait_until(lambda: list(versions(croft).values()) == ["1", "1"], "the version before", 60)


def test_a_version_that_does_not_stay_alive_is_given_up_while_it_is_watched(croft, up):
    up()
    dying = 'exec sleep 100000"; alive extends FileProbe { filename "/srv/never"; period "4s"; failures 3; } note "'
    up(dying, 'update extends Canary { pause "60s"; }', "2", expected=1)
    assert "started again 2 times" in croft.ok("events", "app").out
    wait_until(lambda: list(versions(croft).values()) == ["1", "1"], "the version before", 60)


def test_a_group_that_is_the_whole_application_is_scaled_by_its_name(croft, tmp_path):
    file = tmp_path / "app.sf"
    file.write_text('#include "/org/smartfrog/services/amazon/ec2/components.sf"\n'
                    'sfConfig extends InstanceGroup { imageID "ami-0c40f700000000001"; minCount 1; maxCount 3; }\n')
    croft.ok("up", file, limit=120)
    croft.ok("scale", "app", "2")
    wait_until(lambda: len(json.loads(croft.ok("hosts", "app", "--json").out)["hosts"]) == 2, "two members", 60)
    croft.ok("down", "app", limit=120)
