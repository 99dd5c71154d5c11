#!/usr/bin/env python3
"""The farm's S3 against nginx on plain files: PUT and GET of 4 KiB and 8 MiB, on 1 and 16 connections, by wrk.

wrk sends presigned requests (the farm checks every signature; a URL that comes again within a minute is recognised, unless
--forgetful makes it compute each anew); nginx serves the same bytes from files, and takes PUTs by
dav, one worker, no access log. Each round gives every server its turn in every cell before the next round; medians.
Columns: nginx; croft without fsync, as nginx; croft with every acknowledged write on the disk. Bars: DESIGN.md 6.

With --s3rver (npm install s3rver), a third peer: 16 clients' synced PUTs of 4 KiB are to be 10 times its unsynced ones.

  bench/s3.py [--rounds N] [--seconds S] [--farm PROGRAM] [--s3rver PROGRAM]    (PROGRAM: croft-farm-dev of a release build)
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.clients import client  # noqa: E402

SIZES = {"4 KiB": (4096, 64), "8 MiB": (8 << 20, 8)}
BARS = {("GET", "4 KiB"): 0.5, ("GET", "8 MiB"): 0.9, ("PUT", "4 KiB"): 1.0, ("PUT", "8 MiB"): 0.9}

NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_max_body_size 0;
  client_body_temp_path {dir}/tmp; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port}; root {dir}/files; location / {{ dav_methods PUT; create_full_put_path on; }} }}
}}
"""

LUA = """
local method, size = "{method}", {size}
local paths = {{ {paths} }}
local body = string.rep("x", size)
local requests, at = {{}}, 0
function init(args)
  for i, path in ipairs(paths) do
    requests[i] = wrk.format(method, path, {{ ["Host"] = "{host}" }}, method == "PUT" and body or nil)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency, calls)
  local e = summary.errors
  io.write(string.format('RESULT {{"requests": %d, "us": %d, "errors": %d, "p50": %.1f, "p99": %.1f}}\\n', summary.requests,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing answers on port {port}")


class Nginx:
    def __init__(self, folder):
        self.port = free_port()
        for name in ("files/b", "tmp"):
            (folder / name).mkdir(parents=True)
        for size, count in SIZES.values():
            for i in range(count):
                (folder / "files/b" / f"{size}-{i}").write_bytes(b"x" * size)
        user = "user root;" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=self.port, user=user))
        self.process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(folder), "-c",
                                         str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
        wait_for(self.port)

    def paths(self, method, size, count):
        return [f"/b/{size}-{i}" for i in range(count)]


class Farm:
    def __init__(self, folder, program, *options):
        self.port = free_port()
        folder.mkdir()
        out = subprocess.run([program, "account", str(folder), "bench"], check=True, capture_output=True, text=True).stdout
        account = json.loads(out)
        self.process = subprocess.Popen([program, str(folder), f"127.0.0.1:{self.port}", "--no-ec2", *options],
                                        stdout=subprocess.DEVNULL)
        wait_for(self.port)
        self.s3 = client("s3", f"http://127.0.0.1:{self.port}", account["accessKey"], account["secretKey"])
        self.s3.create_bucket(Bucket="bbb")
        for size, count in SIZES.values():
            for i in range(count):
                self.s3.put_object(Bucket="bbb", Key=f"{size}-{i}", Body=b"x" * size)

    def paths(self, method, size, count):
        operation = {"GET": "get_object", "PUT": "put_object"}[method]
        urls = [self.s3.generate_presigned_url(operation, Params={"Bucket": "bbb", "Key": f"{size}-{i}"}, ExpiresIn=36000)
                for i in range(count)]
        return [url.split(str(self.port), 1)[1] for url in urls]


class S3rver(Farm):
    """The npm package of that name, where it is installed: one process, files, no fsync."""

    def __init__(self, folder, program):
        self.port = free_port()
        folder.mkdir()
        self.process = subprocess.Popen([program, "--directory", str(folder), "--address", "127.0.0.1", "--port", str(self.port),
                                         "--silent", "--configure-bucket", "bbb"], stdout=subprocess.DEVNULL)
        wait_for(self.port)
        self.s3 = client("s3", f"http://127.0.0.1:{self.port}", "S3RVER", "S3RVER")
        for size, count in SIZES.values():
            for i in range(count):
                self.s3.put_object(Bucket="bbb", Key=f"{size}-{i}", Body=b"x" * size)


def measure(server, folder, method, size, count, connections, seconds):
    script = folder / "cell.lua"
    paths = ", ".join('"%s"' % p for p in server.paths(method, size, count))
    script.write_text(LUA.format(method=method, size=size, paths=paths, host=f"127.0.0.1:{server.port}"))
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30", "-s", str(script),
                          f"http://127.0.0.1:{server.port}"], capture_output=True, text=True, check=True).stdout
    result = json.loads(out.split("RESULT ", 1)[1])
    if result["errors"]:
        raise SystemExit(f"{result['errors']} errors of {result['requests']}: {method} {size} on port {server.port}\n{out}")
    return result["requests"] / (result["us"] / 1e6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--farm", default=str(ROOT / "build/release/croft-farm-dev"))
    parser.add_argument("--s3rver", default=shutil.which("s3rver"), help="its program: npm install s3rver")
    parser.add_argument("--forgetful", action="store_true", help="every signature is computed")
    parser.add_argument("--only", default="", help="such as 'GET 4 KiB'")
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()
    for tool in ("wrk", "nginx"):
        if not shutil.which(tool) and not pathlib.Path("/usr/sbin", tool).exists():
            print(f"skipped: {tool} is not installed")
            return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-bench-s3-", dir=options.folder))
    servers = {}
    try:
        (folder / "nginx").mkdir()
        servers["nginx"] = Nginx(folder / "nginx")
        more = ["--forgetful"] if options.forgetful else []
        servers["no fsync"] = Farm(folder / "loose", options.farm, "--no-sync", *more)
        servers["durable"] = Farm(folder / "durable", options.farm, *more)
        if options.s3rver:
            servers["s3rver"] = S3rver(folder / "s3rver", options.s3rver)
        cells = [(method, name, connections) for method in ("GET", "PUT") for name in SIZES for connections in (1, 16)
                 if options.only in f"{method} {name}"]
        seen = {cell: {name: [] for name in servers} for cell in cells}
        for _ in range(options.rounds):
            for cell in cells:
                for name, server in servers.items():
                    method, size_name, connections = cell
                    size, count = SIZES[size_name]
                    seen[cell][name].append(measure(server, folder, method, size, count, connections, options.seconds))
        print(f"{'requests/s':14}{'conns':>6}{'nginx':>10}{'no fsync':>10}{'ratio':>7}{'durable':>10}{'ratio':>7}{'bar':>6}")
        for cell in cells:
            method, size_name, connections = cell
            rate = {name: statistics.median(seen[cell][name]) for name in servers}
            print(f"{method + ' ' + size_name:14}{connections:6}{rate['nginx']:10.0f}{rate['no fsync']:10.0f}"
                  f"{rate['no fsync'] / rate['nginx']:7.2f}{rate['durable']:10.0f}{rate['durable'] / rate['nginx']:7.2f}"
                  f"{BARS[(method, size_name)]:6.1f}"
                  + (f"   s3rver {rate['s3rver']:.0f}: durable is {rate['durable'] / rate['s3rver']:.1f} x" if options.s3rver else ""))
    finally:
        for server in servers.values():
            server.process.terminate()
            server.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
