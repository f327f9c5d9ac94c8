"""One import at a time into (hospital, data set): a lease in the database with a token.

A holder that died is recognised by its process (same machine) or by time; a stale one cannot publish, because
publishing checks the token in its own transaction.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db.models import Q

from core.kernel.clock import now
from core.kernel.context import Actor, acting, actor_scope
from core.kernel.errors import Problem, Refused, Unavailable
from core.kernel.ids import random_uid
from core.lake.models import LakeImport, LakeLock

LEASE = timedelta(minutes=3)
RENEW_AFTER = 30.0  # s
WAIT = 1800.0  # s


@dataclass
class Held:
    """The lease as its holder sees it."""

    lock_id: int
    token: UUID
    by: Actor
    renewed: float = field(default_factory=time.monotonic)

    def renew(self) -> None:
        """Prolong, at most every 30 s. Raises Refused when someone else has it."""
        if time.monotonic() - self.renewed < RENEW_AFTER:
            return
        with actor_scope(self.by):
            if not LakeLock.objects.filter(pk=self.lock_id, token=self.token).update(until=now() + LEASE):
                raise _lost()
        self.renewed = time.monotonic()

    def confirm(self) -> None:
        """Inside the publishing transaction: lock the row and check that it is still ours. Raises Refused."""
        row = LakeLock.objects.select_for_update().get(pk=self.lock_id)
        if row.token != self.token:
            raise _lost()

    def release(self) -> None:
        """Give it back, if it is ours."""
        LakeLock.objects.filter(pk=self.lock_id, token=self.token).update(
            token=None, holder="", until=None, import_uid=None
        )


@contextmanager
def held(lake_import: LakeImport, *, by: Actor, tick: Callable[[], None] = lambda: None) -> Iterator[Held]:
    """Wait for the lease, hold it for the block. `tick` is called while waiting (it may raise). Raises Unavailable."""
    with acting(by):
        lock, _ = LakeLock.objects.get_or_create(
            hospital_id=lake_import.hospital_id, dataset=lake_import.dataset
        )
    token, until = random_uid(), time.monotonic() + WAIT
    while not _take(lock.pk, token, lake_import, by):
        if time.monotonic() > until:
            raise Unavailable("同一数据集的另一次导入一直没有结束，请稍后再试。")
        tick()
        time.sleep(0.1)
    mine = Held(lock.pk, token, by)
    try:
        yield mine
    finally:
        with actor_scope(by):
            mine.release()


def _take(pk: int, token: UUID, lake_import: LakeImport, by: Actor) -> bool:
    row = LakeLock.objects.get(pk=pk)
    free = Q(token__isnull=True) | Q(until__lt=now()) | Q(import_uid=lake_import.uid)
    if row.token and is_dead(row.holder):
        free |= Q(token=row.token)
    with actor_scope(by):
        return bool(
            LakeLock.objects.filter(free, pk=pk).update(
                token=token, holder=me(), import_uid=lake_import.uid, until=now() + LEASE
            )
        )


def me() -> str:
    """This process, so that another one can tell whether it still lives."""
    return f"{socket.gethostname()}|{_boot()}|{os.getpid()}|{_started(os.getpid())}"


def is_dead(holder: str) -> bool:
    """Whether the holder is a process of this machine that has ended."""
    host, boot, pid, started = (holder.split("|") + ["", "", "", ""])[:4]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    return boot != _boot() or _started(int(pid)) != started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Start time of a process in clock ticks; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""


def _lost() -> Problem:
    return Refused("这次导入等待过久，已由另一次导入接替，请重新导入。")
