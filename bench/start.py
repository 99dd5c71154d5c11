#!/usr/bin/env python3
"""Start of the binary: `croft --version` and `croft check` of a small file against a program that does nothing."""
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CROFT = os.environ.get("CROFT_BINARY", str(ROOT / "build/release/croft"))
ROUNDS = 50


def median(command):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return sorted(times)[ROUNDS // 2] * 1e3


def main():
    with tempfile.TemporaryDirectory() as folder:
        small = pathlib.Path(folder, "small.sf")
        small.write_text('#include "/org/smartfrog/components.sf"\nsfConfig extends Compound { a 1; }\n')
        floor = median(["/bin/true"])
        print(f"/bin/true: {floor:.2f} ms")
        for name, command in (("croft --version", [CROFT, "--version"]), ("croft check", [CROFT, "check", str(small)])):
            took = median(command)
            print(f"{name}: {took:.2f} ms, ratio {took / floor:.2f}")


if __name__ == "__main__":
    main()
