"""Running one job: claim, scope, handler, outcome."""

import errno
import json
import logging
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connections

from core.jobs.domain import lease
from core.jobs.domain.context import Cancelled, JobContext, LeaseLost
from core.jobs.domain.heartbeat import Heartbeat
from core.jobs.models import Job, State
from core.jobs.registry import JobKind, closed_reason, get_kind
from core.kernel.clock import now
from core.kernel.context import acting, actor_scope, hospital_scope
from core.kernel.errors import Problem, Refused, Unavailable

log = logging.getLogger(__name__)

INTERNAL = "系统出错，任务没有完成。您可以稍后继续这项任务；如仍出错，请把任务编号告诉系统管理员。"
NOT_INSTALLED = "办理这类任务的程序没有安装。请联系系统管理员。"
DISK_FULL = "磁盘空间不足，任务没有完成。请系统管理员清理磁盘后再继续。"


def execute(uid: str, *, heartbeat: bool = False) -> Job | None:
    """Run the job if it can be claimed, and give its row as it ended; None if it was not to be claimed.

    Only what the process must know leaves: KeyboardInterrupt (a worker told to stop; the job goes back to the
    queue) and database errors while writing the outcome (the lease runs out, the sweep queues the job again).
    """
    job = lease.claim(uid)
    if job is None:
        return None
    kind = get_kind(job.kind)
    if kind is None:
        return _end(job, State.FAILED, problem=Refused(NOT_INSTALLED))
    reason = closed_reason(kind, job.hospital)
    if reason:
        return _end(job, State.PAUSED, problem=Refused(reason))
    ctx = JobContext(job, kind)
    try:
        with Heartbeat(job, kind, ctx) if heartbeat else nullcontext():
            result = _call(ctx, kind)
    except Cancelled:
        return _end(job, State.CANCELLED, problem=Problem("cancelled", lease.CANCELLED))
    except LeaseLost:
        log.warning("job %s (%s): lease lost, result dropped", job.uid, job.kind)
    except Problem as problem:
        if problem.code == "unavailable" and job.attempts < kind.max_attempts:
            return _again(job, problem)
        return _end(job, State.FAILED, problem=problem)
    except KeyboardInterrupt:
        connections.close_all()
        with acting(lease.WORKER):
            lease.requeue(job, due_at=now(), counted=False)
        raise
    except (Exception, SystemExit) as error:
        return _failed(job, kind, error)
    else:
        if not ctx.completed:
            return _end(job, State.DONE, result=result)
    return _fresh(job)


def _call(ctx: JobContext, kind: JobKind) -> dict[str, Any] | None:
    with hospital_scope(ctx.hospital), actor_scope(ctx.actor):
        result = kind.run(ctx)
    json.dumps(result, allow_nan=False)
    return result


def _failed(job: Job, kind: JobKind, error: BaseException) -> Job:
    if _is_disk_full(error):
        log.error("job %s (%s): disk full", job.uid, job.kind)
        return _end(job, State.FAILED, problem=Problem("disk_full", DISK_FULL, 507))
    log.error("job %s (%s), attempt %d", job.uid, job.kind, job.attempts, exc_info=error)
    if job.attempts < kind.max_attempts:
        return _again(job, Unavailable(INTERNAL))
    return _end(job, State.FAILED, problem=Problem("internal", INTERNAL, 500))


def _again(job: Job, problem: Problem) -> Job:
    """Queue again after 2, 8, 32 … at most 300 seconds."""
    wait = timedelta(seconds=min(300, 2 * 4 ** (job.attempts - 1)))
    with acting(lease.WORKER):
        lease.requeue(job, due_at=now() + wait, counted=True, problem=problem)
    return _fresh(job)


def _end(
    job: Job, state: State, *, result: dict[str, Any] | None = None, problem: Problem | None = None
) -> Job:
    with acting(lease.WORKER):
        if not lease.close(job, state, result=result, problem=problem):
            log.warning("job %s (%s): lease lost, outcome %s dropped", job.uid, job.kind, state)
    return _fresh(job)


def _fresh(job: Job) -> Job:
    return Job.unscoped.select_related("hospital").get(pk=job.pk)


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return isinstance(error, DatabaseError) and "disk is full" in str(error)
