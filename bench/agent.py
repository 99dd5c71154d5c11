#!/usr/bin/env python3
"""`croft-agent`: start of 100 processes against the bare spawn floor, restart of one, memory, idle CPU and wake-ups.

usage: bench/agent.py [--processes N] [--idle SECONDS]

Peers that are installed (runit, s6, supervisor) start and restart the same in the same run.
"""
import argparse
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from support.agents import AGENT, Agent, Controller, process_work  # noqa: E402

COMMAND = ["/bin/sleep", "100000"]
RESTARTS = 20


def floor(count):
    """Processes made by posix_spawn one after the other: nobody can be quicker with one thread."""
    begin = time.perf_counter()
    pids = [os.posix_spawn(COMMAND[0], COMMAND, {}) for _ in range(count)]
    took = time.perf_counter() - begin
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return took


def children_of(pid):
    return [int(each) for each in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def below(pid):
    """All processes below `pid`, with their names."""
    found, open_ones = [], [pid]
    while open_ones:
        try:
            for child in children_of(open_ones.pop()):
                found.append((child, pathlib.Path(f"/proc/{child}/comm").read_text().strip()))
                open_ones.append(child)
        except OSError:
            pass
    return found


def sleepers_under(pid):
    return [child for child, name in below(pid) if name == "sleep"]


def wait_for(condition, limit=30.0):
    end = time.perf_counter() + limit
    while not condition():
        if time.perf_counter() > end:
            raise SystemExit("a peer does not get there")
    return time.perf_counter()


class Runit:
    name, program = "runit", "runsvdir"

    def start(self, folder, count):
        for i in range(count):
            service = folder / "service" / f"s{i}"
            service.mkdir(parents=True)
            (service / "run").write_text("#!/bin/sh\nexec " + " ".join(COMMAND) + "\n")
            (service / "run").chmod(0o755)
        return subprocess.Popen([self.program, folder / "service"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class S6(Runit):
    name, program = "s6", "s6-svscan"


class Supervisor:
    name, program = "supervisor", "supervisord"

    def start(self, folder, count):
        text = f"[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={folder}/pid\nchildlogdir={folder}\n"
        for i in range(count):
            text += f"[program:s{i}]\ncommand={' '.join(COMMAND)}\nautorestart=true\nstartsecs=0\n"
        (folder / "conf").write_text(text)
        return subprocess.Popen([self.program, "-c", folder / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def restart_time(pid_now, parent):
    """From the kill until another runs in its place, seen from outside."""
    before = set(sleepers_under(parent))
    victim = pid_now or next(iter(before))
    begin = time.perf_counter()
    os.kill(victim, signal.SIGKILL)
    return wait_for(lambda: len(set(sleepers_under(parent)) - {victim}) >= len(before)) - begin


def bench_peer(peer, count):
    if not shutil.which(peer.program):
        print(f"{peer.name}: not installed")
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        begin = time.perf_counter()
        process = peer.start(pathlib.Path(name), count)
        took = wait_for(lambda: len(sleepers_under(process.pid)) >= count) - begin
        restarted = restart_time(None, process.pid)
        print(f"{peer.name}: start of {count} {took * 1e3:.1f} ms; restart of one {restarted * 1e3:.1f} ms (of {count})")
        process.send_signal(signal.SIGSTOP)  # so that it starts nothing while its children go
        victims = below(process.pid)
        process.kill()
        process.wait()
        # Supervisors first: each would start its program again.
        for victim, _ in sorted(victims, key=lambda each: each[1] == "sleep"):
            try:
                os.kill(victim, signal.SIGKILL)
            except OSError:
                pass


def status_of(pid):
    out = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        out[key] = value.split()[0] if value.split() else ""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return int(out["VmRSS"]), ticks / os.sysconf("SC_CLK_TCK"), int(out["voluntary_ctxt_switches"])


def start_all(session, count):
    """All calls at once, as a controller makes them; from the first until the last process runs."""
    works = [process_work(f"app:p{i}", COMMAND) for i in range(count)]
    begin = time.perf_counter()
    for number, work in enumerate(works, 1_000_000):
        session.send({"type": "call", "id": number, "fence": 1, "action": "apply", "request": {"work": work}})
    for i in range(count):
        session.until(f"app:p{i}", phase="ready")
    took = time.perf_counter() - begin
    for number in range(1_000_000, 1_000_000 + count):
        session.wait(lambda number=number: number in session.answers, "no answer")
    return took


def one_restart(session, name):
    state = session.states[name]
    begin = time.perf_counter()
    os.kill(state["pid"], signal.SIGKILL)
    session.wait(lambda: session.states[name].get("pid") not in (state["pid"], 0, None)
                 and session.states[name]["phase"] == "ready", "not restarted")
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=100)
    parser.add_argument("--idle", type=float, default=10)
    options = parser.parse_args()
    count = options.processes
    print(f"{AGENT}: {os.path.getsize(AGENT) / 1e6:.2f} MB on disk (bar 6)")
    with tempfile.TemporaryDirectory() as name:
        controller = Controller(name)
        agent = Agent(name, controller)
        try:
            session = controller.meet()
            bare = statistics.median(floor(count) for _ in range(5))
            took = start_all(session, count)
            print(f"start of {count} processes: {took * 1e3:.1f} ms, bare spawn {bare * 1e3:.1f} ms: {took / bare:.2f} x (bar 2)")
            times = sorted(one_restart(session, f"app:p{i}") for i in range(min(count, RESTARTS)))
            print(f"restart of one: median {times[len(times) // 2] * 1e3:.2f} ms, worst {times[-1] * 1e3:.2f} ms (bar 15)")
            pid = agent.agent_pid
            _, cpu, switches = status_of(pid)
            time.sleep(options.idle)  # what is measured is that time
            memory, cpu_after, switches_after = status_of(pid)
            keeper = status_of(agent.process.pid)[0]
            print(f"idle with {count} processes: {(cpu_after - cpu) / options.idle * 100:.2f} % of a core, "
                  f"{(switches_after - switches) / options.idle:.1f} wake-ups a second (heartbeats: 1)")
            print(f"resident: agent {memory / 1024:.1f} MB (bar 10), keeper {keeper / 1024:.1f} MB")
            for i in range(count):
                session.call("remove", name=f"app:p{i}")
        finally:
            agent.stop()
            agent.clear()
            controller.close()
    for peer in (Runit(), S6(), Supervisor()):
        bench_peer(peer, count)


if __name__ == "__main__":
    main()
