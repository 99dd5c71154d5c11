#!/usr/bin/env python3
"""The farm's S3 with a million small objects in 10,000 buckets: start, memory, list pages, single reads.

Filled straight into the store (croft-farm-dev fill), half of the objects in one bucket. Everything is measured over HTTP
with signed requests, one connection. Beside it the same file system's own listing of as many names, as a yardstick.

  bench/s3_scale.py [--objects N] [--buckets N] [--bytes N] [--farm PROGRAM] [--folder DIR]
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))
sys.path.insert(0, str(ROOT / "bench"))

from s3 import free_port, wait_for  # noqa: E402
from support.clients import client  # noqa: E402


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def percentiles(seconds):
    ordered = sorted(seconds)
    return 1000 * ordered[len(ordered) // 2], 1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


class Asker:
    """Presigned GETs over one kept connection: what is timed is the farm, not the signing."""

    def __init__(self, port, s3):
        self.port, self.s3 = port, s3
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def times(self, urls):
        out = []
        for url in urls:
            target = url.split(str(self.port), 1)[1]
            began = time.perf_counter()
            self.connection.request("GET", target)
            answer = self.connection.getresponse()
            body = answer.read()
            out.append(time.perf_counter() - began)
            if answer.status != 200:
                raise SystemExit(f"{answer.status}: {body[:300]}")
        return out

    def url(self, operation, **parameters):
        return self.s3.generate_presigned_url(operation, Params=parameters, ExpiresIn=36000)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--buckets", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=1024)
    parser.add_argument("--farm", default=str(ROOT / "build/release/croft-farm-dev"))
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-scale-", dir=options.folder))
    data = folder / "farm"
    data.mkdir()
    process = None
    chance = random.Random(7)
    try:
        out = subprocess.run([options.farm, "account", str(data), "bench"], check=True, capture_output=True, text=True).stdout
        account = json.loads(out)
        began = time.monotonic()
        subprocess.run([options.farm, "fill", str(data), account["accountId"], str(options.buckets), str(options.objects),
                        str(options.bytes)], check=True)
        print(f"filled in {time.monotonic() - began:.1f} s; the store has {(data / 'farm.db').stat().st_size / 2**20:.0f} MiB")
        port = free_port()
        began = time.monotonic()
        process = subprocess.Popen([options.farm, str(data), f"127.0.0.1:{port}", "--no-ec2"], stdout=subprocess.DEVNULL)
        while True:
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=60).request("GET", "/_croft/health")
                break
            except OSError:
                time.sleep(0.01)
        wait_for(port)
        print(f"restart: {time.monotonic() - began:.2f} s; resident {resident_mib(process.pid):.0f} MiB"
              f" ({resident_mib(process.pid) * 2**20 / options.objects:.0f} bytes an object)")
        s3 = client("s3", f"http://127.0.0.1:{port}", account["accessKey"], account["secretKey"])
        ask = Asker(port, s3)
        half = options.objects // 2

        def at():
            return f"o/{chance.randrange(half):09}"

        cells = {
            "list 1,000 keys of the big bucket, from anywhere":
                [ask.url("list_objects_v2", Bucket="big", StartAfter=at()) for _ in range(300)],
            "list with prefix and delimiter, 100 keys":
                [ask.url("list_objects_v2", Bucket="big", Prefix=at()[:-2], Delimiter="/") for _ in range(300)],
            # Up to the first 7: groups of one key, and of 100,000.
            "list 1,000 groups of the big bucket (delimiter)":
                [ask.url("list_objects_v2", Bucket="big", Prefix="o/", Delimiter="7", StartAfter=at()) for _ in range(300)],
            "the same among versions":
                [ask.url("list_object_versions", Bucket="big", Prefix="o/", Delimiter="7", KeyMarker=at()) for _ in range(300)],
            "list one of the small buckets":
                [ask.url("list_objects_v2", Bucket=f"bucket-{chance.randrange(options.buckets):06}") for _ in range(300)],
            "list buckets (all of them)": [ask.url("list_buckets")] * 20,
            "GET, object not asked for before": [ask.url("get_object", Bucket="big", Key=at()) for _ in range(2000)],
        }
        print(f"{'':50}{'p50':>10}{'p99':>10}")
        for name, urls in cells.items():
            p50, p99 = percentiles(ask.times(urls))
            print(f"{name:50}{p50:7.2f} ms{p99:7.2f} ms")
        names = folder / "names"
        names.mkdir()
        for i in range(20_000):
            (names / f"{i:09}").touch()
        began = time.perf_counter()
        for _ in range(5):
            os.listdir(names)
        print(f"{'the file system: 1,000 names of a folder listed':50}{(time.perf_counter() - began) / 5 / 20 * 1000:7.2f} ms")
        print(f"resident after this: {resident_mib(process.pid):.0f} MiB")
    finally:
        if process:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
