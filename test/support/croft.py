"""Drives the croft binary as a user would. Every wait polls with a deadline; every process started here is ended here."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("CROFT_BINARY", str(ROOT / "build/release/croft"))
TALK = str(ROOT / "examples/talk/talk.sf")
WAIT = 60.0

# The literals of the talk: an account of the embedded farm, not of anybody's cloud.
TALK_ID = "0X03DS92MX8K2A29P082"
TALK_KEY = "EmlMg61YbNoThisIsNotMyKey"


def wait_until(check, what, limit=WAIT):
    """Calls `check` until it gives something true, and returns that. `what`: text, or what gives it once it is too late."""
    end = time.monotonic() + limit
    pause = 0.01
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def clean_environment(**extra):
    """The caller's environment without anything that would point a client at a real cloud."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CROFT_"))}
    env.update(AWS_EC2_METADATA_DISABLED="true", NO_COLOR="1", **extra)
    return env


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Outcome:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Croft:
    """One CROFT_HOME and the processes that live there."""

    def __init__(self, **env):
        self.folder = self.home = tempfile.mkdtemp(prefix="croft-test-")
        self.env = clean_environment(CROFT_HOME=self.home, **env)

    def start(self, *args, env=None, **options):
        return subprocess.Popen([BINARY, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**self.env, **(env or {})}, **options)

    def run(self, *args, env=None, limit=WAIT, stdin=None):
        process = self.start(*args, env=env, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        try:
            out, err = process.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"croft {' '.join(map(str, args))} did not end within {limit} s\n{out}\n{err}")
        return Outcome(process.returncode, out, err)

    def ok(self, *args, **options):
        outcome = self.run(*args, **options)
        logs = self.log() if "no_controller" in outcome.out else ""
        assert outcome.code == 0, f"croft {' '.join(map(str, args))}: {outcome!r}{logs}"
        return outcome

    def log(self):
        out = ""
        for name in sorted(pathlib.Path(self.home).glob("*.log")):
            out += f"--- {name.name}\n{name.read_text(errors='replace')[-4000:]}\n"
        return out

    def pid(self, role):
        """The pid of this home's `controller` or `farm`, or None."""
        path = pathlib.Path(self.home) / f"{role}.pid"
        try:
            pid = int(path.read_text().split()[0])
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError, IndexError):
            return None

    def kill(self, role):
        pid = self.pid(role)
        assert pid, f"no {role} runs under {self.home}"
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), f"{role} {pid} gone")

    def close(self):
        self.run("stop", "--destroy", limit=60)
        for role in ("controller", "farm"):
            pid = self.pid(role)
            if pid:
                os.kill(pid, signal.SIGKILL)
        # A test may have moved its home to somewhere inside.
        shutil.rmtree(self.folder, ignore_errors=True)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


class Farm:
    """`croft farm serve` in the foreground on a data folder of its own."""
    address, inside = "127.0.0.1", ()  # where it listens, and what enters its network namespace

    def __init__(self, data=None, port=None, options=(), **env):
        self.own = data is None
        self.options = list(options)
        self.data = data or tempfile.mkdtemp(prefix="croft-farm-")
        self.port = port or free_port()
        self.env = clean_environment(**env)
        self.process = None
        self.start()

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def start(self):
        self.log_file = open(pathlib.Path(self.data) / "serve.log", "ab")
        self.process = subprocess.Popen(
            [*self.inside, BINARY, "farm", "serve", "--data", self.data, "--listen", f"{self.address}:{self.port}", *self.options],
            stdout=self.log_file, stderr=self.log_file, env=self.env)
        wait_until(self.healthy, "the farm answers /_croft/health", 30)

    def healthy(self):
        import urllib.request
        assert self.process.poll() is None, pathlib.Path(self.data, "serve.log").read_text()[-3000:]
        try:
            with urllib.request.urlopen(self.url + "/_croft/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def account(self, name="test", **extra):
        args = [BINARY, "farm", "account", "add", name, "--data", self.data, "--json"]
        for key, value in extra.items():
            args += [f"--{key.replace('_', '-')}", str(value)]
        out = subprocess.run(args, capture_output=True, text=True, env=self.env, timeout=30)
        assert out.returncode == 0, out.stderr
        return json.loads(out.stdout)

    def home(self, name="home"):
        """One whose commands rent here, in an account of its own."""
        account = self.account(name)
        one = Croft(CROFT_FARM=self.url, AWS_ACCESS_KEY_ID=account["accessKey"], AWS_SECRET_ACCESS_KEY=account["secretKey"])
        one.keys = (account["accessKey"], account["secretKey"])
        return one

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def close(self):
        # A farm that runs destroys itself; one that was stopped would have to be started for it.
        subprocess.run([BINARY, "farm", "destroy", "--data", self.data], env=self.env, capture_output=True, timeout=60)
        self.stop()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)
