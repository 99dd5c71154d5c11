"""Looking into a host through its agent: commands, terminals, logs, tars, ports."""
import hashlib
import io
import os
import socket
import tarfile
import threading
import time

import pytest

from support.agents import Failed, alive, eventually, process_work


def run(session, command, data=None, **request):
    answer = session.open("exec", command=command, **request)
    if data is not None:
        session.send_data(answer["channel"], data)
        session.send_data(answer["channel"], b"")
    closed = session.end_of(answer["channel"])
    return closed.get("result"), session.data.get(answer["channel"], b""), session.data.get(answer.get("errors"), b"")


def test_a_command_has_output_errors_and_an_exit_code(session):
    assert run(session, ["sh", "-c", "echo out; echo err >&2; exit 3"]) == ({"code": 3}, b"out\n", b"err\n")
    assert run(session, ["sh", "-c", "kill -USR1 $$"])[0] == {"signal": "USR1"}
    assert run(session, ["cat"], b"x" * 1_000_000)[1] == b"x" * 1_000_000
    assert run(session, ["sh", "-c", "echo $A; pwd"], environment={"A": "b"}, directory="/usr")[1] == b"b\n/usr\n"
    with pytest.raises(Failed, match="no-such-program"):
        run(session, ["no-such-program"])
    with pytest.raises(Failed, match="no item 'app:none'"):
        run(session, ["true"], name="app:none")


def test_a_command_runs_as_its_items_process_does(session):
    work = process_work("app:web", ["sleep", "1000"], user="nobody", directory="/", environment={"COLOUR": "green"},
                        secrets=[{"name": "key", "value": "Y2FuYXJ5LTk="}])
    session.call("apply", work=work)
    session.until("app:web", phase="ready")
    result, out, _ = run(session, ["sh", "-c", "id -un; echo $COLOUR; cat $CREDENTIALS_DIRECTORY/key"], name="app:web")
    assert result == {"code": 0} and out == b"nobody\ngreen\ncanary-9"
    session.call("remove", name="app:web")


def test_a_terminal(session):
    answer = session.open("exec", command=["sh"], terminal={"rows": 11, "columns": 77})
    channel = answer["channel"]
    assert "errors" not in answer
    session.send_data(channel, b"stty size; tty\n")
    session.wait(lambda: b"/dev/pts/" in session.data.get(channel, b""), "no terminal")
    assert b"11 77" in session.data[channel]
    session.call("resize", channel=channel, rows=22, columns=55)
    session.send_data(channel, b"stty size\n")
    session.wait(lambda: b"22 55" in session.data[channel], "not resized")
    session.send_data(channel, b"sh -c 'echo go; exec sleep 1000'\n")
    session.wait(lambda: b"go\r\n" in session.data[channel], "the command does not start")  # it has the terminal now
    session.send_data(channel, b"\x03")  # Ctrl-C
    session.send_data(channel, b"exit 5\n")
    assert session.end_of(channel)["result"] == {"code": 5}


def test_signals_and_hanging_up_reach_the_command(session, tmp_path):
    channel = session.open("exec", command=["sleep", "1000"])["channel"]
    session.call("kill", channel=channel, signal="INT")
    assert session.end_of(channel)["result"] == {"signal": "INT"}
    note = tmp_path / "pid"
    channel = session.open("exec", command=["sh", "-c", f"trap '' HUP; sleep 1000 & echo $! > {note}; wait"])["channel"]
    eventually(lambda: note.exists() and note.read_text().endswith("\n"), "the command does not start")
    session.send({"type": "closed", "channel": channel})
    eventually(lambda: not alive(int(note.read_text())), "it outlives the channel")
    assert session.end_of(channel)["error"]["what"] == "hung up"
    with pytest.raises(Failed, match="no running command"):
        session.call("kill", channel=channel, signal="INT")


