"""The lake over HTTP: data sets, upload, preview, import, and the source row of a line."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import File, Form, Path, Router, Schema
from ninja.files import UploadedFile

from core.audit.events import read_event
from core.jobs.domain.submit import submit
from core.kernel.context import acting
from core.kernel.errors import Forbidden, NotFound
from core.lake import datasets, domain, rows
from core.policy.decide import can, max_class, may

router = Router(tags=["lake"])

#: Lines of the hospital's own systems, landed or not.
SENSITIVE = 3


class Choice(Schema):
    """How a file is to be read."""

    sheet: str = ""
    mapping: dict[str, str] | None = None
    where: str = ""
    mode: str = ""


class Order(Choice):
    """How a file is to be imported."""

    accept_partial: bool = False


@router.get("/lake/datasets", operation_id="lake_datasets")
def list_datasets(request: HttpRequest, hospital: Path[str]) -> list[dict[str, Any]]:
    """The declared data sets with their columns."""
    _ask(request)
    return [
        {
            "key": d.key,
            "label": d.label,
            "description": d.description,
            "modes": list(d.modes),
            "columns": [
                {
                    "key": c.key,
                    "label": c.label,
                    "type": c.type,
                    "required": c.required,
                    "help": c.help,
                    "aliases": list(c.aliases),
                }
                for c in d.columns
            ],
        }
        for d in datasets.all_datasets().values()
    ]


@router.post("/lake/uploads", operation_id="lake_upload")
def upload(
    request: HttpRequest,
    hospital: Path[str],
    dataset: Form[str],
    file: File[UploadedFile],
    source: Form[str] = "",
) -> dict[str, Any]:
    """Hand in a raw file; answers what it holds."""
    _ask(request)
    made = domain.receive_upload(
        file,
        name=file.name or "",
        dataset=dataset,
        hospital=request.hospital,
        by=request.principal.actor,
        source=source,
    )
    return domain.describe_upload(made)


@router.get("/lake/uploads/{uid}", operation_id="lake_upload_get")
def get_upload(request: HttpRequest, hospital: Path[str], uid: UUID) -> dict[str, Any]:
    """What an upload holds, with samples of its lines: class 3, closed to borrowed eyes."""
    _ask(request)
    if max_class(request.principal, "import", "lake.import") < SENSITIVE:
        raise Forbidden()
    return domain.describe_upload(domain.get_upload(uid, hospital=request.hospital))


@router.post("/lake/uploads/{uid}/preview", operation_id="lake_preview")
def preview(request: HttpRequest, hospital: Path[str], uid: UUID, choice: Choice) -> dict[str, Any]:
    """What an import would do."""
    _ask(request)
    return domain.preview_upload(domain.get_upload(uid, hospital=request.hospital), **choice.dict())


@router.post("/lake/uploads/{uid}/import", operation_id="lake_import")
def start(request: HttpRequest, hospital: Path[str], uid: UUID, order: Order) -> dict[str, Any]:
    """Import as a job; a repeated Idempotency-Key gives the first job."""
    _ask(request)
    by = request.principal.actor
    found = domain.get_upload(uid, hospital=request.hospital)
    key = request.headers.get("Idempotency-Key") or None
    with acting(by):
        made = domain.start_import(found, by=by, **order.dict())
        job = submit(
            "lake.import", {"import": str(made.uid)}, by=by, hospital=request.hospital, idempotency_key=key
        )
        if job.params["import"] == str(made.uid):
            type(made).unscoped.filter(pk=made.pk).update(job_uid=job.uid)
        else:
            made.delete()
    return {"job": str(job.uid), "import": job.params["import"]}


@router.get("/lake/imports/{uid}/rows/{n}", operation_id="lake_row")
def source_row(request: HttpRequest, hospital: Path[str], uid: UUID, n: int) -> dict[str, Any]:
    """The row of the raw file, and what landed from it: class 3, so the look is recorded.

    A row of a department the person does not reach, or that did not land, answers as if it did not exist, unless
    the person reaches the whole hospital.
    """
    principal = request.principal
    if not may(principal, "view", "lake.lines"):
        raise NotFound()
    found = domain.get_import(uid, hospital=request.hospital)
    row = rows.source_row(found, n)
    if (
        can(principal, "view", "lake.lines", {"department": row["landed"].get("department")}).effect
        != "allow"
    ):
        raise NotFound()
    read_event(principal, "lake.import", found.uid)
    declared = datasets.get(found.dataset).columns
    hidden = {found.mapping.get(column.key) for column in declared if column.kind == "patient"}
    for cell in row["columns"]:
        if cell["name"] in hidden and cell["value"]:
            cell["value"] = f"{str(cell['value'])[:1]}****（患者编号已遮盖）"
    labels = {column.key: column.label for column in declared}
    return row | {"landed": [{"label": labels[key], "value": value} for key, value in row["landed"].items()]}


def _ask(request: HttpRequest) -> None:
    if not may(request.principal, "import", "lake.import"):
        raise Forbidden()
