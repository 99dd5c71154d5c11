#!/usr/bin/env python3
"""One account floods the farm with GETs of 4 KiB on 400 connections; another has a single one. How often is the second one
answered, and how late? With turns between accounts, and without (the control): the ratio of the two is what turns are worth.

  bench/fairness.py [--seconds S] [--farm PROGRAM]    (PROGRAM: croft-farm-dev of a release build; needs wrk)
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import s3 as bench

sys.path.insert(0, str(bench.ROOT / "test"))

from support.clients import client  # noqa: E402

FLOOD = 400


class TwoAccounts(bench.Farm):
    """`paths` gives the URLs of whichever account's client is `self.s3`."""

    def __init__(self, folder, program, *options):
        super().__init__(folder, program, *options)
        self.process.terminate()
        self.process.wait()
        out = subprocess.run([program, "account", str(folder), "modest"], check=True, capture_output=True, text=True).stdout
        modest = json.loads(out)
        self.process = subprocess.Popen([program, str(folder), f"127.0.0.1:{self.port}", "--no-ec2", *options], stdout=subprocess.DEVNULL)
        bench.wait_for(self.port)
        self.greedy = self.s3
        self.modest = client("s3", f"http://127.0.0.1:{self.port}", modest["accessKey"], modest["secretKey"])
        self.modest.create_bucket(Bucket="modest")
        for i in range(64):
            self.modest.put_object(Bucket="modest", Key=f"4096-{i}", Body=b"x" * 4096)

    def script(self, file, s3, bucket):
        urls = [s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": f"4096-{i}"}, ExpiresIn=36000) for i in range(64)]
        paths = ", ".join('"%s"' % url.split(str(self.port), 1)[1] for url in urls)
        file.write_text(bench.LUA.format(method="GET", size=4096, paths=paths, host=f"127.0.0.1:{self.port}"))

    def wrk(self, script, connections, seconds):
        return subprocess.Popen(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "30", "-s", str(script),
                                 f"http://127.0.0.1:{self.port}"], stdout=subprocess.PIPE, text=True)


def result_of(process):
    result = json.loads(process.communicate()[0].split("RESULT ", 1)[1])
    return result["requests"] / (result["us"] / 1e6), result["p50"] / 1000, result["p99"] / 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--farm", default=str(bench.ROOT / "build/release/croft-farm-dev"))
    options = parser.parse_args()
    if not shutil.which("wrk"):
        print("skipped: wrk is not installed")
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-bench-fair-"))
    print(f"{'':14}{'one connection alone':>24}{'beside the flood':>24}{'p50 ms':>9}{'p99 ms':>9}{'the flood':>12}")
    rates = {}
    try:
        for name, more in (("in turns", []), ("as they come", ["--no-defence"])):
            farm = TwoAccounts(folder / name.replace(" ", "-"), options.farm, "--no-sync", *more)
            try:
                farm.script(folder / "greedy.lua", farm.greedy, "bbb")
                farm.script(folder / "modest.lua", farm.modest, "modest")
                alone = result_of(farm.wrk(folder / "modest.lua", 1, options.seconds))
                flood = farm.wrk(folder / "greedy.lua", FLOOD, options.seconds + 1)
                beside = result_of(farm.wrk(folder / "modest.lua", 1, options.seconds))
                flooded = result_of(flood)
                rates[name] = beside[0]
                print(f"{name:14}{alone[0]:22.0f}/s{beside[0]:22.0f}/s{beside[1]:9.2f}{beside[2]:9.2f}{flooded[0]:10.0f}/s")
            finally:
                farm.process.terminate()
                farm.process.wait()
        print(f"the single connection is answered {rates['in turns'] / rates['as they come']:.1f} times as often in turns")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
