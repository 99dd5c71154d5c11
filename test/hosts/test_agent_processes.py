"""What a process gets from its agent: environment, user, limits, secrets; and what it may not keep."""
import base64
import os
import pathlib

import pytest

from support.agents import Failed, alive, eventually, process_work


def environment_of(pid):
    file = pathlib.Path(f"/proc/{pid}/environ")
    eventually(file.read_bytes, "its environment does not appear")  # a moment after the exec has begun
    text = file.read_bytes().decode()
    return dict(each.split("=", 1) for each in text.split("\0") if each)


def start(session, name="app:web", command=("sleep", "1000"), **more):
    session.call("apply", work=process_work(name, list(command), **more))
    return session.until(name, phase="ready")["pid"]


def test_the_environment_is_given_whole(session):
    os.environ["LEAKED"] = "yes"
    pid = start(session, environment={"COLOUR": "green", "PATH": "/bin"})
    assert environment_of(pid) == {"COLOUR": "green", "PATH": "/bin", "HOME": "/root", "USER": "root", "LOGNAME": "root",
                                   "SHELL": environment_of(pid)["SHELL"]}
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert int(stat[2]) == pid and int(stat[3]) == pid  # group and session of its own
    opened = {os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    assert len(opened) == 2 and "/dev/null" in opened  # input, and its log twice
    blocked = [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(("SigBlk", "SigIgn"))]
    assert all(int(line.split()[1], 16) == 0 for line in blocked)


def test_user_and_group(session):
    pid = start(session, user="nobody", directory="/")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert "Uid:\t65534\t65534\t65534\t65534" in status and "Groups:\t65534" in status
    session.call("apply", work=process_work("app:none", ["sleep", "1"], user="nobodi", directory="/"))
    session.wait(lambda: "no user 'nobodi'" in session.states["app:none"].get("why", ""), "an unknown user is not told")


def test_limits(session):
    pid = start(session, limits={"files": 123, "memory": 64 << 20, "processes": 50, "cpuPermille": 500})
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert "Max open files            123                  123" in limits
    assert "Max core file size        0 " in limits
    groups = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
    # By a group where the machine lets us, else by the older limits.
    assert "/croft-app.web" in groups or "Max data size             67108864" in limits
    hog = "x = bytearray(200 << 20)"
    session.call("apply", work=process_work("app:hog", ["/usr/bin/python3", "-c", hog], restart="never",
                                            limits={"memory": 64 << 20}))
    state = session.until("app:hog", phase="ended")
    assert state.get("exitSignal") == 9 or state.get("exitCode") == 1


def test_all_processes_end_with_it(session, tmp_path):
    note = tmp_path / "pids"
    escapes = f"setsid sh -c 'echo $$ >> {note}; exec sleep 1001'"
    pid = start(session, command=("sh", "-c", f"{escapes} & sleep 1002 & echo $! >> {note}; wait"))
    eventually(lambda: note.exists() and note.read_text().count("\n") == 2, "it does not start its children")
    children = [int(each) for each in note.read_text().split()]
    if "/croft-app.web" not in pathlib.Path(f"/proc/{pid}/cgroup").read_text():
        pytest.skip("no cgroup can be made here: one in a session of its own escapes")
    session.call("remove", name="app:web")
    assert not alive(pid) and not any(alive(child) for child in children)


def test_secrets_are_seen_by_their_process_alone(session, agent, tmp_path):
    canary = "canary-of-a-secret-417"
    work = process_work("app:web", ["sleep", "1000"], secrets=[{"name": "key", "value": base64.b64encode(canary.encode()).decode()}])
    session.call("apply", work=work)
    pid = session.until("app:web", phase="ready")["pid"]
    folder = pathlib.Path(environment_of(pid)["CREDENTIALS_DIRECTORY"])
    assert (folder / "key").read_text() == canary
    assert (folder / "key").stat().st_mode & 0o777 == 0o400 and folder.stat().st_mode & 0o777 == 0o500
    script = {"kind": "file", "path": str(tmp_path / "secret.conf"), "content": canary, "secret": True, "mode": 0o600}
    session.call("apply", work={"name": "app:file", "digest": "1", "kind": "file", "what": script})
    session.until("app:file", phase="ready")
    texts = [canary.encode(), base64.b64encode(canary.encode())]
    for path in [*agent.folder.rglob("*"), tmp_path / "agent.log"]:
        if path.is_file():
            assert not any(text in path.read_bytes() for text in texts), path
    for process in (pid, agent.agent_pid, agent.process.pid):
        for name in ("cmdline", "environ"):
            assert not any(text in pathlib.Path(f"/proc/{process}/{name}").read_bytes() for text in texts)
    session.call("remove", name="app:web")
    session.call("remove", name="app:file")
    assert not folder.exists() and not (tmp_path / "secret.conf").exists()


def test_calls_that_make_no_sense_are_refused(session):
    with pytest.raises(Failed, match="is no name"):
        session.call("apply", work=process_work("a\nb", ["true"]))
    with pytest.raises(Failed, match="unknown kind 'dance'"):
        session.call("apply", work={"name": "a", "digest": "1", "kind": "dance", "what": {}})
    with pytest.raises(Failed, match="did not run|does not run"):
        session.call("apply", work=process_work("app:web", ["no-such-program-here"]))
        session.wait(lambda: session.states["app:web"]["phase"] in ("failing", "backoff"), "it is not told")
        session.call("signal", name="app:web", signal="TERM")
    with pytest.raises(Failed, match="'TERN' is no signal"):
        session.call("signal", name="app:web", signal="TERN")


def test_stats_of_agent_and_items(session):
    pid = start(session)
    stats = session.call("stats")
    assert stats["agent"]["memory"] > 1 << 20 and stats["items"][0]["pid"] == pid
    assert stats["items"][0]["memory"] > 0 and stats["items"][0]["files"] >= 3 and stats["items"][0]["processes"] == 1
