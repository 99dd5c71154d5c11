#!/usr/bin/python3
"""load.py URL [--rate N] [--writes SHARE] [--threads N] [--seconds N] [--quiet]: requests of visitors, a share of them writes.

Prints a line a second: how many were answered, how many failed, how long the slowest took. Reads words from its
standard input meanwhile: `rate N`, `mark TEXT` (prints what was since the last mark), `stop`. At the end every row
whose write was answered is asked for again; the exit code is 1 where one is missing. The last line is JSON."""
import argparse
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse
import uuid


class Count:
    def __init__(self):
        self.done = self.failed = self.writes = self.failed_writes = 0
        self.slowest = 0.0
        self.first_failed_write = self.last_failed_write = None


class Load:
    def __init__(self, url, rate, writes, threads):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port or 80
        self.rate, self.writes, self.size = rate, writes, threads
        self.lock = threading.Lock()
        self.second, self.since_mark, self.total = Count(), Count(), Count()
        self.written, self.reasons = [], {}
        self.stopped = threading.Event()
        self.next = time.monotonic()

    def turn(self):
        """When the next request is due, over all threads."""
        with self.lock:
            now = time.monotonic()
            self.next = max(self.next + 1 / self.rate, now - 0.5)
            return self.next

    def note(self, write, begun, problem):
        took = time.monotonic() - begun
        with self.lock:
            for count in (self.second, self.since_mark, self.total):
                count.done += 1
                count.writes += write
                count.slowest = max(count.slowest, took)
                if problem:
                    count.failed += 1
                    count.failed_writes += write
                    if write:
                        count.first_failed_write = count.first_failed_write or begun
                        count.last_failed_write = begun + took
            if problem:
                self.reasons[problem] = self.reasons.get(problem, 0) + 1

    def visitor(self, number):
        connection, cookie, sent = None, None, 0
        while not self.stopped.is_set():
            due = self.turn()
            if self.stopped.wait(max(0, due - time.monotonic())):
                return
            sent += 1
            write = (sent * self.writes) % 1 < self.writes
            name = str(uuid.uuid4())
            begun = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
                headers = {"Cookie": cookie} if cookie else {}
                if write:
                    connection.request("POST", f"/note.jsp?id={name}&text=of+{number}", headers=headers)
                else:
                    connection.request("GET", "/", headers=headers)
                answer = connection.getresponse()
                answer.read()
                given = answer.getheader("Set-Cookie")
                cookie = given.split(";")[0] if given and given.startswith("SERVER") else cookie
                problem = None if answer.status == 200 else f"status {answer.status}"
            except (OSError, http.client.HTTPException) as error:
                connection, problem = None, type(error).__name__
            self.note(write, begun, problem)
            if write and not problem:
                with self.lock:
                    self.written.append(name)

    def tell_each_second(self):
        begun = time.monotonic()
        while not self.stopped.wait(1):
            with self.lock:
                now, self.second = self.second, Count()
                failed = self.total.failed
            print(f"  {time.monotonic() - begun:4.0f} s  {now.done:5d} requests/s  {now.writes:4d} writes/s  slowest {now.slowest * 1000:5.0f} ms"
                  f"  failed {now.failed} (in all {failed})", flush=True)

    def mark(self, text):
        with self.lock:
            now, self.since_mark = self.since_mark, Count()
        gap = (now.last_failed_write - now.first_failed_write) if now.failed_writes else 0.0
        print(json.dumps({"mark": text, "requests": now.done, "failed": now.failed, "failedWrites": now.failed_writes,
                          "writesFailedFor": round(gap, 2), "slowest": round(now.slowest, 3)}), flush=True)

    def lost(self):
        """Rows whose write was answered, and that are not there."""
        missing = []
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        for name in self.written:
            status = 0
            for _ in range(10):
                try:
                    connection.request("GET", f"/note.jsp?id={name}")
                    answer = connection.getresponse()
                    answer.read()
                    status = answer.status
                    if status in (200, 404):
                        break
                except (OSError, http.client.HTTPException):
                    connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
                time.sleep(0.2)
            if status != 200:
                missing.append(name)
        return missing


def listen(load, alone):
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "rate":
            load.rate = float(rest)
        elif word == "mark":
            load.mark(rest)
        elif word == "stop":
            load.stopped.set()
            return
    if not alone:
        os._exit(2)  # whoever began it is gone, and nobody hears what it finds


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("url")
    options.add_argument("--rate", type=float, default=100)
    options.add_argument("--writes", type=float, default=0.3)
    options.add_argument("--threads", type=int, default=16)
    options.add_argument("--seconds", type=float, help="then it ends; else with its input")
    options.add_argument("--quiet", action="store_true")
    given = options.parse_args()
    load = Load(given.url, given.rate, given.writes, given.threads)
    threads = [threading.Thread(target=load.visitor, args=(n,), daemon=True) for n in range(given.threads)]
    threading.Thread(target=listen, args=(load, given.seconds), daemon=True).start()
    if not given.quiet:
        threading.Thread(target=load.tell_each_second, daemon=True).start()
    for thread in threads:
        thread.start()
    load.stopped.wait(given.seconds)
    load.stopped.set()
    for thread in threads:
        thread.join(35)
    missing = load.lost()
    print(json.dumps({"requests": load.total.done, "failed": load.total.failed, "reasons": load.reasons,
                      "committed": len(load.written), "lost": len(missing)}), flush=True)
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
