"""The heartbeat: a thread that holds on to the lease while a handler works, and ends a process that hangs."""

import logging
import os
import threading
import time
from types import TracebackType

from django.db import DatabaseError, connections

from core.jobs.domain import lease
from core.jobs.domain.context import JobContext
from core.jobs.models import Job
from core.jobs.registry import JobKind
from core.kernel.context import actor_scope

log = logging.getLogger(__name__)


class Heartbeat:
    """Extends the lease three times within its length, for workers that are processes.

    A handler silent for longer than its kind's `patience` is taken for hung: the process ends itself, the
    consumer replaces it, and the sweep gives the job to another one.
    """

    def __init__(self, job: Job, kind: JobKind, ctx: JobContext) -> None:
        self._job, self._kind, self._ctx = job, kind, ctx
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(timeout=1)

    def _beat(self) -> None:
        pause = min(self._kind.lease_seconds / 3, self._kind.patience)
        try:
            with actor_scope(lease.WORKER):
                while not self._over.wait(pause):
                    if time.monotonic() - self._ctx.last_sign > self._kind.patience:
                        log.error("job %s (%s) is silent, ending its process", self._job.uid, self._job.kind)
                        os._exit(70)  # EX_SOFTWARE
                    self._extend()
        finally:
            connections.close_all()

    def _extend(self) -> None:
        try:
            if not lease.extend(self._job) and not self._over.is_set():
                self._ctx.lost = True
        except DatabaseError:
            log.warning("job %s: heartbeat failed, tried again", self._job.uid, exc_info=True)
            connections.close_all()
