"""Background work: look, cancel, resume. One's own, or the whole hospital's for its administrator."""

from typing import Any

from django.http import HttpRequest
from ninja import Path, Router

from core.jobs.domain import cancel, resume
from core.jobs.models import Job
from core.jobs.queries import get_job, job_status
from core.kernel.errors import NotFound
from core.policy.decide import can
from core.policy.types import TypePolicy, register_type

router = Router(tags=["jobs"])

register_type(TypePolicy("jobs.job", "后台任务", 2, {"person": "requester"}, person_by="actor"))


@router.get("/jobs/{uuid:uid}", response=dict[str, Any])
def job(request: HttpRequest, hospital: Path[str], uid: str) -> dict[str, Any]:
    """State and progress."""
    return job_status(_job(request, uid, "view"))


@router.post("/jobs/{uuid:uid}/cancel", response=dict[str, Any])
def cancel_job(request: HttpRequest, hospital: Path[str], uid: str) -> dict[str, Any]:
    """Ask a job to stop; what it finished stays finished."""
    found = _job(request, uid, "cancel")
    return job_status(cancel(found, by=request.principal.actor) or found)  # type: ignore[attr-defined]


@router.post("/jobs/{uuid:uid}/resume", response=dict[str, Any])
def resume_job(request: HttpRequest, hospital: Path[str], uid: str) -> dict[str, Any]:
    """Go on from the last checkpoint."""
    found = _job(request, uid, "cancel")
    return job_status(resume(found, by=request.principal.actor) or found)  # type: ignore[attr-defined]


def _job(request: HttpRequest, uid: str, action: str) -> Job:
    found = get_job(uid)
    if not can(request.principal, action, "jobs.job", found).allowed:  # type: ignore[attr-defined]
        raise NotFound()
    return found
