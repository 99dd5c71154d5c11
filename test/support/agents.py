"""A controller for croft-agent in Python: an authority made with the openssl program, a TLS server, calls and channels."""
import hashlib
import itertools
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from support.croft import BINARY

AGENT = os.environ.get("CROFT_AGENT", str(pathlib.Path(BINARY).parent / "croft-agent"))
PATIENCE = 60.0

SERVER = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1\n"
CLIENT = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Authority:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self / "ca.key",
                "-out", self / "ca.pem", "-days", "2", "-subj", "/CN=test authority")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self / "server.key",
                "-out", self / "server.csr", "-subj", "/CN=controller")
        (self.folder / "server.pem").write_text(self.sign((self.folder / "server.csr").read_text(), SERVER))

    def __truediv__(self, name):
        return str(self.folder / name)

    @property
    def pin(self):
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert((self.folder / "ca.pem").read_text())).hexdigest()

    def sign(self, request, kind=CLIENT):
        (self.folder / "one.csr").write_text(request)
        (self.folder / "one.ext").write_text(kind)
        openssl("x509", "-req", "-in", self / "one.csr", "-CA", self / "ca.pem", "-CAkey", self / "ca.key", "-set_serial",
                str(int.from_bytes(os.urandom(8), "big")), "-days", "1", "-extfile", self / "one.ext", "-out", self / "one.pem")
        return (self.folder / "one.pem").read_text() + (self.folder / "ca.pem").read_text()


class Failed(Exception):
    def __init__(self, error):
        super().__init__(error.get("what"))
        self.code = error.get("code")


