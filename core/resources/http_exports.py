"""Fetching an exported file: once, by who asked for it."""

from io import BytesIO
from typing import IO

from django.http import FileResponse, HttpRequest
from ninja import Path, Router

from core.files import domain as files
from core.kernel.errors import Problem
from core.resources import export_asks

router = Router(tags=["exports"])


@router.get("/exports/{uuid:uid}/download", operation_id="export_download")
def download(request: HttpRequest, hospital: Path[str], uid: str) -> FileResponse:
    """The file, this once. 410 afterwards, saying who took it and when."""
    taken = export_asks.take(request.principal, uid)  # type: ignore[attr-defined]
    if taken.content is not None:
        return _answer(BytesIO(taken.content), taken.request.file_name)
    try:
        kept = files.get(taken.request.file_uid or "", hospital=request.hospital)  # type: ignore[attr-defined]
    except Problem as problem:
        raise Problem("gone", "这份文件已经清除。如仍需要，请重新申请。", 410) from problem
    return _answer(files.path(kept).open("rb"), kept.name)


def _answer(content: IO[bytes], name: str) -> FileResponse:
    answer = FileResponse(content, as_attachment=True, filename=name, content_type="application/octet-stream")
    answer["Cache-Control"] = "no-store"
    return answer
