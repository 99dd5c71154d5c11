#!/usr/bin/env python3
"""Plan, plan without a change, apply and destroy of N components that do nothing, against terraform with as many
`terraform_data` where it is installed. Every intent of croft's is durable; wall clock of the whole command, median.

  bench/plan.py [--sizes 100,1000,2000,10000] [--rounds N] [--croft PROGRAM] [--peer-up-to N]
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.croft import Croft  # noqa: E402
import support.croft  # noqa: E402

BARS = {("plan, no change", 1000): 0.1, ("apply", 1000): 2.0}


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def croft_once(size, folder):
    file = folder / "noop.sf"
    parts = "\n".join(f"  c{i} extends Prim {{ n {i}; }}" for i in range(size))
    file.write_text('#include "/org/smartfrog/components.sf"\nsfConfig extends Compound {\n' + parts + "\n}\n")
    croft = Croft()
    try:
        croft.ok("up", file, "--name", "warm", limit=600)  # the two processes are there
        croft.ok("down", "warm", limit=600)
        out = {"plan": timed(lambda: croft.run("plan", file, limit=600))}
        out["apply"] = timed(lambda: croft.ok("up", file, limit=600))
        out["plan, no change"] = timed(lambda: croft.ok("plan", file, limit=600))
        out["destroy"] = timed(lambda: croft.ok("down", "noop", limit=600))
        return out
    finally:
        croft.close()


def terraform_once(size, folder):
    work = folder / f"tf{size}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "main.tf").write_text("\n".join(f'resource "terraform_data" "c{i}" {{ input = {i} }}' for i in range(size)))
    def run(*args):
        subprocess.run(["terraform", *args], cwd=work, check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1",
                            "TF_CLI_CONFIG_FILE": os.devnull})
    run("init", "-input=false")
    out = {"plan": timed(lambda: run("plan", "-input=false"))}
    out["apply"] = timed(lambda: run("apply", "-auto-approve", "-input=false"))
    out["plan, no change"] = timed(lambda: run("plan", "-input=false"))
    out["destroy"] = timed(lambda: run("destroy", "-auto-approve", "-input=false"))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000,2000,10000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--croft", default=str(ROOT / "build/release/croft"))
    parser.add_argument("--peer-up-to", type=int, default=1000, help="terraform's time grows with the square")
    options = parser.parse_args()
    support.croft.BINARY = options.croft
    peer = shutil.which("terraform")
    if not peer:
        print("terraform is not installed: croft alone")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="croft-bench-plan-"))
    try:
        print(f"{'':>8} {'':18}{'croft s':>9}{'terraform s':>13}{'ratio':>8}{'bar s':>8}")
        for size in map(int, options.sizes.split(",")):
            ours = [croft_once(size, folder) for _ in range(options.rounds)]
            theirs = [terraform_once(size, folder)] if peer and size <= options.peer_up_to else []
            for what in ("plan", "plan, no change", "apply", "destroy"):
                mine = statistics.median(run[what] for run in ours)
                other = theirs[0][what] if theirs else None
                bar = BARS.get((what, size))
                print(f"{size:8} {what:18}{mine:9.3f}" + (f"{other:13.2f}{mine / other:8.3f}" if other else f"{'':13}{'':8}")
                      + (f"{bar:8.1f}" if bar else ""), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
