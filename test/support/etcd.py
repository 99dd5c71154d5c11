"""Members of etcd on loopback, for controllers that share a store. Needs Debian's etcd-server."""
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from support.croft import free_port, wait_until


class Etcd:
    def __init__(self, members=3, places=None):
        """`places`: of each member what enters its network namespace, and its address there."""
        self.folder = tempfile.mkdtemp(prefix="croft-etcd-")
        self.places = places or [([], "127.0.0.1")] * members
        self.clients = [2379 if places else free_port() for _ in self.places]
        self.peers = [2380 if places else free_port() for _ in self.places]
        self.processes = [self._start(i) for i in range(len(self.places))]
        for i in range(len(self.places)):
            self.ready(i)

    def at(self, i):
        return f"{self.places[i][1]}:{self.clients[i]}"

    def peer(self, i):
        return f"http://{self.places[i][1]}:{self.peers[i]}"

    def _start(self, i):
        cluster = ",".join(f"m{j}={self.peer(j)}" for j in range(len(self.places)))
        client = f"http://{self.at(i)}"
        return subprocess.Popen(
            [*self.places[i][0], "etcd", "--name", f"m{i}", "--data-dir", os.path.join(self.folder, str(i)),
             "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", self.peer(i),
             "--initial-advertise-peer-urls", self.peer(i), "--initial-cluster", cluster, "--unsafe-no-fsync",
             "--max-txn-ops", "16500", "--max-request-bytes", "33554432"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def restart(self, i):
        """One that was killed."""
        self.processes[i].wait(30)
        self.processes[i] = self._start(i)

    def ready(self, i):
        wait_until(lambda: self._healthy(i), "a member of etcd to be ready")

    def _healthy(self, i):
        try:
            return b'"health":"true"' in urllib.request.urlopen(f"http://{self.at(i)}/health", timeout=2).read()
        except OSError:
            return False

    @property
    def url(self):
        return "etcd://" + ",".join(self.at(i) for i in range(len(self.places)))

    def signal(self, i, number):
        self.processes[i].send_signal(number)

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
