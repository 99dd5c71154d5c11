#!/usr/bin/env python3
"""Parse and all passes over generated descriptions: flat, deep, and linked; jsonnet manifests the same trees where installed.

usage: bench/resolve.py [--quick]     (--quick: without 100,000 and 1,000,000)

Prints wall time, nanoseconds and bytes a component (peak memory over that of an empty description) and whether the
growth is linear. The reference's figures were taken on another day and machine (docs of the project): CPU seconds."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CROFT = os.environ.get("CROFT_BINARY", str(ROOT / "build/release/croft"))
REFERENCE = {("flat", 1000): 2.0, ("deep", 1000): 0.66, ("deep", 10000): 4.4}
FAN = 10


def sf_flat(count):
    yield 'base extends { port 80; host "localhost"; path "/"; url (host ++ ":" ++ port); }\nsfConfig extends {\n  shared 7;\n'
    for i in range(count):
        yield f"  c{i} extends base {{ port {i % 60000}; up PARENT:shared; }}\n"
    yield "}\n"


def sf_linked(count):
    """Each component refers to the one before: one chain through all of them, cut every 1,000."""
    yield 'base extends { port 80; on true; }\nsfConfig extends {\n  c0 extends base;\n'
    for i in range(1, count):
        link = f"PARENT:c{i - 1}:port" if i % 1000 else "80"
        yield f"  c{i} extends base {{ port {link}; later LAZY PARENT:c{(i * 7) % count}; }}\n"
    yield "}\n"


def tree(count, begin, end):
    """Nested components, FAN to each, breadth first numbering, as deep as that goes."""
    def node(index):
        yield begin(index)
        for child in range(index * FAN + 1, min(index * FAN + FAN + 1, count)):
            yield from node(child)
        yield end
    yield from node(0)


def sf_deep(count):
    yield 'base extends { port 80; host "localhost"; url (host ++ ":" ++ port); }\nsfConfig extends {\n  shared 7;\n'
    yield from tree(count, lambda i: f"c{i} extends base {{ up ATTRIB shared; port {i % 60000};\n", "}\n")
    yield "}\n"


def jsonnet_flat(count):
    yield "local base = { port: 80, host: 'localhost', path: '/', url: self.host + ':' + self.port };\n{ local top = self, shared: 7,\n"
    for i in range(count):
        yield f"  c{i}: base {{ port: {i % 60000}, up: top.shared }},\n"
    yield "}\n"


def jsonnet_linked(count):
    yield "local base = { port: 80, on: true };\n{ local top = self,\n  c0: base,\n"
    for i in range(1, count):
        link = f"top.c{i - 1}.port" if i % 1000 else "80"
        yield f"  c{i}: base {{ port: {link} }},\n"
    yield "}\n"


def jsonnet_deep(count):
    yield "local base = { port: 80, host: 'localhost', url: self.host + ':' + self.port };\n{ local top = self, shared: 7,\n"
    yield from tree(count, lambda i: f"c{i}: base {{ up: top.shared, port: {i % 60000},\n", "},\n")
    yield "}\n"


def best(command, rounds):
    """(best wall seconds, peak bytes) of some rounds."""
    wall, peak = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{command[0]} ended with {process.returncode}")
        wall.append(time.perf_counter() - start)
        peak.append(usage.ru_maxrss * 1024)
    return min(wall), min(peak)


def measure(folder, shape, sf, other, counts, floor, jsonnet):
    per_component = {}
    for count in counts:
        file = pathlib.Path(folder, "app.sf")
        with file.open("w") as out:
            out.writelines(sf(count))
        wall, peak = best([CROFT, "resolve", str(file)], 5 if count <= 10000 else 1)
        per_component[count] = (wall - floor[0]) / count * 1e9
        line = (f"{shape:6} {count:8} components: {wall * 1e3:8.1f} ms, {per_component[count]:7.0f} ns and "
                f"{(peak - floor[1]) / count:6.0f} bytes a component, peak {peak / 2**20:6.0f} MiB")
        if jsonnet and count == 10000:
            document = pathlib.Path(folder, "app.jsonnet")
            with document.open("w") as out:
                out.writelines(other(count))
            peer, _ = best([jsonnet, "--max-stack", "20000", str(document)], 3)
            line += f"; jsonnet {peer * 1e3:.0f} ms, ratio {wall / peer:.3f}"
        if (shape, count) in REFERENCE:
            line += f"; the reference took {REFERENCE[shape, count]} CPU s on another day, ratio {wall / REFERENCE[shape, count]:.4f}"
        print(line, flush=True)
    first, last = per_component[min(counts, key=lambda c: abs(c - 10000))], per_component[max(counts)]
    print(f"{shape:6} growth of the cost a component from 10,000 to {max(counts):,}: {last / first:.2f} x")


def main():
    counts = [1000, 10000] if "--quick" in sys.argv[1:] else [1000, 10000, 100000, 1000000]
    jsonnet = shutil.which("jsonnet")
    with tempfile.TemporaryDirectory() as folder:
        empty = pathlib.Path(folder, "empty.sf")
        empty.write_text("sfConfig extends {}\n")
        floor = best([CROFT, "resolve", str(empty)], 5)
        print(f"an empty description: {floor[0] * 1e3:.1f} ms, {floor[1] / 2**20:.0f} MiB (start of the process)")
        nine = pathlib.Path(folder, "nine.sf")
        nine.write_text('#include "/org/smartfrog/sfcore/workflow/components.sf"\nsfConfig extends Sequence {}\n')
        library, _ = best([CROFT, "resolve", str(nine)], 5)
        print(f"with core and workflow libraries: {library * 1e3:.1f} ms; the reference took 0.95 CPU s on another day, "
              f"ratio {library / 0.95:.4f}")
        measure(folder, "flat", sf_flat, jsonnet_flat, counts, floor, jsonnet)
        measure(folder, "deep", sf_deep, jsonnet_deep, counts, floor, jsonnet)
        measure(folder, "linked", sf_linked, jsonnet_linked, counts, floor, jsonnet)
    if not jsonnet:
        print("jsonnet is not installed (Debian package jsonnet): no ratio", file=sys.stderr)


if __name__ == "__main__":
    main()
