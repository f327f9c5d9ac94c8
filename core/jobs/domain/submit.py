"""Commands on jobs: submit, cancel, resume."""

import json
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from core.jobs.domain import outbox
from core.jobs.models import Job, Outbox, State
from core.jobs.registry import get_kind
from core.kernel.clock import now
from core.kernel.context import Actor, acting
from core.kernel.errors import Refused


def submit(
    kind: str,
    params: dict[str, Any],
    *,
    by: Actor,
    hospital: Any,
    idempotency_key: str | None = None,
    delay_seconds: int = 0,
) -> Job:
    """A new job, in the caller's transaction: it runs if that commits, and not otherwise.

    `hospital` is None for work of the whole installation. The same `idempotency_key` (per kind and hospital)
    gives the first job again, whatever became of it. Raises ValueError for an unknown kind, TypeError or
    ValueError for parameters that are not JSON.
    """
    if get_kind(kind) is None:
        raise ValueError(f"unknown job kind {kind!r}")
    json.dumps(params, allow_nan=False)
    with acting(by):
        hospital_id = hospital.id if hospital is not None else None
        same = {"kind": kind, "hospital_id": hospital_id, "idempotency_key": idempotency_key}
        if idempotency_key is not None:
            found = Job.unscoped.filter(**same).first()
            if found is not None:
                return found
        at = now()
        values = {
            **same,
            "params": params,
            "requested_by": outbox.actor_text(by),
            "requester": str(by)[:200],
            "created_at": at,
            "queued_at": at,
        }
        try:
            with transaction.atomic():
                job = Job.unscoped.create(**values)
        except IntegrityError:
            if idempotency_key is None:
                raise
            return Job.unscoped.get(**same)
        outbox.put(job, due_at=at + timedelta(seconds=delay_seconds))
        return job


def cancel(job: Job, *, by: Actor) -> Job:
    """Cancel: at once while it waits, at its next check while it runs. Raises Problem `refused` when it has ended."""
    with acting(by):
        waiting = Job.unscoped.filter(pk=job.pk, state__in=(State.QUEUED, State.PAUSED))
        if waiting.update(state=State.CANCELLED, finished_at=now(), error=None):
            Outbox.objects.filter(job=job).delete()
        elif not Job.unscoped.filter(pk=job.pk, state=State.RUNNING).update(cancel_requested=True):
            raise Refused("这项任务已经结束，不能再取消。")
    job.refresh_from_db()
    return job


def resume(job: Job, *, by: Actor) -> Job:
    """Run a failed, cancelled or paused job again, from its checkpoint. Raises Problem `refused` otherwise."""
    kind = get_kind(job.kind)
    if kind is None or not kind.resumable:
        raise Refused("这类任务不能接着办，请重新发起。")
    with acting(by):
        stopped = Job.unscoped.filter(pk=job.pk, state__in=(State.FAILED, State.CANCELLED, State.PAUSED))
        started = stopped.update(
            state=State.QUEUED,
            queued_at=now(),
            finished_at=None,
            error=None,
            attempts=0,
            losses=0,
            cancel_requested=False,
        )
        if not started:
            raise Refused("这项任务正在办理或已经完成，不需要继续。")
        job.refresh_from_db()
        outbox.put(job, due_at=now())
    return job