class Session:
    """One connection of an agent after its hello."""

    def __init__(self, stream, hello):
        self.stream, self.hello = stream, hello
        self.numbers = itertools.count(1)
        self.answers, self.states, self.data, self.closed = {}, {}, {}, {}
        self.frames = {}  # by channel, each as it came
        self.changed = threading.Condition()
        self.writing = threading.Lock()
        self.fence = 1
        self.gone = False
        for state in hello.get("works", []):
            self.states[state["name"]] = state
        threading.Thread(target=self.read_all, daemon=True).start()

    def read_all(self):
        try:
            while True:
                kind, payload = read_frame(self.stream)
                with self.changed:
                    self.take(kind, payload)
                    self.changed.notify_all()
        except (OSError, EOFError, ValueError):
            with self.changed:
                self.gone = True
                self.changed.notify_all()

    def take(self, kind, payload):
        if kind == b"D":
            channel = struct.unpack(">I", payload[:4])[0]
            self.data[channel] = self.data.get(channel, b"") + payload[4:]
            self.frames.setdefault(channel, []).append(payload[4:])
            return
        message = json.loads(payload)
        if message["type"] == "answer":
            self.answers[message["id"]] = message
        elif message["type"] == "changed":
            self.states[message["state"]["name"]] = message["state"]
        elif message["type"] == "closed":
            self.closed[message["channel"]] = message

    def wait(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(lambda: condition() or self.gone, PATIENCE):
                raise TimeoutError(f"{what}; the states are {self.states}")
            if not condition():
                raise ConnectionError(f"the agent hung up; {what}")

    def send(self, message):
        write_frame(self.stream, self.writing, b"J", json.dumps(message).encode())

    def send_data(self, channel, data):
        write_frame(self.stream, self.writing, b"D", struct.pack(">I", channel) + data)

    def call(self, action, **request):
        number = next(self.numbers)
        self.send({"type": "call", "id": number, "fence": self.fence, "action": action, "request": request})
        self.wait(lambda: number in self.answers, f"no answer to {action}")
        answer = self.answers.pop(number)
        if answer.get("error"):
            raise Failed(answer["error"])
        return answer.get("result", {})

    def open(self, what, **request):
        return self.call("open", what=what, **request)

    def until(self, name, **wanted):
        def met():
            state = self.states.get(name, {})
            return all(state.get(key) == value for key, value in wanted.items())

        self.wait(met, f"'{name}' does not become {wanted}")
        return self.states[name]

    def end_of(self, channel):
        self.wait(lambda: channel in self.closed, f"channel {channel} does not end")
        return self.closed[channel]

    def hang_up(self):
        try:
            self.stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.stream.close()


def read_exactly(stream, count):
    out = b""
    while len(out) < count:
        piece = stream.recv(count - len(out))
        if not piece:
            raise EOFError
        out += piece
    return out


def read_frame(stream):
    length = struct.unpack(">I", read_exactly(stream, 4))[0]
    body = read_exactly(stream, length)
    return body[:1], body[1:]


def write_frame(stream, lock, kind, payload):
    with lock:
        stream.sendall(struct.pack(">I", 1 + len(payload)) + kind + payload)


class Controller:
    def __init__(self, folder, authority=None, port=0):
        self.authority = authority or Authority(pathlib.Path(folder) / "authority")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority / "server.pem", self.authority / "server.key")
        context.load_verify_locations(self.authority / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.tokens = {"token"}
        self.fence = 1
        self.joins = []
        self.sessions = queue.Queue()
        self.closing = False
        threading.Thread(target=self.accept_all, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def accept_all(self):
        while not self.closing:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.greet, args=(raw,), daemon=True).start()

    def greet(self, raw):
        lock = threading.Lock()
        try:
            stream = self.context.wrap_socket(raw, server_side=True)
            message = json.loads(read_frame(stream)[1])
            if message["type"] == "join":
                self.joins.append(message)
                write_frame(stream, lock, b"J", json.dumps(self.join(message)).encode())
                stream.close()
                return
            if not stream.getpeercert():
                return
            welcome = {"type": "welcome", "fence": self.fence, "period": 1_000_000_000}
            write_frame(stream, lock, b"J", json.dumps(welcome).encode())
            self.sessions.put(Session(stream, message))
        except (OSError, EOFError, ssl.SSLError):
            pass

    def join(self, message):
        if message["token"] not in self.tokens:
            return {"type": "closed", "channel": 0, "error": {"code": "unauthenticated", "what": "the token is not known"}}
        self.tokens.discard(message["token"])
        return {"type": "joined", "certificate": self.authority.sign(message["request"])}

    def meet(self):
        session = self.sessions.get(timeout=PATIENCE)
        session.fence = self.fence
        return session

    def close(self):
        self.closing = True
        self.listener.close()
        while not self.sessions.empty():
            self.sessions.get().hang_up()


class Agent:
    """A croft-agent under its keeper."""

    def __init__(self, folder, controller, verb="keep", token="token", instance="i-1", environment=None, **options):
        self.folder = pathlib.Path(folder) / "agent"
        self.environment = {**os.environ, **(environment or {})}
        self.log = open(pathlib.Path(folder) / "agent.log", "ab")
        self.token_file = pathlib.Path(folder) / "token"
        self.token_file.write_text(token)
        self.arguments = ["--folder", str(self.folder), "--controller", controller.address, "--pin", controller.authority.pin,
                          "--instance", instance, "--address", "127.0.0.1", "--token-file", str(self.token_file)]
        for name, value in options.items():
            self.arguments += [f"--{name}", value]
        self.start(verb)

    def start(self, verb="keep", arguments=None):
        self.process = subprocess.Popen([AGENT, verb, *(arguments or self.arguments)], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, start_new_session=True, env=self.environment)

    @property
    def agent_pid(self):
        """Of `run`, a child of the keeper."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for child in children:
                try:
                    if pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[1:2] == [b"run"]:
                        return int(child)
                except OSError:
                    pass
        raise TimeoutError("the keeper has no agent")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
        self.log.close()

    def clear(self):
        """Ends what a test left running, and removes what the agent keeps in memory."""
        for mark in (self.folder / "pids").glob("[0-9]*"):
            if mark.name.isdigit() and alive(int(mark.name)):
                os.killpg(int(mark.name), signal.SIGKILL)
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        for base in ("/run", "/dev/shm"):
            shutil.rmtree(f"{base}/croft-{name}", ignore_errors=True)
        for group in pathlib.Path("/sys/fs/cgroup").glob(f"**/croft-agent-{name}"):
            eventually(lambda group=group: not any(each.read_text() for each in group.glob("*/cgroup.procs")), "a group is not empty")
            for folder in [*group.glob("*/"), group]:
                if folder.is_dir():
                    folder.rmdir()


def process_work(name, command, digest="1", **more):
    what = {"command": command, "readyWithin": 60_000_000_000, "restart": "always", "backoff": 100_000_000,
            "backoffMost": 30_000_000_000, "crashLoop": 5, "stopSignal": "TERM", "stopWithin": 5_000_000_000,
            "logMost": 16 << 20, "logFiles": 4}
    what.update(more)
    return {"name": name, "digest": digest, "kind": "process", "what": what}


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        os.sched_yield()