def test_logs_last_lines_and_what_comes(session, tmp_path):
    gate = tmp_path / "gate"
    script = f"for i in 1 2 3 4 5; do echo line $i; done; until [ -e {gate} ]; do sleep 0.01; done; echo more; exec sleep 1000"
    session.call("apply", work=process_work("app:web", ["sh", "-c", script]))
    session.until("app:web", phase="ready")
    log = session.open("logs", name="app:web", follow=True)["channel"]
    session.wait(lambda: b"line 5\n" in session.data.get(log, b""), "the lines are not there")
    assert session.data[log] == b"".join(b"line %d\n" % i for i in range(1, 6))
    last = session.open("logs", name="app:web", lines=2)["channel"]
    session.end_of(last)
    assert session.data[last] == b"line 4\nline 5\n"
    new = session.open("logs", name="app:web", lines=0, follow=True)["channel"]
    gate.write_text("")
    for channel in (log, new):
        session.wait(lambda channel=channel: session.data.get(channel, b"").endswith(b"more\n"), "it is not followed")
    assert session.data[new] == b"more\n"
    with pytest.raises(Failed, match="no item"):
        session.open("logs", name="app:wep")
    session.call("remove", name="app:web")


def timed(data):
    return int.from_bytes(data[:8], "big"), data[8:]


def test_logs_with_their_times(session, agent, tmp_path):
    gate = tmp_path / "gate"
    script = f"echo early; until [ -e {gate} ]; do sleep 0.01; done; echo late; exec sleep 1000"
    session.call("apply", work=process_work("app:web", ["sh", "-c", script]))
    eventually(lambda: list((agent.folder / "logs").glob("*.times")), "no note of the time is made")
    first = time.time_ns()
    gate.write_text("")
    notes = next((agent.folder / "logs").glob("*.times"))
    eventually(lambda: len(notes.read_text().splitlines()) >= 2, "no second note")
    log = session.open("logs", name="app:web", times=True, follow=True)
    assert log["times"] is True
    session.wait(lambda: len(session.frames.get(log["channel"], [])) >= 3, "the pieces are not there")
    early, late, told = (timed(frame) for frame in session.frames[log["channel"]][:3])
    assert early[1] == b"early\n" and late[1] == b"late\n" and told[1] == b""
    assert early[0] <= first <= late[0] <= told[0]
    since = session.open("logs", name="app:web", since=first)["channel"]
    session.end_of(since)
    assert session.data[since] == b"late\n"
    session.call("remove", name="app:web")


def test_files_there_and_back(session, tmp_path):
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "data").write_bytes(os.urandom(300_000))
    (source / "empty").write_text("")
    answer = session.open("get", path=str(source))
    assert answer["directory"]
    assert not session.end_of(answer["channel"]).get("error")
    packed = session.data[answer["channel"]]
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert {name.lstrip("./") for name in archive.getnames()} == {"source", "source/deep", "source/deep/data", "source/empty"}
    channel = session.open("put", path=str(tmp_path / "target"))["channel"]
    for at in range(0, len(packed), 32768):
        session.send_data(channel, packed[at:at + 32768])
    session.send_data(channel, b"")
    assert not session.end_of(channel).get("error")
    digest = [hashlib.sha256((tmp_path / place / "deep/data").read_bytes()).digest() for place in ("source", "target/source")]
    assert digest[0] == digest[1]
    channel = session.open("put", path=str(tmp_path / "target"))["channel"]
    session.send_data(channel, b"this is no tar" * 100)
    session.send_data(channel, b"")
    assert "tar ended with" in session.end_of(channel)["error"]["what"]
    with pytest.raises(Failed, match="no absolute path"):
        session.open("get", path="relative")


def test_a_port_from_afar(session):
    def echo(server):
        stream, _ = server.accept()
        while piece := stream.recv(65536):
            stream.sendall(piece)
        stream.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=echo, args=(server,), daemon=True).start()
        port = server.getsockname()[1]
        channel = session.open("forward", port=port)["channel"]
        data = os.urandom(200_000)
        for at in range(0, len(data), 32768):
            session.send_data(channel, data[at:at + 32768])
        session.send_data(channel, b"")
        session.end_of(channel)
        assert session.data[channel] == data
    with pytest.raises(Failed, match=f"127.0.0.1:{port}"):
        session.open("forward", port=port)
