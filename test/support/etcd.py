"""Members of etcd on loopback, for controllers that share a store. Needs Debian's etcd-server."""
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from support.croft import free_port, wait_until


class Etcd:
    def __init__(self, members=3):
        self.folder = tempfile.mkdtemp(prefix="croft-etcd-")
        self.ports = [(free_port(), free_port()) for _ in range(members)]
        cluster = ",".join(f"m{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(self.ports))
        self.processes = [self._start(i, cluster) for i in range(members)]
        for client, _ in self.ports:
            wait_until(lambda: self._healthy(client), "a member of etcd to be ready")

    def _start(self, i, cluster):
        client, peer = (f"http://127.0.0.1:{port}" for port in self.ports[i])
        return subprocess.Popen(
            ["etcd", "--name", f"m{i}", "--data-dir", os.path.join(self.folder, str(i)), "--listen-client-urls", client,
             "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", cluster, "--unsafe-no-fsync", "--max-txn-ops", "16500", "--max-request-bytes", "33554432"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def _healthy(port):
        try:
            return b'"health":"true"' in urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).read()
        except OSError:
            return False

    @property
    def url(self):
        return "etcd://" + ",".join(f"127.0.0.1:{client}" for client, _ in self.ports)

    def signal(self, i, number):
        self.processes[i].send_signal(number)

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
