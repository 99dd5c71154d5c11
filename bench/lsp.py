#!/usr/bin/env python3
"""Time from a keystroke to its diagnostics: `croft lsp` over stdio, in a description of 5,000 lines (or as many as the argument says)."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CROFT = os.environ.get("CROFT_BINARY", str(ROOT / "build/release/croft"))
KEYSTROKES = 200
LIMIT_MS = 50  # the bar: a person does not notice


def description(lines):
    out = ['#include "/org/smartfrog/components.sf"', '#include "/org/smartfrog/services/amazon/ec2/components.sf"', "",
           "Server extends Prim {", "  host \"localhost\";", "  port 80;", "  url (\"http://\" ++ host ++ \":\" ++ port);", "}", "",
           "sfConfig extends Compound {", "  base 1000;"]
    i = 0
    while len(out) < lines - 1:
        out += [f"  s{i} extends Server {{", f"    port (base + {i});", f"    peer LAZY PARENT:s{max(0, i - 1)};", f"    seen PARENT:s{i // 2}:host;", "  }"]
        i += 1
    return "\n".join(out) + "\n}\n"


class Server:
    def __init__(self):
        self.process = subprocess.Popen([CROFT, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while (line := self.process.stdout.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(length))

    def diagnostics(self, version):
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"].get("version") == version:
                return message["params"]["diagnostics"]

    def answer(self, number):
        while (message := self.receive()).get("id") != number:
            pass
        return message["result"]


def report(name, times):
    times = sorted(times)
    middle, late, worst = times[len(times) // 2], times[len(times) * 95 // 100], times[-1]
    print(f"{name:34} median {middle:6.1f} ms, 95 % {late:6.1f} ms, worst {worst:6.1f} ms; ratio to {LIMIT_MS} ms: {middle / LIMIT_MS:.2f}")


def main():
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    text = description(lines)
    with tempfile.TemporaryDirectory() as folder:
        uri = pathlib.Path(folder, "bench.sf").as_uri()
        server = Server()
        server.send(id=0, method="initialize", params={"capabilities": {}})
        server.answer(0)
        server.send(method="initialized", params={})
        server.send(method="textDocument/didOpen", params={"textDocument": {"uri": uri, "languageId": "smartfrog", "version": 0, "text": text}})
        assert server.diagnostics(0) == []
        print(f"{len(text.splitlines())} lines, {len(text) // 1024} KiB")
        # A number in the middle of the text.
        port = "    port (base + "
        found = [number for number, one in enumerate(text.splitlines()) if one.startswith(port)]
        line, column = found[len(found) // 2], len(port)
        typing, broken, hover, complete, references = [], [], [], [], []
        # A digit typed and taken away: the text stays right. A quote: all that follows is wrong until it goes.
        for number in range(KEYSTROKES):
            for times, typed, at in ((typing, "1", column), (broken, '"', 4)):
                for version, change in ((4 * number + 1, (at, at, typed)), (4 * number + 2, (at, at + 1, ""))):
                    version += 2 if times is broken else 0
                    begin, end, new = change
                    start = time.perf_counter()
                    server.send(method="textDocument/didChange", params={
                        "textDocument": {"uri": uri, "version": version},
                        "contentChanges": [{"range": {"start": {"line": line, "character": begin}, "end": {"line": line, "character": end}}, "text": new}]})
                    found = server.diagnostics(version)
                    times.append((time.perf_counter() - start) * 1e3)
                    assert (typed == '"' and new != "") == bool(found), found
        place = {"textDocument": {"uri": uri}, "position": {"line": line, "character": 11}}
        for number in range(20):
            for times, method, more in ((hover, "hover", {}), (complete, "completion", {}), (references, "references", {"context": {"includeDeclaration": True}})):
                start = time.perf_counter()
                server.send(id=1000 + number, method=f"textDocument/{method}", params={**place, **more})
                assert server.answer(1000 + number)
                times.append((time.perf_counter() - start) * 1e3)
        report("keystroke to diagnostics", typing)
        report("keystroke that breaks the syntax", broken)
        report("hover", hover)
        report("completion", complete)
        report("references", references)
        server.send(id=9, method="shutdown")
        server.answer(9)
        server.send(method="exit")
        server.process.wait(10)


if __name__ == "__main__":
    main()
