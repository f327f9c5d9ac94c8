"""The consumer and its workers: a process group of their own that never outlives the loop."""

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import time
from typing import Any, NoReturn

from django.conf import settings
from django.db import connections
from huey.consumer import Consumer, ProcessEnvironment
from huey.contrib.djhuey import HUEY

log = logging.getLogger(__name__)

#: From the request to stop until what is left is killed. A worker stops its job within a second.
STOP_SECONDS = 1.3
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Group:
    """The forked consumer with its children."""

    def __init__(self) -> None:
        self._pid = 0
        self._started = 0.0

    def start(self) -> None:
        """Fork the consumer. No connection of ours may be open across a fork, so they are closed first."""
        connections.close_all()
        HUEY.storage.close()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._started = time.monotonic()
        self._pid = os.fork()
        if self._pid == 0:
            _consume(parent)
        try:
            os.setpgid(self._pid, self._pid)
        except OSError:
            pass  # the child has done it, or is gone

    def keep(self) -> None:
        """Start the consumer again if it has ended, at most once a second."""
        if self._ended() and time.monotonic() - self._started > 1:
            log.error("the consumer has ended, starting it again")
            self._kill()
            self.start()

    def stop(self) -> None:
        """End the whole group: ask the consumer, wait, kill what is left."""
        if not self._pid:
            return
        try:
            os.kill(self._pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        limit = time.monotonic() + STOP_SECONDS
        while not self._ended() and time.monotonic() < limit:
            time.sleep(0.02)
        self._kill()
        self._pid = 0

    def _ended(self) -> bool:
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def _kill(self) -> None:
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
        try:
            os.waitpid(self._pid, 0)
        except ChildProcessError:
            pass


class _Environment(ProcessEnvironment):
    """Workers that die with the consumer."""

    def __init__(self, *signals: Any) -> None:
        super().__init__(*signals)
        self._consumer = os.getpid()

    def init_child(self, process: Any) -> None:
        die_with(self._consumer)
        super().init_child(process)


class _Consumer(Consumer):
    def get_environment(self, worker_type: str) -> _Environment:
        return _Environment(self._graceful_sig, self._interrupt_sig)

    def _set_signal_handlers(self) -> None:
        super()._set_signal_handlers()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # huey would restart the whole command


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which forked it, is gone; at once if it already is."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _consume(parent: int) -> NoReturn:
    """The consumer's process, from fork to exit."""
    code = 1
    try:
        os.setpgid(0, 0)
        die_with(parent)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _Consumer(HUEY, **settings.HUEY["consumer"]).run()
        code = 0
    except BaseException:
        log.exception("the consumer died")
    finally:
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(code)
