#!/usr/bin/env python3
"""`croft test`: what a case with one instance costs on a recycled farm, beside the same case without one."""
import json
import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CROFT = os.environ.get("CROFT_BINARY", str(ROOT / "build/release/croft"))
CASES = 20
INCLUDES = """#include "/org/smartfrog/services/assertions/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
"""
PLAIN = INCLUDES + "sfConfig extends TestCompound { action extends Prim {} }\n"
INSTANCE = INCLUDES + """
farm extends EmbeddedFarm {
  accounts extends { bench extends Account { id "AKIDBENCH"; key "a secret of the bench"; } }
  images extends { any "ami-26b6534f"; }
}
sfConfig extends TestCompound {
  action extends ImageInstance { id "AKIDBENCH"; key "a secret of the bench"; imageID "ami-26b6534f"; }
}
"""


def median(text):
    with tempfile.TemporaryDirectory() as folder:
        for number in range(CASES):
            pathlib.Path(folder, f"{number:02}.sf").write_text(text)
        result = subprocess.run([CROFT, "test", folder, "--json", "--jobs", "1"], capture_output=True, text=True)
        document = json.loads(result.stdout)
        if document["failed"]:
            raise SystemExit(document["tests"][0]["why"])
        times = sorted(test["seconds"] for test in document["tests"])
        print(f"  first of a fresh farm included: longest {times[-1] * 1e3:.1f} ms")
        return times[CASES // 2] * 1e3


def main():
    plain = median(PLAIN)
    print(f"a case without an instance: {plain:.1f} ms")
    instance = median(INSTANCE)
    print(f"a case with one instance: {instance:.1f} ms, ratio {instance / plain:.1f}; limit 200 ms, ratio {instance / 200:.2f}")


if __name__ == "__main__":
    main()
