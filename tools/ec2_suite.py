#!/usr/bin/env python3
"""Runs a public suite of EC2 tests (getmoto/moto's tests/test_ec2, fetched by you; it is no part of this tree) against croft's farm.

  tools/ec2_suite.py FOLDER_OF_THE_SUITE [--farm PROGRAM] [--by-file] [further arguments for pytest]

PROGRAM is croft-farm-dev (default: the one of the release build). It needs pytest, freezegun, a current boto3 and the moto that belongs to
the suite, whose clients are then pointed at the farm ("server mode"); pytest-xdist where you say -n.

The suite expects one endpoint for all regions, and that POST /moto-api/reset empties it. A farm is one region and is not emptied. So a
small proxy stands before it: it hands each request, as it is, to the farm of the region in the request's signature, and after a reset to
a fresh one. Farms begin with the suite's account and key, and with images under the ids that the suite's tests name (as they lie in
EC2's own catalogue). Machines are records (--fake-machines): the suite asks nothing of what runs inside.

Selected are the tests that need nothing but EC2: no other service's client, no look into the emulator's own memory, no skip that the
suite gives itself in server mode. Printed at the end: passed / selected, of cases and of test functions, and with --by-file the same for each
file.
"""
import argparse
import collections
import http.client
import http.server
import inspect
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCOUNT, KEY, SECRET = "123456789012", "FOOBARKEY", "FOOBARSECRET"
ZONES = {"us-east-1": "abcdef", "us-west-1": "ab", "us-west-2": "abcd", "ap-northeast-1": "acd", "sa-east-1": "abc"}
# The suite names zones of one region in another; a farm's zones are called as its topology says.
FOREIGN_ZONES = {"us-west-2": ["us-east-1a"], "us-east-2": ["us-east-1a"], "eu-central-1": ["us-west-2a"], "eu-west-1": ["us-east-1a"]}
# The second line: helpers of the suite that ask another service, or look into the emulator.
OTHER_SERVICES = re.compile(r"boto3\.(?:client|resource)\(\s*[\"'](?!ec2[\"'])|ec2_backends|mock_random|moto\.server|valid_ami"
                            r"|launch_template_context")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("farm")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class OneFarm:
    """A farm of one region, in a folder of its own."""

    def __init__(self, program, folder, region):
        self.folder = folder
        topology = folder.with_suffix(".json")
        topology.write_text(json.dumps({"zones": [
            {"name": zone, "racks": [{"name": "r" + zone, "hosts": [{"name": "h" + zone, "cores": 512, "memory": "4096GiB"}]}]}
            for zone in [*(region + letter for letter in ZONES.get(region, "abc")), *FOREIGN_ZONES.get(region, [])]]}))
        self.process = subprocess.Popen([program, folder, "127.0.0.1:0", "--no-sync", "--fake-machines=0ms", f"--region={region}",
                                         f"--topology={topology}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.used = False

    def port(self):
        """Waits until it serves."""
        if not hasattr(self, "url"):
            self.url = self.process.stdout.readline().strip()
        return int(self.url.rsplit(":", 1)[1])

    def admin(self, path, body):
        self.port()
        line = UnixConnection(str(self.folder / "admin.sock"))
        line.request("POST", path, json.dumps(body))
        answer = line.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text}")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Farms:
    """Those that serve now, by region, each from a template that is made once; one more of each stands ready."""

    def __init__(self, program, images):
        self.program, self.images = program, images
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-ec2-suite-"))
        self.templates, self.serving, self.ready = {}, {}, {}
        self.count = 0
        self.lock = threading.Lock()

    def make(self, region):
        if region not in self.templates:
            farm = OneFarm(self.program, self.folder / f"template-{region}", region)
            farm.admin("/accounts", {"name": "suite", "accountId": ACCOUNT, "accessKey": KEY, "secretKey": SECRET, "instances": 1000})
            for image in self.images:
                farm.admin("/images", {"id": image, "name": f"suite-{image}"})
            farm.process.terminate()
            farm.process.wait()
            self.templates[region] = farm.folder
        self.count += 1
        folder = self.folder / str(self.count)
        shutil.copytree(self.templates[region], folder, ignore=shutil.ignore_patterns("admin.sock"))
        return OneFarm(self.program, folder, region)

    def of(self, region):
        with self.lock:
            if region not in self.serving:
                self.serving[region] = self.ready.pop(region, None) or self.make(region)
                self.ready[region] = self.make(region)
            self.serving[region].used = True
            return self.serving[region].port()

    def reset(self):
        with self.lock:
            for farm in self.serving.values():
                farm.end()
            self.serving.clear()

    def close(self):
        self.reset()
        for farm in self.ready.values():
            farm.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    farms = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/moto-api/reset"):
            self.farms.reset()
            return self.answer(200, [], b"{}")
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", self.headers.get("Authorization", ""))
        region = scope.group(1) if scope else "us-east-1"
        line = http.client.HTTPConnection("127.0.0.1", self.farms.of(region), timeout=120)
        line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            line.putheader(name, value)
        line.endheaders(body or None)
        answer = line.getresponse()
        content = answer.read()
        line.close()
        self.answer(answer.status, [(n, v) for n, v in answer.getheaders() if n.lower() in ("content-type", "retry-after")], content)

    do_GET = do_POST

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# ---- as a plugin of pytest

def pytest_configure(config):
    # Images that tests name lie in EC2's catalogue; here they are made before.
    suite = pathlib.Path(os.environ["CROFT_SUITE"]) / "tests"
    texts = [suite / "__init__.py", *sorted((suite / "test_ec2").glob("*.py"))]
    images = {image for text in texts for image in re.findall(r"^EXAMPLE_AMI\w* = \"(ami-[0-9a-f]+)\"", text.read_text(), re.M)}
    Proxy.farms = Farms(os.environ["CROFT_SUITE_FARM"], sorted(images))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["TEST_SERVER_MODE_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["no_proxy"] = "127.0.0.1"
    config.stash_counts = collections.defaultdict(collections.Counter)


def pytest_unconfigure(config):
    Proxy.farms.close()


def needs_only_ec2(item):
    function = inspect.unwrap(getattr(item, "function", None))
    source = inspect.getsource(function)
    names = set(inspect.signature(function).parameters) & {"set_custom_id", "valid_ami"}
    return not OTHER_SERVICES.search(source) and not names


def pytest_collection_modifyitems(config, items):
    chosen, others = [], []
    for item in items:
        (chosen if needs_only_ec2(item) else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


def pytest_terminal_summary(terminalreporter, config):
    counts, functions = collections.defaultdict(collections.Counter), {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            counts[report.nodeid.split("::")[0]][outcome] += 1
            name = report.nodeid.split("[")[0]
            functions[name] = functions.get(name, True) and outcome == "passed"
    total = sum(counts.values(), collections.Counter())
    if os.environ.get("CROFT_SUITE_BY_FILE"):
        for name, one in sorted(counts.items()):
            terminalreporter.write_line(f"{one['passed']:4} / {sum(one.values()):4}  {pathlib.Path(name).name}")
    terminalreporter.write_line(f"passed / selected: {total['passed']} / {sum(total.values())}")
    terminalreporter.write_line(f"the same by test functions, all cases of one together: {sum(functions.values())} / {len(functions)}")


# ---- as a program

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=pathlib.Path)
    parser.add_argument("--farm", default=str(ROOT / "build/release/croft-farm-dev"))
    parser.add_argument("--by-file", action="store_true")
    options, arguments = parser.parse_known_args()
    environment = {**os.environ, "CROFT_SUITE": str(options.suite.resolve()), "CROFT_SUITE_FARM": str(pathlib.Path(options.farm).resolve()),
                   "TEST_SERVER_MODE": "true", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
                   "CROFT_SUITE_BY_FILE": "1" if options.by_file else "",
                   "PYTHONPATH": os.pathsep.join([str(ROOT / "tools"), os.environ.get("PYTHONPATH", "")])}
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"):
        environment.pop(name, None)
    left_out = [f"--ignore-glob=*{part}*" for part in ("cloudformation", "test_server.py", "test_utils.py", "test_settings.py", "integration")]
    tests = [a for a in arguments if a.startswith("tests/")] or ["tests/test_ec2"]
    others = [a for a in arguments if not a.startswith("tests/")]
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", "-p", "ec2_suite", "-p", "no:cacheprovider", "-q", *left_out, *tests, *others],
                            cwd=options.suite, env=environment).returncode)


if __name__ == "__main__":
    main()
