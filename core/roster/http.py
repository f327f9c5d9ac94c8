"""The roster over HTTP: lists, templates, upload, preview, apply; and whole lists from a personnel system."""

from datetime import date
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Path, Query, Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from core.jobs.models import Job
from core.kernel.context import acting
from core.kernel.errors import Forbidden, Refused
from core.policy.decide import can, may
from core.roster import kinds
from core.roster.domain import changes, uploads
from core.roster.domain.uploads import Choice
from core.roster.models import ChangeSet, RosterUpload
from core.roster.template import file_name, make_template

router = Router(tags=["roster"])

TYPE, ACTION = "roster.change_set", "import"
#: What a machine with this scope may bring in; Party data is never among it.
ROBOT = "robot:roster.write"
ROBOT_KINDS = ("campuses", "departments", "staff", "posts")
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class PreviewChoice(Schema):
    """How a list is to be read. `complete`: whoever is missing has left."""

    sheet: str = Field("", max_length=200)
    mapping: dict[str, str] | None = None
    on: date | None = None
    complete: bool = False


class ApplyOrder(Schema):
    """What was seen and decided."""

    digest: str = Field("", max_length=64)
    answers: dict[str, str] = {}
    leave_out: list[str] = Field([], max_length=10_000)


class Rows(Schema):
    """A whole list: one object a row, keyed by column."""

    rows: list[dict[str, str | int | bool | None]] = Field([], max_length=50_000)
    on: date | None = None
    complete: bool = False
    answers: dict[str, str] = {}
    leave_out: list[str] = Field([], max_length=10_000)


@router.get("/roster/kinds", operation_id="roster_kinds")
def list_kinds(request: HttpRequest, hospital: Path[str]) -> list[dict[str, Any]]:
    """The lists that this person may bring in, with their columns."""
    _ask_any(request)
    return [
        {
            "key": kind.key,
            "label": kind.label,
            "description": kind.dataset.description,
            "template_href": f"/api/v1/h/{hospital}/roster/templates/{kind.key}",
            "columns": [
                {
                    "key": column.key,
                    "label": column.label,
                    "type": column.type,
                    "required": column.required,
                    "help": column.help,
                    "example": kind.examples.get(column.key, ""),
                }
                for column in kind.dataset.columns
            ],
        }
        for kind in kinds.all_kinds().values()
        if _allowed(request, kind.key)
    ]


@router.get("/roster/templates/{kind}", operation_id="roster_template")
def template(request: HttpRequest, hospital: Path[str], kind: Path[str]) -> HttpResponse:
    """The Excel template of a list."""
    found = _ask(request, kind)
    answer = HttpResponse(make_template(found), content_type=EXCEL)
    answer["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file_name(found))}"
    return answer


@router.post("/roster/uploads", operation_id="roster_upload")
def upload(
    request: HttpRequest, hospital: Path[str], file: File[UploadedFile], kind: Form[str] = ""
) -> dict[str, Any]:
    """Hand in a file; answers what it holds."""
    _ask(request, kind)
    made = uploads.receive_stream(
        file, name=file.name or "", kind=kind, hospital=request.hospital, by=request.principal.actor
    )
    return uploads.describe(made)


@router.post("/roster/uploads/{uid}/preview", operation_id="roster_preview")
def preview(request: HttpRequest, hospital: Path[str], uid: UUID, choice: PreviewChoice) -> dict[str, Any]:
    """The difference this list would make; changes nothing."""
    found = _upload(request, uid)
    return changes.preview(
        found, Choice(**choice.dict()), hospital=request.hospital, by=request.principal.actor
    )


@router.post("/roster/uploads/{uid}/apply", operation_id="roster_apply")
def apply(request: HttpRequest, hospital: Path[str], uid: UUID, order: ApplyOrder) -> dict[str, Any]:
    """Have the list of the last preview take effect, as a job."""
    found = _upload(request, uid)
    before = _repeated(request)
    if before is not None:
        return before
    return _start(request, found, order.digest, order.answers, order.leave_out)


@router.put("/roster/{kind}", operation_id="roster_put")
def put(
    request: HttpRequest, hospital: Path[str], kind: Path[str], body: Rows, dry_run: Query[bool] = False
) -> dict[str, Any]:
    """A whole list from a personnel system: the same difference; `dry_run=1` only shows it.

    With open questions the answer is 409 and names them; send the rows again with `answers`.
    """
    _ask(request, kind)
    by = request.principal.actor
    before = None if dry_run else _repeated(request)
    if before is not None:
        return before
    kept = uploads.receive_rows(body.rows, kind=kind, hospital=request.hospital, by=by)
    told = changes.preview(kept, Choice(on=body.on, complete=body.complete), hospital=request.hospital, by=by)
    if dry_run:
        return told
    wrong = any(finding["severity"] == "error" for finding in told["findings"])
    if told["can_apply"] or wrong:
        return _start(request, kept, told["digest"], body.answers, body.leave_out)
    return {"job": None, "change_set": None, "counts": told["counts"]}


def _repeated(request: HttpRequest) -> dict[str, Any] | None:
    """What the first request with this Idempotency-Key was answered, whatever became of its job."""
    key = (request.headers.get("Idempotency-Key") or "")[:200]
    by = str(request.principal.actor)[:200]  # type: ignore[attr-defined]
    job = Job.objects.filter(kind=changes.JOB, idempotency_key=key, requester=by).first() if key else None
    if job is None:
        return None
    made = ChangeSet.objects.filter(uid=job.params["change_set"]).defer("difference").first()
    return {
        "job": str(job.uid),
        "change_set": job.params["change_set"],
        "counts": made.counts if made else {},
    }


def _start(
    request: HttpRequest, found: RosterUpload, digest: str, answers: dict[str, str], leave_out: list[str]
) -> dict[str, Any]:
    by = request.principal.actor  # type: ignore[attr-defined]
    key = request.headers.get("Idempotency-Key") or None
    with acting(by):
        made = changes.start(
            found,
            digest=digest,
            answers=answers,
            leave_out=leave_out,
            hospital=request.hospital,  # type: ignore[attr-defined]
            by=by,
        )
        job = changes.queue(made, by=by, idempotency_key=key[:200] if key else None)
        mine = ChangeSet.objects.filter(job_uid=job).order_by("pk").first()
        if mine is not None and mine.pk != made.pk:  # a repeated key: the first one stands
            made.delete()
            made = mine
    return {"job": job, "change_set": str(made.uid), "counts": made.counts}


def _upload(request: HttpRequest, uid: UUID) -> RosterUpload:
    _ask_any(request)
    found = uploads.get_upload(uid, hospital=request.hospital)  # type: ignore[attr-defined]
    _ask(request, found.kind)
    if found.file.state != "active":
        raise Refused("这次上传的文件已停用，请重新上传。")
    return found


def _ask(request: HttpRequest, kind: str) -> kinds.Kind:
    _ask_any(request)
    found = kinds.get(kind)
    if not _allowed(request, kind):
        raise Forbidden(f"您没有导入{found.label}名册的权限。如需办理，请联系医院管理员。")
    return found


def _ask_any(request: HttpRequest) -> None:
    principal = request.principal  # type: ignore[attr-defined]
    if ROBOT not in principal.roles and not may(principal, ACTION, TYPE):
        raise Forbidden()


def _allowed(request: HttpRequest, kind: str) -> bool:
    principal = request.principal  # type: ignore[attr-defined]
    if ROBOT in principal.roles:
        return kind in ROBOT_KINDS
    return can(principal, ACTION, TYPE, {"state": kind}).allowed
