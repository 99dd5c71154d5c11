"""croft-agent as a program, under its keeper, against a controller on loopback."""
import os
import pathlib
import shutil
import signal
import subprocess
import threading

from support.agents import AGENT, Agent, Authority, Controller, alive, eventually, process_work


def test_joins_once_and_keeps_what_it_needs(agent, controller):
    session = controller.meet()
    assert session.hello["instance"] == "i-1"
    assert not agent.token_file.exists()
    for name in ("agent.json", "identity.pem"):
        assert (agent.folder / name).stat().st_mode & 0o777 == 0o600
    agent.stop()
    agent.log = open(os.devnull, "wb")
    agent.start(arguments=["--folder", str(agent.folder)])
    controller.meet().call("ping")
    assert len(controller.joins) == 1


def test_processes_outlive_agent_keeper_and_controller(agent, controller):
    session = controller.meet()
    for i in range(10):
        session.call("apply", work=process_work(f"app:p{i}", ["sleep", "1000"]))
    pids = {session.until(f"app:p{i}", phase="ready")["pid"] for i in range(10)}

    os.kill(agent.agent_pid, signal.SIGKILL)
    session = controller.meet()
    assert {session.until(f"app:p{i}", phase="ready")["pid"] for i in range(10)} == pids

    # The keeper: its agent becomes the keeper, and starts another agent.
    successor = agent.agent_pid
    agent.process.kill()
    agent.process.wait()
    session = controller.meet()
    assert {session.until(f"app:p{i}", phase="ready")["pid"] for i in range(10)} == pids
    assert pathlib.Path(f"/proc/{successor}/cmdline").read_bytes().split(b"\0")[1] == b"keep"

    session.hang_up()
    session = controller.meet()
    states = [session.until(f"app:p{i}", phase="ready") for i in range(10)]
    assert {state["pid"] for state in states} == pids and all("restarts" not in state for state in states)
    for i in range(10):
        session.call("remove", name=f"app:p{i}")
    assert not any(alive(pid) for pid in pids)
    os.kill(successor, signal.SIGTERM)
    eventually(lambda: not alive(successor), "the keeper does not end")


def test_how_an_orphan_ended_is_known(agent, controller, tmp_path):
    session = controller.meet()
    gate = tmp_path / "gate"
    script = f"until [ -e {gate} ]; do sleep 0.01; done; exit 7"
    session.call("apply", work=process_work("app:once", ["sh", "-c", script], restart="never"))
    pid = session.until("app:once", phase="ready")["pid"]
    os.kill(agent.agent_pid, signal.SIGSTOP)  # so that it does not hear of the end
    frozen = agent.agent_pid
    os.kill(frozen, signal.SIGKILL)
    gate.write_text("")
    session = controller.meet()
    state = session.until("app:once", phase="ended")
    assert state["exitCode"] == 7 and state["why"] == "exit status 7"
    assert not alive(pid)
    # It is remembered: another agent does not start it again.
    os.kill(agent.agent_pid, signal.SIGKILL)
    assert controller.meet().until("app:once", phase="ended")["exitCode"] == 7


def test_takes_a_new_program_without_restarting_anything(agent, controller):
    session = controller.meet()
    session.call("apply", work=process_work("app:web", ["sleep", "1000"]))
    pid = session.until("app:web", phase="ready")["pid"]
    before = agent.agent_pid
    os.kill(agent.process.pid, signal.SIGUSR1)
    session = controller.meet()
    assert session.until("app:web", phase="ready")["pid"] == pid and agent.agent_pid == before
    copy = agent.folder / "another-agent"
    shutil.copy(f"/proc/{before}/exe", copy)
    session.call("upgrade", path=str(copy))
    session = controller.meet()
    assert session.until("app:web", phase="ready")["pid"] == pid
    assert os.readlink(f"/proc/{agent.agent_pid}/exe") == str(copy)
    session.call("remove", name="app:web")


def test_another_authority_is_not_believed(tmp_path, controller):
    (tmp_path / "other").mkdir()
    stranger = Controller(tmp_path / "other")
    forged = Controller(tmp_path, authority=Authority(tmp_path / "third"))
    forged.authority = stranger.authority
    try:
        agent = Agent(tmp_path, forged)
        log = tmp_path / "agent.log"
        eventually(lambda: "certificate is not accepted" in log.read_text(), "the agent does not complain")
        assert not forged.joins and agent.token_file.exists()
        agent.stop()
    finally:
        stranger.close()
        forged.close()


def test_a_used_token_is_refused(tmp_path, controller):
    controller.tokens.clear()
    agent = Agent(tmp_path, controller, verb="run")
    assert agent.process.wait(60) == 64
    assert "the token is not known" in (tmp_path / "agent.log").read_text()
    agent.stop()
    # The keeper does not try again and again.
    agent = Agent(tmp_path, controller, token="late")
    assert agent.process.wait(60) == 64
    agent.stop()


def test_killed_again_and_again_under_load(agent, controller, tmp_path):
    def running():
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"tail", b"-f"] and words[2].startswith(f"{tmp_path}/".encode()):
                found.append(int(folder.name))
        return found

    session = controller.meet()
    wanted = {}
    for round_ in range(5):
        doomed = threading.Thread(target=lambda: os.kill(agent.agent_pid, signal.SIGKILL))
        doomed.start()
        try:
            for i in range(20):
                name = f"app:p{i}"
                (tmp_path / name).touch()
                wanted[name] = str(round_ if i % 2 else 0)
                work = process_work(name, ["tail", "-f", str(tmp_path / name)], wanted[name])
                session.call("apply", work=work)
        except (ConnectionError, OSError):
            pass  # it was killed in the middle: what was not answered is said again
        doomed.join()
        session = controller.meet()
    for i in range(20):
        name = f"app:p{i}"
        (tmp_path / name).touch()
        session.call("apply", work=process_work(name, ["tail", "-f", str(tmp_path / name)], wanted.get(name, "0")))
    pids = {session.until(f"app:p{i}", phase="ready", digest=wanted.get(f"app:p{i}", "0"))["pid"] for i in range(20)}
    eventually(lambda: len(running()) == 20, "more run than should, or fewer")
    assert set(running()) == pids
    for i in range(20):
        session.call("remove", name=f"app:p{i}")
    assert running() == []


def test_bad_command_lines_are_told(tmp_path):
    def run(*arguments):
        done = subprocess.run([AGENT, *arguments], capture_output=True, text=True)
        return done.returncode, done.stderr + done.stdout

    assert run("--version")[0] == 0
    assert "usage: croft-agent" in run("--help")[1]
    assert run() == (64, run("--help")[1])
    assert run("jump") == (64, "error: unknown command 'jump'\n  hint: 'run', 'keep' or --help\n")
    folder = str(tmp_path / "f")
    assert run("run", "--folder", folder) == (64, "error: no controller is known: --controller HOST:PORT\n")
    code, text = run("keep", "--folder", folder, "--controller", "a:1", "--pin", "12")
    assert code == 64 and "--pin takes 64 hexadecimal digits" in text
    assert run("run", "--folder", "f")[0] == 64
