"""The component types that run on hosts, each with the real thing, on machines of the embedded farm."""
import pathlib

import pytest

from support.croft import Croft, wait_until

TEXT = (pathlib.Path(__file__).parent / "components.sf").read_text()
CANARY = "canary-5d1c0b8e2f7a4963-of-the-secrets"  # 38 characters, as components.sf knows


def components(tree):
    yield tree
    for child in tree.get("children", []):
        yield from components(child)


def states(croft):
    return {c["path"]: c["state"] for c in components(croft.ok("status", "components", "--json").json["root"])}


def works(croft):
    hosts = croft.ok("hosts", "components", "--json").json["hosts"]
    return {work["name"]: work for host in hosts for work in host["works"]}


def pid_of(croft, name):
    return works(croft).get(f"components:{name}", {}).get("pid")


@pytest.fixture(scope="module")
def croft(tmp_path_factory):
    one = Croft()
    one.place = tmp_path_factory.mktemp("description")
    one.file = one.place / "components.sf"
    one.file.write_text(TEXT)
    secret = one.place / "secret"
    secret.write_text(CANARY + "\n")
    one.options = ["-D", f"secret.file={secret}", "--allow-files", one.place, "--json"]
    one.up = one.ok("up", one.file, *one.options, limit=150)
    yield one
    one.close()


def test_each_does_on_its_host_what_it_says(croft):
    # The checks are asked from the host, one after another; the last of them stays.
    wait_until(lambda: states(croft).get("components:checks:done") == "running", "all checks hold")
    assert {state for path, state in states(croft).items() if path.count(":") < 2} == {"running"}


def test_a_process_that_dies_is_started_again_where_it_runs(croft):
    before = pid_of(croft, "talker")
    croft.ok("exec", "components:talker", "--", "kill", "-9", str(before))
    again = wait_until(lambda: (lambda w: w if w["restarts"] == 1 and w["phase"] == "ready" else None)(works(croft)["components:talker"]),
                       "it runs again")
    assert again["pid"] != before
    assert states(croft)["components:talker"] == "running"


def test_a_restart_of_the_controller_restarts_nothing(croft):
    names = ("server", "backend", "talker", "script", "artifact")
    before = {name: works(croft)[f"components:{name}"] for name in names}
    croft.kill("controller")
    croft.ok("up", croft.file, *croft.options, limit=150)
    wait_until(lambda: len(works(croft)) >= len(before), "the hosts are back")
    for name in names:
        after = works(croft)[f"components:{name}"]
        assert (after.get("pid"), after["restarts"], after["digest"] if "digest" in after else "") == \
               (before[name].get("pid"), before[name]["restarts"], before[name].get("digest", "")), name


def test_a_secret_stands_nowhere_but_in_its_file(croft):
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                assert CANARY.encode() not in (folder / name).read_bytes(), folder
            except OSError:
                pass  # it has ended
    # What croft keeps and logs; the disks of the machines hold the two files that were asked for.
    for file in pathlib.Path(croft.home).glob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
    for arguments in (["status", "components", "--json"], ["events", "components", "--json"], ["logs", "components"],
                      ["plan", croft.file, *croft.options]):
        outcome = croft.run(*arguments)
        assert CANARY not in outcome.out + outcome.err, arguments


def test_changes_are_made_in_place(croft):
    before = {name: pid_of(croft, name) for name in ("server", "backend")}
    assert TEXT.count("port 8080; }\n      dependsOn") == 1 and TEXT.count("'port 8080' /etc") == 1
    croft.file.write_text(TEXT.replace("port 8080; }\n      dependsOn", "port 8081; }\n      dependsOn"))
    croft.ok("up", croft.file, *croft.options, limit=150)
    wait_until(lambda: croft.run("exec", "components:server", "--", "grep", "-x", "port 8081", "/etc/test/conf").code == 0,
               "the file has the new content")
    wait_until(lambda: pid_of(croft, "server") not in (None, 0, before["server"]), "who uses it is started again")
    assert pid_of(croft, "backend") == before["backend"]


def test_down_leaves_nothing(croft):
    pids = [pid_of(croft, name) for name in ("server", "backend", "talker")]
    assert all(pids)
    croft.ok("down", "components", limit=150)
    assert "components" not in croft.run("hosts", "--json").out
