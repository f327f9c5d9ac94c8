"""Reading jobs, as the API and /health show them."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError

from core.jobs.domain.recurring import LOOP
from core.jobs.models import Job, Schedule, State
from core.jobs.registry import get_kind
from core.kernel.clock import now
from core.kernel.errors import NotFound

#: The loop notes every 10 s that it lives.
ALIVE = timedelta(seconds=35)


def get_job(uid: Any) -> Job:
    """The job of the hospital in context. Raises Problem `not_found`."""
    try:
        return Job.objects.select_related("hospital").get(uid=uid)
    except (Job.DoesNotExist, ValidationError) as error:
        raise NotFound() from error


def job_status(job: Job) -> dict[str, Any]:
    """What `GET …/jobs/{uid}` answers."""
    kind = get_kind(job.kind)
    status: dict[str, Any] = {
        "uid": str(job.uid),
        "kind": job.kind,
        "label": kind.label if kind else job.kind,
        "state": job.state,
        "state_label": "正在取消"
        if job.state == State.RUNNING and job.cancel_requested
        else job.get_state_display(),
        "done": job.progress_done,
        "total": job.progress_total,
        "note": job.progress_note,
        "result": job.result,
        "error": job.error,
        "can_cancel": job.state in (State.QUEUED, State.PAUSED)
        or (job.state == State.RUNNING and not job.cancel_requested),
        "can_resume": bool(kind and kind.resumable)
        and job.state in (State.FAILED, State.CANCELLED, State.PAUSED),
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }
    if isinstance(job.result, dict) and job.result.get("href"):
        status["href"] = job.result["href"]
    return status


def worker_alive() -> bool:
    """True if a worker's loop ran lately."""
    return Schedule.objects.filter(name=LOOP, last_at__gte=now() - ALIVE).exists()


def waiting() -> int:
    """How many jobs wait for a worker."""
    return Job.unscoped.filter(state=State.QUEUED).count()
