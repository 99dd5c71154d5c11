"""A way to a port that can be cut: what is sent meanwhile arrives when it is open again, as over a network that lost its link."""
import socket
import threading

from support.croft import free_port


class Door:
    def __init__(self, target):
        self.target, self.port = target, free_port()
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._open.clear()

    def heal(self):
        self._open.set()

    def close(self):
        self.heal()
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def _accept(self):
        while True:
            try:
                one, _ = self._listener.accept()
                other = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._sockets += [one, other]
            for source, sink in ((one, other), (other, one)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
