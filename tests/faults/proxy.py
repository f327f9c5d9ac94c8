"""A TCP proxy of our own between the app and a real server: passes, is gone, is slow, or swallows everything."""

import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

from scripts.stack import free_port

MODES = ("pass", "gone", "slow", "hole")


class Proxy:
    """Listens on a free loopback port. `mode` may be changed at any time, also for connections that stand.

    gone: connections are cut and new ones reset. slow: each piece of an answer waits a second. hole: nothing moves in
    either direction and nobody is told; connections of that time stay dead afterwards, as behind a firewall that has
    forgotten them, while new ones pass again.
    """

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 0)
        self.port = free_port()
        place = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        self.url = urlunsplit(parts._replace(netloc=f"{place}127.0.0.1:{self.port}"))
        self._mode = "pass"
        self._lines: set[socket.socket] = set()
        self._dead: set[int] = set()
        self._lock = threading.Lock()
        self._ending = False
        self._door = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def mode(self) -> str:
        """What it does now."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        assert mode in MODES
        with self._lock:
            if mode == "gone":
                for line in self._lines:
                    _cut(line)
            if mode == "hole":
                self._dead |= {id(line) for line in self._lines}
            self._mode = mode

    def close(self) -> None:
        """Cut everything."""
        self._ending = True
        with suppress(OSError):
            self._door.close()
        with self._lock:
            for line in self._lines:
                _cut(line)

    def _accept(self) -> None:
        while not self._ending:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if self._mode == "gone":
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                near.close()
                continue
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._lines |= {near, far}
                if self._mode == "hole":
                    self._dead |= {id(near), id(far)}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                if self._mode == "slow":
                    time.sleep(1)
                if id(source) in self._dead:
                    while not self._ending:  # swallowed; the other side is never told
                        time.sleep(0.5)
                    return
                target.sendall(piece)
        except OSError:
            pass
        if id(source) not in self._dead:
            for line in (source, target):
                _cut(line)


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
