#!/usr/bin/env python3
"""Resolve time of generated descriptions, as a tree and as siblings; jsonnet resolves the same tree where installed."""
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CROFT = os.environ.get("CROFT_BINARY", str(ROOT / "build/release/croft"))
ROUNDS = 5


def sf_siblings(count):
    yield "base extends { port 80; host \"localhost\"; path \"/\"; url (host ++ \":\" ++ port); }\nsfConfig extends {\n  shared 7;\n"
    for i in range(count):
        yield f"  c{i} extends base {{ port {i % 60000}; up PARENT:shared; }}\n"
    yield "}\n"


def sf_tree(count, fan=10):
    yield "base extends { port 80; host \"localhost\"; url (host ++ \":\" ++ port); }\nsfConfig extends {\n  shared 7;\n"
    made = [0]

    def node(depth):
        if made[0] >= count:
            return
        made[0] += 1
        yield f"c{made[0]} extends base {{ up ATTRIB shared; port {made[0] % 60000};\n"
        if depth > 0:
            for _ in range(fan):
                yield from node(depth - 1)
        yield "}\n"

    while made[0] < count:
        yield from node(3)
    yield "}\n"


def jsonnet_siblings(count):
    yield "local base = { port: 80, host: 'localhost', path: '/', url: self.host + ':' + self.port };\n{ local top = self, shared: 7,\n"
    for i in range(count):
        yield f"  c{i}: base {{ port: {i % 60000}, up: top.shared }},\n"
    yield "}\n"


def best(command):
    """(best wall seconds, best CPU seconds) of some rounds."""
    wall, cpu = [], []
    for _ in range(ROUNDS):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - start)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(wall), min(cpu)


def main():
    jsonnet = shutil.which("jsonnet")
    with tempfile.TemporaryDirectory() as folder:
        empty = pathlib.Path(folder, "empty.sf")
        empty.write_text("sfConfig extends {}\n")
        floor, _ = best([CROFT, "resolve", str(empty)])
        print(f"an empty description: {floor * 1e3:.1f} ms (start of the process)")
        for shape, make in (("siblings", sf_siblings), ("tree", sf_tree)):
            for count in (1000, 10000):
                file = pathlib.Path(folder, "app.sf")
                file.write_text("".join(make(count)))
                wall, cpu = best([CROFT, "resolve", str(file)])
                line = f"{shape:9} {count:6} components: {wall * 1e3:7.1f} ms wall, {cpu * 1e3:7.1f} ms CPU"
                if jsonnet and shape == "siblings":
                    other = pathlib.Path(folder, "app.jsonnet")
                    other.write_text("".join(jsonnet_siblings(count)))
                    peer, _ = best([jsonnet, "--max-stack", "5000", str(other)])
                    line += f"; jsonnet {peer * 1e3:.1f} ms, ratio {wall / peer:.3f}"
                print(line)
    if not jsonnet:
        print("jsonnet is not installed (Debian package jsonnet): no ratio", file=sys.stderr)


if __name__ == "__main__":
    main()
