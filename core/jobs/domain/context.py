"""What a handler is given: its parameters, its progress, and transactions that only the holder of the lease commits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.jobs.domain import lease, outbox
from core.jobs.models import Job, State
from core.jobs.registry import JobKind
from core.kernel.clock import now
from core.kernel.context import Actor, acting

#: Progress is written at most this often (seconds).
THROTTLE = 0.5


class Cancelled(BaseException):
    """The job was cancelled. Not an Exception, so that a handler's `except Exception` lets it pass."""


class LeaseLost(BaseException):
    """Another worker may hold the job now: stop, nothing more of this one is committed."""


class JobContext:
    """A running job, as its handler sees it.

    A handler may run more than once. What must happen once goes into `commit(checkpoint=…)`, `once(step)` or
    `complete()`, whose rows and note of completion are one transaction, refused when the lease is lost. Outside
    receivers get `key`, which is the same on every run.
    """

    def __init__(self, job: Job, kind: JobKind) -> None:
        self._job = job
        self._kind = kind
        self._written = 0.0
        self._checked = 0.0
        self._inside = 0
        self._cancelled = False
        self.params: dict[str, Any] = job.params
        self.hospital = job.hospital
        self.actor: Actor = outbox.actor_from(job.requested_by)
        self.key: str = str(job.uid)
        self.saved: Any = job.checkpoint
        self.completed = False
        self.lost = False
        self.last_sign = time.monotonic()

    @property
    def uid(self) -> str:
        """The job's uid."""
        return str(self._job.uid)

    @property
    def attempt(self) -> int:
        """1 on the first try."""
        return self._job.attempts

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Show how far it is (throttled; the last one, done = total, always). Raises Cancelled and LeaseLost.

        Also holds on to the lease. Inside one of the transactions below it is seen when that commits, and a
        cancellation waits until then.
        """
        self._sign()
        at = time.monotonic()
        if at - self._written < THROTTLE and done != total:
            return
        self._written = at
        self._hold(progress_done=done, progress_total=total, progress_note=note[:200])
        self.check_cancelled()

    def check_cancelled(self) -> None:
        """Raise Cancelled if someone asked for it, LeaseLost if the lease is gone. Reads at most every 250 ms."""
        self._sign()
        at = time.monotonic()
        if at - self._checked >= THROTTLE / 2:
            self._checked = at
            asked = lease.held(self._job).values_list("cancel_requested", flat=True).first()
            if asked is None:
                self._lose()
            self._cancelled = bool(asked)
        if self._cancelled and not self._inside:
            raise Cancelled

    def checkpoint(self, data: Any) -> None:
        """Keep JSON `data` for the next run, which finds it in `saved`. Raises LeaseLost."""
        self._sign()
        with acting(self.actor):
            self._hold(checkpoint=data)
        self.saved = data

    @contextmanager
    def commit(self, *, checkpoint: Any = None) -> Iterator[None]:
        """One transaction as the requester, with `checkpoint` (if given) kept in it. Raises LeaseLost, rolled back."""
        with self._transaction():
            yield
            if checkpoint is not None:
                self._hold(checkpoint=checkpoint)
        if checkpoint is not None:
            self.saved = checkpoint

    @contextmanager
    def once(self, step: str) -> Iterator[bool]:
        """One transaction that notes `step` as done; yields False if an earlier run committed it (then do nothing)."""
        with self._transaction():
            done = lease.held(self._job).values_list("steps", flat=True).first() or []
            yield step not in done
            if step not in done:
                self._hold(steps=[*done, step])

    @contextmanager
    def complete(self, result: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The last transaction: what is written in it and "done" are one. Yields the result to be filled."""
        filled = dict(result or {})
        with self._transaction():
            yield filled
            if not lease.close(self._job, State.DONE, result=filled):
                self._lose()
        self.completed = True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sign()
        self._inside += 1
        try:
            with acting(self.actor):
                self._hold()
                yield
        finally:
            self._inside -= 1

    def _hold(self, **values: Any) -> None:
        """Extend the lease and write `values` on the row, only as its holder."""
        until = now() + lease.lease_time(self._job.kind)
        if not lease.held(self._job).update(lease_until=until, **values):
            self._lose()

    def _lose(self) -> None:
        self.lost = True
        raise LeaseLost

    def _sign(self) -> None:
        self.last_sign = time.monotonic()
        if self.lost:
            raise LeaseLost
