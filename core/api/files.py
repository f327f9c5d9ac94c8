"""Files: put one in, take one out. A file is as visible as the thing it hangs on."""

from typing import Any

from django.http import FileResponse, HttpRequest
from ninja import File, Path, Router, UploadedFile

from core.audit.events import read_event
from core.files import domain as files
from core.files.models import StoredFile
from core.kernel.errors import NotFound
from core.policy.principal import Principal
from core.resources import gateway

router = Router(tags=["files"])

#: What a maker's own, not yet attached file hangs on.
MAKER = "org.user"
#: From this data class on, a look is recorded.
SENSITIVE = 3


@router.post("/files", response=dict[str, Any])
def upload(request: HttpRequest, hospital: Path[str], file: File[UploadedFile]) -> dict[str, Any]:
    """Keep a file of the person who sends it; a command attaches it to something later."""
    kept = files.store_stream(
        file,
        name=file.name or "",
        hospital=request.hospital,  # type: ignore[attr-defined]
        by=request.principal.actor,  # type: ignore[attr-defined]
        owner_type=MAKER,
        owner_uid=request.principal.user_uid,  # type: ignore[attr-defined]
        data_class=3,
    )
    return {"uid": str(kept.uid), "name": kept.name, "size": kept.size}


@router.get("/files/{uuid:uid}/content")
def content(request: HttpRequest, hospital: Path[str], uid: str) -> FileResponse:
    """The bytes, always as a download. 404 when the thing the file hangs on may not be seen."""
    principal: Principal = request.principal  # type: ignore[attr-defined]
    kept = files.get(uid, hospital=request.hospital)  # type: ignore[attr-defined]
    if not may_open(principal, kept):
        raise NotFound()
    if kept.data_class >= SENSITIVE and kept.owner_type != MAKER:
        read_event(principal, kept.owner_type, kept.owner_uid, f"文件 {kept.uid}")
    return FileResponse(
        files.path(kept).open("rb"),
        as_attachment=True,
        filename=kept.name,
        content_type="application/octet-stream",
    )


def may_open(principal: Principal, kept: StoredFile) -> bool:
    """Whether policy lets the person see the thing that the file hangs on, up to the file's class."""
    if kept.owner_type == MAKER:  # with borrowed eyes nothing of class 3 is opened, whoever put it there
        return principal.viewer is None and str(kept.owner_uid) == principal.user_uid
    if not kept.owner_type or kept.owner_uid is None:
        return False
    return gateway.shown_class(principal, kept.owner_type, str(kept.owner_uid)) >= kept.data_class
