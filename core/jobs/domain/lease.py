"""The lease: who works on a job. It starts when a worker claims the row, and a lost one cannot commit."""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db.models import F, Q

from core.jobs.domain import outbox
from core.jobs.domain.owner import is_gone, this_process
from core.jobs.models import Job, State
from core.jobs.registry import get_kind, subscribers
from core.kernel.clock import now
from core.kernel.context import Actor, acting
from core.kernel.errors import Problem

log = logging.getLogger(__name__)

WORKER = Actor.system("worker")
SWEEP = Actor.system("sweep")
#: A job whose worker died this often is stopped: it may be what kills the workers.
MAX_LOSSES = 10
LEASE_SECONDS = 30
CANCELLED = "任务已按要求取消。"
LOST = "后台程序多次中断，这项任务已停止。请联系系统管理员查明原因后再继续。"


def claim(uid: str) -> Job | None:
    """Take a queued job: the row with a fresh lease, or None if another worker was first or it is not queued."""
    with acting(WORKER):
        queued = Job.unscoped.filter(uid=uid, state=State.QUEUED)
        kind = queued.values_list("kind", flat=True).first()
        if kind is None:
            return None
        at = now()
        taken = queued.update(
            state=State.RUNNING,
            lease_token=uuid4(),
            lease_until=at + lease_time(kind),
            lease_owner=this_process(),
            attempts=F("attempts") + 1,
            started_at=at,
            finished_at=None,
            error=None,
        )
        return Job.unscoped.select_related("hospital").get(uid=uid) if taken else None


def held(job: Job) -> Any:
    """The row, as long as `job`'s own lease is the one in force: the condition of every write of a worker."""
    return Job.unscoped.filter(pk=job.pk, lease_token=job.lease_token, state=State.RUNNING)


def extend(job: Job) -> bool:
    """Hold on to the lease; False if it was taken away."""
    return bool(held(job).update(lease_until=now() + lease_time(job.kind)))


def close(
    job: Job, state: State, *, result: dict[str, Any] | None = None, problem: Problem | None = None
) -> bool:
    """End the job in the caller's transaction; False if the lease was taken away, and then nothing changed."""
    at = now()
    values: dict[str, Any] = {"state": state, "finished_at": at, **_NO_LEASE}
    values["error"] = problem.body() if problem else None
    if state == State.DONE:
        values["result"] = result
    if not held(job).update(**values):
        return False
    if job.kind != outbox.DELIVER and subscribers("job.closed"):
        data = {"job": str(job.uid), "kind": job.kind, "state": str(state), "requested_by": job.requested_by}
        outbox.emit("job.closed", data, hospital=job.hospital)
    if state == State.FAILED:
        _tell_failed(job)
    return True


def requeue(job: Job, *, due_at: datetime, counted: bool, problem: Problem | None = None) -> bool:
    """Give the job back to the queue in the caller's transaction; False if the lease was taken away.

    `counted` keeps the attempt (it ended in an error); a worker told to stop does not count one.
    """
    values: dict[str, Any] = {"state": State.QUEUED, "queued_at": now(), **_NO_LEASE}
    values["error"] = problem.body() if problem else None
    if not counted:
        values["attempts"] = F("attempts") - 1
    if not held(job).update(**values):
        return False
    outbox.put(job, due_at=due_at)
    return True


def sweep(*, limit: int = 200) -> int:
    """Queue again the jobs whose lease ran out or whose process on this machine is gone; give how many."""
    at = now()
    running = Job.unscoped.filter(state=State.RUNNING).select_related("hospital")
    expired = list(running.filter(lease_until__lt=at)[:limit])
    seen = {job.pk for job in expired}
    alive = running.filter(lease_until__gte=at)[:limit]
    lost = expired + [job for job in alive if job.pk not in seen and is_gone(job.lease_owner)]
    return sum(_take_back(job) for job in lost)


def requeue_unsent(pending: set[str], *, older_than: timedelta, limit: int = 500) -> int:
    """Send again the queued jobs whose message is in no queue (a worker died holding it, the queue was lost).

    `pending` holds the ids of the messages that wait; a job sent less than `older_than` ago is left alone.
    """
    waiting = (
        Job.unscoped.filter(
            Q(queued_at__lt=now() - older_than) | Q(queued_at__gt=now() + outbox.SET_BACK), state=State.QUEUED
        )
        .exclude(pk__in=outbox.Outbox.objects.filter(job__isnull=False).values("job_id"))
        .order_by("id")[:limit]
    )
    lost = [job for job in waiting if job.message_id not in pending]
    for job in lost:
        with acting(SWEEP):
            if Job.unscoped.filter(pk=job.pk, state=State.QUEUED, message_id=job.message_id).exists():
                outbox.put(job, due_at=now())
    return len(lost)


def lease_time(kind: str) -> timedelta:
    """How long a claim or a heartbeat of this kind lasts."""
    known = get_kind(kind)
    return timedelta(seconds=known.lease_seconds if known else LEASE_SECONDS)


def _tell_failed(job: Job) -> None:
    """Tell that the job of a person did not succeed, in the caller's transaction; the platform's own are on the status page."""
    if job.kind != outbox.DELIVER and job.requester.startswith("user:") and subscribers("job.failed"):
        data = {"job": str(job.uid), "kind": job.kind, "requester": job.requester, "attempts": job.attempts}
        outbox.emit("job.failed", data, hospital=job.hospital)


_NO_LEASE = {"lease_token": None, "lease_until": None, "lease_owner": ""}


def _take_back(job: Job) -> bool:
    losses = job.losses + 1
    with acting(SWEEP):
        mine = held(job).filter(lease_until=job.lease_until)  # not extended since we looked
        if job.cancel_requested:
            values = {"finished_at": now(), "error": Problem("cancelled", CANCELLED).body()}
            return bool(mine.update(state=State.CANCELLED, losses=losses, **values, **_NO_LEASE))
        if losses >= MAX_LOSSES:
            values = {"finished_at": now(), "error": Problem("internal", LOST, 500).body()}
            stopped = bool(mine.update(state=State.FAILED, losses=losses, **values, **_NO_LEASE))
            if stopped:
                _tell_failed(job)
            return stopped
        again = {"state": State.QUEUED, "queued_at": now(), "losses": losses, "attempts": F("attempts") - 1}
        if not mine.update(**again, **_NO_LEASE):
            return False
        wait = 0 if losses == 1 else min(300, 2**losses)
        outbox.put(job, due_at=now() + timedelta(seconds=wait))
    log.warning("job %s (%s) lost its worker, queued again (%d)", job.uid, job.kind, losses)
    return True
